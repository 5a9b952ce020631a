"""Whether files of training data fit the inputs of a model: names, shapes and dtypes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modelport.commands.layers import describe_layers
from modelport.commands.open import open_model
from modelport.errors import ModelportError
from modelport.model.graph import TensorType, Value
from modelport.model.model import Model
from modelport.model.tensor import Tensor

MOST_NAMED = 4


@dataclass(frozen=True, slots=True)
class _Data:
    """A file of data: its features, or why it does not open."""

    path: str
    features: Mapping[str, Tensor]
    error: ModelportError | None = None


def fit(model: Model, paths: Sequence[str | os.PathLike[str]]) -> list[dict[str, Any]]:
    """For every file ``{"path", "fits", "why", "error"}``; together they may serve the inputs.

    An input takes the feature of its name, else the first free one of its shape. ``error`` is the
    type of the error of a file that does not open, else None.
    """
    files = [_opened(path) for path in paths]
    inputs = model.signature.inputs if model.signature else []
    outputs = _outputs(model)
    served = _assign(inputs, files, {})
    labels = _assign(outputs, files, served)
    return [_answer(file, files, inputs, served, labels) for file in files]


def _outputs(model: Model) -> list[Value]:
    """The outputs; a Keras file does not state what comes out, its layers tell."""
    stated = list(model.signature.outputs) if model.signature else []
    for index, (_, extents) in enumerate(describe_layers(model).outputs[: len(stated)]):
        if stated[index].shape is None and extents is not None:
            kind = TensorType(stated[index].dtype, tuple(extents))
            stated[index] = replace(stated[index], type=kind)
    return stated


def _opened(path: str | os.PathLike[str]) -> _Data:
    try:
        held = open_model(path)
    except ModelportError as error:
        return _Data(str(path), {}, error)
    features = dict(held.dataset.features) if held.dataset else {}
    return _Data(str(path), features or dict(held.tensors))


_Place = tuple[int, str]
"""A feature: the number of its file, and its name."""


def _assign(
    values: Sequence[Value], files: Sequence[_Data], taken: Mapping[str, _Place]
) -> dict[str, _Place]:
    """Which feature serves which value: by name first, then by shape, each once."""
    found: dict[str, _Place] = {}
    free = [place for place in _places(files) if place not in taken.values()]
    for by_name in (True, False):
        for value in values:
            if value.name in found:
                continue
            for place in free:
                named = place[1].rsplit("/", 1)[-1] == value.name
                suits = _misfit(value, files[place[0]].features[place[1]]) is None
                if suits and (named if by_name else value.shape is not None):
                    found[value.name] = place
                    free.remove(place)
                    break
    return found


def _places(files: Sequence[_Data]) -> Iterator[_Place]:
    for number, file in enumerate(files):
        yield from ((number, name) for name in file.features)


def _misfit(value: Value, tensor: Tensor) -> str | None:
    """Why an array of examples is none for a value, or None where it is one."""
    dtype = value.dtype
    if tensor.dtype.kind == "other":
        return "holds Python objects or records"
    if dtype is not None and (tensor.dtype.kind == "string") != (dtype.kind == "string"):
        return f"holds {tensor.dtype} where {dtype} is wanted"
    if value.shape is None:
        return None
    if len(tensor.shape) != len(value.shape):
        return f"has {len(tensor.shape)} axes where {len(value.shape)} are wanted"
    for axis, (wanted, extent) in enumerate(zip(value.shape, tensor.shape, strict=True)):
        if axis > 0 and isinstance(wanted, int) and wanted != extent:
            return f"has {extent:,} along axis {axis} where {wanted:,} is wanted"
    return None


def _answer(
    file: _Data,
    files: Sequence[_Data],
    inputs: Sequence[Value],
    served: Mapping[str, _Place],
    labels: Mapping[str, _Place],
) -> dict[str, Any]:
    def answer(why: str, fits: bool = False) -> dict[str, Any]:
        error = type(file.error).__name__ if file.error is not None else None
        return {"path": file.path, "fits": fits, "why": why, "error": error}

    if file.error is not None:
        return answer(str(file.error))
    if not inputs:
        return answer("the model states no inputs to hold the data against")
    if not file.features:
        return answer("the file holds no arrays")
    number = files.index(file)
    own = {
        kind: {name: place[1] for name, place in found.items() if place[0] == number}
        for kind, found in (("input", served), ("output", labels))
    }
    missing = [value for value in inputs if value.name not in served]
    if missing:
        return answer(_why_not(missing[0], file))
    if not any(own.values()):
        return answer("its arrays serve no input and no output of the model")
    records = {file.features[name].shape[:1] for found in own.values() for name in found.values()}
    used = [
        f"{kind} {n!r} takes {name!r}" for kind, found in own.items() for n, name in found.items()
    ]
    if len(records) > 1:
        counts = ", ".join(
            f"{name!r} {_described(file.features[name])}"
            for found in own.values()
            for name in found.values()
        )
        return answer(f"its arrays have different numbers of records: {counts}")
    return answer("; ".join(used), True)


def _why_not(value: Value, file: _Data) -> str:
    """Of the arrays of a file, the nearest to what an input wants, and what is wrong with it."""
    wanted = ["?" if dim is None else dim for dim in value.shape or ()]
    shape = "" if value.shape is None else f" [{', '.join(map(str, wanted))}]"
    told = f"no array suits input {value.name!r}{shape} {value.dtype or ''}".rstrip()
    rank = len(value.shape or ())
    ranked = sorted(
        file.features.items(),
        key=lambda item: (item[0] != value.name, len(item[1].shape) != rank),
    )
    misfits = [
        f"{name!r} {_described(tensor)} {_misfit(value, tensor) or 'serves another input'}"
        for name, tensor in ranked[:MOST_NAMED]
    ]
    more = f", and {len(ranked) - MOST_NAMED:,} more" if len(ranked) > MOST_NAMED else ""
    return f"{told}: {', '.join(misfits)}{more}"


def _described(tensor: Tensor) -> str:
    return f"{tensor.dtype} {list(tensor.shape)}"
