"""Byte sources: the one way modelport reads a file (a size, and reads at an offset).

Everything above asks for ranges; nothing reopens a path, so a source can later be remote.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Protocol, runtime_checkable

from modelport.errors import MalformedFile, UnreadableFile

COPY_BYTES = 1 << 18
"""How much of a file is copied at a time (measured: 1 MB leaves the cache and costs double)."""

SENT_BYTES = 8 << 20
"""How much the kernel is asked to copy at a time, so that signals are not kept waiting."""

PAGE_BYTES = 4096
"""What the kernel keeps of a file together."""

_READS_INTO_MEMORY = hasattr(os, "preadv")  # not on Windows, nor on macOS before 11


class ByteSource(Protocol):
    """A run of bytes with a name, a size and reads at an offset."""

    @property
    def name(self) -> str:
        """What error messages call it: a path, or ``path!member``."""

    @property
    def size(self) -> int:
        """The length in bytes."""

    def read_at(self, offset: int, length: int) -> bytes:
        """Exactly ``length`` bytes from ``offset``.

        Raises:
            MalformedFile: the range leaves the source (checked before anything is allocated).
        """


@runtime_checkable
class Checked(Protocol):
    """A source whose bytes have a checksum, and which gives none of them away unchecked."""

    @property
    def unchecked(self) -> ByteSource:
        """The same bytes without the check: for headers, of which the rest is not to be read."""

    def check(self) -> None:
        """Hold all bytes against the checksum, unless that is done; MalformedFile."""

    def stated(self, offset: int, length: int) -> int | None:
        """The CRC-32 that these bytes have once they were read, where the source says it."""

    def pieces(
        self, offset: int, length: int, chunk: int, lead: int
    ) -> Iterator[bytes | bytearray]:
        """A run of the bytes, as ``read_pieces`` gives it.

        The check happens on the way, and is done when there is no further piece.
        """


class Sink(Protocol):
    """What bytes are appended to: a file that is open for writing, or a part of one."""

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        """Append bytes."""

    def tell(self) -> int:
        """Where the next byte comes to stand in the file."""

    def flush(self) -> None:
        """Hand on what was written."""


def check_range(source: ByteSource, offset: int, length: int) -> None:
    """Raise MalformedFile unless ``offset`` and ``length`` lie inside the source."""
    if offset < 0 or length < 0 or offset + length > source.size:
        raise MalformedFile(
            source.name,
            offset=offset,
            expected=f"{length:,} bytes",
            found=f"the end of the file at byte {source.size:,}",
        )


class BytesSource:
    """Bytes that are in memory already."""

    def __init__(self, data: bytes | bytearray | memoryview, name: str = "bytes") -> None:
        self.name = name
        self._data = memoryview(data)
        self.size = len(self._data)

    def read_at(self, offset: int, length: int) -> bytes:
        """Exactly ``length`` bytes from ``offset``; MalformedFile past the end."""
        check_range(self, offset, length)
        return bytes(self._data[offset : offset + length])


class FileSource:
    """A regular file, opened once and read by position.

    ``bytes_read`` counts what was asked for, so that a test can prove a header read no payload.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.name = str(path)
        self.bytes_read = 0
        # Without O_NONBLOCK, opening a pipe would wait for somebody to write into it.
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
        try:
            self._fd = os.open(self.path, flags)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            raise UnreadableFile(self.name, _reason(error)) from error
        status = os.fstat(self._fd)
        if not stat.S_ISREG(status.st_mode):
            self.close()
            folder = stat.S_ISDIR(status.st_mode)
            raise UnreadableFile(self.name, "a folder" if folder else "not a regular file")
        self.size = status.st_size

    def read_at(self, offset: int, length: int) -> bytes:
        """Exactly ``length`` bytes from ``offset``; MalformedFile past the end."""
        check_range(self, offset, length)
        self.bytes_read += length
        pieces: list[bytes] = []
        while length > 0:
            try:
                piece = os.pread(self._fd, length, offset)
            except OSError as error:
                raise UnreadableFile(self.name, _reason(error)) from error
            if not piece:
                raise MalformedFile(
                    self.name, offset=offset, expected=f"{length:,} bytes", found="end of file"
                )
            pieces.append(piece)
            offset += len(piece)
            length -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def read_into(self, offset: int, target: memoryview) -> None:
        """Fill ``target`` with the bytes from ``offset`` on; MalformedFile past the end."""
        check_range(self, offset, len(target))
        done = 0
        if _READS_INTO_MEMORY:
            try:
                done = os.preadv(self._fd, [target], offset)
            except OSError as error:
                raise UnreadableFile(self.name, _reason(error)) from error
            self.bytes_read += done
        if done < len(target):
            target[done:] = self.read_at(offset + done, len(target) - done)

    def send(self, offset: int, length: int, target: int) -> int:
        """Let the kernel copy bytes to the open file ``target``; how many it was able to."""
        check_range(self, offset, length)
        copy = getattr(os, "copy_file_range", None)  # Linux alone has it
        done, sent = 0, 1
        while copy is not None and sent and done < length:
            try:
                sent = copy(self._fd, target, min(length - done, SENT_BYTES), offset + done)
            except OSError:  # two file systems that cannot; what else is wrong, writing will tell
                break
            done += sent
        self.bytes_read += done
        return done

    def fileno(self) -> int:
        """The open descriptor, for readers that map the file."""
        return self._fd

    def close(self) -> None:
        """Close the descriptor; reading afterwards fails."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> FileSource:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_fd"):
            self.close()


def status_of(path: Path) -> os.stat_result | None:
    """What a path leads to; None where nothing is there, or where it may not be looked at."""
    try:
        return path.stat()
    except (OSError, ValueError):
        return None


def stamp_of(status: os.stat_result) -> tuple[int, ...]:
    """What differs after a file was written to or replaced."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


