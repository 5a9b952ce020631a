"""Control flow and lists written out, for ways out of ONNX that have operators of tensors alone."""

from __future__ import annotations

from modelport.dialects.onnx.flat import control, lists
from modelport.dialects.onnx.flat.writing import TABLE, Writing
from modelport.dialects.onnx.types.infer import infer
from modelport.dialects.onnx.types.table import DOMAIN
from modelport.model.graph import Graph

FAMILIES = (control, lists)
"""The files that fill the table."""
_MOST_PASSES = 16
"""Bodies within each other that are written out."""


def written_out(graph: Graph) -> Graph:
    """The same graph with as few If, Loop, Scan and operators of lists as can be.

    An If becomes both of its branches and a choice where both have results of one known shape and
    neither can fail; a Loop or Scan its rounds, where their number is known. The given graph stays
    as it is; it is returned where there was nothing to do.
    """
    for _ in range(_MOST_PASSES):
        if not any(node.op_type in TABLE for node in graph.nodes if node.domain == DOMAIN):
            break
        writing = Writing(graph, infer(graph))
        writing.write()
        if not writing.changed:
            break
        graph = writing.made
    return graph
