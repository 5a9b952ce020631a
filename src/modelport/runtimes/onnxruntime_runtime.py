"""onnxruntime: runs ONNX files; always installed with modelport."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelport.model.dtype import DTYPES, from_numpy

FOREIGN = {
    "tensor(bfloat16)": ("bfloat16", 16),
    "tensor(float8e4m3fn)": ("float8_e4m3fn", 17),
    "tensor(float8e4m3fnuz)": ("float8_e4m3fnuz", 18),
    "tensor(float8e5m2)": ("float8_e5m2", 19),
    "tensor(float8e5m2fnuz)": ("float8_e5m2fnuz", 20),
}
"""Types that numpy does not have: our name, and the number ONNX gives them."""


def run(
    path: Path, inputs: Sequence[tuple[str, NDArray[Any]]], layers: Sequence[str]
) -> tuple[list[tuple[str, NDArray[Any]]], list[tuple[str, NDArray[Any]]]]:
    """The outputs by name, sequences and maps item by item; inner layers are not told."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feed = feed_by_name([meta.name for meta in session.get_inputs()], inputs)
    outputs = session.get_outputs()
    types = [meta.type for meta in [*session.get_inputs(), *outputs]]
    names = [meta.name for meta in outputs]
    if any(kind in FOREIGN for kind in types):
        found = _run_foreign(onnxruntime, session, feed, names)
    else:
        found = session.run(None, feed)
    return [
        item for name, value in zip(names, found, strict=True) for item in spread(name, value)
    ], []


def _run_foreign(
    onnxruntime: Any, session: Any, feed: dict[str, NDArray[Any]], names: list[str]
) -> list[Any]:
    """Run with values in onnxruntime's own form, which alone holds types that numpy lacks."""
    numbers = dict(FOREIGN.values())
    made = onnxruntime.OrtValue
    given = {}
    for name, array in feed.items():
        number = numbers.get(from_numpy(array.dtype).name)
        if number is None:
            given[name] = made.ortvalue_from_numpy(array)
        else:
            bits = np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}")
            given[name] = made.ortvalue_from_numpy_with_onnx_type(bits, number)
    return [_array(value) for value in session.run_with_ort_values(names, given)]


def _array(value: Any) -> NDArray[Any]:
    if value.data_type() not in FOREIGN:
        return np.asarray(value.numpy())
    dtype = DTYPES[FOREIGN[value.data_type()][0]].numpy
    held = ctypes.string_at(value.data_ptr(), value.tensor_size_in_bytes())
    return np.frombuffer(held, dtype).reshape(value.shape())


def spread(name: str, value: Any) -> Iterator[tuple[str, NDArray[Any]]]:
    """A value as arrays with names: of a sequence or a map each item by itself."""
    if isinstance(value, dict):
        for key in sorted(value, key=str):
            yield from spread(f"{name}[{key}]", value[key])
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from spread(f"{name}[{i}]", item)
    elif value is not None:
        yield name, np.asarray(value)


def feed_by_name(
    names: Sequence[str], inputs: Sequence[tuple[str, NDArray[Any]]]
) -> dict[str, NDArray[Any]]:
    """Inputs for the given names: by name where all are known, else by position."""
    given = dict(inputs)
    if set(names) == set(given):
        return given
    return {name: array for name, (_, array) in zip(names, inputs, strict=True)}
