"""A model as an object for ``torch.save``'s formats."""

from __future__ import annotations

from typing import Any

from modelport.errors import ConversionError
from modelport.formats.shared.pickle.objects import Objects
from modelport.formats.shared.torch.encode import (
    DTYPE_NAMES,
    Encoded,
    encode_again,
    encode_tensors,
)
from modelport.formats.shared.weights_only import fitting, report_apart, report_left_out
from modelport.model.component import Component
from modelport.model.model import Level, Model
from modelport.model.report import Kind, Report
from modelport.model.tensor import Tensor

SOURCE_CODE = "source code"
"""The key of the metadata under which the source code of classes stands, by class."""

_OBJECT = "torch_object"


def keep_object(model: Model, value: Any, objects: Objects) -> None:
    """Remember the object that a model was read from, so that it can be written as it was."""
    model.extras[_OBJECT] = (value, objects)


def encoded(model: Model, title: str, report: Report, *, sources: bool) -> Encoded:
    """The object of a file of torch again, or a new state_dict of the weights.

    ``sources`` tells whether the format keeps the source code of classes.

    Raises:
        ConversionError: the object would do more than build values when it is loaded.
    """
    kept = model.extras.get(_OBJECT)
    if kept is None:
        from modelport.model.sharing import same_data  # needs numpy, as whoever writes does

        report_left_out(model, {Component.WEIGHTS}, title, report)
        names = dict.fromkeys(DTYPE_NAMES)
        fitted = fitting(model, names, title, report)
        stored: dict[object, tuple[str, Tensor]] = {}
        for name, tensor in fitted.items():
            stored.setdefault(same_data(tensor), (name, tensor))
        report_apart(dict(stored.values()), title, report)
        return encode_tensors(fitted)
    if model.level is Level.DANGEROUS:
        finding = next(found for found in model.findings if found.level is Level.DANGEROUS)
        raise ConversionError(finding.where, f"it {finding.what}; that is never written again")
    if SOURCE_CODE in model.metadata and not sources:
        why = f"{title} has no place for the source code of classes"
        report.add(Kind.DROPPED, Component.METADATA, SOURCE_CODE, why)
    return encode_again(*kept, sources=sources)
