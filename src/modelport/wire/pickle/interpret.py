"""Interpreting one pickle stream: opcode after opcode, nothing imported, nothing called."""

from __future__ import annotations

from modelport.errors import LimitExceeded, MalformedFile
from modelport.wire.pickle.limits import Limits
from modelport.wire.pickle.machine import Machine, Payload
from modelport.wire.pickle.objects import NEWEST_PROTOCOL
from modelport.wire.pickle.opcodes import HANDLERS, STOP
from modelport.wire.pickle.program import FaultKind, Program
from modelport.wire.source import ByteSource

_PROTO = 0x80


def begins(head: bytes | bytearray) -> bool:
    """Whether bytes begin with the protocol number that every pickle since protocol 2 has."""
    return len(head) > 2 and head[0] == _PROTO and 2 <= head[1] <= NEWEST_PROTOCOL


def interpret(
    source: ByteSource,
    start: int = 0,
    limits: Limits | None = None,
    payload: Payload | None = None,
) -> Program:
    """What the stream that begins at ``start`` says, up to its STOP.

    ``payload`` finds bytes of an object's own in the middle of the stream, which are passed over.

    Raises nothing for a broken stream: ``Program.error`` says what is wrong, and everything that
    was met before is kept, for a real unpickler would have acted on it before it failed.
    """
    machine = Machine(source, start, limits or Limits(), payload)
    program = machine.program
    try:
        _run(machine)
        program.value = machine.pop()
    except (MalformedFile, LimitExceeded) as error:
        program.error = error
    program.end = machine.reader.position
    return program


def _run(machine: Machine) -> None:
    program, reader, most = machine.program, machine.reader, machine.limits.opcodes
    while True:
        machine.at = reader.position
        opcode = reader.byte()
        program.opcodes += 1
        if program.opcodes > most:
            machine.exceeded("opcodes of a pickle", most, program.opcodes)
        if opcode == STOP:
            return
        handler = HANDLERS.get(opcode)
        if handler is None:
            machine.broken("an opcode of pickle", f"{opcode:#04x}")
        handler(machine)
        if machine.frame_end is not None and reader.position >= machine.frame_end:
            if reader.position > machine.frame_end:
                machine.fault(FaultKind.BROKEN_FRAME, "an opcode crosses the end of its frame")
            machine.frame_end = None
