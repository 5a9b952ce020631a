"""From statements with scopes to the containers of a model: classes, Sequentials, lists.

Statements whose scope is the same module become that module's ``forward``, where nothing outside
stands between them; what cannot be told apart stays in the ``forward`` around it, which then
reaches into its children.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from modelport.dialects.torch.source.calls import module, settled
from modelport.dialects.torch.source.members import Member, Path
from modelport.dialects.torch.source.order import Unit, ordered
from modelport.dialects.torch.source.statements import (
    CHILD,
    Body,
    Let,
    Ref,
    Statement,
    members,
    number_of,
    parse,
)

CLASS, SEQUENTIAL, LIST, DICT = "class", "sequential", "list", "dict"

MOST_HOLES = 3
"""How many places of a list may be empty for each that is not."""


@dataclass(eq=False, slots=True)
class Container:
    """A module made of others. ``fields`` are its attributes (or places) in order.

    ``body`` over ``inputs`` is its ``forward``; None where the code around it calls its parts.
    """

    path: Path
    kind: str
    fields: dict[str, Field] = field(default_factory=dict)
    body: Body | None = None
    inputs: tuple[Ref, ...] = ()


Field: TypeAlias = "Container | Member | str"
"""A part of a container; a text is the constructor of a module without weights."""


class Arrangement:
    """Arranges the members and statements of a model in containers."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = list(members)
        self.leaves = {member.path for member in members}
        self.inner = {path[:length] for path in self.leaves for length in range(len(path))}
        self.calls: dict[int, Path] = {}

    def model(self, body: Body, inputs: Sequence[Ref]) -> Container:
        """The whole model as one container."""
        trimmed = [self._trimmed(statement) for statement in body.statements]
        scoped = Body(settled(trimmed, body.results), body.results)
        whole = Unit((), scoped.statements, tuple(inputs), _refs(body))
        chain = self._chain(whole) if self._has_places(()) else None
        return chain or self._container((), scoped, tuple(inputs))

    def _trimmed(self, statement: Statement) -> Statement:
        """The statement in the innermost module of its scope that has parts of its own."""
        scope = statement.scope
        while scope and module(scope) not in self.inner:
            scope = scope[:-1]
        return replace(statement, scope=scope)

    def _container(self, path: Path, body: Body, inputs: tuple[Ref, ...]) -> Container:
        units, opened = self._units(path, body)
        made = Container(path, CLASS, inputs=inputs)
        made.body = Body(results=body.results)
        children: dict[Path, Container] = {}
        for unit in units:
            if unit.path is None:
                made.body.statements.append(unit.statements[0])
                continue
            child, call = self._child(unit)
            children.setdefault(module(unit.path), child)
            made.body.statements.append(call)
        self._fill(made, children, opened)
        return made

    def _units(self, path: Path, body: Body) -> tuple[list[Unit], set[Path]]:
        """Statements and calls of children in an order that computes all before it is used.

        Also the children that cannot be called, whose parts stand here.
        """
        opened: set[Path] = {path}
        while True:
            units = _grouped(body.statements, opened)
            found, knot = ordered(units, body.results)
            knot |= {unit.path for unit in found if unit.path and not self._callable(unit)}
            knot = {module(stuck) for stuck in knot}
            if not knot:
                return found, opened - {path}
            opened |= knot

    def _callable(self, unit: Unit) -> bool:
        """Whether a unit can be called: places of a list only as a chain."""
        assert unit.path is not None
        return not self._has_places(module(unit.path)) or self._chain(unit) is not None

    def _names(self, path: Path) -> list[str]:
        """The attributes below a path, in the order of the members."""
        depth = len(path)
        return list(
            dict.fromkeys(
                member.path[depth]
                for member in self.members
                if member.path[:depth] == path and len(member.path) > depth
            )
        )

    def _has_places(self, path: Path) -> bool:
        return any(name.isdigit() for name in self._names(path))

    def _child(self, unit: Unit) -> tuple[Container, Let]:
        assert unit.path is not None
        path = module(unit.path)
        number = len(self.calls)
        self.calls[number] = path
        operands = ", ".join(str(ref) for ref in unit.inputs)
        # One part of a list after the other makes a loop, if each has its line.
        inline = not path[-1].isdigit()
        call = Let(unit.outputs, parse(f"{CHILD}{number}({operands})"), inline, path[:-1])
        chain = self._chain(unit) if self._has_places(path) else None
        if chain is not None:
            return chain, call
        body = Body(unit.statements, [parse(str(ref)) for ref in unit.outputs])
        return self._container(path, body, unit.inputs), call

    def _chain(self, unit: Unit) -> Container | None:
        """A Sequential, where each part takes what the part before it gave."""
        assert unit.path is not None
        path = module(unit.path)
        if len(unit.inputs) != 1 or len(unit.outputs) != 1:
            return None
        units, knot = ordered(
            _grouped(unit.statements, {path}), [parse(str(ref)) for ref in unit.outputs]
        )
        if knot:
            return None
        made = Container(path, SEQUENTIAL)
        current, place = unit.inputs[0].number, 0
        for part in units:
            if [ref.number for ref in part.inputs] != [current] or len(part.outputs) != 1:
                return None
            found = self._part(part, path)
            if found is None:
                return None
            name, content = found
            if name is None:
                name = str(place)
            elif not name.isdecimal() or int(name) < place:
                return None
            for hole in range(place, int(name)):
                made.fields[str(hole)] = "nn.Identity()"
            made.fields[name] = content
            current, place = part.outputs[0].number, int(name) + 1
        whole = set(self._names(path)) <= set(made.fields)
        dense = place <= (MOST_HOLES + 1) * len(units)
        return made if current == unit.outputs[0].number and whole and dense else None

    def _part(self, unit: Unit, path: Path) -> tuple[str | None, Field] | None:
        """A part of a chain and its place (None: the next one)."""
        if unit.path is not None:
            name = module(unit.path)[len(path)]
            return (name, self._child(unit)[0]) if self._callable(unit) else None
        statement = unit.statements[0]
        if not isinstance(statement, Let):
            return None
        if statement.module:
            return None, statement.module
        member = _called(statement.expression)
        if member is None or self.members[member].path[:-1] != path:
            return None
        return self.members[member].path[-1], self.members[member]

    def _fill(self, made: Container, children: dict[Path, Container], opened: set[Path]) -> None:
        """The attributes of a container, down to what the opened ones below it hold."""
        for name in self._names(made.path):
            path = (*made.path, name)
            if path in children:
                made.fields[name] = children[path]
            elif path in self.leaves:
                made.fields[name] = next(m for m in self.members if m.path == path)
            else:
                inner = Container(path, CLASS)
                self._fill(inner, children, opened)
                made.fields[name] = self._as_list(inner)

    def _as_list(self, inner: Container) -> Container:
        """A container that only holds parts; a list where their names are places."""
        if not self._has_places(inner.path):
            return inner
        places = [int(name) for name in inner.fields if name.isdigit()]
        if len(places) < len(inner.fields) or max(places) >= (MOST_HOLES + 1) * len(places):
            return replace(inner, kind=DICT)
        empty: dict[str, Field] = {str(i): "nn.Identity()" for i in range(max(places) + 1)}
        return replace(inner, kind=LIST, fields=empty | inner.fields)


def _grouped(statements: Iterable[Statement], opened: set[Path]) -> list[Unit]:
    """Statements of the opened modules one by one, those of others together."""
    units: dict[object, Unit] = {}
    for statement in statements:
        key = statement.scope
        while key and module(key[:-1]) not in opened:
            key = key[:-1]
        if module(statement.scope) in opened:
            units[id(statement)] = Unit(None, [statement])
        else:
            units.setdefault(key, Unit(key, [])).statements.append(statement)
    return list(units.values())


def _refs(body: Body) -> tuple[Ref, ...]:
    """The results of a body, where each is a value of its own."""
    made = {ref.number: ref for statement in body.statements for ref in statement.targets}
    found = [number_of(result) for result in body.results]
    return tuple(made[number] for number in found if number in made)


def _called(expression: ast.expr) -> int | None:
    """The member that an expression calls with one value and nothing else."""
    if not isinstance(expression, ast.Call) or expression.keywords or len(expression.args) != 1:
        return None
    found = list(members(expression.func)) if isinstance(expression.func, ast.Name) else []
    return found[0] if found and number_of(expression.args[0]) is not None else None
