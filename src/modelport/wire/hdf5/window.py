"""What pyfive sees of a file: reads on a budget, and one place that turns its errors into ours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from modelport.errors import LimitExceeded, MalformedFile, ModelportError, UnsupportedFeature
from modelport.wire.source import ByteSource

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
        self._position = 0
        self._bytes_left = min(READ_BYTES + 4 * source.size, MOST_READ_BYTES)
        self._calls_left = READ_CALLS + source.size // 2

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
            raise LimitExceeded(
                self.name,
                resource="bytes of HDF5 structure",
                limit=min(READ_BYTES + 4 * self.source.size, MOST_READ_BYTES),
                actual=self.source.size * 4 + READ_BYTES + wanted,
            )
        data = self.source.read_at(self._position, wanted) if wanted else b""
        self._position += wanted
        return data


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
