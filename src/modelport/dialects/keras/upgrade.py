"""A Keras model of any era in one form: today's classes, complete configs, weights by role.

``upgrade`` is the one step between the readers of Keras files, which keep a file's own words, and
all who use a Keras graph: the lowerings to ONNX and the writers of Keras files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from modelport.dialects.keras.defaults import DEFAULTS, complete
from modelport.dialects.keras.history import applications, keras1
from modelport.dialects.keras.history.calls import modern_call
from modelport.dialects.keras.history.configs import (
    OLD_ONLY,
    is_operation,
    is_unnamed_operation,
    modern_layer,
)
from modelport.dialects.keras.history.era import Era, History, history
from modelport.dialects.keras.history.nesting import deal_out
from modelport.dialects.keras.history.reset_after import settle_reset_after
from modelport.dialects.keras.history.theano import Extra, same_padding
from modelport.dialects.keras.history.vocabularies import (
    ASSETS,
    IDF_WEIGHTS,
    settle_vocabulary,
)
from modelport.dialects.keras.history.weights import assign
from modelport.dialects.keras.words import MODEL_CLASSES, sequence
from modelport.errors import MalformedFile, ModelportError
from modelport.model.component import Component
from modelport.model.dtype import FLOAT32
from modelport.model.graph import Graph, Node, Scope, TensorType, Value
from modelport.model.model import Model
from modelport.model.report import Kind, Report
from modelport.model.tensor import Tensor

UPGRADED = "keras_canonical"
"""The key of ``Model.extras`` that says a graph is canonical already."""


def upgrade(model: Model, report: Report) -> Model:
    """The model with a canonical graph; training config and optimizer state are passed on.

    What changes its meaning is noted in ``report``. A model without Keras nodes, and one that is
    canonical already, comes back as it is.

    Raises:
        MalformedFile: configs or weights that no Keras could have written.
    """
    if model.dialect != "keras" or model.extras.get(UPGRADED):
        return model
    past = history(model, report)
    try:
        graph = _Upgrade(past).graph(model.graph)
    except ModelportError:
        raise
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise MalformedFile(
            model.path,
            expected="the config of a Keras model",
            found=f"{type(error).__name__}: {str(error)[:200]}",
        ) from error
    # A Sequential of Keras 1 may begin with several models whose outputs it merges.
    kind = "functional" if len(graph.inputs) > 1 else model.kind
    extras = {**model.extras, UPGRADED: True}
    return replace(model, kind=kind, graph=graph, extras=extras)


@dataclass(slots=True)
class _Layer:
    """One layer made canonical, shared by all its calls."""

    op_type: str
    config: dict[str, Any]
    parameters: dict[str, str] = field(default_factory=dict)
    graph: Graph | None = None
    before: Extra | None = None
    after: Extra | None = None
    assets: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Upgrade:
    """One run: what is known of the past, and the inner graphs made so far."""

    past: History
    made: dict[int, Graph] = field(default_factory=dict)

    def graph(self, native: Graph) -> Graph:
        """The canonical form of a graph; the same native graph gives the same canonical one."""
        if id(native) in self.made:
            return self.made[id(native)]
        graph = Graph(native.name, metadata=dict(native.metadata), doc=native.doc)
        graph.attributes = dict(native.attributes)
        graph.inputs, graph.outputs = list(native.inputs), list(native.outputs)
        graph.values = dict(native.values)
        self.made[id(native)] = graph
        layers: dict[str, _Layer] = {}
        used: set[str] = set()
        for found in native.nodes:
            node = self._with_module(found)
            name = node.scope[-1].name if node.scope else node.name
            if name not in layers:
                layers[name] = self._layer(node, native, graph)
            used.update(node.parameters.values())
            graph.nodes.extend(self._calls(node, layers[name]))
        for name, tensor in native.tensors.items():
            if name not in used:
                graph.tensors.setdefault(name, tensor)
        _add_input_layer(graph)
        return graph

    def _layer(self, node: Node, native: Graph, graph: Graph) -> _Layer:
        where = "/".join(step.name for step in node.scope) or node.name
        written = node.attributes.get("config")
        inner = node.attributes.get("graph")
        given = {key: native.tensors[name] for key, name in node.parameters.items()}
        if isinstance(inner, Graph) and given:
            deal_out(node, inner, given, self.past)
            given = {}
        if isinstance(inner, Graph) and _holds_layers(node):
            return self._model(node, written, inner, where)
        if not isinstance(written, Mapping):
            raise self.past.malformed(where, expected="a config", found=written)
        op_type, config = self._class(node, written, where)
        layer = _Layer(op_type, config, graph=self.graph(inner) if inner is not None else None)
        settle_reset_after(written, config, list(given.values()))
        layer.assets = settle_vocabulary(op_type, config, node.attributes, self.past, where)
        self._other_words(node, layer, where)
        self._weights(node, layer, given, graph, where)
        return layer

    def _class(
        self, node: Node, written: Mapping[str, Any], where: str
    ) -> tuple[str, dict[str, Any]]:
        if node.op_type == "Merge" and self.past.era is Era.KERAS1:
            merged = keras1.merge(written)
            if merged is None:
                self.past.foreign(where, "a Merge that holds a function of its own")
                return node.op_type, dict(written)
            return modern_layer(*merged, self.past, where)
        return modern_layer(
            node.op_type,
            written,
            self.past,
            where,
            module=node.attributes.get("module"),
            registered_name=node.attributes.get("registered_name"),
        )

    def _with_module(self, node: Node) -> Node:
        """The node, with the module of operations where it is one and the file leaves that out."""
        module, config = node.attributes.get("module"), node.attributes.get("config")
        if not is_unnamed_operation(node.op_type, config, module, self.past):
            return node
        return replace(node, attributes={**node.attributes, "module": "keras.ops"})

    def _other_words(self, node: Node, layer: _Layer, where: str) -> None:
        """Layers that today's Keras says with one layer more."""
        if node.op_type == "Merge" and layer.config.get("normalize"):
            # The cosine of Keras 1 has one more axis than today's: (batch, 1, 1).
            config = complete("Reshape", {"target_shape": [1, 1]})
            layer.after = Extra("Reshape", "axis", config)
        if self.past.backend != "theano" or layer.op_type not in DEFAULTS:
            return
        spelling = same_padding(layer.op_type, layer.config)
        if isinstance(spelling, str):
            self.past.foreign(where, f"{layer.op_type} with {spelling}")
            layer.op_type = f"{layer.op_type}[{spelling}]"
        elif spelling is not None:
            layer.op_type = spelling.op_type or layer.op_type
            layer.config.update(spelling.changes)
            layer.before, layer.after = spelling.before, spelling.after
            why = "Theano's padding 'same' is spelt out, for it is not TensorFlow's"
            self.past.report.add(Kind.REARRANGED, Component.ARCHITECTURE, where, why)

    def _model(self, node: Node, written: Any, inner: Graph, where: str) -> _Layer:
        """A nested model: its layers are in its graph, so its config is only its name."""
        if node.op_type not in MODEL_CLASSES and node.op_type != "Pipeline":
            self.past.foreign(where, f"the code of the class {node.op_type!r}; its layers are kept")
        functional = isinstance(written, Mapping) and "input_layers" in written
        config: dict[str, Any] = {"name": node.scope[-1].name, "trainable": True}
        if isinstance(written, Mapping) and written.get("trainable") is False:
            config["trainable"] = False
        op_type = "Functional" if functional else "Sequential"
        return _Layer(op_type, config, graph=self.graph(inner))

    def _weights(
        self, node: Node, layer: _Layer, given: Mapping[str, Tensor], graph: Graph, where: str
    ) -> None:
        found = assign(node.op_type, layer.op_type, layer.config, given, self.past, where)
        for role, expression in found.items():
            name = f"{where}/{role}"
            graph.tensors[name] = Tensor(name, expression)
            layer.parameters[role] = name

    def _calls(self, node: Node, layer: _Layer) -> Iterator[Node]:
        attributes = {**node.attributes, "config": layer.config}
        for key in (ASSETS, IDF_WEIGHTS):
            attributes.pop(key, None)
        if layer.assets:
            attributes[ASSETS] = layer.assets
        if self.past.era < Era.KERAS3:
            # No config can say this: older versions heed some masks in other ways.
            attributes["era"] = int(self.past.era)
        attributes["call"] = modern_call(
            layer.op_type,
            node.attributes.get("config") or {},
            node.attributes.get("call"),
            len(node.inputs),
        )
        if layer.graph is not None:
            attributes["graph"] = layer.graph
        module = node.attributes.get("module")
        if is_operation(module):
            attributes["module"] = module
        elif layer.op_type in DEFAULTS:
            attributes["module"], attributes["registered_name"] = "keras.layers", None
            gone = _gone_inside(layer.config)
            if gone is not None:
                attributes["not_in_keras3"] = gone
        elif layer.op_type in applications.MODULES:
            attributes["module"] = applications.MODULES[layer.op_type]
            attributes["registered_name"] = layer.op_type
        elif layer.op_type in OLD_ONLY or layer.op_type.startswith("Theano"):
            attributes["not_in_keras3"] = layer.op_type
        elif layer.op_type.endswith("]"):
            # A stock class in a meaning that has no name in Keras 3.
            attributes["not_in_keras3"] = layer.op_type
        scope = node.scope
        if scope and not is_operation(module):
            scope = (*scope[:-1], scope[-1]._replace(type=layer.op_type))
        made = replace(
            node,
            op_type=layer.op_type,
            inputs=list(node.inputs),
            outputs=list(node.outputs),
            attributes=attributes,
            parameters=dict(layer.parameters),
            scope=scope,
        )
        yield from _surrounded(made, layer.before, layer.after)


