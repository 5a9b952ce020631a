"""Files that belong to a model and lie beside it, opened only where that is contained."""

from __future__ import annotations

import os
import stat
from pathlib import Path, PureWindowsPath

from modelport.errors import MalformedFile, UnreadableFile, UnsafeFile
from modelport.wire.source import check_range, stamp_of


class SideFile:
    """A byte source over a file named inside another file.

    ``name`` must be relative and, after every link in it is resolved, lie inside ``folder`` or one
    of ``allowed``. The file must be a regular one with a single hard link. It is opened for each
    read (a model may name hundreds) and every opening checks that it is still the same file, as
    long and as old.

    Raises:
        UnsafeFile: the name leads outside, or to something that is no plain file.
        UnreadableFile: there is no such file, it may not be read, or it changed meanwhile.
    """

    __slots__ = ("_path", "_stamp", "name", "size")

    def __init__(self, owner: str, folder: Path, name: str, *allowed: Path) -> None:
        self.name = f"{owner} -> {name}"
        self._path = _contained(owner, folder, name, allowed)
        descriptor = _open(self._path, self.name)
        try:
            status = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UnsafeFile(owner, "a side file that is not a regular file", name)
        if status.st_nlink != 1:
            raise UnsafeFile(owner, "a side file with several hard links", name)
        self.size = status.st_size
        self._stamp = stamp_of(status)

    def read_at(self, offset: int, length: int) -> bytes:
        """Exactly ``length`` bytes from ``offset``; MalformedFile past the end."""
        check_range(self, offset, length)
        descriptor = _open(self._path, self.name)
        try:
            data = _read(descriptor, offset, length, self.name)
            if stamp_of(os.fstat(descriptor)) != self._stamp:
                raise UnreadableFile(self.name, CHANGED)
            return data
        finally:
            os.close(descriptor)


CHANGED = "it changed while it was read; try again when nobody writes to it"

OUTSIDE = (
    "a side file outside the model's folder; --side-files DIR allows the folder where it lies, if "
    "you trust it (in Python side_files=)"
)


def _contained(owner: str, folder: Path, name: str, allowed: tuple[Path, ...]) -> Path:
    if "\0" in name:
        raise UnsafeFile(owner, "a side file whose name holds a zero byte", repr(name))
    if Path(name).is_absolute() or PureWindowsPath(name).is_absolute():
        raise UnsafeFile(owner, "a side file named by an absolute path", name)
    try:
        home = folder.resolve()
        resolved = (home / name).resolve()
        roots = [home, *(root.resolve() for root in allowed)]
    except (OSError, RuntimeError) as error:
        raise UnsafeFile(owner, "a side file whose path does not resolve", name) from error
    if not any(resolved.is_relative_to(root) for root in roots):
        raise UnsafeFile(owner, OUTSIDE, name)
    return resolved


def _open(path: Path, name: str) -> int:
    # The path is resolved already: a link here was put in afterwards. A pipe must not block.
    flags = os.O_RDONLY
    for extra in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):
        flags |= getattr(os, extra, 0)
    try:
        return os.open(path, flags)
    except FileNotFoundError:
        raise UnreadableFile(name, "no such file") from None
    except OSError as error:
        raise UnreadableFile(name, error.strerror or str(error)) from error


def _read(descriptor: int, offset: int, length: int, name: str) -> bytes:
    pieces: list[bytes] = []
    while length > 0:
        piece = os.pread(descriptor, length, offset)
        if not piece:
            raise MalformedFile(
                name, offset=offset, expected=f"{length:,} bytes", found="end of file"
            )
        pieces.append(piece)
        offset += len(piece)
        length -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
