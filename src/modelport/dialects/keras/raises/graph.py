"""A graph of ONNX operators as a functional model of Keras 3."""

from __future__ import annotations

from modelport.dialects.keras.raises.writer import Writer
from modelport.dialects.keras.training.order import annotate
from modelport.dialects.onnx.types.infer import infer
from modelport.model.graph import Graph


def raised(graph: Graph, name: str) -> Graph:
    """The canonical graph of a graph in the newest operator set.

    Raises:
        ConversionError: an operator that Keras cannot express; names it and its node.
    """
    made = Writer(graph, infer(graph, naming=True), name).write()
    annotate(made, sequential=False)
    return made