def _gone_inside(config: Mapping[str, Any]) -> str | None:
    """The class of a layer inside a wrapper that Keras 3 does not have, if there is one."""
    for key in ("layer", "backward_layer"):
        held = config.get(key)
        if isinstance(held, Mapping):
            name = str(held.get("class_name"))
            if name in OLD_ONLY or name.startswith("Theano"):
                return name
            inner = held.get("config")
            found = _gone_inside(inner) if isinstance(inner, Mapping) else None
            if found is not None:
                return found
    return None


def _holds_layers(node: Node) -> bool:
    config = node.attributes.get("config")
    return sequence(config) is not None or (isinstance(config, Mapping) and "layers" in config)


def _surrounded(node: Node, before: Extra | None, after: Extra | None) -> Iterator[Node]:
    """A call with the calls of the layers that belong in front of it and behind it."""
    if before is not None:
        first = _extra(node, before, node.inputs, [_value_name(node, before)])
        yield first
        node = replace(node, inputs=list(first.outputs))
    if after is None:
        yield node
        return
    inside = f"{node.scope[-1].name}_inside:{node.scope[-1].call}:0"
    yield replace(node, outputs=[inside])
    yield _extra(node, after, [inside], node.outputs)


def _value_name(node: Node, extra: Extra) -> str:
    return f"{node.scope[-1].name}_{extra.suffix}:{node.scope[-1].call}:0"