class SliceSource:
    """A window of another source, such as a stored zip member."""

    def __init__(self, parent: ByteSource, offset: int, length: int, name: str) -> None:
        check_range(parent, offset, length)
        self.name = name
        self.size = length
        self.parent = parent
        self.offset = offset

    def read_at(self, offset: int, length: int) -> bytes:
        """Exactly ``length`` bytes from ``offset``; MalformedFile past the end."""
        check_range(self, offset, length)
        return self.parent.read_at(self.offset + offset, length)


def check(source: ByteSource) -> None:
    """Hold what a source is a part of against its checksum, where it has one; MalformedFile."""
    whole, _ = whole_of(source, 0)
    if isinstance(whole, Checked):
        whole.check()


def unchecked(source: ByteSource) -> ByteSource:
    """A source without its check: for headers, so that the rest is not read."""
    if isinstance(source, SliceSource):
        return SliceSource(unchecked(source.parent), source.offset, source.size, source.name)
    return source.unchecked if isinstance(source, Checked) else source


def read_pieces(
    source: ByteSource, offset: int, length: int, *, chunk: int = COPY_BYTES, lead: int = 0
) -> Iterator[bytes | bytearray]:
    """A run of bytes in pieces that stay in the cache; each may be overwritten by the next.

    The first piece has ``lead`` bytes where that is not 0, so that the others can be written in
    step with the cache of the target.
    """
    source, offset = whole_of(source, offset)
    if isinstance(source, Checked):
        yield from source.pieces(offset, length, chunk, lead)
        return
    lead = min(lead, length)
    if lead:
        yield source.read_at(offset, lead)
    offset, length = offset + lead, length - lead
    buffer = bytearray(min(chunk, length))
    view = memoryview(buffer)
    for start in range(offset, offset + length, chunk):
        size = min(chunk, offset + length - start)
        if isinstance(source, FileSource) and size == len(buffer):
            source.read_into(start, view)
            yield buffer
        else:
            yield source.read_at(start, size)


def whole_of(source: ByteSource, offset: int) -> tuple[ByteSource, int]:
    """The source that a window is part of, and the place in it."""
    while isinstance(source, SliceSource):
        offset += source.offset
        source = source.parent
    return source, offset


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, ValueError):
        return str(error)
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, IsADirectoryError):
        return "a folder, not a file"
    if isinstance(error, PermissionError):
        return "permission denied"
    return error.strerror or str(error)
