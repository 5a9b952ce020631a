"""A live Keras 3 model from a canonical graph: the independent judge of an upgrade."""

from __future__ import annotations

import inspect
from typing import Any

import keras
import numpy as np

from modelport.model.graph import Graph, Node


@keras.saving.register_keras_serializable("modelport_tests", "hard_sigmoid_keras2")
def hard_sigmoid_keras2(x: Any) -> Any:
    """The hard sigmoid of Keras 1, 2 and tf_keras."""
    return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)


NAME = keras.saving.get_registered_name(hard_sigmoid_keras2)


def live_config(value: Any) -> Any:
    """A canonical config as Keras accepts it: the old hard sigmoid by its registered name."""
    if value == "hard_sigmoid_keras2":
        return {
            "module": "builtins",
            "class_name": "function",
            "config": NAME,
            "registered_name": NAME,
        }
    if isinstance(value, dict):
        return {key: live_config(item) for key, item in value.items()}
    if isinstance(value, list):
        return [live_config(item) for item in value]
    return value


def live_layer(node: Node) -> Any:
    """The stock layer of a canonical node, made from its config."""
    config = live_config(node.attributes["config"])
    return getattr(keras.layers, node.op_type).from_config(config)


def run(graph: Graph, inputs: list[Any], layers: dict[int, Any] | None = None) -> list[Any]:
    """The outputs of a canonical graph, every layer run by the live Keras, with its weights."""
    made: dict[str, Any] = {}
    values = dict(zip([value.name for value in graph.inputs], inputs, strict=True))
    for node in graph.nodes:
        if node.op_type == "InputLayer":
            continue
        arguments = [values[name] for name in node.inputs]
        inner = node.attributes.get("graph")
        if node.op_type in ("Functional", "Sequential") and isinstance(inner, Graph):
            results = run(inner, arguments)
        elif node.op_type == "TimeDistributed" and isinstance(inner, Graph):
            results = [_at_every_step(inner, arguments[0])]
        else:
            results = _flat(_call(node, arguments, made, graph))
        values.update(zip(node.outputs, results, strict=False))
    return [values[value.name] for value in graph.outputs]


def _at_every_step(graph: Graph, x: Any) -> Any:
    steps = [run(graph, [x[:, i]])[0] for i in range(x.shape[1])]
    return keras.ops.stack(steps, axis=1)


def _call(node: Node, arguments: list[Any], made: dict[str, Any], graph: Graph) -> Any:
    name = node.scope[-1].name
    call = node.attributes["call"]
    args, kwargs = _fill(call["args"], arguments), _fill(call["kwargs"], arguments)
    if name in made:
        return made[name](*args, **kwargs)
    layer = made[name] = live_layer(node)
    if "training" in inspect.signature(layer.call).parameters:
        kwargs.setdefault("training", False)
    result = layer(*args, **kwargs)
    given = {role: graph.tensors[tensor].numpy() for role, tensor in node.parameters.items()}
    assert len(given) == len(layer.weights), (name, list(given), layer.weights)
    for role, value in given.items():
        variable(layer, role).assign(value)
    return layer(*args, **kwargs) if given else result


def variable(layer: Any, path: str) -> Any:
    """The variable of a live layer at a role's path."""
    value = layer
    for part in path.split("/")[:-1]:
        if part.isdigit():
            value = value[int(part)]
        else:
            value = getattr(value, part, None) or getattr(value, f"_{part}")
    last = path.rsplit("/", 1)[-1]
    return next(w for w in value.weights if w.name == last)


def _fill(written: Any, arguments: list[Any]) -> Any:
    if isinstance(written, dict):
        if set(written) == {"tensor"}:
            return arguments[written["tensor"]]
        return {key: _fill(item, arguments) for key, item in written.items()}
    if isinstance(written, list):
        return [_fill(item, arguments) for item in written]
    return written


def _flat(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return [item for part in value for item in _flat(part)]
    return [value]


def close(found: Any, wanted: Any, tolerance: float = 2e-5) -> None:
    """Assert equality to ``tolerance`` of the scale of what is wanted."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.shape == wanted.shape
    scale = max(1e-3, float(np.max(np.abs(wanted)))) if wanted.size else 1.0
    np.testing.assert_allclose(found / scale, wanted / scale, atol=tolerance, rtol=0)