def _extra(node: Node, extra: Extra, inputs: list[str], outputs: list[str]) -> Node:
    name = f"{node.scope[-1].name}_{extra.suffix}"
    call = node.scope[-1].call
    attributes = {
        "config": {"name": name, **extra.config},
        "call": {"args": [{"tensor": 0}], "kwargs": {}},
    }
    scope = (*node.scope[:-1], Scope(name, extra.op_type, call))
    title = f"{name}:{call}" if call else name
    return Node("keras", extra.op_type, title, list(inputs), list(outputs), attributes, scope=scope)


def _add_input_layer(graph: Graph) -> None:
    """Give a Sequential that begins with an ordinary layer the ``InputLayer`` that it implies."""
    made = {name for node in graph.nodes for name in node.outputs}
    for i, value in enumerate(graph.inputs):
        if value.name in made or value.shape is None or not value.name.endswith(":input"):
            continue
        first = next((node for node in graph.nodes if value.name in node.inputs), None)
        if first is None:
            continue
        name = f"{first.scope[-1].name}_input"
        dtype = value.dtype or FLOAT32
        renamed = Value(f"{name}:0:0", TensorType(dtype, value.shape))
        for node in graph.nodes:
            node.inputs = [renamed.name if old == value.name else old for old in node.inputs]
        graph.outputs = [renamed if out.name == value.name else out for out in graph.outputs]
        graph.inputs[i] = renamed
        graph.nodes.insert(i, input_layer(name, renamed, first.scope[:-1]))


def input_layer(name: str, value: Value, scope: tuple[Scope, ...]) -> Node:
    """The call of an ``InputLayer`` that gives a value; ``scope`` is that of its model."""
    config = {
        "name": name,
        "batch_shape": list(value.shape or ()),
        "dtype": str(value.dtype),
        "sparse": False,
        "optional": False,
    }
    attributes = {"config": config, "call": {"args": [], "kwargs": {}}}
    step = Scope(name, "InputLayer", 0)
    return Node("keras", "InputLayer", name, [], [value.name], attributes, scope=(*scope, step))
