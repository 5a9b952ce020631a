"""What a canonical Keras graph consists of, layer by layer, for people to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelport.dialects.keras.roles import inner_layers, roles
from modelport.dialects.keras.words import number
from modelport.model.graph import Dim, Graph, Node


@dataclass(frozen=True, slots=True)
class LayerSummary:
    """One layer, however often it is called.

    ``parameters`` counts the numbers in all its weights, ``trainable`` and ``frozen`` split them
    by whether training changes them, ``bias`` counts those in biases. ``units`` is the number of
    units, filters or output features. A nested model is one layer.
    """

    name: str
    type: str
    activation: str | None
    units: int | None
    parameters: int
    trainable: int
    frozen: int
    bias: int
    output_shape: list[Dim] | None


def summary(graph: Graph, shapes: Mapping[str, Sequence[Dim]] | None = None) -> list[LayerSummary]:
    """The layers in the order of the file; ``shapes`` gives the shapes of values, where known."""
    known = shapes or {}
    described: dict[str, LayerSummary] = {}
    for node in graph.nodes:
        name = node.scope[-1].name if node.scope else node.name
        if name not in described:
            described[name] = _layer(name, node, graph, known)
    return list(described.values())


def _layer(
    name: str, node: Node, graph: Graph, shapes: Mapping[str, Sequence[Dim]]
) -> LayerSummary:
    written = node.attributes.get("config")
    config = written if isinstance(written, Mapping) else {}
    counted = list(_sizes(node, graph, False))
    total = sum(size for _, _, size in counted)
    trainable = sum(size for _, trains, size in counted if trains)
    shape = shapes.get(node.outputs[0]) if node.outputs else None
    return LayerSummary(
        name,
        node.op_type,
        _activation(node.op_type, config),
        _units(node.op_type, config),
        total,
        trainable,
        total - trainable,
        sum(size for weight, _, size in counted if weight == "bias"),
        None if shape is None else list(shape),
    )


def _sizes(node: Node, graph: Graph, frozen: bool) -> Iterator[tuple[str, bool, int]]:
    """Of every weight: its own name, whether it is trained, how many numbers it has."""
    written = node.attributes.get("config")
    config = written if isinstance(written, Mapping) else {}
    frozen = frozen or config.get("trainable", True) is False
    fixed = {role.path for role in roles(node.op_type, config) if not role.trainable}
    for role, name in node.parameters.items():
        size = graph.tensors[name].size
        yield role.rsplit("/", 1)[-1], not frozen and role not in fixed, size
    inner = node.attributes.get("graph")
    if isinstance(inner, Graph):
        seen: set[str] = set()
        for each in inner.nodes:
            if each.scope[-1].name not in seen:
                seen.add(each.scope[-1].name)
                yield from _sizes(each, inner, frozen)


def _activation(op_type: str, config: Mapping[str, Any]) -> str | None:
    value = config.get("activation")
    if isinstance(value, Mapping):
        value = value.get("class_name") if value.get("class_name") != "function" else None
        value = value or config["activation"].get("config")
    if isinstance(value, str):
        return value.removesuffix("_keras2")
    for _, _, layer in inner_layers(op_type, config):
        inner = layer.get("config")
        if isinstance(inner, Mapping):
            return _activation(str(layer.get("class_name")), inner)
    return None


def _units(op_type: str, config: Mapping[str, Any]) -> int | None:
    for key in ("units", "filters", "output_dim"):
        found = number(config, key)
        if found is not None:
            return found
    for _, _, layer in reversed(inner_layers(op_type, config)):
        inner = layer.get("config")
        if isinstance(inner, Mapping):
            return _units(str(layer.get("class_name")), inner)
    return None
