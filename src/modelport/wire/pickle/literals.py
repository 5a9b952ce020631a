"""Opcodes that push numbers, text and bytes."""

from __future__ import annotations

import codecs
import struct
from collections.abc import Callable

from modelport.wire.pickle.machine import Machine
from modelport.wire.pickle.values import Blob, BlobKind

Handler = Callable[[Machine], None]


def constant(value: object) -> Handler:
    """NONE, NEWTRUE, NEWFALSE: the handler that pushes one fixed value."""
    return lambda machine: machine.push(value)


def unsigned(length: int) -> Handler:
    """BININT1, BININT2: an unsigned little-endian integer."""
    return lambda machine: machine.push(machine.reader.number(length))


def binint(machine: Machine) -> None:
    """BININT: a signed little-endian integer of four bytes."""
    machine.push(int.from_bytes(machine.reader.take(4), "little", signed=True))


def int_line(machine: Machine) -> None:
    """INT: a decimal line, or ``00`` and ``01`` for the two bools."""
    line = machine.reader.line(machine.limits.line)
    machine.push(line == b"01" if line in (b"00", b"01") else _integer(machine, line))


def long_line(machine: Machine) -> None:
    """LONG: a decimal line that may end in ``L``."""
    line = machine.reader.line(machine.limits.line)
    machine.push(_integer(machine, line[:-1] if line.endswith(b"L") else line))


def _integer(machine: Machine, line: bytes) -> int:
    if len(line) > machine.limits.integer:
        machine.exceeded("digits of an integer", machine.limits.integer, len(line))
    try:
        return int(line, 0)
    except ValueError:
        try:
            return int(line)  # leading zeros
        except ValueError:
            machine.broken("an integer", repr(line[:40]))


def long(length_bytes: int) -> Handler:
    """LONG1, LONG4: a length, then a signed little-endian integer of that many bytes."""

    def handler(machine: Machine) -> None:
        length = int.from_bytes(
            machine.reader.take(length_bytes), "little", signed=length_bytes == 4
        )
        if length < 0:
            machine.broken("the length of an integer", str(length))
        if length > machine.limits.integer:
            machine.exceeded("bytes of an integer", machine.limits.integer, length)
        machine.push(int.from_bytes(machine.reader.take(length), "little", signed=True))

    return handler


def float_line(machine: Machine) -> None:
    """FLOAT: a decimal line."""
    line = machine.reader.line(machine.limits.line)
    try:
        machine.push(float(line))
    except ValueError:
        machine.broken("a number", repr(line[:40]))


def binfloat(machine: Machine) -> None:
    """BINFLOAT: eight bytes, big-endian."""
    machine.push(struct.unpack(">d", machine.reader.take(8))[0])


def string_line(machine: Machine) -> None:
    """STRING: text of Python 2 in quotes, with its escapes, on one line."""
    line = machine.reader.line(machine.limits.kept).strip()
    if len(line) < 2 or line[:1] not in b"'\"" or line[:1] != line[-1:]:
        machine.broken("a string in quotes", repr(line[:40]))
    try:
        raw = codecs.escape_decode(line[1:-1])[0]
    except ValueError:
        machine.broken("a string with valid escapes", repr(line[:40]))
    machine.keep(len(raw))
    machine.push(_text_of_python2(raw))


def string(length_bytes: int) -> Handler:
    """BINSTRING, SHORT_BINSTRING: text of Python 2, which may hold any bytes."""

    def handler(machine: Machine) -> None:
        length = int.from_bytes(
            machine.reader.take(length_bytes), "little", signed=length_bytes == 4
        )
        if length < 0:
            machine.broken("the length of a string", str(length))
        if not _left_in_file(machine, BlobKind.BYTES, length):
            machine.push(_text_of_python2(machine.reader.take(length)))

    return handler


def _text_of_python2(raw: bytes) -> str | bytes:
    # Python 2 had one type for both; what is not ASCII is data (numpy's arrays) far more often.
    return raw.decode("ascii") if raw.isascii() else raw


def unicode_line(machine: Machine) -> None:
    """UNICODE: text in the raw-unicode-escape encoding, on one line."""
    line = machine.reader.line(machine.limits.kept)
    machine.keep(len(line))
    try:
        machine.push(line.decode("raw-unicode-escape"))
    except UnicodeDecodeError:
        machine.broken("text in raw-unicode-escape", repr(line[:40]))


def unicode(length_bytes: int) -> Handler:
    """SHORT_BINUNICODE, BINUNICODE, BINUNICODE8: text in UTF-8; lone surrogates are allowed."""

    def handler(machine: Machine) -> None:
        length = machine.reader.number(length_bytes)
        if _left_in_file(machine, BlobKind.TEXT, length):
            return
        raw = machine.reader.take(length)
        try:
            machine.push(raw.decode("utf-8", "surrogatepass"))
        except UnicodeDecodeError:
            machine.broken("text in UTF-8", repr(raw[:40]))

    return handler


def binary(length_bytes: int) -> Handler:
    """SHORT_BINBYTES, BINBYTES, BINBYTES8: bytes."""

    def handler(machine: Machine) -> None:
        length = machine.reader.number(length_bytes)
        if not _left_in_file(machine, BlobKind.BYTES, length):
            machine.push(machine.reader.take(length))

    return handler


def bytearray8(machine: Machine) -> None:
    """BYTEARRAY8: bytes that may be changed."""
    length = machine.reader.number(8)
    if not _left_in_file(machine, BlobKind.BYTEARRAY, length):
        machine.push(bytearray(machine.reader.take(length)))


def _left_in_file(machine: Machine, kind: BlobKind, length: int) -> bool:
    """Push a long value as a ``Blob``; False (and nothing pushed) where it is short."""
    if length <= machine.limits.inline:
        machine.keep(length)
        return False
    machine.push(Blob(kind, machine.source, machine.reader.skip(length), length))
    return True
