"""A canonical Keras graph as the JSON config that stock Keras 3 reads in safe mode."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelport.errors import ConversionError
from modelport.formats.shared.keras.operations import as_operation
from modelport.formats.shared.keras.values import wrappers_around
from modelport.model.component import Component
from modelport.model.graph import Graph, Node
from modelport.model.report import Kind, Report

FUNCTIONAL = {
    "module": "keras.src.models.functional",
    "class_name": "Functional",
    "registered_name": "Functional",
}
SEQUENTIAL = {"module": "keras", "class_name": "Sequential", "registered_name": None}

OLD_HARD_SIGMOID = "hard_sigmoid_keras2"
OLD_BILINEAR = "bilinear_keras2"


class Names:
    """The names of layers as Keras 3 accepts them: without ``/``, each once in its model.

    ``keras_2`` keeps them, and TensorFlow's calls as the layers that tf_keras made of them.
    """

    def __init__(self, graph: Graph, report: Report, keras_2: bool) -> None:
        self.report, self.keras_2 = report, keras_2
        self._origins = {
            value: (node, index) for node in graph.nodes for index, value in enumerate(node.outputs)
        }
        self.masks = any(_makes_mask(node) for node in graph.nodes)
        self._known: dict[str, str] = {}
        self._taken: set[str] = set()
        for node in graph.nodes:
            name = node.scope[-1].name
            if name in self._known:
                continue
            if keras_2:
                self._known[name] = name
                continue
            allowed = self._free(name.replace("/", "_"))
            self._known[name] = allowed
            if allowed != name:
                why = f"Keras 3 allows no / in names; the layer is now called {allowed!r}"
                report.add(Kind.REARRANGED, Component.ARCHITECTURE, name, why)

    def _free(self, name: str) -> str:
        number, free = 0, name
        while free in self._taken:
            number += 1
            free = f"{name}_{number}"
        self._taken.add(free)
        return free

    def __getitem__(self, name: str) -> str:
        """The allowed name of the layer ``name``."""
        return self._known[name]

    def history(self, value: str) -> tuple[Node, list[Any]]:
        """The node that gives a value, and ``[layer, call, output]``."""
        node, index = self._origins[value]
        return node, [self._known[node.scope[-1].name], node.scope[-1].call, index]


def model_entry(graph: Graph, report: Report, keras_2: bool = False) -> dict[str, Any]:
    """A model as ``{"module", "class_name", "config", "registered_name", "build_config"}``."""
    names = Names(graph, report, keras_2)
    stated = graph.attributes.get("config")
    stated = stated if isinstance(stated, dict) else {}
    config: dict[str, Any] = {
        "name": (graph.name or "model").replace("/", "_"),
        "trainable": bool(stated.get("trainable", True)),
    }
    if graph.attributes["sequential"]:
        shape = _input_shape(graph)
        config["layers"] = [layer_entry(calls[0], names) for calls in _listed(graph).values()]
        config["build_input_shape"] = shape
        return {**SEQUENTIAL, "config": config, "build_config": {"input_shape": shape}}
    config["layers"] = list(_functional_layers(graph, names))
    config["input_layers"] = _references(graph, stated.get("input_layers"), True, names)
    config["output_layers"] = _references(graph, stated.get("output_layers"), False, names)
    return {**FUNCTIONAL, "config": config, "build_config": {"input_shape": None}}


def _listed(graph: Graph) -> dict[str, list[Node]]:
    """The calls of each layer in the order of their numbers, by which they are referred to."""
    found: dict[str, list[Node]] = {}
    for node in graph.nodes:
        found.setdefault(node.scope[-1].name, []).append(node)
    for calls in found.values():
        calls.sort(key=lambda node: node.scope[-1].call)
    return found


def _input_shape(graph: Graph) -> list[int | None] | None:
    shape = graph.inputs[0].shape if graph.inputs else None
    return None if shape is None else [_extent(extent) for extent in shape]


def _extent(extent: int | str | None) -> int | None:
    return extent if isinstance(extent, int) else None


def _functional_layers(graph: Graph, names: Names) -> Iterator[dict[str, Any]]:
    listed = _listed(graph)
    order = [name for name in graph.attributes["layers"] if name in listed]
    order += [name for name in listed if name not in order]
    for name in order:
        entry = layer_entry(listed[name][0], names)
        entry["name"] = names[name]
        entry["inbound_nodes"] = [
            _inbound(graph, node, names) for node in listed[name] if node.inputs
        ]
        yield entry


def class_of(node: Node) -> str:
    """The class that a node's layer is written as; a nested model by what it holds."""
    inner = node.attributes.get("graph")
    if node.op_type in ("Functional", "Sequential", "Model") and isinstance(inner, Graph):
        return "Sequential" if inner.attributes["sequential"] else "Functional"
    return node.op_type


