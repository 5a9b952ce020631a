"""The config of a Keras model as a graph: one node a call of a layer, in the file's own words."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from modelport.errors import LimitExceeded
from modelport.formats.shared.keras.calls import Call, Reference, parse_call, references
from modelport.formats.shared.keras.values import (
    input_type,
    layer_name,
    layers_of,
    snake_case,
    stated_shape,
)
from modelport.model.graph import Graph, Node, Scope, TensorType, Value

MOST_NESTED = 32
MOST_LAYERS = 50_000

_MODEL_KEYS = ("module", "registered_name", "build_config")


@dataclass(slots=True)
class Layer:
    """One layer of a model on its way into the graph."""

    name: str
    entry: dict[str, Any]
    scope: tuple[Scope, ...]
    graph: Graph | None = None
    calls: list[Call] = field(default_factory=list)
    first_call: int = 0
    """The file's number of the first call here (a nested model counts the call that built it)."""
    first_output: int = 0
    """The same in ``output_layers``, where Keras 3 counts otherwise than in ``inbound_nodes``."""
    outputs: int = 1

    @property
    def class_name(self) -> str:
        """The class as the file spells it."""
        return str(self.entry["class_name"])


def is_model(entry: Any) -> bool:
    """Whether an entry describes a model with stated layers."""
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("class_name"), str)
        and layers_of(entry) is not None
    )


def model_kind(entry: dict[str, Any]) -> str | None:
    """``sequential``, ``functional``, or None where the layers are not stated."""
    if not is_model(entry):
        return None
    config = entry["config"]
    return "functional" if isinstance(config, dict) and "input_layers" in config else "sequential"


def model_graph(
    entry: dict[str, Any], where: str, scope: tuple[Scope, ...] = (), names: tuple[str, ...] = ()
) -> Graph:
    """The graph of a model's entry (``class_name``, ``config`` ...).

    ``where`` names the file in errors; ``names`` are the layers' names where a list-style
    Sequential states none and the file knows them from elsewhere.

    Raises:
        MalformedFile, ValueError, KeyError, TypeError: the config has another form.
        LimitExceeded: models nested over 32 deep.
    """
    if len(scope) > MOST_NESTED:
        raise LimitExceeded(
            where, resource="depth of nested models", limit=MOST_NESTED, actual=len(scope)
        )
    layers = _layers(entry, where, scope, names)
    graph = Graph(name=layer_name(entry, 1) if "name" in _config(entry) else "")
    graph.attributes = _model_attributes(entry)
    if model_kind(entry) == "functional":
        _connect(graph, layers, _config(entry))
    else:
        _chain(graph, layers, entry)
    return graph


def _model_attributes(entry: dict[str, Any]) -> dict[str, Any]:
    """What a model says beside its layers."""
    rest = {key: value for key, value in _config(entry).items() if key != "layers"}
    return {
        "class_name": entry["class_name"],
        "config": rest,
        **{key: entry[key] for key in _MODEL_KEYS if key in entry},
    }


def _layers(
    entry: dict[str, Any], where: str, scope: tuple[Scope, ...], names: tuple[str, ...]
) -> list[Layer]:
    entries = layers_of(entry) or []
    check_count(entries, where)
    given = names if len(names) == len(entries) else ()
    found: list[Layer] = []
    for index, inner in enumerate(entries):
        name = layer_name(inner, index + 1)
        if given and not inner.get("name") and "name" not in _config(inner):
            name = given[index]
        layer = Layer(name, inner, (*scope, Scope(name, inner["class_name"], 0)))
        layer.graph = _inner_graph(inner, where, layer.scope)
        found.append(layer)
    if len({layer.name for layer in found}) != len(found):
        raise ValueError("two layers of one name")
    return found


def check_count(entries: Sequence[Any], where: str) -> None:
    """Raise LimitExceeded where a model states more layers than modelport builds."""
    if len(entries) > MOST_LAYERS:
        raise LimitExceeded(
            where, resource="layers of a model", limit=MOST_LAYERS, actual=len(entries)
        )


def _config(entry: dict[str, Any]) -> dict[str, Any]:
    config = entry.get("config")
    return config if isinstance(config, dict) else {}


def _inner_graph(entry: dict[str, Any], where: str, scope: tuple[Scope, ...]) -> Graph | None:
    """The graph of a nested model, or of the model inside wrappers such as TimeDistributed."""
    while not is_model(entry):
        inner = _config(entry).get("layer")
        if not isinstance(inner, dict) or not isinstance(inner.get("class_name"), str):
            return None
        entry = inner
        scope = (*scope, Scope(layer_name(entry, 1), entry["class_name"], 0))
    return model_graph(entry, where, scope)


