"""Zip archives, written the same way every time."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from modelport.wire.native import crc32
from modelport.wire.source import Sink
from modelport.wire.zip_records import (
    END,
    END64,
    ENTRY,
    FLAG_UTF8,
    LOCAL,
    LOCATOR,
    NONE16,
    NONE32,
    STORED,
    ZIP64,
)

_LIMIT = (1 << 31) - 1  # what some readers take for a signed number
_DATE = 1 << 5 | 1  # 1 January 1980, the earliest date zip can state
_VERSION, _VERSION64 = 20, 45  # of the specification that a reader has to know
_UNIX = 3 << 8
_READABLE = 0o600 << 16
_CRC_AT = 14  # in a local header
_PADDING_ID = 0x4246  # the extra field torch pads its members with


class ZipWriter:
    """Stored members, streamed one after another in the order they are added.

    The same members give the same bytes: the date is fixed and nothing of the machine is noted.
    ``alignment`` is the multiple of bytes that the data of every member begins at. Members of
    2 GB and more use zip64.
    """

    def __init__(self, path: str | os.PathLike[str], *, alignment: int = 1) -> None:
        self._file = Path(path).open("wb")  # noqa: SIM115 (close closes it)
        self._alignment = alignment
        self._entries: list[bytes] = []
        self._names: set[str] = set()
        self._comment = b""

    def add(self, name: str, data: bytes) -> None:
        """Write one member; ValueError where its name is taken."""
        self.stream(name, len(data), lambda member: member.write(data))

    def stream(self, name: str, size: int, fill: Callable[[Sink], object]) -> None:
        """Write one member of ``size`` bytes, which ``fill`` appends to what it is given.

        Raises:
            ValueError: the name is taken, or other than ``size`` bytes came.
        """
        if name in self._names:
            raise ValueError(f"{name!r} is in the archive already")
        self._names.add(name)
        header, raw = self._file.tell(), name.encode()
        flags = 0 if name.isascii() else FLAG_UTF8
        wide = struct.pack("<2H2Q", ZIP64, 16, size, size) if size > _LIMIT else b""
        version = _VERSION64 if wide else _VERSION
        stated = NONE32 if wide else size
        extra = self._padding(header + LOCAL.size + len(raw) + len(wide)) + wide
        lengths = (len(raw), len(extra))
        about = (flags, STORED, 0, _DATE)
        self._file.write(LOCAL.pack(b"PK\3\4", version, *about, 0, stated, stated, *lengths))
        self._file.write(raw + extra)
        member = _Member(self._file)
        start = self._file.tell()
        fill(member)
        written = self._file.tell() - start
        if written != size:
            raise ValueError(f"{name!r} has {written:,} bytes, announced were {size:,}")
        self._file.seek(header + _CRC_AT)
        self._file.write(struct.pack("<L", member.crc))
        self._file.seek(0, os.SEEK_END)
        self._entries.append(_entry(raw, about, member.crc, size, header))

    def set_comment(self, comment: bytes) -> None:
        """Set the archive's comment, at most 65,535 bytes; ValueError where it is longer."""
        if len(comment) > NONE16:
            raise ValueError(f"a zip comment of {len(comment):,} bytes is too long")
        self._comment = comment

    def close(self) -> None:
        """Write the directory."""
        if self._file.closed:
            return
        with self._file as file:
            start, count = file.tell(), len(self._entries)
            file.writelines(self._entries)
            size = file.tell() - start
            if count > NONE16 or start > _LIMIT or size > _LIMIT:
                length = END64.size - 12  # of what follows the length
                versions = (_VERSION64, _VERSION64)
                where = (count, count, size, start)
                file.write(END64.pack(b"PK\6\6", length, *versions, 0, 0, *where))
                file.write(LOCATOR.pack(b"PK\6\7", 0, start + size, 1))
                count = min(count, NONE16)
                size, start = min(size, NONE32), min(start, NONE32)
            file.write(END.pack(b"PK\5\6", 0, 0, count, count, size, start, len(self._comment)))
            file.write(self._comment)

    def _padding(self, data_at: int) -> bytes:
        if data_at % self._alignment == 0:
            return b""
        length = -(data_at + 4) % self._alignment
        return _PADDING_ID.to_bytes(2, "little") + length.to_bytes(2, "little") + b"Z" * length

    def __enter__(self) -> ZipWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Member:
    """The part of an archive that one member is written into."""

    def __init__(self, file: BinaryIO) -> None:
        self.crc = 0
        self.tell = file.tell
        self.flush = file.flush
        self._write = file.write

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        self.crc = crc32(data, self.crc)
        return self._write(data)


def _entry(raw: bytes, about: tuple[int, ...], crc: int, size: int, header: int) -> bytes:
    """An entry of the directory; alignment concerns the local header alone."""
    wide = b""
    stated, at = size, header
    if size > _LIMIT:
        wide += struct.pack("<2Q", size, size)
        stated = NONE32
    if header > _LIMIT:
        wide += struct.pack("<Q", header)
        at = NONE32
    if wide:
        wide = struct.pack("<2H", ZIP64, len(wide)) + wide
    version = _VERSION64 if wide else _VERSION
    lengths = (len(raw), len(wide), 0, 0, 0)
    values = (_UNIX | version, version, *about, crc, stated, stated, *lengths, _READABLE, at)
    return ENTRY.pack(b"PK\1\2", *values) + raw + wide
