"""Writing protobuf messages whose large payloads are streamed.

A protobuf length stands before what it measures, so a message is put together from ready bytes and
from payloads of a known size; only when the outermost message is written are payloads read.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from modelport.wire.protobuf import FIXED32, LENGTH, VARINT


@dataclass(frozen=True, slots=True)
class Payload:
    """Bytes to come: how many, and what yields them when they are written."""

    size: int
    pieces: Callable[[], Iterator[bytes | memoryview]]

    def write(self, file: BinaryIO) -> None:
        """Write the bytes.

        Raises:
            ValueError: there were more or fewer than ``size``.
        """
        written = 0
        for piece in self.pieces():
            written += memoryview(piece).nbytes
            file.write(piece)
        if written != self.size:
            raise ValueError(f"{written:,} bytes came where {self.size:,} were promised")


class Message:
    """A message being put together; fields appear in the order they are added."""

    __slots__ = ("parts", "size")

    def __init__(self) -> None:
        self.parts: list[bytes | Payload] = []
        self.size = 0

    def raw(self, data: bytes) -> None:
        """Add ready fields."""
        self.parts.append(data)
        self.size += len(data)

    def integer(self, number: int, value: int) -> None:
        """Add a varint; a negative value takes the ten bytes protobuf gives it."""
        self.raw(tag(number, VARINT) + varint(value))

    def float32(self, number: int, value: float) -> None:
        """Add a float of four bytes."""
        self.raw(tag(number, FIXED32) + pack_float32(value))

    def data(self, number: int, data: bytes) -> None:
        """Add length-delimited bytes."""
        self.raw(tag(number, LENGTH) + varint(len(data)) + data)

    def text(self, number: int, text: str) -> None:
        """Add text; what UTF-8 cannot say (a lone surrogate) is written as its escape."""
        self.data(number, text.encode("utf-8", "backslashreplace"))

    def payload(self, number: int, payload: Payload) -> None:
        """Add length-delimited bytes that are read only while writing."""
        self.raw(tag(number, LENGTH) + varint(payload.size))
        self.parts.append(payload)
        self.size += payload.size

    def message(self, number: int, child: Message) -> None:
        """Add a finished message as a field."""
        self.raw(tag(number, LENGTH) + varint(child.size))
        self.parts.extend(child.parts)
        self.size += child.size

    def write(self, file: BinaryIO) -> None:
        """Write everything, payloads piece by piece."""
        for part in self.parts:
            if isinstance(part, Payload):
                part.write(file)
            else:
                file.write(part)


def tag(number: int, wire: int) -> bytes:
    """The tag of a field."""
    return varint(number << 3 | wire)


def varint(value: int) -> bytes:
    """A number of up to 64 bits, seven bits a byte, the lowest first."""
    if 0 <= value < 128:
        return bytes((value,))
    value &= 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while value > 127:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def pack_float32(value: float) -> bytes:
    """Four little-endian bytes; a number over the range of float32 becomes infinite."""
    try:
        return struct.pack("<f", value)
    except OverflowError:
        return struct.pack("<f", float("inf") if value > 0 else float("-inf"))
