"""Output that appears complete or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

from modelport.errors import OutputExists, UnreadableFile


class Output:
    """A file being written, with the companions that belong to it.

    Everything is written under temporary names in the target's folder; ``publish`` moves it into
    place, companions first and the entry file last. Leaving the ``with`` block without publishing
    removes every trace.

    Raises:
        OutputExists: the target (or a companion) is there and ``overwrite`` is false.
    """

    def __init__(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        self.final = Path(path)
        self.overwrite = overwrite
        self._moves: list[tuple[Path, Path]] = []
        if not self.final.parent.is_dir():
            raise UnreadableFile(str(self.final.parent), "no such folder to write into")
        self.path = self._reserve(self.final)

    def companion(self, name: str) -> Path:
        """A temporary path for a file ``name`` that appears beside the entry file."""
        return self._reserve(self.final.parent / name)

    def publish(self) -> None:
        """Move everything into place, the entry file last."""
        for temporary, final in reversed(self._moves):
            _sync(temporary)
            temporary.replace(final)
        self._moves.clear()

    def __enter__(self) -> Output:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for temporary, _ in self._moves:
            temporary.unlink(missing_ok=True)
        self._moves.clear()

    def _reserve(self, final: Path) -> Path:
        if final.exists() and not self.overwrite:
            raise OutputExists(str(final))
        # The suffix is kept, because some loaders choose by it.
        temporary = final.parent / f".{final.stem}.{os.getpid()}.partial{final.suffix}"
        self._moves.append((temporary, final))
        return temporary


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
