"""Attributes of HDF5 as plain JSON-like values, and foreign datasets as training data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from modelport.formats.shared.hdf5_tensors import tensor
from modelport.model.dataset import Dataset
from modelport.wire.hdf5 import HDF5File, Opaque


def plain(value: Any) -> Any:
    """A value of an attribute in terms of JSON; what has no such form is described."""
    if isinstance(value, Opaque):
        return f"<{value.what}, {len(value.data)} bytes>"
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, complex):
        return str(value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return plain(value.tolist()) if hasattr(value, "tolist") else str(value)


def dataset_of(file: HDF5File, paths: Iterable[str]) -> Dataset | None:
    """The datasets at those paths as features, or None where there are none.

    The records are counted along the first axis, where all of them agree on it.
    """
    features = {path[1:]: tensor(file, path, path[1:]) for path in paths}
    if not features:
        return None
    extents = {item.shape[0] if item.shape else None for item in features.values()}
    return Dataset(extents.pop() if len(extents) == 1 else None, features)


def attributes_of(file: HDF5File, leave_out: Callable[[str, str], bool]) -> dict[str, Any]:
    """The attributes of the root under their own names, those of other objects as ``path@name``.

    A link or a second name is told as ``path@link``. ``leave_out`` is asked about every object's
    path and attribute. Values are raw; ``plain`` makes JSON of them.
    """
    found: dict[str, Any] = {}
    for path, entry in file.entries.items():
        if entry.kind not in ("group", "dataset"):
            if not leave_out(path, "link"):
                found[f"{path[1:]}@link"] = entry.target or entry.kind
            continue
        start = f"{path[1:]}@" if path != "/" else ""
        for name, value in file.attributes(path).items():
            if not leave_out(path, name):
                found[start + name] = value
    return found
