"""onnxruntime: runs ONNX files; always installed with modelport."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def run(
    path: Path, inputs: Sequence[tuple[str, NDArray[Any]]], layers: Sequence[str]
) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """The outputs by name; ``layers`` is answered by the outputs of the same names only."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feed = feed_by_name([meta.name for meta in session.get_inputs()], inputs)
    names = [meta.name for meta in session.get_outputs()]
    found = dict(zip(names, session.run(None, feed), strict=True))
    return {name: np.asarray(value) for name, value in found.items()}, {}


def feed_by_name(
    names: Sequence[str], inputs: Sequence[tuple[str, NDArray[Any]]]
) -> dict[str, NDArray[Any]]:
    """Inputs for the given names: by name where all are known, else by position."""
    given = dict(inputs)
    if set(names) == set(given):
        return given
    return {name: array for name, (_, array) in zip(names, inputs, strict=True)}
