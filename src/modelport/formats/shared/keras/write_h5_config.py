"""What Keras 3 reads in the config of a ``.keras`` file, but not in that of an ``.h5`` file.

Its reader of ``.h5`` turns some serialised values into Python objects before the reader of layers,
which wants them serialised, sees them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelport.errors import ConversionError
from modelport.model.component import Component
from modelport.model.report import Kind, Report

_DECODED_TOO_SOON = ("__ellipsis__", "__bytes__", "TypeSpec", "CompositeTensor", "TensorShape")
_ALL = {"class_name": "__slice__", "config": dict.fromkeys(("start", "stop", "step"))}


_FULL_NAMES = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
}
"""Losses whose short names Keras 3 reads from ``.keras`` alone (``keras/src/losses``)."""


def full_names(value: Any, report: Report) -> Any:
    """Losses and metrics under the names that Keras 3 reads from an ``.h5`` file too."""
    if isinstance(value, list | tuple):
        return [full_names(item, report) for item in value]
    if isinstance(value, Mapping):
        return {key: full_names(item, report) for key, item in value.items()}
    if not isinstance(value, str) or value not in _FULL_NAMES:
        return value
    why = f"now {_FULL_NAMES[value]}, for Keras 3 reads only full names from an .h5 file"
    report.add(Kind.REARRANGED, Component.LOSS, value, why)
    return _FULL_NAMES[value]


def for_hdf5(value: Any, report: Report, where: str = "") -> Any:
    """The config of a model of Keras 3 in words that its ``.h5`` reader understands too.

    An ellipsis in an index becomes the slices that it stands for.

    Raises:
        ConversionError: a value that the reader cannot take; names the layer.
    """
    if isinstance(value, list | tuple):
        return [for_hdf5(item, report, where) for item in value]
    if not isinstance(value, Mapping):
        return value
    name = value.get("name")
    if isinstance(value.get("inbound_nodes"), list) and isinstance(name, str):
        where = f"layer {name!r}"
        if value.get("class_name") == "GetItem":
            value = _without_ellipsis(value, where, report)
    if value.get("class_name") in _DECODED_TOO_SOON:
        kind = str(value["class_name"]).strip("_")
        raise ConversionError(
            where,
            f"Keras 3 cannot read the {kind} in its config from an .h5 file; write .keras instead",
        )
    return {key: for_hdf5(item, report, where) for key, item in value.items()}


def _without_ellipsis(entry: Mapping[str, Any], where: str, report: Report) -> dict[str, Any]:
    calls = []
    for call in entry["inbound_nodes"]:
        x, key, *rest = call["args"]
        items = key if isinstance(key, list) else [key]
        if any(_is_ellipsis(item) for item in items):
            key = _spelt_out(items, _rank(x, where), where)
            why = "an ellipsis in its index is spelt out, which Keras 3 cannot read from .h5 files"
            report.add(Kind.REARRANGED, Component.ARCHITECTURE, where, why)
        calls.append({**call, "args": [x, key, *rest]})
    return {**entry, "inbound_nodes": calls}


def _spelt_out(items: list[Any], rank: int, where: str) -> list[Any]:
    taken = sum(not _is_ellipsis(item) and item is not None for item in items)
    if taken > rank:
        raise ConversionError(where, f"an index of {taken} axes into a tensor that has {rank}")
    made: list[Any] = []
    for item in items:
        made += [dict(_ALL) for _ in range(rank - taken)] if _is_ellipsis(item) else [item]
    return made


def _is_ellipsis(item: Any) -> bool:
    return isinstance(item, Mapping) and item.get("class_name") == "__ellipsis__"


def _rank(x: Any, where: str) -> int:
    shape = x["config"]["shape"] if isinstance(x, Mapping) and "config" in x else None
    if not shape:
        raise ConversionError(
            where,
            "the file does not say how many axes an ellipsis in its index stands for, and Keras 3 "
            "reads none from an .h5 file; write .keras instead",
        )
    return len(shape)
