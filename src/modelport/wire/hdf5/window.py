"""What pyfive sees of a file: reads on a budget, and one place that turns its errors into ours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from modelport.errors import LimitExceeded, MalformedFile, ModelportError, UnsupportedFeature
from modelport.wire.source import ByteSource, unchecked

KEPT_MESSAGES = 200_000
MOST_KEPT_MESSAGES = 4_000_000
READ_BYTES = 64 << 20
MOST_READ_BYTES = 512 << 20
READ_CALLS = 100_000


class Window:
    """A byte source as the file object that pyfive wants.

    Structure is small beside data, and values are not read through here. So the bytes and calls
    are bounded by the file's size: a header that continues in itself, or a B-tree whose nodes share
    children, ends in LimitExceeded instead of running on.
    """

    closed = False

    def __init__(self, source: ByteSource) -> None:
        self.source = source
        self.name = source.name
        self._structure = unchecked(source)
        self._position = 0
        self._bytes_left = self._most_bytes = min(READ_BYTES + 4 * source.size, MOST_READ_BYTES)
        self._calls_left = READ_CALLS + source.size // 2
        self._messages_left = min(KEPT_MESSAGES + source.size // 16, MOST_KEPT_MESSAGES)

    def keep(self, messages: int) -> None:
        """Count header messages that stay in memory; overlapping headers can repeat them."""
        self._messages_left -= messages
        if self._messages_left < 0:
            raise self._exceeded("messages of HDF5 headers", MOST_KEPT_MESSAGES)

    @contextmanager
    def at_most(self, size: int, calls: int) -> Iterator[None]:
        """Allow only so many bytes and reads inside the block."""
        outer = self._bytes_left, self._calls_left
        inner = min(size, outer[0]), min(calls, outer[1])
        self._bytes_left, self._calls_left = inner
        try:
            yield
        finally:
            self._bytes_left += outer[0] - inner[0]
            self._calls_left += outer[1] - inner[1]

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to ``offset``; positions past the end read nothing."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.source.size}[whence]
        self._position = int(base + offset)
        return self._position

    def tell(self) -> int:
        """The current position."""
        return self._position

    def read(self, length: int = -1) -> bytes:
        """At most ``length`` bytes; fewer at the end of the file.

        Raises:
            LimitExceeded: the structure of the file asks for more than its size can justify.
        """
        left = max(self.source.size - self._position, 0)
        wanted = left if length < 0 else min(int(length), left)
        self._bytes_left -= wanted
        self._calls_left -= 1
        if self._bytes_left < 0 or self._calls_left < 0:
            raise self._exceeded("bytes or parts of HDF5 structure", self._most_bytes)
        data = self._structure.read_at(self._position, wanted) if wanted else b""
        self._position += wanted
        return data

    def _exceeded(self, resource: str, limit: int) -> LimitExceeded:
        return LimitExceeded(self.name, resource=resource, limit=limit, actual=limit + 1)


class UnknownClause(NotImplementedError):
    """A part of the specification that is not read here; pyfive raises its parent for the same."""


@contextmanager
def guarded(source: ByteSource, what: str, offset: int | None = None) -> Iterator[None]:
    """Turn whatever pyfive (or a struct format) raises on bad bytes into one typed error."""
    try:
        yield
    except ModelportError:
        raise
    except NotImplementedError as error:
        clause = f"{what}: {str(error) or 'a rarely used form'}"
        raise UnsupportedFeature(source.name, clause) from error
    except Exception as error:
        raise MalformedFile(
            source.name,
            offset=offset,
            expected=f"a valid HDF5 {what}",
            found=f"{type(error).__name__}: {error}" if str(error) else type(error).__name__,
        ) from error