def _chain(graph: Graph, layers: list[Layer], entry: dict[str, Any]) -> None:
    """A Sequential: every layer is called once, on what the one before gave."""
    values: list[str] = []
    for layer in layers:
        _count_outputs(layer)
        if layer is layers[0]:
            values = _open_chain(graph, layer, entry)
        places: list[Any] = [{"tensor": index} for index in range(len(values))]
        call = Call(args=places if len(values) < 2 else [places])
        node = _node(layer, 0, call, values)
        graph.nodes.append(node)
        if layer.class_name == "InputLayer":
            graph.inputs = [Value(node.outputs[0], _first_type(layer, entry))]
        values = node.outputs[:1]
    graph.outputs = [Value(name) for name in (graph.nodes[-1].outputs if graph.nodes else ())]


def _open_chain(graph: Graph, first: Layer, entry: dict[str, Any]) -> list[str]:
    """The values that enter the first layer, which become inputs of the graph.

    The Merge layer of Keras 1 holds models of its own, one a branch; each is called first.
    """
    if first.class_name == "InputLayer":
        return []
    if first.class_name == "Merge" and _config(first.entry).get("layers"):
        return [name for branch in _branches(first) for name in _call_branch(graph, branch)]
    amount = len(first.graph.inputs) if first.graph and is_model(first.entry) else 1
    names = [
        f"{first.name}:input:{index}" if index else f"{first.name}:input" for index in range(amount)
    ]
    types = [_first_type(first, entry)]
    if first.graph is not None and amount > 1:
        types = [
            value.type if isinstance(value.type, TensorType) else None
            for value in first.graph.inputs
        ]
    graph.inputs.extend(Value(name, found) for name, found in zip(names, types, strict=True))
    return names


def _branches(merge: Layer) -> list[Layer]:
    """The layers inside a Merge, under names made from its own where they have none."""
    found = []
    for index, entry in enumerate(_config(merge.entry)["layers"]):
        stated = layer_name(entry, 0)
        unnamed = stated == f"{snake_case(entry['class_name'])}_0"
        name = f"{merge.name}_branch_{index + 1}" if unnamed else stated
        branch = Layer(name, entry, (*merge.scope[:-1], Scope(name, entry["class_name"], 0)))
        branch.graph = _inner_graph(entry, merge.name, branch.scope)
        found.append(branch)
    return found


def _call_branch(graph: Graph, branch: Layer) -> list[str]:
    _count_outputs(branch)
    values = _open_chain(graph, branch, branch.entry)
    call = Call(args=[{"tensor": index} for index in range(len(values))])
    node = _node(branch, 0, call, values)
    graph.nodes.append(node)
    if branch.class_name == "InputLayer":
        graph.inputs.append(Value(node.outputs[0], input_type(branch.entry)))
    return node.outputs[:1]


def _first_type(first: Layer, entry: dict[str, Any]) -> TensorType | None:
    """The type of what enters a Sequential: its first layer's word, else the model's own."""
    if first.graph is not None and first.graph.inputs and is_model(first.entry):
        stated = first.graph.inputs[0].type
        return stated if isinstance(stated, TensorType) else None
    found = input_type(first.entry)
    if found is not None and found.shape is not None:
        return found
    build_config = entry.get("build_config")
    for value in (
        _config(entry).get("build_input_shape"),
        build_config.get("input_shape") if isinstance(build_config, dict) else None,
    ):
        shape = stated_shape(value)
        if shape is not None:
            return TensorType(found.dtype if found else None, shape)
    return found


def _connect(graph: Graph, layers: list[Layer], config: dict[str, Any]) -> None:
    """A functional model: calls are found in ``inbound_nodes`` and put in an order that runs."""
    by_name = {layer.name: layer for layer in layers}
    inputs, outputs = references(config["input_layers"]), references(config["output_layers"])
    used: dict[str, list[Reference]] = {layer.name: [] for layer in layers}
    for layer in layers:
        layer.calls = [parse_call(node, by_name) for node in layer.entry.get("inbound_nodes") or []]
        layer.calls = layer.calls or [Call()]
    shown: dict[str, list[Reference]] = {layer.name: [] for layer in layers}
    for reference in (found for layer in layers for call in layer.calls for found in call.tensors):
        used[reference.layer].append(reference)
    for reference in [*inputs, *outputs]:
        shown[reference.layer].append(reference)
    for layer in layers:
        inside, outside = used[layer.name], shown[layer.name]
        layer.first_call, layer.first_output = _first_calls(layer, inside, outside)
        _count_outputs(layer, *(reference.output for reference in [*inside, *outside]))
    for layer, number in _in_order(layers, by_name):
        call = layer.calls[number]
        names = [_value_name(reference, by_name) for reference in call.tensors]
        graph.nodes.append(_node(layer, number, call, names))
        for name, reference in zip(names, call.tensors, strict=True):
            if reference.type is not None:
                graph.values.setdefault(name, Value(name, reference.type))
    graph.inputs = [
        Value(_value_name(found, by_name, True), input_type(by_name[found.layer].entry))
        for found in inputs
    ]
    for found in outputs:
        name = _value_name(found, by_name, True)
        known = graph.values.get(name)
        graph.outputs.append(Value(name, known.type if known else None))


