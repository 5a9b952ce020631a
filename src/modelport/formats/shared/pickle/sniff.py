"""Telling pickles from other bytes, also those of protocol 0 and 1, which have no sign."""

from __future__ import annotations

from modelport.errors import MalformedFile, ModelportError
from modelport.formats.shared.pickle.known import is_territory
from modelport.formats.shared.pickle.names import canonical
from modelport.wire.compressed import peek, unpack
from modelport.wire.pickle import Program, Reference, begins, interpret
from modelport.wire.source import ByteSource, BytesSource


def is_old(source: ByteSource) -> bool:
    """Whether a source is a pickle of protocol 0 or 1, which have no sign of their own."""
    program = interpret(source)
    return program.error is None or means_something(program)


def is_packed(source: ByteSource, wrapper: str) -> bool:
    """Whether a pickle of any protocol is in a compressed wrapper.

    All of it is unpacked only where its first bytes could be those of protocol 0 or 1.
    """
    head = peek(source, wrapper)
    if begins(head):
        return True
    program = interpret(BytesSource(head, source.name))
    if program.error is None or means_something(program):
        return bool(head)
    if not isinstance(program.error, MalformedFile) or not program.error.found.endswith("the end"):
        return False
    try:
        return is_old(unpack(source, wrapper))
    except ModelportError:  # another format's file, which is broken or too large to look into
        return False


def means_something(program: Program) -> bool:
    """Whether a broken stream has called or named something before it broke.

    The first lines of any text that begins with c or i are a name in protocol 0, so a name alone
    counts only where it may be meant.
    """
    if any(isinstance(stub.callable, Reference) for stub in program.stubs):
        return True
    return any(is_territory(canonical(found)) for found in program.references)
