"""The order in which Keras 3 lists the layers and weights of a model, and where it stores them.

A functional model is listed by depth (the number of calls between a layer and the outputs), and
within one depth by when a search from the outputs meets the layer. Names of groups in a ``.keras``
file and the order of an optimizer's variables follow from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from modelport.dialects.keras.history.configs import is_operation
from modelport.dialects.keras.history.era import Era
from modelport.dialects.keras.roles import Role, roles
from modelport.dialects.keras.words import MODEL_CLASSES
from modelport.model.graph import Graph, Node
from modelport.model.tensor import Tensor


@dataclass(frozen=True, slots=True)
class Weight:
    """A weight in its place: its canonical name, its tensor, whether training changes it.

    ``frozen``: training would change it, were its layer not frozen.
    """

    name: str
    tensor: Tensor
    trainable: bool
    frozen: bool = False


def annotate(graph: Graph, sequential: bool, frozen: bool = False) -> None:
    """Note on a canonical graph what a writer needs to know of Keras' order.

    ``graph.attributes["layers"]`` becomes the names of the layers in order, and ``"sequential"``
    whether they are a chain that a Sequential can hold; every node gets
    ``stored``: {role: paths in the object tree below the layer}, ``trainable``: {role: bool}, and
    ``frozen``: {role: whether only that keeps it from being trainable}.
    """
    by_name = layers(graph)
    # A Sequential of Keras 1 may begin with a Merge of several branches.
    sequential = sequential and _is_chain(graph)
    graph.attributes["sequential"] = sequential
    order = list(by_name) if sequential else by_depth(graph)
    if sequential:
        order = [name for name in order if by_name[name][0].op_type != "InputLayer"]
    graph.attributes["layers"] = order
    for nodes in by_name.values():
        config = nodes[0].attributes.get("config")
        config = config if isinstance(config, dict) else {}
        fixed = frozen or (config.get("trainable", True) is False and not _thaws(nodes[0]))
        thawed = {**config, "trainable": True}
        found = {role.path: role for role in roles(nodes[0].op_type, thawed)}
        stored = {role: _stored(found.get(role), role) for role in nodes[0].parameters}
        changing = {
            role: role not in found or found[role].trainable for role in nodes[0].parameters
        }
        for node in nodes:
            node.attributes["stored"] = stored
            node.attributes["trainable"] = {
                role: each and not fixed for role, each in changing.items()
            }
            node.attributes["frozen"] = {role: each and fixed for role, each in changing.items()}
        _annotate_inner(nodes[0], config, fixed)


def _thaws(node: Node) -> bool:
    """Whether the parts of a layer that says it is frozen are trained: Keras 3 makes them later."""
    old = Era(node.attributes.get("era", Era.KERAS3)) < Era.KERAS3
    return node.op_type in ("MultiHeadAttention", "GroupQueryAttention") and not old


def _is_chain(graph: Graph) -> bool:
    """Whether a Sequential can hold the graph: one way through it, and layers alone."""
    operations = any(is_operation(node.attributes.get("module")) for node in graph.nodes)
    one_way = len(graph.inputs) <= 1 and all(len(node.inputs) <= 1 for node in graph.nodes)
    return one_way and not operations


def _annotate_inner(node: Node, config: dict[str, Any], frozen: bool) -> None:
    inner = node.attributes.get("graph")
    if not isinstance(inner, Graph):
        return
    class_name, held = node.op_type, config
    while class_name not in MODEL_CLASSES and isinstance(inside := held.get("layer"), dict):
        class_name, found = str(inside.get("class_name")), inside.get("config")
        held = found if isinstance(found, dict) else {}
        frozen = frozen or held.get("trainable", True) is False
    stated = inner.attributes.get("config")
    if isinstance(stated, dict) and stated.get("trainable", True) is False:
        frozen = True
    annotate(inner, class_name == "Sequential", frozen)


def _stored(role: Role | None, path: str) -> list[str]:
    if role is None:
        return [path]
    return [role.stored, role.copy] if role.copy else [role.stored]


def layers(graph: Graph) -> dict[str, list[Node]]:
    """The calls of every layer by its name, in the order of the graph."""
    found: dict[str, list[Node]] = {}
    for node in graph.nodes:
        found.setdefault(node.scope[-1].name, []).append(node)
    return found


def weights(graph: Graph) -> Iterator[Weight]:
    """The weights of an annotated graph in the order of Keras 3's ``model.weights``, each once."""
    seen: set[int] = set()
    yield from _weights(graph, seen)


