"""Opcodes that build tuples, lists, dicts and sets, and those of the stack and the memo."""

from __future__ import annotations

from typing import Any

from modelport.wire.pickle.literals import Handler
from modelport.wire.pickle.machine import Machine
from modelport.wire.pickle.program import FaultKind
from modelport.wire.pickle.values import Reference, Stub


def mark(machine: Machine) -> None:
    """MARK."""
    machine.mark()


def pop(machine: Machine) -> None:
    """POP: drop the value on top, or the mark there."""
    machine.discard()


def pop_mark(machine: Machine) -> None:
    """POP_MARK: drop everything down to the last mark."""
    machine.take_marked()


def duplicate(machine: Machine) -> None:
    """DUP: the value on top once more."""
    machine.push(machine.top())


def put_line(machine: Machine) -> None:
    """PUT: remember the value on top under a decimal index."""
    machine.remember(_index(machine))


def put(length: int) -> Handler:
    """BINPUT, LONG_BINPUT: remember the value on top."""
    return lambda machine: machine.remember(machine.reader.number(length))


def memoize(machine: Machine) -> None:
    """MEMOIZE: remember the value on top under the next index."""
    machine.remember(len(machine.memo))


def get_line(machine: Machine) -> None:
    """GET: what the memo holds under a decimal index."""
    machine.recall(_index(machine))


def get(length: int) -> Handler:
    """BINGET, LONG_BINGET: what the memo holds."""
    return lambda machine: machine.recall(machine.reader.number(length))


def _index(machine: Machine) -> int:
    line = machine.reader.line(machine.limits.line)
    if not line.isdigit() or len(line) > 20:
        machine.broken("a memo index", repr(line[:40]))
    return int(line)


def empty(kind: type[Any]) -> Handler:
    """EMPTY_TUPLE, EMPTY_LIST, EMPTY_DICT, EMPTY_SET."""
    return lambda machine: machine.push(kind())


def tuple_of(count: int) -> Handler:
    """TUPLE1, TUPLE2, TUPLE3: a tuple of the values on top."""

    def handler(machine: Machine) -> None:
        values = [machine.pop() for _ in range(count)]
        machine.push(tuple(reversed(values)))

    return handler


def marked_tuple(machine: Machine) -> None:
    """TUPLE: a tuple of the values above the mark."""
    machine.push(tuple(machine.take_marked()))


def marked_list(machine: Machine) -> None:
    """LIST: a list of the values above the mark."""
    machine.push(machine.take_marked())


def marked_dict(machine: Machine) -> None:
    """DICT: a dict of the keys and values above the mark."""
    values = machine.take_marked()
    built: dict[Any, Any] = {}
    _set_pairs(machine, built, _pairs(machine, values))
    machine.push(built)


def frozen_set(machine: Machine) -> None:
    """FROZENSET: a frozenset of the values above the mark."""
    values = machine.take_marked()
    for value in values:
        machine.check_key(value)
    machine.push(frozenset(values))


def append(machine: Machine) -> None:
    """APPEND: the value on top becomes an item of the one below."""
    value = machine.pop()
    _extend(machine, [value])


def appends(machine: Machine) -> None:
    """APPENDS: the values above the mark become items of the one below it."""
    _extend(machine, machine.take_marked())


def _extend(machine: Machine, values: list[Any]) -> None:
    target = machine.top()
    if isinstance(target, list):
        target.extend(values)
    elif isinstance(target, Stub):
        target.items.extend(values)
    elif isinstance(target, Reference):
        machine.fault(FaultKind.CHANGED_GLOBAL, f"items are put into {target}")
    else:
        machine.broken("a list to append to", type(target).__name__)


def add_items(machine: Machine) -> None:
    """ADDITEMS: the values above the mark become elements of the set below it."""
    values = machine.take_marked()
    target = machine.top()
    for value in values:
        machine.check_key(value)
    if isinstance(target, set):
        target.update(values)
    elif isinstance(target, Stub):
        target.items.extend(values)
    elif isinstance(target, Reference):
        machine.fault(FaultKind.CHANGED_GLOBAL, f"elements are put into {target}")
    else:
        machine.broken("a set to add to", type(target).__name__)


def set_item(machine: Machine) -> None:
    """SETITEM: the value on top goes into the dict under the key below."""
    value = machine.pop()
    key = machine.pop()
    _set_pairs(machine, machine.top(), [(key, value)])


def set_items(machine: Machine) -> None:
    """SETITEMS: the keys and values above the mark go into the dict below it."""
    pairs = _pairs(machine, machine.take_marked())
    _set_pairs(machine, machine.top(), pairs)


def _pairs(machine: Machine, values: list[Any]) -> list[tuple[Any, Any]]:
    if len(values) % 2:
        machine.broken("a value for every key", f"{len(values)} values above the mark")
    return list(zip(values[::2], values[1::2], strict=True))


def _set_pairs(machine: Machine, target: Any, pairs: list[tuple[Any, Any]]) -> None:
    if isinstance(target, Reference):
        machine.fault(FaultKind.CHANGED_GLOBAL, f"keys are set in {target}")
        return
    if not isinstance(target, dict | Stub):
        machine.broken("a dict to set keys in", type(target).__name__)
    for key, _ in pairs:
        machine.check_key(key)
    if isinstance(target, dict):
        target.update(pairs)
    else:
        target.pairs.extend(pairs)
