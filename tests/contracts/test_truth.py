"""Every model that a real framework made gives, as ONNX, what that framework computed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from tests.corpus import SHARED, corpus
from tests.samples import FILES

import modelport

RECORDED = Path(__file__).parents[1] / "truth" / "corpus"
TOLERANCE = 1e-4
"""Relative to the scale of the output."""


def pairs() -> Iterator[tuple[Path, Path]]:
    """Every model with a recording of its inputs and outputs."""
    for recording in sorted(FILES.rglob("*.io.npz")):
        stem = recording.name.removesuffix(".io.npz")
        for ending in (".h5", ".keras"):
            model = recording.with_name(stem + ending)
            if model.exists() and "weights" not in recording.parent.name:
                yield model, recording
    for folder in ("keras", "keras2"):
        for recording in sorted((SHARED / "truth" / folder).glob("*/io.npz")):
            for name in ("model.h5", "model.keras"):
                if recording.with_name(name).exists():
                    yield recording.with_name(name), recording
    for name in corpus("keras_h5_full"):
        model = SHARED / "corpus" / name
        recording = RECORDED / f"{model.name}.npz"
        if recording.exists():
            yield model, recording


PAIRS = list(pairs())
IDS = [f"{model.parent.name}/{model.name}" for model, _ in PAIRS]


@pytest.mark.parametrize(("model", "recording"), PAIRS, ids=IDS)
def test_onnx_computes_what_was_recorded(model: Path, recording: Path, tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    report = modelport.convert(model, target, verify=False)
    assert report.published
    onnx.checker.check_model(str(target), full_check=True)
    session = onnxruntime.InferenceSession(str(target), providers=["CPUExecutionProvider"])
    with np.load(recording) as held:
        inputs = [held[f"x{i}"] for i in range(len(session.get_inputs()))]
        expected = [held[f"y{i}"] for i in range(len(session.get_outputs()))]
    feed = {
        meta.name: array.astype(_dtype(meta.type))
        for meta, array in zip(session.get_inputs(), inputs, strict=True)
    }
    for found, wanted in zip(session.run(None, feed), expected, strict=True):
        assert found.shape == wanted.shape
        scale = max(float(np.abs(wanted).max(initial=0.0)), 1e-9)
        assert float(np.abs(found - wanted).max(initial=0.0)) <= TOLERANCE * scale


def _dtype(name: str) -> str:
    return {"tensor(float)": "float32", "tensor(double)": "float64"}.get(
        name, name.removeprefix("tensor(").removesuffix(")")
    )
