from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.samples import FILES

import modelport

TRAINED = FILES / "keras-h5" / "gru_rmsprop.h5"


def test_a_full_model_can_be_used_and_trained() -> None:
    found = modelport.ready(TRAINED)
    assert found["schema"] == "modelport.ready/1"
    assert found["use"] == {"ok": True, "missing": []}
    assert found["train"]["ok"]
    assert any("licence" in missing for missing in found["archive"]["missing"])


@pytest.mark.parametrize(
    ("sample", "use", "train"),
    [
        ("safetensors/plain.safetensors", "architecture", "loss"),
        ("keras-h5/keras2.2.4-tensorflow-gru.h5", None, "optimizer"),
        ("onnx/metadata.onnx", None, "optimizer_state"),
    ],
)
def test_what_is_missing_is_named(sample: str, use: str | None, train: str) -> None:
    path = FILES / sample
    if not path.exists():
        path = next((FILES / Path(sample).parent).glob("*.safetensors"))
    found = modelport.ready(path)
    assert found["use"]["ok"] is (use is None)
    if use is not None:
        assert any(missing.startswith(use) for missing in found["use"]["missing"])
    wanted = train.replace("_", " ")
    assert any(missing.startswith(wanted) for missing in found["train"]["missing"])


@pytest.mark.parametrize(
    ("arrays", "fits"),
    [
        ({"x_train": np.zeros((9, 12, 5), np.float32), "y_train": np.zeros((9, 1))}, True),
        ({"x_train": np.zeros((9, 12, 4), np.float32)}, False),
        ({"x_train": np.zeros((9, 12), np.float32)}, False),
    ],
)
def test_data_is_held_against_the_signature(
    arrays: dict[str, np.ndarray], fits: bool, tmp_path: Path
) -> None:
    data = tmp_path / "data.npz"
    np.savez(data, **arrays)
    found = modelport.ready(TRAINED, [data])
    assert found["data"][0]["fits"] is fits
    assert found["data"][0]["why"]


def test_data_that_does_not_open_is_an_answer(tmp_path: Path) -> None:
    data = tmp_path / "data.npz"
    data.write_bytes(b"no archive")
    assert modelport.ready(TRAINED, [data])["data"][0]["fits"] is False