def layer_entry(node: Node, names: Names) -> dict[str, Any]:
    """One layer (or operation) as Keras 3 serialises it."""
    attributes = node.attributes
    inner = attributes.get("graph")
    if isinstance(inner, Graph) and node.op_type in ("Functional", "Sequential", "Model"):
        entry = model_entry(inner, names.report, names.keras_2)
        config = attributes.get("config")
        trainable = config.get("trainable", True) if isinstance(config, dict) else True
        entry["config"]["trainable"] = entry["config"]["trainable"] and bool(trainable)
    else:
        operation = None if names.keras_2 else as_operation(node)
        entry = _layer(node, inner, names) if operation is None else operation.entry()
    entry["config"]["name"] = names[node.scope[-1].name]
    return entry


def _makes_mask(node: Node) -> bool:
    config = node.attributes.get("config")
    masked = isinstance(config, dict) and config.get("mask_zero") is True
    return node.op_type == "Masking" or masked


_NO_LONGER = frozenset({"Highway", "MaxoutDense"})
_UNNAMED_IN_KERAS_2 = frozenset({"LayerScale", "StochasticDepth"})
_NOT_IN_KERAS_3 = frozenset({"LocallyConnected1D", "LocallyConnected2D"})


def _check_class(node: Node, names: Names) -> None:
    """Refuse what no stock layer computes.

    Raises:
        ConversionError: the layer is of a kind that the target's Keras does not have.
    """
    gone = _NO_LONGER if names.keras_2 else _NO_LONGER | _NOT_IN_KERAS_3
    for op_type in (node.op_type, *_classes_inside(node.attributes.get("config"))):
        where = f"layer {node.scope[-1].name!r} ({op_type})"
        if op_type in gone:
            raise ConversionError(where, "today's Keras has no such layer")
        if op_type.startswith("Theano") and "Pooling" in op_type:
            raise ConversionError(
                where, "no stock layer pools with Theano's padding 'same' over an even window"
            )
        if "[" in op_type:
            raise ConversionError(where, "no stock layer has these settings")


def _classes_inside(config: Any) -> Iterator[str]:
    """The classes of the layers and cells that a wrapper's config holds, and of those in them."""
    for key in ("layer", "backward_layer", "cell", "cells"):
        held = config.get(key) if isinstance(config, Mapping) else None
        for each in held if isinstance(held, list | tuple) else [held]:
            if isinstance(each, Mapping):
                yield str(each.get("class_name"))
                yield from _classes_inside(each.get("config"))


def _layer(node: Node, inner: Any, names: Names) -> dict[str, Any]:
    _check_class(node, names)
    config = file_form(node.attributes.get("config", {}))
    _account_for_era(node, config, names)
    if isinstance(inner, Graph) and isinstance(config.get("layer"), dict):
        config = _around(config, model_entry(inner, names.report, names.keras_2))
    return {
        "module": node.attributes.get("module", "keras.layers"),
        "class_name": node.op_type,
        "config": config,
        "registered_name": node.attributes.get("registered_name"),
    }


def _around(config: dict[str, Any], model: dict[str, Any]) -> dict[str, Any]:
    """A wrapper's config with a model in its innermost wrapper."""
    if wrappers_around(config) == 1:
        return {**config, "layer": model}
    held = config["layer"]
    return {**config, "layer": {**held, "config": _around(held["config"], model)}}


def _account_for_era(node: Node, config: dict[str, Any], names: Names) -> None:
    """Report what an old layer meant that no stock layer of the target does.

    Raises:
        ConversionError: the target has no such layer at all.
    """
    name = node.scope[-1].name
    if node.op_type in _UNNAMED_IN_KERAS_2 and names.keras_2:
        why = f"tf_keras loads its own {node.op_type} of keras.applications by custom_objects only"
        names.report.add(Kind.FOREIGN, Component.ARCHITECTURE, name, why)
    gone = node.attributes.get("not_in_keras3")
    if gone and not names.keras_2:
        raise ConversionError(f"layer {name!r}", f"Keras 3 has no layer {gone}")
    if config.get("interpolation") == OLD_BILINEAR:
        config["interpolation"] = "bilinear"
        why = "Keras 2 interpolated from the corners of pixels; today's Keras from their centres"
        names.report.add(Kind.APPROXIMATED, Component.ARCHITECTURE, name, why)
    inner = config.get("layer")
    half = inner.get("config") if isinstance(inner, dict) else None
    repeats = (
        isinstance(half, dict)
        and half.get("return_sequences") is True
        and half.get("zero_output_for_mask") is False
    )
    if node.op_type == "Bidirectional" and repeats and names.masks:
        why = "at masked steps this Keras repeated the last output; today's gives zeros"
        names.report.add(Kind.APPROXIMATED, Component.ARCHITECTURE, name, why)


def file_form(config: Mapping[str, Any]) -> dict[str, Any]:
    """A canonical config in the words of a file: inner objects name their modules."""
    dtype = config.get("dtype")
    return {key: _value(key, value, dtype) for key, value in config.items()}