def _weights(graph: Graph, seen: set[int]) -> Iterator[Weight]:
    by_name = layers(graph)
    for name in graph.attributes["layers"]:
        node = by_name[name][0]
        for role, tensor_name in node.parameters.items():
            tensor = graph.tensors[tensor_name]
            if id(tensor) not in seen:
                seen.add(id(tensor))
                trainable = node.attributes["trainable"][role]
                yield Weight(tensor_name, tensor, trainable, node.attributes["frozen"][role])
        inner = node.attributes.get("graph")
        if isinstance(inner, Graph):
            yield from _weights(inner, seen)


def by_depth(graph: Graph) -> list[str]:
    """The names of a functional graph's layers in the order of Keras 3's ``model.layers``."""
    producer = {output: node for node in graph.nodes for output in node.outputs}
    finished, met = _search(graph, producer)
    depths = _depths(finished, producer)
    for value in graph.inputs:
        node = producer.get(value.name)
        if node is not None and node.scope[-1].name not in depths:
            depths[node.scope[-1].name] = 0
            met[node.scope[-1].name] = -1
    return sorted(depths, key=lambda name: (-depths[name], met[name]))


def _search(graph: Graph, producer: dict[str, Node]) -> tuple[list[Node], dict[str, int]]:
    """Depth first from the outputs: nodes as they are finished, layers as they are first met."""
    finished: list[Node] = []
    met: dict[str, int] = {}
    done: set[int] = set()
    stack: list[tuple[Node, Iterator[str]]] = []

    def enter(node: Node | None) -> None:
        if node is None or id(node) in done:
            return
        done.add(id(node))
        met.setdefault(node.scope[-1].name, len(met))
        stack.append((node, iter(_arguments(node))))

    for value in graph.outputs:
        enter(producer.get(value.name))
        while stack:
            node, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                finished.append(node)
                stack.pop()
            else:
                enter(producer.get(following))
    return finished, met


def _arguments(node: Node) -> list[str]:
    """The inputs in the order in which Keras flattens a call: arguments, then keywords by name."""
    call = node.attributes.get("call")
    if not isinstance(call, dict):
        return list(node.inputs)
    found: list[int] = []
    _collect(call.get("args", []), found)
    _collect(call.get("kwargs", {}), found)
    named = [node.inputs[i] for i in found if i < len(node.inputs)]
    return named + [name for name in node.inputs if name not in named]


def _collect(written: Any, found: list[int]) -> None:
    if isinstance(written, dict):
        if set(written) == {"tensor"} and isinstance(written["tensor"], int):
            found.append(written["tensor"])
            return
        for key in sorted(written, key=str):
            _collect(written[key], found)
    elif isinstance(written, list | tuple):
        for item in written:
            _collect(item, found)


def _depths(finished: list[Node], producer: dict[str, Node]) -> dict[str, int]:
    of_node: dict[int, int] = {}
    of_layer: dict[str, int] = {}
    for node in reversed(finished):
        name = node.scope[-1].name
        depth = max(of_node.get(id(node), 0), of_layer.get(name, 0))
        of_layer[name] = depth
        for value in node.inputs:
            before = producer.get(value)
            if before is not None:
                of_node[id(before)] = max(depth + 1, of_node.get(id(before), 0))
    return of_layer
