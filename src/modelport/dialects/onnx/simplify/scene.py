"""A graph while it is made simpler: who gives each value, who takes it, what is known of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelport.dialects.onnx.naming import unique
from modelport.dialects.onnx.types.known import UNKNOWN, Known, of_tensor
from modelport.dialects.onnx.types.table import DOMAIN, results
from modelport.model.dtype import DType
from modelport.model.graph import Graph, Node
from modelport.model.tensor import InMemory, Tensor, TensorData


class Scene:
    """One graph, the model's or that of a body inside a node, and what is known there.

    The graph is a copy that may be changed; its list of nodes is written by ``finish``. ``names``
    are all names of the model, so that new ones are new; ``made`` those of tensors that are no
    weights of the file.
    """

    def __init__(
        self,
        graph: Graph,
        facts: Mapping[str, Known],
        outer: Scene | None,
        names: set[str],
        made: set[str],
    ) -> None:
        self.graph = graph
        self.outer = outer
        self.facts = dict(facts)
        self.bodies: dict[Node, list[Scene]] = {}
        self.pinned: set[str] = {value.name for value in graph.outputs}
        self.given = {value.name for value in graph.inputs}
        self.changed = False
        self.gone = False
        self.made = made
        self.seen: dict[Any, Node] = {}
        self._names = names
        self._order = [[node] for node in graph.nodes]
        self._slot = {node: index for index, node in enumerate(graph.nodes)}
        self._users: dict[str, dict[Node, Scene]] = {}
        self._producers = {name: node for node in graph.nodes for name in node.outputs if name}

    def begin(self) -> None:
        """Note who takes what, once the scenes around this one are there."""
        for node in self.graph.nodes:
            self._take(node)
        for value in self.graph.outputs:
            self.pin(value.name)

    def finish(self) -> None:
        """Write the nodes, and forget what is said of values that are gone."""
        graph = self.graph
        graph.nodes = [node for slot in self._order for node in slot]
        for name in [name for name in graph.tensors if self._is_idle(name)]:
            del graph.tensors[name]
        for name in [name for name in graph.values if not self._defines(name)]:
            del graph.values[name]

    def _is_idle(self, name: str) -> bool:
        return not (self._users.get(name) or name in self.pinned or name in self.given)

    # What there is

    def nodes(self) -> Iterator[Node]:
        """Every node, in order, also while they change."""
        for slot in self._order:
            for node in list(slot):
                if node in self._slot:
                    yield node

    def has(self, node: Node) -> bool:
        """Whether a node is still there."""
        return node in self._slot

    def _defines(self, name: str) -> bool:
        graph = self.graph
        return (
            name in self._producers
            or name in graph.tensors
            or name in self.given
            or name in graph.sparse_tensors
        )

    def owner(self, name: str) -> Scene | None:
        """The scene whose graph gives a value that is seen from here."""
        scene: Scene | None = self
        while scene is not None and not scene._defines(name):
            scene = scene.outer
        return scene

    def pin(self, name: str) -> None:
        """Keep the name of a value, and the value."""
        owner = self.owner(name)
        if owner is not None:
            owner.pinned.add(name)

    def producer(self, name: str, *op_types: str) -> Node | None:
        """The node of this graph that gives a value, if it is one of these operators."""
        node = self._producers.get(name)
        if node is None or node.domain != DOMAIN or (op_types and node.op_type not in op_types):
            return None
        return node

    def inner(self, name: str, *op_types: str) -> Node | None:
        """The same, where nothing takes the value but one node."""
        return self.producer(name, *op_types) if self.is_single(name) else None

    def users(self, name: str) -> list[Node]:
        """The nodes that take a value of this graph, those of bodies too."""
        return list(self._users.get(name, ()))

    def is_single(self, name: str) -> bool:
        """Whether just one node takes a value of this graph."""
        return len(self._users.get(name, ())) == 1 and name not in self.pinned

    def is_used(self, name: str) -> bool:
        """Whether anything takes a value of this graph."""
        return bool(name) and (bool(self._users.get(name)) or name in self.pinned)

    def known(self, name: str) -> Known:
        """What is known of a value."""
        owner = self.owner(name) if name else None
        return UNKNOWN if owner is None else owner.facts.get(name, UNKNOWN)

    def array(self, name: str) -> NDArray[Any] | None:
        """The elements of a small constant."""
        known = self.known(name)
        return None if known.held is None or known.boxes else known.array

    def number(self, name: str) -> float | None:
        """A constant of one element."""
        shape = self.known(name).shape
        if shape is None or any(extent != 1 for extent in shape):
            return None
        array = self.array(name)
        if array is None or array.dtype.kind not in "fiu":
            return None
        return float(array.reshape(())[()])

    def whole(self, name: str) -> list[int] | None:
        """The elements of a small constant of whole numbers."""
        array = self.array(name)
        if array is None or array.dtype.kind not in "iu":
            return None
        return [int(item) for item in array.reshape(-1)]

    def rank(self, name: str) -> int | None:
        """The number of axes of a value."""
        return self.known(name).rank

    def dtype(self, name: str) -> DType | None:
        """The type of a value's elements."""
        return self.known(name).dtype

    def tensor(self, name: str) -> Tensor | None:
        """The weight or constant of that name."""
        owner = self.owner(name)
        return None if owner is None else owner.graph.tensors.get(name)

    def place(self, node: Node) -> tuple[int, int]:
        """Where a node stands among the others."""
        slot = self._slot[node]
        return slot, self._order[slot].index(node)

    # What rules do

    def put(self, before: Node, op_type: str, inputs: Sequence[str], **attributes: Any) -> str:
        """A new node of one output before another; gives its output."""
        name = self.unique(f"{before.name or before.outputs[0]}/{op_type}")
        output = self.unique(f"{name}:out")
        node = Node(DOMAIN, op_type, name, list(inputs), [output], attributes)
        node.scope, node.metadata = before.scope, dict(before.metadata)
        index = self._slot[before]
        slot = self._order[index]
        slot.insert(slot.index(before), node)
        self._slot[node] = index
        self._producers[output] = node
        self.facts[output] = self.told(op_type, inputs, attributes)[0]
        self._take(node)
        self.changed = True
        return output

    def put_instead(self, node: Node, inputs: Sequence[str], attributes: dict[str, Any]) -> str:
        """The same call on other inputs, under the node's name; gives its output."""
        output = self.put(node, node.op_type, inputs, **attributes)
        new = self._producers[output]
        node.name, new.name = new.name, node.name
        return output

    def told(self, op_type: str, inputs: Sequence[str], attributes: Any) -> list[Known]:
        """What the outputs of a call would be."""
        given = [self.known(name) if name else None for name in inputs]
        return results(op_type, given, attributes)

    def become(self, node: Node, op_type: str, inputs: Sequence[str], **attributes: Any) -> bool:
        """Let a node be another call with the same outputs.

        Where it takes the place of a node of that operator whose only user it was, it takes the
        name and scope of that one, too.
        """
        for name in node.inputs:
            old = self.inner(name, op_type)
            if old is not None and old.inputs[:1] == list(inputs[:1]):
                node.name, node.scope, node.doc = old.name, old.scope, old.doc
                node.metadata = dict(old.metadata)
        before = node.inputs
        self._drop(node)
        node.op_type, node.domain = op_type, DOMAIN
        node.inputs, node.attributes = list(inputs), attributes
        self._take(node)
        self._sweep(before)
        self.changed = True
        return True

    def rewire(self, node: Node, inputs: Sequence[str]) -> bool:
        """Let a node take other values."""
        before = node.inputs
        self._drop(node)
        node.inputs = list(inputs)
        self._take(node)
        self._sweep(before)
        self.changed = True
        return True

    def pass_on(self, node: Node, source: str, output: int = 0) -> bool:
        """Let everybody take ``source`` instead of an output of the node, which goes if it can."""
        old = node.outputs[output]
        if old not in self.pinned:
            if not self._can_see(old, source):
                return False
            self.rename_uses(old, source)
        elif self._may_rename(node, source):
            self._rename(source, old, node)
            return True
        else:
            return False
        self.changed = True
        self.tidy(node)
        return True

    def _may_rename(self, node: Node, source: str) -> bool:
        alone = sum(1 for name in node.outputs if self.is_used(name)) == 1
        return alone and source in self._producers and source not in self.pinned

    def _rename(self, source: str, name: str, node: Node) -> None:
        """Give the value ``source`` the name of an output of the node, which goes."""
        users = self._users.pop(source, {})
        maker = self._producers.pop(source)
        self._discard(node)
        maker.outputs = [name if item == source else item for item in maker.outputs]
        self._producers[name] = maker
        held = self._users.setdefault(name, {})
        for user, scene in users.items():
            if user is not node:
                user.inputs = [name if item == source else item for item in user.inputs]
                held[user] = scene
        self.facts[name] = _better(self.facts.get(name, UNKNOWN), self.facts.get(source, UNKNOWN))
        self.changed = True

    def _can_see(self, old: str, new: str) -> bool:
        """Whether ``new`` means the same wherever ``old`` is taken."""
        owner = self.owner(new)
        if owner is None:
            return False
        scenes = set(self._users.get(old, {}).values())
        return all(scene is self or scene.owner(new) is owner for scene in scenes)

    def rename_uses(self, old: str, new: str) -> None:
        """Let everybody take ``new`` who took ``old``, and sees it."""
        if not self._can_see(old, new):
            return
        owner = self.owner(new)
        users = self._users.pop(old, {})
        if owner is None:
            return
        held = owner._users.setdefault(new, {})
        for user, scene in users.items():
            user.inputs = [new if item == old else item for item in user.inputs]
            held[user] = scene

    def hold(self, node: Node, tensors: Sequence[TensorData | None]) -> bool:
        """Let tensors of the graph stand for the outputs of a node (None: an unused one)."""
        outputs = node.outputs
        self._discard(node)
        for name, data in zip(outputs, tensors, strict=True):
            if name and data is not None and self.is_used(name):
                self.graph.tensors[name] = Tensor(name, data)
                self.made.add(name)
        self.changed = True
        return True

    def replace_tensor(self, name: str, data: TensorData) -> None:
        """Let a weight of this graph be a rearrangement of what it was."""
        old = self.graph.tensors[name]
        tensor = Tensor(name, data, dict(old.metadata), old.doc)
        self.graph.tensors[name] = tensor
        self.graph.values.pop(name, None)
        self.facts[name] = of_tensor(tensor)

    def add_tensor(self, wanted: str, data: TensorData) -> str:
        """A new tensor of the graph, under a name like the one wanted."""
        name = self.unique(wanted)
        tensor = Tensor(name, data)
        self.graph.tensors[name] = tensor
        self.facts[name] = of_tensor(tensor)
        return name

    def constant(self, values: Any, dtype: DType, wanted: str) -> str:
        """A new small constant."""
        array = np.asarray(values).astype(dtype.numpy)
        name = self.add_tensor(wanted, InMemory(array))
        self.made.add(name)
        return name

    def unique(self, wanted: str) -> str:
        """``wanted``, or with the first number behind it that makes it new."""
        return unique(wanted, self._names)

    def tidy(self, node: Node) -> bool:
        """Remove a node, and those before it, where nobody takes what they give."""
        if node not in self._slot or any(self.is_used(name) for name in node.outputs):
            return False
        self._discard(node)
        self.changed = True
        return True

    def _discard(self, node: Node) -> None:
        self._sweep(self._cut(node))

    def _cut(self, node: Node) -> list[str]:
        """Take a node out; gives what it took."""
        index = self._slot.pop(node)
        self._order[index].remove(node)
        for name in node.outputs:
            self._producers.pop(name, None)
        self._drop(node)
        taken = list(node.inputs)
        for body in self.bodies.pop(node, ()):
            body.gone = True
            for inner in list(body.nodes()):
                taken += body._cut(inner)
        return taken

    def _sweep(self, names: Sequence[str]) -> None:
        """Remove what gave these values, where nobody takes them any more."""
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            owner = self.owner(name) if name else None
            maker = owner._producers.get(name) if owner is not None else None
            if owner is None or maker is None or any(owner.is_used(out) for out in maker.outputs):
                continue
            waiting += owner._cut(maker)
            owner.changed = True

    def _take(self, node: Node) -> None:
        for name in node.inputs:
            owner = self.owner(name) if name else None
            if owner is not None:
                owner._users.setdefault(name, {})[node] = self

    def _drop(self, node: Node) -> None:
        for name in node.inputs:
            owner = self.owner(name) if name else None
            if owner is not None:
                owner._users.get(name, {}).pop(node, None)


def _better(a: Known, b: Known) -> Known:
    """What is known of a value under either of two names."""
    return a if a.shape is not None and None not in a.shape else replace(b)
