"""bfloat16 around operators that do not take it: they compute in float32 and are rounded after.

Operator set 21 has bfloat16 in most operators, but not in convolutions, pooling, recurrent layers
and some activations (https://onnx.ai/onnx/operators/, type constraints). Frameworks compute those
in float32 inside, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet

from modelport.dialects.onnx.demands import ONNX_DTYPES
from modelport.model.dtype import DTYPES, DType
from modelport.model.graph import Graph, Node

WITHOUT = frozenset(
    {
        *("Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "AveragePool", "Celu", "Conv"),
        *("ConvTranspose", "Cos", "Cosh", "Det", "Einsum", "Elu", "GRU", "HardSigmoid"),
        *("HardSwish", "LSTM", "MaxPool", "Mish", "OneHot", "RNN", "Range", "Round", "Selu"),
        *("Shrink", "Sin", "Sinh", "Softplus", "Softsign", "Tan", "ThresholdedRelu", "TopK"),
    }
)
"""The operators that are written somewhere and take float32, but no bfloat16."""

_OTHER_TYPE = frozenset(
    {
        *("Shape", "Size", "ArgMax", "ArgMin", "NonZero", "Equal", "Less", "LessOrEqual"),
        *("Greater", "GreaterOrEqual", "Not", "And", "Or", "Xor", "IsNaN", "IsInf"),
    }
)
"""Operators whose results are whole numbers or truth values."""

_BY_INPUT: Mapping[str, int] = {"Where": 1, "OneHot": 2}
"""Operators whose results have the type of another input than the first."""


def widen(graph: Graph, unique: Callable[[str], str]) -> None:
    """Put casts around every operator that is given bfloat16 and does not take it, in place.

    ``unique`` gives a name that nothing in the graph has.
    """
    Casts(DTYPES["bfloat16"], WITHOUT, unique).graph(graph)


class Casts:
    """Casts to float32 around the operators that do not take a dtype; ``met`` are their nodes."""

    def __init__(
        self, dtype: DType, without: AbstractSet[str], unique: Callable[[str], str]
    ) -> None:
        self.dtype, self.without, self.unique = dtype, without, unique
        self.held: set[str] = set()
        self.met: list[Node] = []

    def graph(self, graph: Graph) -> None:
        """Change a graph and those within it."""
        self.held.update(n for n, tensor in graph.tensors.items() if tensor.dtype == self.dtype)
        self.held.update(v.name for v in graph.inputs if v.dtype == self.dtype)
        nodes: list[Node] = []
        for node in graph.nodes:
            bodies = [item for item in node.attributes.values() if isinstance(item, Graph)]
            for body in bodies:
                self.graph(body)
            if node.op_type in self.without and any(name in self.held for name in node.inputs):
                self.met.append(node)
                nodes.extend(self._around(node))
            else:
                nodes.append(node)
                self.held.update(self._results(node, bodies))
        graph.nodes[:] = nodes

    def _results(self, node: Node, bodies: list[Graph]) -> list[str]:
        """The outputs of a node that have the dtype."""
        if bodies:
            # The first output of a Loop's body is its condition.
            inner = bodies[0].outputs[1 if node.op_type == "Loop" else 0 :]
            pairs = zip(node.outputs, inner, strict=False)
            return [name for name, value in pairs if value.dtype == self.dtype]
        if node.op_type == "Cast":
            mine = node.attributes.get("to") == ONNX_DTYPES[self.dtype.name]
            return list(node.outputs) if mine else []
        if node.op_type in _OTHER_TYPE or not node.inputs:
            return []
        given = node.inputs[_BY_INPUT.get(node.op_type, 0)]
        return list(node.outputs) if given in self.held else []

    def _around(self, node: Node) -> list[Node]:
        """The node in float32, its inputs cast before and its results after."""
        before: list[Node] = []
        for i, name in enumerate(node.inputs):
            if name in self.held:
                other = self.unique(f"{name}/float32")
                before.append(self._cast(node, name, other, DTYPES["float32"]))
                node.inputs[i] = other
        after: list[Node] = []
        count = 1 if node.op_type in ("TopK", "MaxPool") else len(node.outputs)
        for i, name in enumerate(node.outputs[:count] if node.op_type != "NonZero" else ()):
            other = self.unique(f"{name}/float32")
            after.append(self._cast(node, other, name, self.dtype))
            node.outputs[i] = other
            self.held.add(name)
        return [*before, node, *after]

    def _cast(self, node: Node, name: str, result: str, to: DType) -> Node:
        title = self.unique(f"{node.name}/Cast")
        attributes = {"to": ONNX_DTYPES[to.name]}
        return Node("ai.onnx", "Cast", title, [name], [result], attributes, scope=node.scope)
