"""Opcodes that name globals, call them, give state, and those that frame the stream."""

from __future__ import annotations

from typing import Any

from modelport.wire.pickle.literals import Handler
from modelport.wire.pickle.machine import Machine
from modelport.wire.pickle.program import FaultKind
from modelport.wire.pickle.values import PersistentId, Reference, Stub

NEWEST_PROTOCOL = 5


def global_lines(machine: Machine) -> None:
    """GLOBAL: a module and a name, each on a line."""
    machine.push(_named(machine))


def _named(machine: Machine) -> Reference:
    module, name = (_name_line(machine) for _ in range(2))
    return _reference(machine, module, name)


def _name_line(machine: Machine) -> str:
    line = machine.reader.line(machine.limits.line)
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        machine.broken("a name in UTF-8", repr(line[:40]))


def stack_global(machine: Machine) -> None:
    """STACK_GLOBAL: the module and the name on the stack."""
    name, module = machine.pop(), machine.pop()
    if isinstance(module, str) and isinstance(name, str):
        machine.push(_reference(machine, module, name))
        return
    kinds = f"{type(module).__name__} and {type(name).__name__}"
    machine.fault(FaultKind.NAME_NOT_TEXT, f"a global whose module and name are {kinds}")
    machine.push(_reference(machine, "?", "?"))


def _reference(machine: Machine, module: str, name: str) -> Reference:
    found = Reference(module, name, machine.at)
    machine.program.references.append(found)
    return found


def reduce(machine: Machine) -> None:
    """REDUCE: call what lies below with the arguments on top."""
    args = machine.pop()
    _call(machine, "REDUCE", machine.pop(), args)


def new_object(machine: Machine) -> None:
    """NEWOBJ: ``cls.__new__(cls, *args)``."""
    args = machine.pop()
    _call(machine, "NEWOBJ", machine.pop(), args)


def new_object_with_keywords(machine: Machine) -> None:
    """NEWOBJ_EX: ``cls.__new__(cls, *args, **kwargs)``."""
    kwargs = machine.pop()
    args = machine.pop()
    _call(machine, "NEWOBJ_EX", machine.pop(), args, kwargs)


def marked_object(machine: Machine) -> None:
    """OBJ: the first value above the mark is called with the others."""
    values = machine.take_marked()
    if not values:
        machine.broken("a class above the mark", "nothing")
    _call(machine, "OBJ", values[0], tuple(values[1:]))


def instance(machine: Machine) -> None:
    """INST: the class on two lines is called with the values above the mark."""
    found = _named(machine)
    _call(machine, "INST", found, tuple(machine.take_marked()))


def _call(machine: Machine, opcode: str, callable_: Any, args: Any, kwargs: Any = None) -> None:
    stub = Stub(opcode, callable_, args, {} if kwargs is None else kwargs, machine.at)
    machine.program.stubs.append(stub)
    machine.push(stub)


def build(machine: Machine) -> None:
    """BUILD: the value on top is the state of the object below."""
    state = machine.pop()
    target = machine.top()
    if isinstance(target, Stub):
        target.states.append(state)
        _pass_payload(machine, target)
    elif isinstance(target, Reference):
        machine.fault(FaultKind.CHANGED_GLOBAL, f"the state of {target} is set")
    else:
        machine.broken("an object to give a state", type(target).__name__)


def _pass_payload(machine: Machine, target: Stub) -> None:
    reader = machine.reader
    place = machine.payload(target, machine.source, reader.position) if machine.payload else None
    if place is not None:
        target.payload = place
        if machine.frame_end == reader.position:  # joblib ends its frame before such bytes
            machine.frame_end = None
        reader.skip(place[1] - reader.position)


def persistent_line(machine: Machine) -> None:
    """PERSID: an object outside the stream, its id on a line."""
    line = machine.reader.line(machine.limits.line)
    if not line.isascii():
        machine.broken("an id in ASCII", repr(line[:40]))
    _persistent(machine, line.decode("ascii"))


def persistent(machine: Machine) -> None:
    """BINPERSID: an object outside the stream, its id on the stack."""
    _persistent(machine, machine.pop())


def _persistent(machine: Machine, key: Any) -> None:
    found = PersistentId(key, machine.at)
    machine.program.persistent.append(found)
    machine.push(found)


def extension(length: int) -> Handler:
    """EXT1, EXT2, EXT4: a global from the registry of ``copyreg``, which no file can know."""

    def handler(machine: Machine) -> None:
        code = machine.reader.number(length)
        machine.fault(FaultKind.EXTENSION, f"the registered extension {code}")
        machine.push(_reference(machine, "copyreg", f"<extension {code}>"))

    return handler


def out_of_band(machine: Machine) -> None:
    """NEXT_BUFFER: data that travels beside the stream, which a file does not have."""
    machine.broken("all data inside the stream", "a buffer beside it (NEXT_BUFFER)")


def read_only(machine: Machine) -> None:
    """READONLY_BUFFER: the buffer on top may not be changed."""
    machine.top()


def protocol(machine: Machine) -> None:
    """PROTO: the protocol of what follows, once, at the start."""
    number = machine.reader.byte()
    if number > NEWEST_PROTOCOL:
        machine.broken(f"a protocol up to {NEWEST_PROTOCOL}", str(number))
    if machine.program.opcodes > 1:
        machine.fault(FaultKind.PROTOCOL, "a second protocol number")
    machine.program.protocol = max(machine.program.protocol, number)


def frame(machine: Machine) -> None:
    """FRAME: how many bytes the next opcodes take together."""
    length = machine.reader.number(8)
    left = machine.source.size - machine.reader.position
    if length > left:
        machine.broken(f"a frame of {length:,} bytes", f"{left:,} to the end")
    if machine.frame_end is not None:
        machine.fault(FaultKind.BROKEN_FRAME, "a frame begins inside another")
    machine.frame_end = machine.reader.position + length
