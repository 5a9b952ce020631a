"""Attributes of HDF5 as plain JSON-like values and back; foreign datasets as training data."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from modelport.errors import ConversionError
from modelport.formats.shared.hdf5_tensors import tensor
from modelport.model.component import Component
from modelport.model.dataset import Dataset
from modelport.model.report import Kind, Report
from modelport.wire.hdf5 import HDF5File, Opaque
from modelport.wire.hdf5_write import HDF5Writer

MARK = "modelport"
"""The attribute of the root by which a file says that it is plain HDF5 of weights."""

UNWRITABLE = "unwritable_attributes"
"""The key of ``Model.extras`` with the keys of metadata whose values are only described."""


def is_marked(file: HDF5File) -> bool:
    """Whether a file says that it is plain HDF5 of weights, whatever else it looks like."""
    return file.attributes().get(MARK) == "weights"


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


def write_attributes(
    writer: HDF5Writer, metadata: Mapping[str, Any], extras: Mapping[str, Any], report: Report
) -> None:
    """Write metadata as attributes, once all else is written; where they were, if that is there.

    One of an object that the target has not goes to the root under its long name, so that it is
    read again as it was. A value of a kind that HDF5 has not becomes JSON, which is reported; what
    cannot be held even so is reported as dropped.
    """
    described = extras.get(UNWRITABLE, ())
    for key, value in metadata.items():
        path, _, name = key.rpartition("@")
        there = bool(path) and writer.holds(path)
        why: str | None
        if name == "link" and path and not there:
            why = "a link inside the file, which no layer uses; modelport writes no links"
        elif key in described:
            why = "its type (records, references, nothing at all) is not one that modelport writes"
        elif key == MARK:
            why = "modelport's own mark has that name"
        else:
            if there and not writer.states(path, name):
                why = _set(writer, f"/{path}", name, key, value, report)
            else:
                why = _set(writer, "/", key, key, value, report)
        if why:
            report.add(Kind.DROPPED, Component.METADATA, key, why)


def _set(
    writer: HDF5Writer, path: str, name: str, key: str, value: Any, report: Report
) -> str | None:
    """Set an attribute; else why it cannot be."""
    try:
        if value is not None and not isinstance(value, Mapping):
            writer.attribute(path, name, value)
            return None
    except ConversionError as error:
        if isinstance(value, str):
            return error.why
    try:
        writer.attribute(path, name, json.dumps(value, sort_keys=True))
    except (TypeError, ValueError):
        return "neither HDF5 nor JSON has a word for its value"
    except ConversionError as error:
        return error.why
    why = "HDF5 has no such values; stored as JSON"
    report.add(Kind.REARRANGED, Component.METADATA, key, why)
    return None
