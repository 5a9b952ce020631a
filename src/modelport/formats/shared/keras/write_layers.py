"""Weights in HDF5 by layer: the layout of Keras 1 to 3 for full models and old weight files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelport.errors import ConversionError
from modelport.model.graph import Graph, Node
from modelport.model.tensor import Tensor
from modelport.wire.hdf5_write import HDF5Writer

LayerTensors = list[tuple[str, list[tuple[str, Tensor]]]]
"""Layers in order, each with its weights by name."""


def write_layers(writer: HDF5Writer, group: str, layers: LayerTensors) -> None:
    """One group a layer below ``group``; the order is in the attributes.

    Raises:
        ConversionError: one name is a folder of another, which HDF5 cannot hold.
    """
    writer.names(group, "layer_names", [layer for layer, _ in layers])
    for layer, weights in layers:
        path = f"{group}/{layer}"
        _check(layer, [name for name, _ in weights])
        writer.group(path)
        writer.names(path, "weight_names", [name for name, _ in weights])
        for name, tensor in weights:
            writer.dataset(f"{path}/{name}", tensor)


def _check(layer: str, names: Sequence[str]) -> None:
    taken = set(names)
    for name in names:
        steps = name.split("/")
        for end in range(1, len(steps)):
            if "/".join(steps[:end]) in taken:
                raise ConversionError(
                    f"layer {layer!r}", f"the name of one weight is a folder of another: {name!r}"
                )


def of_graph(graph: Graph, suffix: str) -> LayerTensors:
    """The layers of an annotated canonical graph; in each, trainable weights come first."""
    by_name: dict[str, Node] = {}
    for node in graph.nodes:
        by_name.setdefault(node.scope[-1].name, node)
    found: LayerTensors = []
    for name in graph.attributes["layers"]:
        weights = list(_of_layer(graph, by_name[name], set()))
        weights.sort(key=lambda weight: not weight[2])
        found.append((name, [(f"{path}{suffix}", tensor) for path, tensor, _ in weights]))
    return found


def _of_layer(graph: Graph, node: Node, seen: set[int]) -> Iterator[tuple[str, Tensor, bool]]:
    for role, name in node.parameters.items():
        tensor = graph.tensors[name]
        if id(tensor) not in seen:
            seen.add(id(tensor))
            yield name, tensor, node.attributes["trainable"][role]
    inner = node.attributes.get("graph")
    if isinstance(inner, Graph):
        by_name = {each.scope[-1].name: each for each in reversed(inner.nodes)}
        for name in inner.attributes["layers"]:
            yield from _of_layer(inner, by_name[name], seen)


def of_names(tensors: dict[str, Tensor], layers: dict[str, list[str]] | None) -> LayerTensors:
    """Weights without an architecture: the layers the source states, or what the names begin with.

    The last step of a name (after ``/``, else after ``.``) is the variable, the rest its layer.
    """
    if layers is not None and set().union(*layers.values()) == set(tensors):
        return [
            (layer, [(name, tensors[name]) for name in names]) for layer, names in layers.items()
        ]
    found: dict[str, list[tuple[str, Tensor]]] = {}
    for name, tensor in tensors.items():
        layer = name.rpartition("/")[0] or name.rpartition(".")[0] or name
        found.setdefault(layer.replace("/", "."), []).append((name, tensor))
    return list(found.items())
