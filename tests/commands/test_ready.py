from __future__ import annotations

from pathlib import Path

import h5py
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
    answer, missing = modelport.ready(TRAINED, [data, "none.npz"])["data"]
    assert (answer["fits"], answer["error"]) == (False, "UnknownFormat")
    assert (missing["fits"], missing["error"]) == (False, "UnreadableFile")


@pytest.mark.parametrize(
    ("array", "why"),
    [
        (np.zeros((9, 12, 4), np.float32), "has 4 along axis 2 where 5 is wanted"),
        (np.zeros((9, 12), np.float32), "has 2 axes where 3 are wanted"),
        (np.full((9, 12, 5), "text"), "where float32 is wanted"),
    ],
)
def test_why_data_does_not_fit(array: np.ndarray, why: str, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "data.h5", "w") as file:
        text = array.dtype.kind == "U"
        file["x"] = array.astype(object) if text else array
    (answer,) = modelport.ready(TRAINED, [tmp_path / "data.h5"])["data"]
    assert not answer["fits"]
    assert why in answer["why"]
    assert "'x'" in answer["why"]


def test_several_files_serve_several_inputs(tmp_path: Path) -> None:
    model = FILES / "keras-h5" / "keras1.2.2-tensorflow-merge-modes.h5"  # inputs of 4 and 3
    np.savez(tmp_path / "a.npz", left=np.zeros((9, 4)))
    np.savez(tmp_path / "b.npz", right=np.zeros((9, 3)), answer=np.zeros((9, 2)))
    np.savez(tmp_path / "c.npz", other=np.zeros((9, 7)))
    paths = [tmp_path / name for name in ("a.npz", "b.npz", "c.npz")]
    answers = modelport.ready(model, paths)["data"]
    assert [item["fits"] for item in answers] == [True, True, False]
    assert answers[0]["why"] == "input 'input_1' takes 'left'"
    assert answers[1]["why"] == "input 'input_2' takes 'right'; output 'dense_3' takes 'answer'"
    assert not modelport.ready(model, paths[:1])["data"][0]["fits"]


def test_different_numbers_of_records_do_not_fit(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((9, 12, 5)), y=np.zeros((8, 1)))
    (answer,) = modelport.ready(TRAINED, [tmp_path / "a.npz"])["data"]
    assert not answer["fits"]
    assert "different numbers of records" in answer["why"]


def test_data_beside_the_model_is_training_data(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((9, 12, 5)), y=np.zeros((9, 1)))
    found = modelport.ready(TRAINED, [tmp_path / "a.npz"])
    assert not any("training data" in missing for missing in found["archive"]["missing"])