def _first_calls(
    layer: Layer, inside: list[Reference], outside: list[Reference]
) -> tuple[int, int]:
    """The file's number of a layer's first call: in ``inbound_nodes``, and in ``output_layers``.

    A nested model is called once when it is built, and most eras count that call. Keras 3 counts
    it for functional models alone, and only in ``output_layers``. Where the numbers in use leave
    no choice, they decide.
    """
    if layer.graph is None or not is_model(layer.entry):
        return 0, 0
    if any(isinstance(node, dict) for node in layer.entry.get("inbound_nodes") or []):
        after = 0 if layer.class_name == "Sequential" else 1
        return _first_call(layer, inside, 0), _first_call(layer, outside, after)
    both = _first_call(layer, [*inside, *outside], 1)
    return both, both


def _first_call(layer: Layer, used: list[Reference], usual: int) -> int:
    numbers = {reference.node for reference in used}
    amount = len(layer.calls)
    possible = [
        start for start in (0, 1) if all(start <= number < start + amount for number in numbers)
    ]
    return possible[0] if len(possible) == 1 else usual


def _count_outputs(layer: Layer, *used: int) -> None:
    stated = len(layer.graph.outputs) if layer.graph is not None and is_model(layer.entry) else 1
    layer.outputs = max(stated, 1, *(output + 1 for output in used), 0)


def _value_name(reference: Reference, by_name: dict[str, Layer], outside: bool = False) -> str:
    layer = by_name[reference.layer]
    call = reference.node - (layer.first_output if outside else layer.first_call)
    if not 0 <= call < len(layer.calls):
        raise ValueError(
            f"call {reference.node} of layer {layer.name!r}, which is called "
            f"{len(layer.calls)} times"
        )
    return f"{layer.name}:{call}:{reference.output}"


def _in_order(layers: list[Layer], by_name: dict[str, Layer]) -> list[tuple[Layer, int]]:
    """All calls, each after those it needs; otherwise in the order of the file."""
    calls = [(layer, number) for layer in layers for number in range(len(layer.calls))]
    place = {(layer.name, number): index for index, (layer, number) in enumerate(calls)}
    needed_by: list[list[int]] = [[] for _ in calls]
    missing = [0] * len(calls)
    for index, (layer, number) in enumerate(calls):
        before = {
            place[found.layer, found.node - by_name[found.layer].first_call]
            for found in layer.calls[number].tensors
        }
        missing[index] = len(before)
        for other in before:
            needed_by[other].append(index)
    ready = [index for index, amount in enumerate(missing) if amount == 0]
    ordered = []
    while ready:
        index = heapq.heappop(ready)
        ordered.append(calls[index])
        for other in needed_by[index]:
            missing[other] -= 1
            if missing[other] == 0:
                heapq.heappush(ready, other)
    if len(ordered) != len(calls):
        raise ValueError("layers that need each other in a circle")
    return ordered


def _node(layer: Layer, number: int, call: Call, inputs: list[str]) -> Node:
    entry = layer.entry
    attributes: dict[str, Any] = {"config": entry.get("config", {})}
    attributes.update({key: entry[key] for key in _MODEL_KEYS if key in entry})
    attributes["call"] = {"args": call.args, "kwargs": call.kwargs}
    if layer.graph is not None:
        attributes["graph"] = layer.graph
    scope = (*layer.scope[:-1], layer.scope[-1]._replace(call=number))
    return Node(
        domain="keras",
        op_type=layer.class_name,
        name=f"{layer.name}:{number}" if number else layer.name,
        inputs=inputs,
        outputs=[f"{layer.name}:{number}:{index}" for index in range(layer.outputs)],
        attributes=attributes,
        scope=scope,
    )
