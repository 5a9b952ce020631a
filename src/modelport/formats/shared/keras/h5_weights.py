"""Weights in the layer-by-layer HDF5 layout of Keras 1 to 3 (``layer_names``, ``weight_names``)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from modelport.errors import MalformedFile
from modelport.formats.shared.hdf5_tensors import tensor
from modelport.model.graph import Graph, Node
from modelport.model.tensor import Tensor
from modelport.wire.hdf5 import HDF5File


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """The weights of one group: the layer's name, its tensors in the file's order, their paths."""

    layer: str
    tensors: tuple[Tensor, ...]
    paths: tuple[str, ...]


def names_attribute(attributes: dict[str, Any], name: str) -> list[str] | None:
    """A list of names, also where it is split into ``name0``, ``name1``, ...; None if absent."""
    if name in attributes:
        return _texts(attributes[name])
    parts: list[str] = []
    for index in itertools.count():
        if f"{name}{index}" not in attributes:
            break
        parts.extend(_texts(attributes[f"{name}{index}"]))
    return parts or None


def read_layer_weights(file: HDF5File, group: str) -> list[LayerWeights]:
    """All weights below ``group``, layer by layer in the order of its attributes.

    Tensors have the file's own names; a name that stands twice gets its layer in front.

    Raises:
        MalformedFile: an attribute names a dataset that is not there.
    """
    layers = names_attribute(file.attributes(group), "layer_names")
    if layers is None:
        raise MalformedFile(
            file.source.name, expected=f"an attribute layer_names in {group}", found="none"
        )
    extra = [name for name in ("top_level_model_weights",) if name not in layers]
    taken: set[str] = set()
    found = []
    for layer in dict.fromkeys(layers + extra):
        path = f"{group.rstrip('/')}/{layer}"
        listed = names_attribute(file.attributes(path), "weight_names") or []
        tensors = tuple(_tensors(file, path, layer, listed, taken))
        paths = tuple(weight_path(path, weight) for weight in listed)
        found.append(LayerWeights(layer, tensors, paths))
    return found


def read_named_tensors(file: HDF5File, group: str) -> dict[str, Tensor]:
    """The tensors of a group with ``weight_names``, or all its datasets where it has none."""
    return {name: tensor(file, path, name) for name, path in named_paths(file, group).items()}


def named_paths(file: HDF5File, group: str) -> dict[str, str]:
    """Where the tensors of such a group are, by their names."""
    listed = names_attribute(file.attributes(group), "weight_names")
    if listed is None:
        return {path[len(group) + 1 :]: path for path in file.datasets(group)}
    return {name: weight_path(group, name) for name in listed}


def weight_path(group: str, name: str) -> str:
    """Where the dataset of a listed name is.

    Keras 2.0 on Theano writes "/iterations", which HDF5 takes for a place in the root.
    """
    return name if name.startswith("/") else f"{group.rstrip('/')}/{name}"


def place_weights(graph: Graph, layers: list[LayerWeights]) -> list[str]:
    """Give every weight to its layer's node; the names of groups whose layer was not found.

    A group of a nested model is dealt out to the inner layers by the names of its weights. Where
    one of them names no inner layer, all stay on the outer node, in the order of the file.
    """
    homes = _homes(graph)
    lost = []
    for group in layers:
        home = homes.get(group.layer)
        if home is None:
            for item in group.tensors:
                graph.tensors[item.name] = item
            if group.tensors:
                lost.append(group.layer)
            continue
        _place(home, group.layer, group.tensors)
    return lost


@dataclass(frozen=True, slots=True)
class _Home:
    """Where a layer's weights belong: its graph, and the nodes of all its calls."""

    graph: Graph
    nodes: tuple[Node, ...]


def _homes(graph: Graph) -> dict[str, _Home]:
    """Every layer of the graph and of the models inside it; the outermost of one name wins."""
    found: dict[str, _Home] = {}
    for each in graph.subgraphs():
        nodes: dict[str, list[Node]] = {}
        for node in each.nodes:
            nodes.setdefault(node.scope[-1].name, []).append(node)
        for name, calls in nodes.items():
            found.setdefault(name, _Home(each, tuple(calls)))
    return found


def _place(home: _Home, layer: str, tensors: tuple[Tensor, ...]) -> None:
    inner = home.nodes[0].attributes.get("graph")
    if isinstance(inner, Graph):
        homes = _homes(inner)
        owners = [_owner(item.name, homes) for item in tensors]
        if all(owner is not None for owner in owners):
            for item, owner in zip(tensors, owners, strict=True):
                if owner is not None:
                    _give(homes[owner], owner, item)
            return
    for item in tensors:
        _give(home, layer, item)


def _give(home: _Home, layer: str, item: Tensor) -> None:
    home.graph.tensors[item.name] = item
    key = parameter_key(layer, item.name)
    for node in home.nodes:
        node.parameters[item.name if key in node.parameters else key] = item.name


def parameter_key(layer: str, weight: str) -> str:
    """The weight's name without its layer: ``dense/kernel:0`` of ``dense`` is ``kernel:0``."""
    if weight.startswith(f"{layer}/"):
        return weight[len(layer) + 1 :]
    at = weight.find(f"/{layer}/")
    return weight if at < 0 else weight[at + len(layer) + 2 :]


def _owner(weight: str, homes: dict[str, _Home]) -> str | None:
    """The inner layer that a weight's name begins with or passes through, the longest first.

    Keras 1 joins layer and weight by an underscore (``dense_1_W``).
    """
    inside = [name for name in homes if f"/{name}/" in f"/{weight}"]
    inside = inside or [
        name for name in homes if weight.startswith(f"{name}_") and "/" not in weight
    ]
    plain = [name for name in inside if "graph" not in homes[name].nodes[0].attributes]
    return max(plain or inside, key=len, default=None)


def _tensors(
    file: HDF5File, path: str, layer: str, listed: list[str], taken: set[str]
) -> Iterator[Tensor]:
    for weight in listed:
        name = weight if weight not in taken else f"{layer}/{weight}"
        taken.add(name)
        yield tensor(file, weight_path(path, weight), name)


def _texts(value: Any) -> list[str]:
    items = value if isinstance(value, list) else getattr(value, "tolist", lambda: [])()
    return [item if isinstance(item, str) else str(item) for item in items]
