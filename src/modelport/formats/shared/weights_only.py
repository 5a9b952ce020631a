"""What every format of weights alone does when it writes a model."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from modelport.errors import ConversionError
from modelport.model.component import Component
from modelport.model.dtype import DType, dtype
from modelport.model.model import Model
from modelport.model.report import Kind, Report
from modelport.model.tensor import Tensor

WIDER: Mapping[str, str] = {
    "int2": "int8",
    "int4": "int8",
    "uint2": "uint8",
    "uint4": "uint8",
    "float4_e2m1fn": "float16",
    "float6_e2m3fn": "float16",
    "float6_e3m2fn": "float16",
}
"""For types narrower than a byte: a common type that holds all their values exactly."""

MEANING = ("quantizer", "layout", "shape", "coalesced", "ragged axis")
"""Remarks on a tensor without which its values cannot be understood."""


def report_left_out(model: Model, kept: set[Component], title: str, report: Report) -> None:
    """Note every component of the model that the format has no place for."""
    for component in sorted(model.components - kept):
        report.add(Kind.DROPPED, component, model.path, f"{title} has no place for it")
    if any(tensor.metadata.keys() - set(MEANING) for tensor in model.tensors.values()):
        why = f"{title} has no place for remarks on single tensors"
        report.add(Kind.DROPPED, Component.METADATA, "tensors", why)


def fitting(
    model: Model, known: Mapping[str, Any], title: str, report: Report
) -> dict[str, Tensor]:
    """The tensors as the format can hold them, in the model's order.

    ``known`` has the names of the dtypes the format holds. A narrow type becomes a wider one of
    equal values; what has no such type is left out. Both are reported.
    """
    fitted: dict[str, Tensor] = {}
    for name, tensor in model.tensors.items():
        meaning = [f"{key} {tensor.metadata[key]}" for key in MEANING if key in tensor.metadata]
        if meaning:
            why = f"{title} has no place for what its values mean: {', '.join(meaning)}"
            report.add(Kind.DROPPED, Component.METADATA, name, why)
        wider = WIDER.get(tensor.dtype.name)
        if tensor.dtype.name in known:
            fitted[name] = tensor
        elif wider is not None and wider in known:
            why = f"{title} has no {tensor.dtype}; stored as {wider}, every value equal"
            report.add(Kind.APPROXIMATED, Component.WEIGHTS, name, why, 0.0)
            fitted[name] = cast(tensor, dtype(wider))
        else:
            why = f"{title} has no dtype {tensor.dtype}"
            report.add(Kind.DROPPED, Component.WEIGHTS, name, why)
    return fitted


def report_apart(tensors: Mapping[str, Tensor], title: str, report: Report) -> None:
    """Note every tensor that shares its bytes with another, where a format stores each apart."""
    from modelport.model.sharing import shared  # needs numpy, as whoever writes does

    for name, first in shared(tensors).items():
        why = f"{title} stores every tensor apart; in the source it is in the bytes of {first!r}"
        report.add(Kind.REARRANGED, Component.WEIGHTS, name, why)


def check_paths(names: Iterable[str], title: str) -> None:
    """Refuse names that a format which stores them as paths cannot hold.

    Raises:
        ConversionError: a name has a part that is empty, ``.`` or ``..``.
    """
    for name in names:
        if {"", ".", ".."} & set(name.split("/")):
            raise ConversionError(f"tensor {name!r}", f"{title} keeps names as paths; not this one")


def cast(tensor: Tensor, wanted: DType) -> Tensor:
    """The tensor's values in another dtype."""
    from modelport.model.expression import Cast, source  # half of the start-up of an inspection

    return Tensor(tensor.name, Cast(source(tensor), wanted), tensor.metadata)


def text_metadata(metadata: Mapping[str, Any], title: str, report: Report) -> dict[str, str]:
    """The metadata with every value as text; what is no text already becomes JSON, and is noted."""
    texts: dict[str, str] = {}
    for key, value in metadata.items():
        if isinstance(value, str):
            texts[key] = value
            continue
        try:
            texts[key] = json.dumps(value, sort_keys=True)
        except (TypeError, ValueError):
            report.add(Kind.DROPPED, Component.METADATA, key, f"{title} keeps text only")
            continue
        why = f"{title} keeps text only; stored as JSON"
        report.add(Kind.REARRANGED, Component.METADATA, key, why)
    return texts
