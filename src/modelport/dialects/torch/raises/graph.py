"""A graph of ONNX operators as source for PyTorch and the weights that belong to it."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from modelport.dialects.onnx.scopes import scope_of
from modelport.dialects.onnx.types.infer import infer
from modelport.dialects.torch.raises.naming import Names
from modelport.dialects.torch.raises.writer import Writer
from modelport.dialects.torch.source.members import Path
from modelport.dialects.torch.source.program import WEIGHTS, Title, program
from modelport.model.expression import Expression
from modelport.model.graph import Graph


@dataclass(frozen=True, slots=True)
class Source:
    """A model as source code, and the tensors of its ``state_dict``."""

    code: str
    state: dict[str, Expression]

    def text(self, weights: str) -> str:
        """The file; ``weights`` is an expression of Python for the path of the weights."""
        return self.code.replace(WEIGHTS, weights)


def raised(graph: Graph, title: str, weights: Container[str] | None = None) -> Source:
    """The source of a graph in the newest operator set.

    ``weights`` are the names of tensors that may be trained, all where it is None.

    Raises:
        ConversionError: an operator that torch cannot express; names it and its node.
    """
    writer = Writer(graph, infer(graph), weights)
    body = writer.main()
    inputs = [writer.frame.refs[v.name] for v in graph.inputs if v.name in writer.frame.refs]
    types: dict[Path, str] = {}
    for node in graph.nodes:
        scope = scope_of(node)
        for length in range(1, len(scope) + 1):
            types.setdefault(Names.path(scope[:length]), scope[length - 1].type)
    described = Title(
        title,
        [f"{value}" for value in graph.inputs if value.name in writer.frame.refs],
        [f"-> {value}" for value in graph.outputs],
    )
    helpers = list(writer.helpers.values())
    text = program(body, inputs, writer.owned.members, types, described, helpers)
    state = {key: held for member in writer.owned.members for key, held in member.state.items()}
    return Source(text, state)
