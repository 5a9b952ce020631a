"""Masked recurrent models of old Keras through the whole conversion, against what they computed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import modelport

FILES = Path(__file__).parents[2] / "files" / "keras-h5"


@pytest.mark.parametrize("version", ["1.2.2", "2.2.4"])
def test_bidirectional_repeats_its_output_at_masked_steps(version: str, tmp_path: Path) -> None:
    source, target = FILES / f"masked_keras_{version}.h5", tmp_path / "masked.onnx"
    modelport.convert(source, target, verify=False)
    session = onnxruntime.InferenceSession(target, providers=["CPUExecutionProvider"])
    recorded = np.load(source.with_suffix(".npz"))
    found = session.run(None, {session.get_inputs()[0].name: recorded["x0"]})
    assert len(found) == 5
    for i, got in enumerate(found):
        np.testing.assert_allclose(got, recorded[f"y{i}"], atol=1e-6)
