"""Reading the bytes of a pickle stream through a window, front to back."""

from __future__ import annotations

from modelport.errors import LimitExceeded, MalformedFile
from modelport.wire.source import ByteSource

WINDOW = 64 << 10
NARROW = 4 << 10
"""The window behind bytes that were passed over: there may be more such before long."""


class Reader:
    """A position in a source and the bytes around it.

    Every length is held against what is left of the source before anything is read.

    Raises:
        MalformedFile: more is wanted than the source has left.
    """

    __slots__ = ("_at", "_base", "_data", "_window", "source")

    def __init__(self, source: ByteSource, start: int) -> None:
        self.source = source
        self._data = b""
        self._base = start
        self._at = 0
        self._window = WINDOW

    @property
    def position(self) -> int:
        """The offset in the source of the byte that comes next."""
        return self._base + self._at

    def byte(self) -> int:
        """The next byte."""
        if self._at == len(self._data):
            self._fill(1)
        value = self._data[self._at]
        self._at += 1
        return value

    def take(self, length: int) -> bytes:
        """The next ``length`` bytes."""
        end = self._at + length
        if end > len(self._data):
            self._fill(length)
            end = length
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def number(self, length: int) -> int:
        """The next ``length`` bytes as an unsigned little-endian integer."""
        return int.from_bytes(self.take(length), "little")

    def skip(self, length: int) -> int:
        """Pass over ``length`` bytes without reading them; the offset where they begin."""
        start = self.position
        self._demand(length)
        self._at += length
        if self._at > len(self._data):
            self._base, self._data, self._at = start + length, b"", 0
            self._window = NARROW
        return start

    def line(self, limit: int) -> bytes:
        """The bytes up to the next line feed, which is passed too.

        Raises:
            LimitExceeded: no line feed within ``limit`` bytes.
        """
        end = self._data.find(b"\n", self._at)
        if end < 0:
            self._fill(min(limit + 1, self.source.size - self.position))
            end = self._data.find(b"\n", self._at)
        if end < 0 and len(self._data) - self._at > limit:
            length = len(self._data) - self._at
            raise LimitExceeded(
                self.source.name, resource="bytes of a pickle line", limit=limit, actual=length
            )
        if end < 0:
            raise self._broken("a line feed", "the end")
        if end - self._at > limit:
            raise LimitExceeded(
                self.source.name,
                resource="bytes of a pickle line",
                limit=limit,
                actual=end - self._at,
            )
        line = self._data[self._at : end]
        self._at = end + 1
        return line

    def _fill(self, length: int) -> None:
        self._demand(length)
        start = self.position
        wanted = min(max(length, self._window), self.source.size - start)
        self._window = min(2 * self._window, WINDOW)
        self._data, self._base, self._at = self.source.read_at(start, wanted), start, 0

    def _demand(self, length: int) -> None:
        left = self.source.size - self.position
        if length > left:
            raise self._broken(f"{length:,} bytes more", f"{left:,} to the end")

    def _broken(self, expected: str, found: str) -> MalformedFile:
        return MalformedFile(self.source.name, offset=self.position, expected=expected, found=found)
