"""The weights of a nested model that a file keeps as one list: dealt out to its layers.

An ``.h5`` file has one group for a whole inner model: the trainable weights of all its layers in
their order, then all the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from modelport.dialects.keras.history.configs import modern_layer
from modelport.dialects.keras.history.era import History
from modelport.dialects.keras.history.reset_after import settle_reset_after
from modelport.dialects.keras.history.weights_history import stored_counts
from modelport.dialects.keras.roles import roles
from modelport.model.graph import Graph, Node
from modelport.model.report import Report
from modelport.model.tensor import Tensor


def deal_out(outer: Node, inner: Graph, given: Mapping[str, Tensor], history: History) -> None:
    """Put the weights of ``outer`` into the graph of its model, on the layers' native nodes.

    Raises:
        MalformedFile: there are more or fewer than the layers have.
    """
    where = "/".join(step.name for step in outer.scope)
    leaves = list(_leaves(inner, outer.attributes.get("config"), True))
    counts = [_counts(nodes[0], trainable, history, given) for _, nodes, trainable in leaves]
    wanted = sum(first + second for first, second in counts)
    if wanted != len(given):
        raise history.malformed(
            where, expected=f"{wanted} weights for its layers", found=f"{len(given)}"
        )
    waiting = iter(given.items())
    for part in (0, 1):
        for (graph, nodes, _), count in zip(leaves, counts, strict=True):
            for _ in range(count[part]):
                key, tensor = next(waiting)
                graph.tensors[tensor.name] = tensor
                for node in nodes:
                    node.parameters[key] = tensor.name


def _leaves(graph: Graph, config: Any, trainable: bool) -> Iterator[tuple[Graph, list[Node], bool]]:
    """Every layer of a model and of the models in it, in the order of the config."""
    calls: dict[str, list[Node]] = {}
    for node in graph.nodes:
        calls.setdefault(node.scope[-1].name, []).append(node)
    if isinstance(config, Mapping) and config.get("trainable") is False:
        trainable = False
    for name in sorted(calls, key=_place(config)):
        nodes = calls[name]
        inner = nodes[0].attributes.get("graph")
        if isinstance(inner, Graph):
            yield from _leaves(inner, nodes[0].attributes.get("config"), trainable)
        else:
            yield graph, nodes, trainable


def _place(config: Any) -> Any:
    """The place of a layer's name in the config of its model; those not named come last."""
    layers = config.get("layers") if isinstance(config, Mapping) else config
    names: dict[str, int] = {}
    for i, layer in enumerate(layers if isinstance(layers, list) else []):
        inner = layer.get("config") if isinstance(layer, Mapping) else None
        stated = inner.get("name") if isinstance(inner, Mapping) else None
        names[str(layer.get("name", stated))] = i
    return lambda name: names.get(name, len(names))


def _counts(
    node: Node, trainable: bool, history: History, given: Mapping[str, Tensor]
) -> tuple[int, int]:
    """How many trainable and other arrays the file has for a layer."""
    written = node.attributes.get("config")
    if not isinstance(written, Mapping) or node.op_type in ("InputLayer", "Merge"):
        return 0, 0
    quiet = replace(history, report=Report())
    name, config = modern_layer(node.op_type, written, quiet, node.name)
    settle_reset_after(written, config, list(given.values()))
    found = roles(name, config)
    first = sum(role.trainable for role in found)
    first, second = stored_counts(name, first, len(found) - first, history)
    return (first, second) if trainable else (0, first + second)
