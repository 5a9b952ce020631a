"""Opening a path as a model."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from modelport.formats.candidate import Candidate
from modelport.formats.table import read
from modelport.model.graph import TensorType
from modelport.model.model import Model
from modelport.model.tensor import Tensor
from modelport.model.training import LazySlots
from modelport.wire.source import status_of

Folders: TypeAlias = str | os.PathLike[str] | tuple[str | os.PathLike[str] | None, ...] | None


def open_model(
    path: str | os.PathLike[str],
    *,
    side_files: Folders = None,
    examples: Mapping[str, TensorType] | None = None,
) -> Model:
    """Open a model file: what is inside, with lazy tensors; no value is read, no code is run.

    A folder stands for the one index (``*.index.json``) of weights in several files in it.
    ``side_files`` is one more folder for companion files (external weights), or several;
    ``examples`` are the types of its inputs, by name or in order, for a file that states none.

    Raises:
        UnreadableFile: the path is missing, or neither a file nor such a folder.
        UnknownFormat: the bytes are of no format modelport knows.
        MalformedFile, UnsupportedFeature, UnsafeFile, LimitExceeded: the file is broken, uses what
            modelport does not read, asks for another file, or wants too much.
    """
    found = Path(path)
    status = status_of(found)
    if status is not None and stat.S_ISDIR(status.st_mode):
        from modelport.formats.sharded import index_in

        found = index_in(found)
    allowed = side_files if isinstance(side_files, tuple) else (side_files,)
    folders = tuple(Path(each) for each in allowed if each)
    model = read(Candidate(found, folders, examples=examples))
    if model.optimizer_state is not None:
        model.optimizer_state.slots = LazySlots(lambda: _slots(model))
    return model


def _slots(model: Model) -> Mapping[str, Mapping[str, Tensor]]:
    from modelport.convert.carry import slots  # only when asked for: opening stays quick

    return slots(model)
