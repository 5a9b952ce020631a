"""Nodes of the native graph, in the form of exported programs (``formats.shared.torch.program``).

Code names operators without their overload, which depends on the values that meet: it is ``*``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelport.errors import LimitExceeded
from modelport.formats.shared.torch.script.values import (
    Device,
    Listing,
    Nothing,
    Quantised,
    Stuck,
    Thing,
    Var,
)
from modelport.model.graph import Graph, Node, Scope, TensorType, Value

MOST_NODES = 100_000
_WITHOUT_OUTPUT = ("RaiseIf", "RaiseException", "Stuck")
ANY = "*"
"""The overload of a call whose arguments tell which one it is."""


class Names:
    """Names that no two values share, and a count of the nodes."""

    def __init__(self, label: str) -> None:
        self._used: dict[str, int] = {}
        self.label = label
        self.nodes = 0

    def unique(self, stem: str) -> str:
        """``stem``, or with a number where it is taken."""
        while True:
            count = self._used.get(stem, 0)
            self._used[stem] = count + 1
            if count == 0:
                return stem
            stem = f"{stem}_{count}"

    def count(self) -> None:
        """One more node."""
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise LimitExceeded(
                self.label, resource="operators of code", limit=MOST_NODES, actual=self.nodes
            )


class Emitter:
    """A graph under construction; ``parent`` is the one that its control flow stands in.

    Values of the parent that are used become inputs of the same name: ``captured``.
    """

    def __init__(self, name: str, names: Names, parent: Emitter | None = None) -> None:
        self.graph = Graph(name)
        self.names = names
        self.parent = parent
        self.scope: tuple[Scope, ...] = parent.scope if parent else ()
        self.captured: list[str] = []
        self._known: set[str] = set()

    def input(self, stem: str, kind: TensorType | None = None) -> Var:
        """A new input of the graph."""
        name = self.names.unique(stem)
        self.graph.inputs.append(Value(name, kind))
        self._known.add(name)
        return Var(name)

    def use(self, name: str) -> str:
        """A value as this graph may use it."""
        if name not in self._known:
            if self.parent is None:
                raise Stuck(f"{name!r} is used where it is not computed")
            self.parent.use(name)
            self.captured.append(name)
            self._known.add(name)
        return name

    def knows(self, name: str) -> bool:
        """Whether a value is one of this graph, or captured by it."""
        return name in self._known

    def finish(self) -> Graph:
        """The graph, its captured values as further inputs."""
        self.graph.inputs.extend(Value(name) for name in self.captured)
        return self.graph

    def node(
        self,
        domain: str,
        op_type: str,
        args: Sequence[Any],
        keywords: Mapping[str, Any] | None = None,
    ) -> Node:
        """A node without outputs yet."""
        self.names.count()
        node = Node(domain, op_type, "", overload=ANY, scope=self.scope)
        written = [self.written(node, item) for item in args]
        named = {key: self.written(node, item) for key, item in (keywords or {}).items()}
        node.attributes["call"] = {"args": written, "kwargs": named}
        if domain == "prim" and op_type in _WITHOUT_OUTPUT:
            node.name = self.names.unique(op_type)
        self.graph.nodes.append(node)
        return node

    def call(
        self,
        domain: str,
        op_type: str,
        args: Sequence[Any],
        keywords: Mapping[str, Any] | None = None,
    ) -> Var:
        """Call an operator; its result is one value, whatever that is."""
        node = self.node(domain, op_type, args, keywords)
        return self.output(node)

    def output(self, node: Node, optional: bool = False, stem: str = "") -> Var:
        """One more output of a node, named after its operator where no ``stem`` is given."""
        name = self.names.unique(stem or node.op_type.strip("_") or "value")
        self._known.add(name)
        node.outputs.append(name)
        node.name = node.name or name
        return Var(name, optional=optional, node=node)

    def written(self, node: Node, value: Any) -> Any:
        """A value as an argument of a node."""
        if isinstance(value, Listing):
            return self.written(node, value.var if value.items is None else value.items)
        if isinstance(value, Var):
            if value.weight:
                return {"parameter": _role(node, value.name)}
            name = self.use(value.name)
            if name not in node.inputs:
                node.inputs.append(name)
            return {"tensor": node.inputs.index(name)}
        if isinstance(value, list | tuple):
            return [self.written(node, item) for item in value]
        if isinstance(value, Quantised):
            parts = (value.values, value.scale, value.zero_point, value.axis)
            return {"quantised": [self.written(node, part) for part in parts]}
        if isinstance(value, Device):
            return {"device": value.kind}
        if isinstance(value, Nothing):
            return {"unset": value.why}
        if isinstance(value, Graph):
            return {"graph": value}
        if value is None or isinstance(value, bool | int | float | str | complex):
            return value
        kind = value.class_name if isinstance(value, Thing) else type(value).__name__
        raise Stuck(f"{node.op_type} is given an object ({kind})")


def _role(node: Node, name: str) -> str:
    stem = role = name.rsplit(".", 1)[-1]
    count = 0
    while node.parameters.get(role, name) != name:
        count += 1
        role = f"{stem}_{count}"
    node.parameters[role] = name
    return role
