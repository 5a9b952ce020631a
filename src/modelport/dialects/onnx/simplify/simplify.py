"""A graph with less in it that computes the same: every rule, until none fits any more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from modelport.dialects.onnx.simplify import (
    activation,
    arrangement,
    attention,
    batches,
    branches,
    constants,
    creation,
    equal,
    fused,
    indexing,
    layout,
    linear,
    normalization,
    nothing,
    padding,
    recurrent,
    shapes,
    softmax,
)
from modelport.dialects.onnx.simplify.rules import RULES
from modelport.dialects.onnx.simplify.scene import Scene
from modelport.dialects.onnx.types.infer import Types, infer
from modelport.dialects.onnx.types.table import DOMAIN
from modelport.errors import ConversionError
from modelport.model.graph import Graph, Node, inner_graphs

FAMILIES = (
    *(arrangement, nothing, shapes, indexing, linear, batches, padding, recurrent, creation),
    branches,
    *(activation, softmax, fused, normalization, attention),
)
"""The files that register rules: importing them fills the table."""

_MOST_SWEEPS = 12
"""How often all nodes are looked at: what is simple already is looked at twice."""
_MOST_ROUNDS = 3
"""How often all is inferred anew: a simpler graph tells more."""
_MOST_STEPS = 20
"""How often one node may change in one sweep."""


def simplified(graph: Graph) -> Graph:
    """A simpler graph in the newest operator set that gives the same results but for rounding.

    Names of inputs, outputs and weights stay, and so do the scope and metadata of nodes. Weights
    are not read: what becomes of them is an expression over them, under the weight's name where
    nothing else takes it. The given graph and its nodes stay as they are.

    Raises:
        ConversionError: a node that no runtime would load, or bodies nested beyond reason.
    """
    try:
        copy = _copied(graph, {})
    except RecursionError as error:
        raise ConversionError("the model", "graphs too deep in each other") from error
    made: set[str] = set()
    for _ in range(_MOST_ROUNDS):
        if not _round(copy, made):
            break
    return copy


def _round(graph: Graph, made: set[str]) -> bool:
    """Infer what is known, and apply every rule until none fits; false where none did."""
    scenes = _scenes(graph, made)
    changed = False
    for _ in range(_MOST_SWEEPS):
        for scene in scenes:
            scene.changed = False
            if not scene.gone:
                _sweep(scene)
        if any(scene.changed for scene in scenes):
            changed = True
            continue
        moved = [layout.propagate(scene) for scene in scenes if not scene.gone]
        if not any(moved):
            break
    for scene in scenes:
        if not scene.gone:
            equal.unite(scene)
            scene.finish()
    return changed


def _sweep(scene: Scene) -> None:
    for node in scene.nodes():
        if scene.tidy(node):
            continue
        for _ in range(_MOST_STEPS):
            if not _step(scene, node):
                break


def _step(scene: Scene, node: Node) -> bool:
    """Apply the first rule that fits; false where none does, or the node is gone."""
    if constants.known(scene, node) or equal.again(scene, node):
        return False
    if node.domain != DOMAIN:
        return False
    return any(fits(scene, node) for fits in RULES.get(node.op_type, ())) and scene.has(node)


def _copied(graph: Graph, done: dict[int, Graph]) -> Graph:
    """A copy that can be changed; weights are the same objects, and a shared body stays shared."""
    known = done.get(id(graph))
    if known is not None:
        return known
    copy = replace(graph, nodes=[], tensors=dict(graph.tensors), values=dict(graph.values))
    done[id(graph)] = copy
    for node in graph.nodes:
        new = replace(node, inputs=list(node.inputs), outputs=list(node.outputs))
        if any(inner_graphs(node.attributes)):
            held = {name: _inner(value, done) for name, value in node.attributes.items()}
            new.attributes = held
        copy.nodes.append(new)
    return copy


def _inner(value: Any, done: dict[int, Graph]) -> Any:
    if isinstance(value, Graph):
        return _copied(value, done)
    if isinstance(value, list | tuple):
        return [_inner(item, done) for item in value]
    return value


def _scenes(graph: Graph, made: set[str]) -> list[Scene]:
    """The scene of the graph and those of the bodies in it; a body in several nodes has none."""
    types = infer(graph, naming=True)
    names = set(_names(graph))
    calls: dict[int, int] = {}
    for inner in graph.subgraphs():
        for node in inner.nodes:
            for body in inner_graphs(node.attributes):
                calls[id(body)] = calls.get(id(body), 0) + 1
    scenes = [Scene(graph, types, None, names, made)]
    for scene in scenes:  # grows meanwhile
        scene.begin()
        for node in scene.graph.nodes:
            bodies = []
            for body in inner_graphs(node.attributes):
                own = _types_of(types, body) if calls[id(body)] == 1 else None
                if own is None:
                    _pin(scene, body)
                else:
                    bodies.append(Scene(body, own, scene, names, made))
            if bodies:
                scene.bodies[node] = bodies
                scenes.extend(bodies)
    return scenes


def _types_of(types: Types, body: Graph) -> Types | None:
    try:
        return types.within(body)
    except KeyError:
        return None


def _pin(scene: Scene, body: Graph) -> None:
    """Keep all that a body takes which is left as it is."""
    for inner in body.subgraphs():
        for node in inner.nodes:
            for name in node.inputs:
                scene.pin(name)
        for value in inner.outputs:
            scene.pin(value.name)


def _names(graph: Graph) -> Iterator[str]:
    for inner in graph.subgraphs():
        yield from inner.tensors
        yield from inner.sparse_tensors
        yield from (value.name for value in (*inner.inputs, *inner.outputs))
        for node in inner.nodes:
            yield node.name
            yield from node.outputs
