"""The object tree of variables that stock Keras 3 reads (``layers/dense/vars/0``)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelport.formats.shared.keras.operations import as_operation
from modelport.formats.shared.keras.values import snake_case, wrappers_around
from modelport.formats.shared.keras.write_config import class_of
from modelport.model.graph import Graph, Node
from modelport.model.tensor import InMemory, Tensor
from modelport.model.training import OptimizerState
from modelport.optimizers import loss_scale, table
from modelport.optimizers.rule import Era, alternating
from modelport.wire.hdf5_write import HDF5Writer


def write_model(writer: HDF5Writer, graph: Graph) -> dict[str, str]:
    """The variables of a model's layers, each layer in a group called after its class.

    Returns the texts that belong beside them, by their paths.
    """
    assets: dict[str, str] = {}
    _write_model(writer, graph, "", set(), assets)
    return assets


def _write_model(
    writer: HDF5Writer, graph: Graph, prefix: str, seen: set[int], assets: dict[str, str]
) -> None:
    writer.attribute(f"{prefix}vars", "name", graph.name or "model")
    used: dict[str, int] = {}
    by_name = {node.scope[-1].name: node for node in reversed(graph.nodes)}
    for name in graph.attributes["layers"]:
        node = by_name[name]
        if as_operation(node) is not None:
            continue
        group = snake_case(class_of(node))
        count = used[group] = used.get(group, -1) + 1
        path = f"{prefix}layers/{group}_{count}" if count else f"{prefix}layers/{group}"
        _write_layer(writer, graph, node, path, seen, assets)


def _write_layer(
    writer: HDF5Writer,
    graph: Graph,
    node: Node,
    path: str,
    seen: set[int],
    assets: dict[str, str],
) -> None:
    inner = node.attributes.get("graph")
    if isinstance(inner, Graph) and id(inner) in seen:
        return
    if isinstance(inner, Graph):
        seen.add(id(inner))
        wrappers = "layer/" * wrappers_around(node.attributes.get("config"))
        _write_model(writer, inner, f"{path}/{wrappers}", seen, assets)
    writer.attribute(f"{path}/vars", "name", node.scope[-1].name.replace("/", "_"))
    for role, name in node.parameters.items():
        for stored in node.attributes["stored"][role]:
            writer.dataset(f"{path}/{stored}", graph.tensors[name])
    assets.update(
        (f"{path}/{name}", text) for name, text in node.attributes.get("assets", {}).items()
    )
    weights = node.attributes.get("idf_weights")
    if isinstance(weights, Tensor):
        inner = ("", "_lookup_layer/") if node.op_type == "TextVectorization" else ("",)
        for held in inner:
            writer.dataset(f"{path}/{held}vars/idf_weights", weights)


def write_optimizer(writer: HDF5Writer, optimizer: dict[str, Any], state: OptimizerState) -> None:
    """An optimizer's variables in the order in which Keras 3 makes them."""
    config = optimizer["config"]
    if optimizer["class_name"] in loss_scale.NAMES:
        inner = config["inner_optimizer"]
        variables = list(optimizer_variables(inner, state))
        _write_variables(writer, "optimizer/inner_optimizer", inner["config"]["name"], variables)
    _write_variables(writer, "optimizer", config["name"], list(all_variables(optimizer, state)))


def all_variables(optimizer: dict[str, Any], state: OptimizerState) -> Iterator[Tensor]:
    """The variables of an optimizer, those of a loss scale around it first."""
    if optimizer["class_name"] in loss_scale.NAMES:
        yield from _loss_scale_variables(optimizer["config"], state)
        optimizer = optimizer["config"]["inner_optimizer"]
    yield from optimizer_variables(optimizer, state)


def _write_variables(writer: HDF5Writer, path: str, name: str, variables: list[Tensor]) -> None:
    writer.attribute(f"{path}/vars", "name", name)
    for index, tensor in enumerate(variables):
        writer.dataset(f"{path}/vars/{index}", tensor)


def optimizer_variables(optimizer: dict[str, Any], state: OptimizerState) -> Iterator[Tensor]:
    """Iteration, learning rate (unless a schedule gives it), slots, and Nadam's product."""
    config = optimizer["config"]
    rule = table.find(optimizer["class_name"])
    yield integer("iteration", state.step or 0)
    if not isinstance(config["learning_rate"], dict):
        rate = state.scalars.get("learning_rate", config["learning_rate"])
        yield number("learning_rate", rate)
    if rule is None:
        return
    weights = list(next(iter(state.slots.values()), {}))
    for slot, index in alternating(rule.layout(config, Era.KERAS_3), len(weights)):
        tensor = state.slots[slot.name].get(weights[index])
        if tensor is not None:
            yield tensor
    for name in rule.scalars:
        yield number(name, state.scalars.get(name, 1.0))


def _loss_scale_variables(config: dict[str, Any], state: OptimizerState) -> Iterator[Tensor]:
    yield integer("iteration", int(state.scalars.get("outer_step", state.step or 0)))
    yield number("learning_rate", 0.0)
    yield integer("step_counter", int(state.scalars.get("step_counter", 0)))
    yield number("dynamic_scale", state.scalars.get("dynamic_scale", config["initial_scale"]))


def integer(name: str, value: int) -> Tensor:
    """A 64-bit integer."""
    import numpy as np

    return Tensor(name, InMemory(np.array(value, np.int64)))


def number(name: str, value: float) -> Tensor:
    """A 32-bit number."""
    import numpy as np

    return Tensor(name, InMemory(np.array(value, np.float32)))
