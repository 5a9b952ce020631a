"""What an interpreted pickle holds beside Python's own plain values: inert stand-ins.

Nothing here was imported or called; each says what a real unpickler would have done, and where.
All are equal and hashed by identity, so that any of them may stand in a dict or a set.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from modelport.wire.source import ByteSource


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """A class or function that the stream names (GLOBAL, STACK_GLOBAL, INST)."""

    module: str
    name: str
    offset: int

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(frozen=True, slots=True, eq=False)
class PersistentId:
    """An object outside the stream, by the id that the stream gives (PERSID, BINPERSID)."""

    id: Any
    offset: int


@dataclass(slots=True, eq=False)
class Stub:
    """What calling ``callable`` would have built, with everything that is done to it afterwards.

    ``args`` is a tuple in every stream that a pickler wrote. ``states`` are the arguments of BUILD,
    ``items`` what is appended or added, ``pairs`` what is set under a key, each in order.
    ``payload`` is where bytes lie that its class reads from the file in the middle of the stream.
    """

    opcode: str
    callable: Any
    args: Any
    kwargs: Any
    offset: int
    states: list[Any] = field(default_factory=list)
    items: list[Any] = field(default_factory=list)
    pairs: list[tuple[Any, Any]] = field(default_factory=list)
    payload: tuple[int, int] | None = None


class BlobKind(StrEnum):
    """What Python would have made of the bytes of a ``Blob``."""

    BYTES = "bytes"
    BYTEARRAY = "bytearray"
    TEXT = "str"


@dataclass(frozen=True, slots=True, eq=False)
class Blob:
    """Bytes (or text in UTF-8) too long to keep, left where they lie in the file."""

    kind: BlobKind
    source: ByteSource
    offset: int
    length: int

    def read(self) -> bytes:
        """All the bytes."""
        return self.source.read_at(self.offset, self.length)
