"""Output that appears complete or not at all."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from modelport.errors import OutputExists, UnreadableFile
from modelport.wire.source import status_of


class Output:
    """A file being written, with the companions that belong to it.

    Everything is written under its final name into a hidden folder beside the target, so that it
    can be read back and run before anybody sees it. ``publish`` moves it into place, companions
    first and the entry file last. Leaving the ``with`` block without publishing removes every
    trace; where a signal ends the process between two steps, its exit does.

    Raises:
        OutputExists: the target (or a companion) is there and ``overwrite`` is false.
        UnreadableFile: the target is no regular file, its folder is missing or may not be written,
            or, when the block is left, the disk took no more.
    """

    def __init__(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        self.final = Path(path)
        self.overwrite = overwrite
        self._check(self.final)
        folder = self.final.parent
        if not folder.is_dir():
            raise UnreadableFile(str(folder), "no such folder to write into")
        try:
            with held_back():
                self._folder = Path(tempfile.mkdtemp(prefix=".modelport-", dir=folder))
                self._remove = weakref.finalize(self, shutil.rmtree, self._folder, True)
        except OSError as error:
            why = error.strerror or "cannot be written into"
            raise UnreadableFile(str(folder), why) from error
        self._names = [self.final.name]

    @property
    def path(self) -> Path:
        """Where the entry file is to be written."""
        return self._folder / self.final.name

    def companion(self, name: str) -> Path:
        """Where a file ``name`` is to be written that appears beside the entry file."""
        self._check(self.final.parent / name)
        self._names.append(name)
        return self._folder / name

    @property
    def companions(self) -> list[Path]:
        """Where the files are that appear beside the entry file."""
        return [self._folder / name for name in self._names[1:]]

    def publish(self) -> None:
        """Move everything into place, the entry file last."""
        for name in self._names:
            _sync(self._folder / name)
        with held_back():
            for name in reversed(self._names):
                (self._folder / name).replace(self.final.parent / name)
            _sync(self.final.parent)

    def __enter__(self) -> Output:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with held_back():
            self._remove()
        if isinstance(error, OSError):
            why = error.strerror or str(error)
            raise UnreadableFile(str(self.final), f"cannot be written ({why})") from error

    def _check(self, final: Path) -> None:
        found = status_of(final)
        if found is None:
            if os.path.lexists(final) and not self.overwrite:
                raise OutputExists(str(final))
            return
        if stat.S_ISDIR(found.st_mode):
            raise UnreadableFile(str(final), "a folder; name the file to write into it")
        if not stat.S_ISREG(found.st_mode):
            raise UnreadableFile(str(final), "not a regular file; nothing else is replaced")
        if not self.overwrite:
            raise OutputExists(str(final))


@contextmanager
def held_back() -> Iterator[None]:
    """Let SIGINT, SIGTERM and SIGHUP wait until the block is left; then they act as ever.

    For the few steps that are wrong when half done. Only the main thread handles signals: in any
    other, nothing has to wait.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    numbers = [getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP")]
    handlers = {number: signal.getsignal(number) for number in numbers if number is not None}
    # None is a handler that was not set from Python, and cannot be put back.
    acting = {n: old for n, old in handlers.items() if old not in (None, signal.SIG_IGN)}
    try:
        for number in acting:
            signal.signal(number, lambda number, _: came.append(number))
        yield
    finally:
        for number, old in acting.items():
            signal.signal(number, old)
        for number in came[:1]:
            signal.raise_signal(number)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
