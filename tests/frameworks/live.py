"""A live Keras 3 model as a canonical graph, and its outputs beside those of its ONNX form.

Independent of the file readers: a lowering can be tested against the framework alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from modelport.dialects.keras.lower import lower
from modelport.model.dtype import dtype
from modelport.model.graph import Graph, Node, Scope, TensorType, Value
from modelport.model.tensor import InMemory, Tensor


def roles(layer: Any, prefix: str = "", seen: set[int] | None = None) -> dict[str, Any]:
    """Every variable below a layer, by the path of attributes Keras itself walks to save it."""
    import keras
    from keras.src.saving.saving_lib import _walk_saveable

    seen = set() if seen is None else seen
    if id(layer) in seen or isinstance(layer, keras.Model):
        return {}
    seen.add(id(layer))
    found = {
        prefix + variable.name: variable
        for variable in [*layer._trainable_variables, *layer._non_trainable_variables]
    }
    for name, value in _walk_saveable(layer):
        if isinstance(value, keras.layers.Layer):
            found.update(roles(value, f"{prefix}{name.removeprefix('_')}/", seen))
        elif isinstance(value, list | tuple):
            for i, item in enumerate(value):
                if isinstance(item, keras.layers.Layer):
                    found.update(roles(item, f"{prefix}{name}/{i}/", seen))
    return found


def canonical(model: Any, prefix: tuple[Scope, ...] = ()) -> Graph:
    """The canonical graph of a built Sequential or functional model."""
    import keras

    functional = model._functional if isinstance(model, keras.Sequential) else model
    names: dict[int, str] = {}
    graph = Graph(model.name)
    inner: dict[int, Graph] = {}
    for depth in sorted(functional._nodes_by_depth, reverse=True):
        for node in functional._nodes_by_depth[depth]:
            layer = node.operation
            number = layer._inbound_nodes.index(node)
            for i, tensor in enumerate(node.output_tensors):
                names[id(tensor)] = f"{layer.name}:{number}:{i}"
            graph.nodes.append(_node(node, layer, number, names, graph, inner, prefix))
    graph.inputs = [_value(names, tensor) for tensor in functional.inputs]
    graph.outputs = [_value(names, tensor) for tensor in functional.outputs]
    return graph


def _node(node, layer, number, names, graph, inner, prefix) -> Node:
    import keras

    scope = (*prefix, Scope(layer.name, type(layer).__name__, number))
    flat: list[Any] = []
    call = {"args": _fill(node.arguments.args, flat), "kwargs": _fill(node.arguments.kwargs, flat)}
    config = dict(layer.get_config()) if not isinstance(layer, keras.Model) else {}
    if isinstance(config.get("dtype"), dict):
        config["dtype"] = layer.dtype_policy.name
    made = Node("keras", type(layer).__name__, layer.name, scope=scope)
    made.attributes = {"config": config, "call": call, "module": type(layer).__module__}
    made.inputs = [names[id(tensor)] for tensor in flat]
    made.outputs = [names[id(tensor)] for tensor in node.output_tensors]
    held = layer
    while not isinstance(held, keras.Model) and hasattr(held, "layer"):
        held = held.layer
    if isinstance(held, keras.Model):
        inner.setdefault(id(held), canonical(held, scope))
        made.attributes["graph"] = inner[id(held)]
    if isinstance(layer, keras.layers.Layer) and not isinstance(layer, keras.Model):
        for role, variable in roles(layer).items():
            name = f"{layer.name}/{role}"
            tensor = Tensor(name, InMemory(np.asarray(variable)))
            graph.tensors.setdefault(name, tensor)
            made.parameters[role] = name
    return made


def _fill(written: Any, flat: list[Any]) -> Any:
    import keras

    if isinstance(written, keras.KerasTensor):
        flat.append(written)
        return {"tensor": len(flat) - 1}
    if isinstance(written, dict):
        return {key: _fill(item, flat) for key, item in written.items()}
    if isinstance(written, list | tuple):
        return [_fill(item, flat) for item in written]
    return written


def _value(names: dict[int, str], tensor: Any) -> Value:
    shape = tuple(tensor.shape)
    return Value(names[id(tensor)], TensorType(dtype(str(tensor.dtype)), shape))


def randomize(model: Any, seed: int = 0) -> None:
    """Give every weight random values (variances positive), so that nothing hides a mistake."""
    generator = np.random.default_rng(seed)
    for variable in model.weights:
        if np.asarray(variable).dtype.kind != "f":
            continue
        value = generator.normal(0, 0.5, variable.shape)
        if "variance" in variable.name:
            value = np.abs(value) + 0.5
        variable.assign(value.astype(np.asarray(variable).dtype))


def to_onnx(model: Any) -> bytes:
    """The model lowered by modelport, as the bytes of an ONNX file (written with onnx' classes)."""
    from frameworks_onnx import serialise

    return serialise(lower(canonical(model), model.name))


def run(data: bytes, inputs: list[Any], reference: bool = False) -> list[np.ndarray]:
    """The outputs of a checked ONNX file, by onnxruntime or ONNX' reference implementation.

    onnxruntime has many operators in float32 only.
    """
    import onnx
    import onnxruntime
    from onnx.reference import ReferenceEvaluator

    onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
    if reference:
        evaluator = ReferenceEvaluator(data)
        return evaluator.run(None, dict(zip(evaluator.input_names, inputs, strict=True)))
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    feed = {meta.name: x for meta, x in zip(session.get_inputs(), inputs, strict=True)}
    return session.run(None, feed)


def check(
    model: Any,
    inputs: list[Any],
    tolerance: float = 1e-5,
    folder: Path | None = None,
    reference: bool = False,
) -> bytes:
    """Assert that the ONNX form gives the live model's outputs, to ``tolerance`` of their scale."""
    data = to_onnx(model)
    found = run(data, inputs, reference)
    expected = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    for i, (want, got) in enumerate(zip(_flat(expected), found, strict=True)):
        want = np.asarray(want)
        assert want.shape == got.shape, f"output {i}"
        scale = max(1.0, float(np.max(np.abs(want)))) if want.size else 1.0
        np.testing.assert_allclose(
            got / scale, want / scale, atol=tolerance, rtol=0, err_msg=f"output {i}"
        )
    return data


def run_node(
    op_type: str,
    config: dict[str, Any],
    inputs: list[np.ndarray],
    weights: dict[str, np.ndarray] | None = None,
    era: int = 3,
    module: str = "keras.layers",
) -> np.ndarray:
    """One canonical layer, without Keras: for forms that no live Keras 3 layer has."""
    from frameworks_onnx import serialise

    graph = Graph("one")
    for i, x in enumerate(inputs):
        shape = (None, *x.shape[1:])
        graph.inputs.append(Value(f"x{i}:0:0", TensorType(dtype(str(x.dtype)), shape)))
    node = Node("keras", op_type, "one", scope=(Scope("one", op_type, 0),))
    node.inputs = [value.name for value in graph.inputs]
    node.outputs = ["one:0:0"]
    node.attributes = {"config": config, "module": module, "era": era}
    for role, value in (weights or {}).items():
        graph.tensors[role] = Tensor(role, InMemory(value))
        node.parameters[role] = role
    graph.nodes.append(node)
    graph.outputs = [Value("one:0:0", TensorType(None, None))]
    return run(serialise(lower(graph)), inputs)[0]


def run_layer(op_type: str, activation: Any, x: np.ndarray) -> np.ndarray:
    """One canonical layer whose config is an activation alone."""
    return run_node(op_type, {"activation": activation}, [x])


def count(data: bytes, op_type: str) -> int:
    """How many nodes of a type an ONNX file has."""
    import onnx

    return sum(node.op_type == op_type for node in onnx.load_from_string(data).graph.node)


def _flat(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [item for part in value.values() for item in _flat(part)]
    if isinstance(value, list | tuple):
        return [item for part in value for item in _flat(part)]
    return [value]
