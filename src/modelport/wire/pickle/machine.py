"""The stack machine that pickle opcodes drive: stack, marks and memo, each within its budget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from modelport.errors import LimitExceeded, MalformedFile
from modelport.wire.pickle.limits import Limits
from modelport.wire.pickle.program import Fault, FaultKind, Program
from modelport.wire.pickle.reader import Reader
from modelport.wire.pickle.values import Stub
from modelport.wire.source import ByteSource

Payload = Callable[[Stub, ByteSource, int], tuple[int, int] | None]
"""Tells where the bytes begin and end that an object just built reads from the file, or None.

Called with the object, the source, and the offset where the stream goes on.
"""

_WORD = 60
_MUTABLE = (list, dict, set, bytearray)


class Machine:
    """The state of one stream while it is interpreted.

    ``at`` is the offset of the opcode at work, ``frame_end`` where its frame ends.

    Raises:
        MalformedFile: the stack is too short, a mark or a memo entry is missing.
        LimitExceeded: a budget of ``limits`` is used up.
    """

    __slots__ = (
        "_below",
        "_kept",
        "_long_keys",
        "at",
        "frame_end",
        "limits",
        "memo",
        "payload",
        "program",
        "reader",
        "stack",
    )

    def __init__(
        self, source: ByteSource, start: int, limits: Limits, payload: Payload | None = None
    ) -> None:
        self.reader = Reader(source, start)
        self.limits = limits
        self.payload = payload
        self.program = Program(start)
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.at = start
        self.frame_end: int | None = None
        self._below: list[list[Any]] = []  # the stacks under each mark
        self._kept = 0
        self._long_keys = 0

    @property
    def source(self) -> ByteSource:
        """Where the stream comes from."""
        return self.reader.source

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        self.stack.append(value)

    def pop(self) -> Any:
        """Take the value on top, which must lie above the last mark."""
        if not self.stack:
            self.broken("a value on the stack", "a mark" if self._below else "an empty stack")
        return self.stack.pop()

    def top(self) -> Any:
        """The value on top, left where it is."""
        if not self.stack:
            self.broken("a value on the stack", "a mark" if self._below else "an empty stack")
        return self.stack[-1]

    def mark(self) -> None:
        """Begin a run of values that a later opcode takes together."""
        self._below.append(self.stack)
        self.stack = []

    def take_marked(self) -> list[Any]:
        """The values above the last mark, in order; the mark goes too."""
        if not self._below:
            self.broken("a mark on the stack", "none")
        values, self.stack = self.stack, self._below.pop()
        return values

    def discard(self) -> None:
        """Drop the value on top, or the last mark where nothing lies above it."""
        if self.stack:
            self.stack.pop()
        else:
            self.take_marked()

    def remember(self, index: int) -> None:
        """Put the value on top into the memo."""
        if index < 0:
            self.broken("a memo index", str(index))
        most = self.program.opcodes + self.limits.slack
        if index > most:
            self.exceeded("index of the pickle memo", most, index)
        self.memo[index] = self.top()
        if len(self.memo) > self.limits.memo:
            self.exceeded("entries of the pickle memo", self.limits.memo, len(self.memo))

    def recall(self, index: int) -> None:
        """Push the value that the memo holds under ``index``."""
        if index not in self.memo:
            self.broken("an index of the memo", str(index))
        self.push(self.memo[index])

    def keep(self, length: int) -> None:
        """Count bytes of text or data that stay in memory."""
        self._kept += length
        if self._kept > self.limits.kept:
            self.exceeded("bytes of text in a pickle", self.limits.kept, self._kept)

    def check_key(self, key: Any) -> None:
        """Refuse what no dict or set takes, and what would take for ever to hash.

        A tuple is hashed part by part, as often as each part occurs: thirty tuples of two times
        the one before are a thousand million parts.
        """
        if isinstance(key, str):
            return
        waiting, counted = [key], 0
        while waiting:
            value = waiting.pop()
            counted += 1
            if isinstance(value, int) and value.bit_length() > _WORD:
                self._count_long_key()
            if counted > self.limits.key:
                self.exceeded("parts of a key in a pickle", self.limits.key, counted)
            if isinstance(value, tuple | frozenset):
                waiting.extend(value)
            elif isinstance(value, _MUTABLE):
                self.broken("a key or element that can be hashed", type(value).__name__)

    def _count_long_key(self) -> None:
        # Numbers over a machine word are hashed by a known remainder: many can be made that
        # share one hash, and a dict of those takes time that grows with the square.
        self._long_keys += 1
        if self._long_keys > self.limits.key:
            self.exceeded("long integers as keys", self.limits.key, self._long_keys)

    def fault(self, kind: FaultKind, what: str) -> None:
        """Note something that no pickler writes, and go on."""
        self.program.faults.append(Fault(kind, what, self.at))

    def broken(self, expected: str, found: str) -> NoReturn:
        """Stop: the stream breaks the rules of pickle here."""
        raise MalformedFile(self.source.name, offset=self.at, expected=expected, found=found)

    def exceeded(self, resource: str, limit: int, actual: int) -> NoReturn:
        """Stop: the stream wants more than it may have."""
        raise LimitExceeded(self.source.name, resource=resource, limit=limit, actual=actual)
