"""Branches and loops: followed where their conditions are known, graphs of their own elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modelport.errors import LimitExceeded
from modelport.formats.shared.torch.script.emit import Emitter
from modelport.formats.shared.torch.script.values import (
    UNSET,
    Device,
    Dotted,
    Frame,
    Listing,
    Method,
    Named,
    Nothing,
    Raised,
    Stuck,
    Thing,
    Var,
    is_plain,
    same,
)
from modelport.model.graph import Graph, Value
from modelport.wire.torchscript import syntax

if TYPE_CHECKING:
    from modelport.formats.shared.torch.script.evaluate import Evaluator

MOST_UNROLLED = 4096
_RESULT = "return value"


def saved(items: Any) -> Any:
    """The state of a list or dict that code may change."""
    if isinstance(items, Listing):
        return Listing(None if items.items is None else list(items.items), items.var)
    return dict(items)


def restore(items: Any, state: Any) -> None:
    """Bring a list or dict to a state."""
    if isinstance(items, Listing):
        items.items = None if state.items is None else list(state.items)
        items.var = state.var
    else:
        items.clear()
        items.update(state)


@dataclass(slots=True)
class Side:
    """One way through code that may be taken: what it leaves behind, and why it cannot end."""

    emitter: Emitter
    variables: dict[str, Any] = field(default_factory=dict)
    changed: dict[int, tuple[Any, Any]] = field(default_factory=dict)
    why: str = ""
    raised: bool = False


def tried(e: Evaluator, frame: Frame, inner: Emitter, run: Any) -> Side:
    """Follow code into a graph of its own; everything is as before afterwards."""
    side = Side(inner)
    outer, depth, before = e.emitter, e.depth, dict(frame.variables)
    e.emitter = inner
    e.journals.append({})
    try:
        run()
    except (Raised, Stuck) as error:
        side.why, side.raised = str(error), isinstance(error, Raised)
    finally:
        e.emitter, e.depth = outer, depth
        journal = e.journals.pop()
    side.variables, frame.variables = frame.variables, before
    if frame.returned:
        side.variables[_RESULT] = frame.result
        frame.returned, frame.result = False, None
    for key, (items, old) in journal.items():
        side.changed[key] = (items, saved(items))
        restore(items, old)
    return side


# Branches


def branch(e: Evaluator, frame: Frame, statement: syntax.If, rest: list[syntax.Statement]) -> None:
    """``if``: one side where the condition is known, else both in graphs of their own."""
    test = e.expression(frame, statement.test)
    if isinstance(test, Nothing):
        raise Stuck(test.why)
    if not isinstance(test, Var):
        e.block(frame, statement.body if test else statement.other)
        return
    for body, other, sense in (
        (statement.body, statement.other, True),
        (statement.other, statement.body, False),
    ):
        if _raises(body):
            e.emitter.node("prim", "RaiseIf", [test, sense])
            e.block(frame, other)
            return
    bodies = [statement.body, statement.other]
    if any(_returns(body) for body in bodies):
        bodies = [[*body, *rest] for body in bodies]
    sides = [
        tried(e, frame, Emitter(name, e.emitter.names, e.emitter), _runner(e, frame, body))
        for name, body in zip(("then", "else"), bodies, strict=True)
    ]
    if all(side.why for side in sides):
        raise (Raised if all(side.raised for side in sides) else Stuck)(sides[0].why)
    _join(e, frame, test, sides)


def _runner(e: Evaluator, frame: Frame, body: list[syntax.Statement]) -> Any:
    return lambda: e.block(frame, body)


def _raises(body: list[syntax.Statement]) -> bool:
    """Whether statements end in an exception, whatever they see."""
    if not body:
        return False
    last = body[-1]
    if isinstance(last, syntax.Raise):
        return True
    call = last.value if isinstance(last, syntax.Evaluate) else None
    return (
        isinstance(call, syntax.Call)
        and isinstance(call.function, syntax.Attribute)
        and call.function.name == "RaiseException"
    )


def _returns(body: list[syntax.Statement]) -> bool:
    return any(
        isinstance(statement, syntax.Return)
        or (isinstance(statement, syntax.If) and (_returns(statement.body + statement.other)))
        for statement in body
    )


def _join(e: Evaluator, frame: Frame, test: Var, sides: list[Side]) -> None:
    """Put both sides into one node, and give everything that differs after them a new value."""
    merger = _Merger()
    one, two = sides
    for side in sides:
        e.charge(side.variables, *(state for _, state in side.changed.values()))
    variables = {}
    for name in {**one.variables, **two.variables}:
        if one.why or two.why:
            found = (two if one.why else one).variables.get(name, Nothing())
            kept = name in frame.variables and same(found, frame.variables[name])
            values = (found, found) if kept else _or_unset(sides, (found, found))
            variables[name] = merger.merge(*values)
        elif name in one.variables and name in two.variables:  # else it is not used after it
            variables[name] = merger.merge(one.variables[name], two.variables[name])
    states = {}
    for key, (items, _) in {**one.changed, **two.changed}.items():
        found = [side.changed.get(key, (items, saved(items)))[1] for side in sides]
        states[key] = (items, merger.merge(*_or_unset(sides, (found[0], found[1]))))
    graphs = [_graph(side, [pair[i] for pair in merger.pairs]) for i, side in enumerate(sides)]
    node = e.emitter.node("prim", "If", [test, *graphs])
    node.attributes.update({"then": graphs[0], "else": graphs[1]})
    _capture(e.emitter, node, graphs)
    for hole in merger.holes:
        made = e.emitter.output(node, hole.optional)
        hole.name, hole.node = made.name, node
    frame.variables = variables
    if _RESULT in variables:
        frame.returned, frame.result = True, variables.pop(_RESULT)
    for items, state in states.values():
        e.changing(items)
        restore(items, state)


def _or_unset(sides: list[Side], values: tuple[Any, Any]) -> tuple[Any, Any]:
    """Two values without that of a side that does not end."""
    one, two = (UNSET if side.why else found for side, found in zip(sides, values, strict=True))
    return one, two


def _capture(emitter: Emitter, node: Any, graphs: list[Graph]) -> None:
    """Make what graphs use of the graph around them inputs of their node."""
    for graph in graphs:
        for value in graph.inputs:
            if value.name not in node.inputs and emitter.knows(value.name):
                node.inputs.append(value.name)


def _graph(side: Side, values: list[Any]) -> Graph:
    emitter = side.emitter
    if side.why:
        emitter.node("prim", "RaiseException" if side.raised else "Stuck", [side.why])
    for value in values:
        emitter.graph.outputs.append(Value(packed(emitter, value)))
    return emitter.finish()


def packed(emitter: Emitter, value: Any) -> str:
    """The name of a value of the graph that holds a value of the code."""
    if isinstance(value, Listing) and value.items is None:
        value = value.var
    if isinstance(value, Var) and not value.weight:
        return emitter.use(value.name)
    return emitter.call("prim", "Constant", [value]).name


class _Merger:
    """Makes one value of two; where they differ, a ``hole`` for an output of the node."""

    def __init__(self) -> None:
        self.pairs: list[tuple[Any, Any]] = []
        self.holes: list[Var] = []

    def merge(self, a: Any, b: Any) -> Any:
        """The value after two ways that left ``a`` and ``b``."""
        if same(a, b):  # on one way it may have been found not to be None
            return b if may_be_none(b) else a
        whole = b if isinstance(a, Nothing) else a
        parts = [item for item in (a, b) if not isinstance(item, Nothing)]
        if not parts:
            return a
        if isinstance(whole, Thing | Method | Dotted | Device):
            return whole if len(parts) == 1 else Nothing("two objects on two ways of the code")
        if all(isinstance(item, tuple) and len(item) == len(whole) for item in parts):
            items = [self.merge(*_at(a, b, i)) for i in range(len(whole))]
            return rebuilt(whole, items)
        if all(_same_list(item, whole) for item in parts):
            return Listing(
                [self.merge(*_at(_items(a), _items(b), i)) for i in range(len(whole.items))]
            )
        if all(isinstance(item, dict) and item.keys() == whole.keys() for item in parts):
            return {key: self.merge(*_at(a, b, key)) for key in whole}
        if any(isinstance(item, dict) for item in parts):
            keys = {**a, **b} if len(parts) == 2 and isinstance(b, dict) else {}
            return {key: self.merge(a.get(key, Nothing()), b.get(key, Nothing())) for key in keys}
        return self._hole(a, b)

    def _hole(self, a: Any, b: Any) -> Any:
        if not all(_packable(item) for item in (a, b)):
            return Nothing("objects differ on two ways of the code")
        hole = Var("", optional=any(may_be_none(item) for item in (a, b)))
        self.pairs.append((a, b))
        self.holes.append(hole)
        return Listing(None, hole) if Listing in (type(a), type(b)) else hole


def _at(a: Any, b: Any, key: Any) -> tuple[Any, Any]:
    return (
        a if isinstance(a, Nothing) else a[key],
        b if isinstance(b, Nothing) else b[key],
    )


def _items(value: Any) -> Any:
    return value if isinstance(value, Nothing) else value.items


def _same_list(item: Any, whole: Any) -> bool:
    return (
        isinstance(item, Listing)
        and isinstance(whole, Listing)
        and item.items is not None
        and whole.items is not None
        and len(item.items) == len(whole.items)
    )


def rebuilt(whole: Any, items: list[Any]) -> Any:
    """A tuple of the kind of another."""
    made = type(whole)(items)
    if isinstance(whole, Named):
        made.names, made.class_name = whole.names, whole.class_name
    return made


def may_be_none(value: Any) -> bool:
    """Whether a value is None or may turn out as None."""
    return value is None or (isinstance(value, Var) and value.optional)


def _packable(value: Any) -> bool:
    if isinstance(value, Listing):
        return value.items is None or all(_packable(item) for item in value.items)
    if isinstance(value, tuple):
        return all(_packable(item) for item in value)
    return isinstance(value, Var | Nothing | Device) or is_plain(value)


# Loops


def for_loop(e: Evaluator, frame: Frame, statement: syntax.For) -> None:
    """``for i in range(n)``: unrolled where n is known, else a graph that is run n times."""
    from modelport.formats.shared.torch.script.loop import loop

    call = statement.items
    if not (
        isinstance(call, syntax.Call)
        and isinstance(call.function, syntax.Name)
        and call.function.id == "range"
        and len(call.arguments) == 1
    ):
        raise Stuck("a loop over something else than range(n)")
    count = e.expression(frame, call.arguments[0])
    if type(count) is not int:
        loop(e, frame, statement, count)
        return
    check_unrolled(e, count)
    for step in range(count):
        e.assign(frame, statement.target, step)
        e.block(frame, statement.body)
        if frame.returned:
            break


def while_loop(e: Evaluator, frame: Frame, statement: syntax.While) -> None:
    """``while``: followed as long as its condition is known, from then on a graph."""
    from modelport.formats.shared.torch.script.loop import loop

    count = 0
    test = e.expression(frame, statement.test)
    while not isinstance(test, Var | Nothing):
        if not test or frame.returned:
            return
        count += 1
        check_unrolled(e, count)
        e.block(frame, statement.body)
        test = e.expression(frame, statement.test)
    loop(e, frame, statement, test)


def check_unrolled(e: Evaluator, count: int) -> None:
    """LimitExceeded where a loop is followed too often."""
    if count > MOST_UNROLLED:
        raise LimitExceeded(
            e.library.name, resource="rounds of a loop", limit=MOST_UNROLLED, actual=count
        )
