"""The reference implementation in the onnx package: slow, independent of onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from modelport.runtimes.onnxruntime_runtime import feed_by_name, spread


def run(
    path: Path, inputs: Sequence[tuple[str, NDArray[Any]]], layers: Sequence[str]
) -> tuple[list[tuple[str, NDArray[Any]]], list[tuple[str, NDArray[Any]]]]:
    """The outputs by name, sequences and maps item by item."""
    from onnx.reference import ReferenceEvaluator

    session = ReferenceEvaluator(str(path))
    # Before IR 4 every initializer is listed among the inputs too.
    held = {tensor.name for tensor in session.proto_.graph.initializer}
    feed = feed_by_name([name for name in session.input_names if name not in held], inputs)
    found = session.run(None, feed)
    pairs = zip(session.output_names, found, strict=True)
    return [item for name, value in pairs for item in spread(name, value)], []
