"""bfloat16 around operators that do not take it: they compute in float32 and are rounded after.

Operator set 21 has bfloat16 in most operators, but not in convolutions, pooling, recurrent layers
and some activations (https://onnx.ai/onnx/operators/, type constraints). Frameworks compute those
in float32 inside, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from modelport.dialects.onnx.types.known import ONNX_DTYPES
from modelport.model.dtype import DTYPES
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

_FLOAT32, _BFLOAT16 = ONNX_DTYPES["float32"], ONNX_DTYPES["bfloat16"]


def widen(graph: Graph, unique: Callable[[str], str]) -> None:
    """Put casts around every operator that is given bfloat16 and does not take it, in place.

    ``unique`` gives a name that nothing in the graph has.
    """
    narrow = {name for name, tensor in graph.tensors.items() if tensor.dtype == DTYPES["bfloat16"]}
    _Widening(narrow, unique).graph(graph)


class _Widening:
    def __init__(self, narrow: set[str], unique: Callable[[str], str]) -> None:
        self.narrow, self.unique = narrow, unique

    def graph(self, graph: Graph) -> None:
        self.narrow.update(v.name for v in graph.inputs if v.dtype == DTYPES["bfloat16"])
        nodes: list[Node] = []
        for node in graph.nodes:
            bodies = [item for item in node.attributes.values() if isinstance(item, Graph)]
            for body in bodies:
                self.graph(body)
            if node.op_type in WITHOUT and any(name in self.narrow for name in node.inputs):
                nodes.extend(self.around(node))
            else:
                nodes.append(node)
                self.narrow.update(self.results(node, bodies))
        graph.nodes[:] = nodes

    def results(self, node: Node, bodies: list[Graph]) -> list[str]:
        """The outputs of a node that are bfloat16."""
        if bodies:
            # The first output of a Loop's body is its condition.
            inner = bodies[0].outputs[1 if node.op_type == "Loop" else 0 :]
            pairs = zip(node.outputs, inner, strict=False)
            return [name for name, value in pairs if value.dtype == DTYPES["bfloat16"]]
        if node.op_type == "Cast":
            return list(node.outputs) if node.attributes.get("to") == _BFLOAT16 else []
        if node.op_type in _OTHER_TYPE or not node.inputs:
            return []
        given = node.inputs[_BY_INPUT.get(node.op_type, 0)]
        return list(node.outputs) if given in self.narrow else []

    def around(self, node: Node) -> list[Node]:
        """The node in float32, its bfloat16 inputs cast before and its results after."""
        before: list[Node] = []
        for i, name in enumerate(node.inputs):
            if name in self.narrow:
                wide = self.unique(f"{name}/float32")
                before.append(self.cast(node, name, wide, _FLOAT32))
                node.inputs[i] = wide
        after: list[Node] = []
        count = 1 if node.op_type in ("TopK", "MaxPool") else len(node.outputs)
        for i, name in enumerate(node.outputs[:count]):
            wide = self.unique(f"{name}/float32")
            after.append(self.cast(node, wide, name, _BFLOAT16))
            node.outputs[i] = wide
            self.narrow.add(name)
        return [*before, node, *after]

    def cast(self, node: Node, name: str, result: str, to: int) -> Node:
        title = self.unique(f"{node.name}/Cast")
        return Node("ai.onnx", "Cast", title, [name], [result], {"to": to}, scope=node.scope)
