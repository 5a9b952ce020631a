"""Loops whose end only a run can tell: their body becomes a graph over what it carries along."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modelport.formats.shared.torch.script import control
from modelport.formats.shared.torch.script.emit import Emitter
from modelport.formats.shared.torch.script.values import (
    Frame,
    Listing,
    Named,
    Nothing,
    Raised,
    Stuck,
    Thing,
    Var,
    same,
)
from modelport.model.graph import Value
from modelport.wire.torchscript import syntax

if TYPE_CHECKING:
    from modelport.formats.shared.torch.script.evaluate import Evaluator

_MOST_TRIES = 12


@dataclass(slots=True)
class _Carried:
    """What goes from round to round: variables by name, lists and dicts by identity.

    ``opaque`` are the keys of those that go along as one value, whatever they hold.
    """

    names: list[str]
    objects: dict[int, Any] = field(default_factory=dict)
    opaque: set[Any] = field(default_factory=set)


@dataclass(slots=True)
class _Leaves:
    """The parts of values that are carried: what they begin with, and their inputs inside."""

    emitter: Emitter
    begin: list[Any] = field(default_factory=list)
    ends: list[Any] = field(default_factory=list)

    def open(self, value: Any, opaque: bool) -> Any:
        """A value as the body sees it."""
        if opaque:
            made = self._input(value)
            made.optional = control.may_be_none(value) or isinstance(value, Nothing)
            return Listing(None, made) if isinstance(value, Listing) else made
        if isinstance(value, tuple):
            return control.rebuilt(value, [self.open(item, False) for item in value])
        if isinstance(value, Listing) and value.items is not None:
            return Listing([self.open(item, False) for item in value.items])
        if isinstance(value, Listing):
            return Listing(None, self._input(value))
        if isinstance(value, Var) or type(value) in (bool, int, float):
            made = self._input(value)
            made.optional = isinstance(value, Var) and value.optional
            return made
        return value

    def _input(self, value: Any) -> Var:
        self.begin.append(value)
        return self.emitter.input("carried")

    def close(self, before: Any, after: Any, opaque: bool) -> bool:
        """Gather the parts at the end of a round; False where they have another form."""
        if opaque or isinstance(before, Var) or type(before) in (bool, int, float):
            if isinstance(after, Thing) or (not opaque and isinstance(after, tuple | Listing)):
                return False
            self.ends.append(after)
            return True
        if isinstance(before, tuple):
            if not isinstance(after, tuple) or len(before) != len(after):
                return False
            return all(self.close(a, b, False) for a, b in zip(before, after, strict=True))
        if isinstance(before, Listing):
            if not isinstance(after, Listing) or (before.items is None) != (after.items is None):
                return False
            if before.items is None or after.items is None:
                self.ends.append(after)
                return True
            pairs = zip(before.items, after.items, strict=False)
            return len(before.items) == len(after.items) and all(
                self.close(a, b, False) for a, b in pairs
            )
        return same(before, after)


def loop(e: Evaluator, frame: Frame, statement: syntax.For | syntax.While, given: Any) -> None:
    """Make a node of a loop; ``given`` is the number of rounds, or the first condition."""
    if isinstance(given, Nothing):
        raise Stuck(given.why)
    assigned = dict.fromkeys(_assigned(statement.body))
    carried = _Carried([name for name in assigned if name in frame.variables])
    for _ in range(_MOST_TRIES):
        if _tried(e, frame, statement, given, carried):
            return
    raise Stuck("a loop that changes the form of its values")


def _tried(
    e: Evaluator,
    frame: Frame,
    statement: syntax.For | syntax.While,
    given: Any,
    carried: _Carried,
) -> bool:
    inner = Emitter("body", e.emitter.names, e.emitter)
    step = inner.input("step")
    leaves = _Leaves(inner)
    begin = {name: frame.variables[name] for name in carried.names}
    states = {key: control.saved(items) for key, items in carried.objects.items()}
    e.charge(begin, *states.values())
    again: Any = True
    copies: dict[int, tuple[Any, Any]] = {}  # of lists under names that the code gives anew

    def run() -> None:
        nonlocal again
        for name, value in begin.items():
            if id(value) not in carried.objects:
                made = frame.variables[name] = leaves.open(value, name in carried.opaque)
                copies[id(made)] = (made, value)
        for key, items in carried.objects.items():
            e.changing(items)
            opened = _opened(leaves, states[key], key, carried)
            control.restore(items, opened)
        if isinstance(statement, syntax.For):
            e.assign(frame, statement.target, step)
        e.block(frame, statement.body)
        if isinstance(statement, syntax.While):
            again = e.expression(frame, statement.test)

    side = control.tried(e, frame, inner, run)
    if side.why:
        raise (Raised if side.raised else Stuck)(side.why)
    if control._RESULT in side.variables:
        raise Stuck("a loop that returns")
    e.charge(side.variables, *(state for _, state in side.changed.values()))
    new = [items for key, (items, _) in side.changed.items() if key not in carried.objects]
    if new:
        changed = [copies.get(id(items), (items, items))[1] for items in new]
        carried.objects |= {id(items): items for items in changed}
        return False
    if not _closed(leaves, begin, states, side, carried):
        return False
    _emit(e, frame, statement, given, carried, leaves, begin, states, again)
    return True


def _opened(leaves: _Leaves, state: Any, key: int, carried: _Carried) -> Any:
    if isinstance(state, Listing):
        return leaves.open(state, key in carried.opaque)
    return {name: leaves.open(item, (key, name) in carried.opaque) for name, item in state.items()}


def _closed(
    leaves: _Leaves, begin: dict[str, Any], states: dict[int, Any], side: control.Side, carried: Any
) -> bool:
    """Whether a round leaves everything in the form in which it found it."""
    fits = True
    for name, value in begin.items():
        if id(value) in carried.objects:
            if side.variables.get(name) is not value:
                raise Stuck("a loop that changes a list and then takes another for it")
            continue
        if not leaves.close(value, side.variables.get(name), name in carried.opaque):
            fits = _next(carried, name)
    for key, state in states.items():
        after = side.changed[key][1]
        if isinstance(state, Listing):
            if not leaves.close(state, after, key in carried.opaque):
                fits = _next(carried, key)
            continue
        if state.keys() != after.keys():
            raise Stuck("a loop that sets new keys")
        for name, item in state.items():
            if not leaves.close(item, after[name], (key, name) in carried.opaque):
                fits = _next(carried, (key, name))
    return fits


def _next(carried: _Carried, key: Any) -> bool:
    if key in carried.opaque:
        raise Stuck("a loop that changes objects")
    carried.opaque.add(key)
    return False


def _emit(
    e: Evaluator,
    frame: Frame,
    statement: Any,
    given: Any,
    carried: _Carried,
    leaves: _Leaves,
    begin: dict[str, Any],
    states: dict[int, Any],
    again: Any,
) -> None:
    inner = leaves.emitter
    for value in [again, *leaves.ends]:
        inner.graph.outputs.append(Value(control.packed(inner, value)))
    graph = inner.finish()
    for_ = isinstance(statement, syntax.For)
    node = e.emitter.node(
        "prim", "Loop", [given if for_ else None, True if for_ else given, leaves.begin, graph]
    )
    node.attributes["body"] = graph
    control._capture(e.emitter, node, [graph])
    made = iter([e.emitter.output(node) for _ in leaves.begin])
    for name, value in begin.items():
        if id(value) not in carried.objects:
            frame.variables[name] = _after(value, made, name in carried.opaque)
    for key, items in carried.objects.items():
        state, e_state = states[key], carried.opaque
        e.changing(items)
        if isinstance(state, Listing):
            control.restore(items, _after(state, made, key in e_state))
        else:
            control.restore(
                items, {k: _after(item, made, (key, k) in e_state) for k, item in state.items()}
            )


def _after(value: Any, made: Iterator[Var], opaque: bool) -> Any:
    """A value after the loop, its parts from the outputs of the node."""
    if opaque:
        found = next(made)
        found.optional = control.may_be_none(value) or isinstance(value, Nothing)
        return Listing(None, found) if isinstance(value, Listing) else found
    if isinstance(value, Named | tuple):
        return control.rebuilt(value, [_after(item, made, False) for item in value])
    if isinstance(value, Listing):
        if value.items is None:
            return Listing(None, next(made))
        return Listing([_after(item, made, False) for item in value.items])
    if isinstance(value, Var) or type(value) in (bool, int, float):
        found = next(made)
        found.optional = isinstance(value, Var) and value.optional
        return found
    return value


def _assigned(body: list[syntax.Statement]) -> Iterator[str]:
    """The names that statements give values."""
    for statement in body:
        if isinstance(statement, syntax.Assign):
            yield from _targets(statement.target)
        elif isinstance(statement, syntax.If):
            yield from _assigned(statement.body + statement.other)
        elif isinstance(statement, syntax.For):
            yield from _targets(statement.target)
            yield from _assigned(statement.body)
        elif isinstance(statement, syntax.While | syntax.With):
            yield from _assigned(statement.body)


def _targets(target: syntax.Expression) -> Iterator[str]:
    if isinstance(target, syntax.Name):
        yield target.id
    elif isinstance(target, syntax.Sequence):
        for item in target.items:
            yield from _targets(item)
