"""One step of what a quantised model gives: two right results may round to neighbouring steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelport.model.graph import Graph, Node
from modelport.model.model import Model

ROUNDED_AS_IT_RUNS = 1 / 255
"""What one step is of the range of a tensor that is quantised as the model runs."""

_BY_RANGE = frozenset(
    """
    DynamicQuantizeLinear quantized_lstm quantized_gru choose_qparams choose_qparams_symmetric
    choose_qparams_per_token choose_qparams_per_token_asymmetric
    _choose_qparams_per_token_asymmetric_impl
    """.split()
)
_KEEPING = frozenset(
    """
    reshape view flatten permute transpose squeeze unsqueeze contiguous clone detach select slice
    relu max_pool1d max_pool2d max_pool3d dropout Reshape Flatten Transpose Squeeze Unsqueeze
    Identity Slice Relu MaxPool
    """.split()
)
"""Floats that pass these lie no farther apart after them than before."""
_OWN = {"sigmoid": 1 / 256, "hardsigmoid": 1 / 256, "tanh": 2 / 256}
"""The steps of quantised activations that have a scale of their own."""
_SECOND = ("elu", "celu", "quantize_per_tensor")
"""Operators whose scale is the second argument; of others it is the last but one."""


def output_steps(model: Model) -> list[float]:
    """The step of each output, in order; 0 where it is not rounded to steps, or cannot be told."""
    graph = model.graph
    made = {name: node for node in graph.nodes for name in node.outputs}
    return [_step(graph, made, value.name) for value in graph.outputs]


def rounds_as_it_runs(model: Model) -> bool:
    """Whether the model has tensors quantised as widely as they reach at that run."""
    return any(
        node.op_type in _BY_RANGE
        or (node.domain == "quantized" and node.op_type.endswith("_dynamic"))
        for inner in model.graph.subgraphs()
        for node in inner.nodes
    )


def _step(graph: Graph, made: Mapping[str, Node], name: str) -> float:
    """Follow an output back to what gave it its steps."""
    quantised = False
    for _ in range(len(made) + 1):
        node = made.get(name)
        if node is None:
            return 0.0
        kind = node.op_type.rstrip("_")
        if kind in ("dequantize_per_tensor", "DequantizeLinear"):
            return _scale(graph, made, node, 1) if _is_computed(made, node) else 0.0
        if quantised and kind in _OWN and node.domain == "aten":
            return _OWN[kind]
        if quantised and (node.domain == "quantized" or kind == "quantize_per_tensor"):
            return _scale(graph, made, node, 1 if kind in _SECOND else -2)
        quantised = quantised or kind == "dequantize"
        keeps = node.domain == "aten" if quantised else kind in _KEEPING
        if not keeps or not node.inputs:
            return 0.0
        name = node.inputs[0]
    return 0.0


def _is_computed(made: Mapping[str, Node], node: Node) -> bool:
    return bool(node.inputs) and node.inputs[0] in made


def _scale(graph: Graph, made: Mapping[str, Node], node: Node, place: int) -> float:
    """The scale that a node is given: a number, or a weight of one element."""
    call = node.attributes.get("call")
    if not isinstance(call, Mapping):  # of ONNX
        return _number(graph, node.inputs[place] if len(node.inputs) > place else "")
    args: list[Any] = call["args"]
    if not -len(args) <= place < len(args):
        return 0.0
    given = args[place]
    if isinstance(given, Mapping) and "tensor" in given:
        maker = made.get(node.inputs[given["tensor"]])
        if maker is None or len(maker.parameters) != 1:
            return 0.0
        return _number(graph, next(iter(maker.parameters.values())))
    if isinstance(given, Mapping):
        return _number(graph, node.parameters.get(given.get("parameter", ""), ""))
    return abs(given) if isinstance(given, float) else 0.0


def _number(graph: Graph, name: str) -> float:
    tensor = graph.tensors.get(name)
    if tensor is None or tensor.size != 1 or tensor.dtype.kind != "float":
        return 0.0
    return abs(float(tensor.numpy().item()))
