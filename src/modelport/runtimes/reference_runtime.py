"""The reference implementation in the onnx package: slow, independent of onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelport.runtimes.onnxruntime_runtime import feed_by_name


def run(
    path: Path, inputs: Sequence[tuple[str, NDArray[Any]]], layers: Sequence[str]
) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """The outputs by name."""
    from onnx.reference import ReferenceEvaluator

    session = ReferenceEvaluator(str(path))
    feed = feed_by_name(list(session.input_names), inputs)
    found = session.run(None, feed)
    return {
        name: np.asarray(value) for name, value in zip(session.output_names, found, strict=True)
    }, {}
