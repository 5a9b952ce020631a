"""The layers of a model, each with its type, activation, units, parameters and output shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from modelport.errors import ConversionError, ModelportError
from modelport.model.graph import TURNED, Dim, Graph, Node, TensorType
from modelport.model.model import Level, Model
from modelport.model.report import Report


@dataclass(frozen=True, slots=True)
class Layers:
    """What the layers of a model are, and what that says of the model's outputs.

    ``layers`` has one entry for each layer (Keras) or node (ONNX), in the order of the file;
    ``outputs`` a dtype and shape for each output, where they can be told. ``convertible_to``
    names the dialects in which all of it can be said.
    """

    layers: list[dict[str, Any]] = field(default_factory=list)
    outputs: list[tuple[str | None, list[Any] | None]] = field(default_factory=list)
    convertible_to: list[str] = field(default_factory=list)


def describe_layers(model: Model, *, upgraded: bool = False) -> Layers:
    """Describe the layers of a model; none for a model without architecture.

    Layers have the names and types that the file gives them, or with ``upgraded`` those of today's
    Keras, which makes files of different eras comparable.
    """
    if model.dialect is None or model.level is Level.MALFORMED:
        return Layers()
    if model.dialect == "keras":
        return _keras_layers(model, upgraded)
    return Layers(_nodes(model.graph), convertible_to=[model.dialect])


def _keras_layers(model: Model, upgraded: bool) -> Layers:
    from modelport.dialects.keras.lower import output_types
    from modelport.dialects.keras.summary import summary
    from modelport.dialects.keras.upgrade import upgrade

    try:
        today = upgrade(model, Report())
    except ModelportError:
        # A file whose layers do not fit their weights is still shown as it stands.
        return Layers(_nodes(model.graph))
    graph, sequential = today.graph, today.kind == "sequential"
    types = output_types(graph)
    shapes = {name: kind.shape for name, kind in types.items() if kind.shape is not None}
    layers = [asdict(layer) for layer in summary(graph, shapes)]
    if not upgraded:
        layers = _in_the_words_of_the_file(model.graph, layers, shapes)
    outputs: list[tuple[str | None, list[Any] | None]] = []
    for value in graph.outputs:
        kind = types.get(value.name)
        dtype = kind.dtype.name if kind and kind.dtype else None
        outputs.append((dtype, list(kind.shape) if kind and kind.shape is not None else None))
    return Layers(layers, outputs, _convertible_to(graph, types, sequential))


def _convertible_to(graph: Graph, types: Mapping[str, TensorType], sequential: bool) -> list[str]:
    """ONNX where every value could be lowered, Keras where today's has all the layers."""
    from modelport.dialects.keras.training.order import annotate
    from modelport.formats.shared.keras.write_config import model_entry

    found = []
    if all(name in types for node in graph.nodes for name in node.outputs):
        found.append("ai.onnx")
    with suppress(ConversionError):
        annotate(graph, sequential)
        model_entry(graph, Report())
        found.append("keras")
    return found


def _in_the_words_of_the_file(
    graph: Graph, layers: list[dict[str, Any]], shapes: Mapping[str, Sequence[Dim]]
) -> list[dict[str, Any]]:
    """Only the layers that the file has (an upgrade adds some), under the types that it states."""
    native: dict[str, Node] = {}
    for node in graph.nodes:
        native.setdefault(node.scope[-1].name if node.scope else node.name, node)
    told = []
    for layer in layers:
        own = native.get(layer["name"])
        if own is not None:
            shape = shapes.get(own.outputs[0]) if own.outputs else None
            shown = layer["output_shape"] if shape is None else list(shape)
            told.append({**layer, "type": own.op_type, "output_shape": shown})
    return told


def _nodes(graph: Graph) -> list[dict[str, Any]]:
    described: list[dict[str, Any]] = []
    outputs = {value.name: value for value in graph.outputs}
    turned = {node.outputs[0]: node.inputs for node in graph.nodes if TURNED in node.metadata}
    for node in graph.nodes:
        if TURNED in node.metadata:
            continue
        names = _behind([*node.inputs, *node.parameters.values()], turned)
        held = {name: graph.tensors[name] for name in names if name in graph.tensors}
        first = node.outputs[0] if node.outputs else ""
        output = graph.values.get(first) or outputs.get(first)
        stated = output.shape if output is not None else None
        absent = dict.fromkeys(("trainable", "frozen", "bias"))
        described.append(
            {
                "name": node.name or first,
                "type": _type(node),
                "activation": None,
                "units": None,
                "parameters": sum(tensor.size for tensor in held.values()),
                **absent,
                "output_shape": None if stated is None else list(stated),
            }
        )
    return described


def _behind(names: list[str], turned: Mapping[str, list[str]]) -> Iterator[str]:
    """The names, and instead of results of turning what was turned."""
    waiting, seen = list(reversed(names)), set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            yield name
            waiting.extend(reversed(turned.get(name, [])))


def _type(node: Node) -> str:
    own = node.domain in ("ai.onnx", "keras")
    return node.op_type if own else f"{node.domain}::{node.op_type}"
