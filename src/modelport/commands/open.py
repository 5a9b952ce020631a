"""Opening a path as a model."""

from __future__ import annotations

import os
from pathlib import Path

from modelport.formats.candidate import Candidate
from modelport.formats.table import read
from modelport.model.model import Model


def open_model(
    path: str | os.PathLike[str], *, side_files: str | os.PathLike[str] | None = None
) -> Model:
    """Open a model file: what is inside, with lazy tensors; no value is read, no code is run.

    ``side_files`` is one more folder that companion files (external weights) may lie in.

    Raises:
        UnreadableFile: the path is missing or no file.
        UnknownFormat: the bytes are of no format modelport knows.
        MalformedFile, UnsupportedFeature, UnsafeFile, LimitExceeded: the file is broken, uses what
            modelport does not read, asks for another file, or wants too much.
    """
    return read(Candidate(Path(path), Path(side_files) if side_files else None))
