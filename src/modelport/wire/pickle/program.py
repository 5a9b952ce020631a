"""The outcome of interpreting one pickle stream."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from modelport.errors import LimitExceeded, MalformedFile
from modelport.wire.pickle.values import PersistentId, Reference, Stub


class FaultKind(StrEnum):
    """What a stream does that no pickler writes, without being unreadable."""

    CHANGED_GLOBAL = "changed-global"  # BUILD, SETITEM, APPEND on a class or function itself
    EXTENSION = "extension"  # EXT1, EXT2, EXT4: a global from a registry of the process
    NAME_NOT_TEXT = "name-not-text"  # STACK_GLOBAL over something else than two texts
    BROKEN_FRAME = "broken-frame"  # an opcode that crosses the end of its frame
    PROTOCOL = "protocol"  # a protocol number that does not exist, or in the middle


@dataclass(frozen=True, slots=True)
class Fault:
    """One such thing, with the offset of its opcode."""

    kind: FaultKind
    what: str
    offset: int


@dataclass(slots=True)
class Program:
    """What one stream says, from ``start`` to ``end`` in its source.

    ``value`` is the object on the stack at STOP. ``references``, ``stubs``, ``persistent`` and
    ``faults`` are everything met on the way, whether or not the value still holds it. Where the
    stream breaks, ``error`` says how, ``value`` is None, and what came before is still there.
    """

    start: int
    end: int = 0
    protocol: int = 0
    opcodes: int = 0
    value: Any = None
    references: list[Reference] = field(default_factory=list)
    stubs: list[Stub] = field(default_factory=list)
    persistent: list[PersistentId] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    error: MalformedFile | LimitExceeded | None = None
