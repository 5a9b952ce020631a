"""Zip archives, written the same way every time."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from modelport.wire.zip_records import STORED

_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest date zip can state
_LOCAL_BYTES = 30
_ZIP64_BYTES = 20
_PADDING_ID = 0x4246  # the extra field torch pads its members with


class ZipWriter:
    """Stored members, streamed one after another in the order they are added.

    The same members give the same bytes: the date is fixed and nothing of the machine is noted.
    ``alignment`` is the multiple of bytes that the data of every member begins at. Members of
    2 GB and more use zip64.
    """

    def __init__(self, path: str | os.PathLike[str], *, alignment: int = 1) -> None:
        self._zip = zipfile.ZipFile(Path(path), "w", zipfile.ZIP_STORED)
        self._alignment = alignment
        self._names: set[str] = set()

    def add(self, name: str, pieces: Iterable[bytes | memoryview], size: int) -> None:
        """Write one member of ``size`` bytes.

        Raises:
            ValueError: the name is taken, or the pieces have another size.
        """
        if name in self._names:
            raise ValueError(f"{name!r} is in the archive already")
        self._names.add(name)
        large = size * 1.05 > zipfile.ZIP64_LIMIT  # the standard library's own threshold
        info = zipfile.ZipInfo(name, _DATE)
        info.compress_type = STORED
        info.create_system = 3
        info.external_attr = 0o600 << 16
        info.file_size = size
        info.extra = self._padding(len(name.encode()) + large * _ZIP64_BYTES)
        written = 0
        with self._zip.open(info, "w", force_zip64=large) as member:
            for piece in pieces:
                written += member.write(piece)
        info.extra = b""  # alignment concerns the local header alone
        if written != size:
            raise ValueError(f"{name!r} has {written:,} bytes, announced were {size:,}")

    def set_comment(self, comment: bytes) -> None:
        """Set the archive's comment, at most 65,535 bytes; ValueError where it is longer."""
        if len(comment) > zipfile.ZIP_MAX_COMMENT:
            raise ValueError(f"a zip comment of {len(comment):,} bytes is too long")
        self._zip.comment = comment

    def close(self) -> None:
        """Write the directory."""
        self._zip.close()

    def _padding(self, header_rest: int) -> bytes:
        data_at = self._zip.start_dir + _LOCAL_BYTES + header_rest
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