def _value(key: str, value: Any, dtype: Any) -> Any:
    if isinstance(value, str) and (key == "activation" or key.endswith("_activation")):
        return old_hard_sigmoid(dtype) if value == OLD_HARD_SIGMOID else value
    if isinstance(value, dict) and isinstance(value.get("class_name"), str):
        return _object(value)
    if isinstance(value, dict):
        return {inner: _value(inner, item, dtype) for inner, item in value.items()}
    if isinstance(value, list | tuple):
        return [_value(key, item, dtype) for item in value]
    return value


def _object(value: Mapping[str, Any]) -> dict[str, Any]:
    if str(value["class_name"]).startswith("__"):
        return dict(value)
    config = value.get("config")
    return {
        **value,
        "module": value.get("module", "keras.layers"),
        "config": file_form(config) if isinstance(config, Mapping) else config,
        "registered_name": value.get("registered_name"),
    }


def old_hard_sigmoid(dtype: Any) -> dict[str, Any]:
    """Keras 1-2's ``clip(0.2 x + 0.5, 0, 1)`` out of stock layers.

    Keras 3's own ``hard_sigmoid`` is ``x / 6 + 0.5``. A Pipeline is a plain layer that works as
    an activation anywhere, inside recurrent cells too, and whatever the shape.
    """
    dtype = dtype if isinstance(dtype, str) else "float32"
    rescaling = {"name": "rescaling", "dtype": dtype, "scale": 0.2, "offset": 0.5}
    clipped = {
        "name": "re_lu",
        "dtype": dtype,
        "max_value": 1.0,
        "negative_slope": 0.0,
        "threshold": 0.0,
    }
    inner = [
        {"module": "keras.layers", "class_name": name, "config": config, "registered_name": None}
        for name, config in (("Rescaling", rescaling), ("ReLU", clipped))
    ]
    return {
        "module": "keras.layers",
        "class_name": "Pipeline",
        "config": {"name": OLD_HARD_SIGMOID, "layers": inner},
        "registered_name": None,
    }


def _inbound(graph: Graph, node: Node, names: Names) -> dict[str, Any]:
    call = node.attributes.get("call") or {}
    args = call.get("args", [{"tensor": i} for i in range(len(node.inputs))])
    kwargs = call.get("kwargs", {})
    operation = None if names.keras_2 else as_operation(node)
    if operation is not None:
        args, kwargs = operation.args, operation.kwargs
    return {
        "args": _call_value(args, graph, node, names),
        "kwargs": _call_value(kwargs, graph, node, names),
    }


def _call_value(written: Any, graph: Graph, node: Node, names: Names) -> Any:
    if isinstance(written, Mapping):
        if set(written) == {"tensor"}:
            return _tensor(node.inputs[written["tensor"]], graph, names)
        return {key: _call_value(item, graph, node, names) for key, item in written.items()}
    if isinstance(written, list | tuple):
        return [_call_value(item, graph, node, names) for item in written]
    return written


def _tensor(value: str, graph: Graph, names: Names) -> dict[str, Any]:
    known = graph.values.get(value) or next((v for v in graph.inputs if v.name == value), None)
    shape = None if known is None else known.shape
    # Keras only looks at the history; a shape that nobody stated is left open.
    return {
        "class_name": "__keras_tensor__",
        "config": {
            "shape": [] if shape is None else [_extent(extent) for extent in shape],
            "dtype": "float32" if known is None or known.dtype is None else known.dtype.name,
            "keras_history": names.history(value)[1],
        },
    }


def _references(graph: Graph, stated: Any, inputs: bool, names: Names) -> Any:
    """``input_layers`` or ``output_layers``: in the structure that the source states, if nested."""
    found = [_reference(value.name, names) for value in (graph.inputs if inputs else graph.outputs)]
    if isinstance(stated, dict):
        return _filled(stated, iter(found))
    if len(found) == 1:
        return found[0]
    return _filled(stated, iter(found)) if _is_nested(stated) else found


def _is_nested(stated: Any) -> bool:
    return isinstance(stated, list) and any(
        isinstance(item, dict) or (isinstance(item, list) and item and isinstance(item[0], list))
        for item in stated
    )


def _filled(stated: Any, found: Iterator[Any]) -> Any:
    if isinstance(stated, dict):
        filled = {key: _filled(stated[key], found) for key in sorted(stated)}
        return {key: filled[key] for key in stated}
    if isinstance(stated, list) and stated and isinstance(stated[0], str):
        return next(found)
    return [_filled(item, found) for item in stated]


def _reference(value: str, names: Names) -> list[Any]:
    node, history = names.history(value)
    # Keras 3 counts the call that built a functional model here, though not in inbound_nodes.
    extra = 1 if class_of(node) == "Functional" else 0
    return [history[0], history[1] + extra, history[2]]
