"""A layer inside TimeDistributed that Keras 3 says otherwise: first a model of that one layer.

In a graph of its own it is spelt out like any other layer, by the same functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from modelport.dialects.keras.history.objects import serialised
from modelport.dialects.keras.lower import output_types
from modelport.dialects.keras.upgrade import input_layer
from modelport.errors import ConversionError
from modelport.model.dtype import FLOAT32
from modelport.model.graph import Graph, Node, Scope, TensorType, Value

_INSIDE = "layer/"
"""The path of the wrapped layer's weights below the wrapper."""


def open_wrappers(graph: Graph, is_said_otherwise: Callable[[Node], bool]) -> None:
    """Give every TimeDistributed of a graph that has such a layer inside a graph of its own.

    The layer may be further inside; then the new graph has a TimeDistributed to be opened too.

    Raises:
        ConversionError: nothing tells the shape of what goes into the layer.
    """
    opened: dict[str, list[Node]] = {}
    for node in graph.nodes:
        inner = node.attributes.get("graph")
        if not isinstance(inner, Graph) and _innermost(node, is_said_otherwise):
            opened.setdefault(node.scope[-1].name, []).append(node)
    types = output_types(graph) if opened else {}
    for calls in opened.values():
        _open(calls, graph, types)


def _innermost(node: Node, is_said_otherwise: Callable[[Node], bool]) -> bool:
    while (held := _held(node)) is not None:
        node = held
        if is_said_otherwise(node):
            return True
    return False


def _held(node: Node) -> Node | None:
    """The layer in the config of a TimeDistributed as a call of its own, or None."""
    config = node.attributes.get("config")
    held = config.get("layer") if isinstance(config, Mapping) else None
    if node.op_type != "TimeDistributed" or not isinstance(held, Mapping):
        return None
    op_type, config = str(held["class_name"]), held.get("config")
    name = str(config.get("name", "layer")) if isinstance(config, Mapping) else "layer"
    attributes: dict[str, Any] = {"config": config, "call": {"args": [{"tensor": 0}], "kwargs": {}}}
    attributes |= {"module": held.get("module"), "registered_name": held.get("registered_name")}
    if "era" in node.attributes:
        attributes["era"] = node.attributes["era"]
    parameters = {
        role.removeprefix(_INSIDE): tensor
        for role, tensor in node.parameters.items()
        if role.startswith(_INSIDE)
    }
    scope = (*node.scope, Scope(name, op_type, 0))
    given, made = [f"{name}_input:0:0"], [f"{name}:0:0"]
    return Node("keras", op_type, name, given, made, attributes, parameters, scope=scope)


def _open(calls: Sequence[Node], graph: Graph, types: Mapping[str, TensorType]) -> None:
    held = _held(calls[0])
    assert held is not None
    name = held.inputs[0].split(":")[0]
    value = Value(held.inputs[0], _step(calls, types))
    inner = Graph(f"{held.name}_model", inputs=[value], outputs=[Value(held.outputs[0])])
    inner.nodes = [input_layer(name, value, calls[0].scope), held]
    for tensor in held.parameters.values():
        inner.tensors[tensor] = graph.tensors.pop(tensor)
    model = serialised("keras", "Functional", {"name": inner.name, "layers": []})
    for node in calls:
        config = {**node.attributes["config"], "layer": model}
        node.attributes = {**node.attributes, "config": config, "graph": inner}
        node.attributes.pop("not_in_keras3", None)
        node.parameters = {}


def _step(calls: Sequence[Node], types: Mapping[str, TensorType]) -> TensorType:
    """The type of one step of what every call is given."""
    known = [types.get(node.inputs[0]) if node.inputs else None for node in calls]
    stated = [each.shape[2:] for each in known if each is not None and each.shape is not None]
    if len(stated) < len(calls) or len({len(shape) for shape in stated}) != 1:
        where = f"layer {calls[0].scope[-1].name!r} ({calls[0].op_type})"
        raise ConversionError(where, "nothing tells the shape of what goes into the layer inside")
    shape = [each[0] if len({*each}) == 1 else None for each in zip(*stated, strict=True)]
    dtype = known[0].dtype if known[0] is not None else None
    return TensorType(dtype or FLOAT32, (None, *shape))
