from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tests.samples import FILES

import modelport


def test_the_same_model_in_two_formats() -> None:
    h5 = FILES / "keras-h5" / "gru_rmsprop.h5"
    found = modelport.diff(h5, FILES / "keras-v3" / "gru_rmsprop.keras")
    assert found["schema"] == "modelport.diff/1"
    assert found["tensors"]["equal"] == 8
    assert found["tensors"]["changed"] == []
    assert found["layers"] == {"only_a": [], "only_b": [], "changed": []}


def test_tensors_are_matched_by_content(tmp_path: Path) -> None:
    values = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    a = {"same": values, "old": values + 1, "kernel": values + 2, "gone": values + 3, "x": values}
    b = {
        "same": values,
        "new": values + 1,
        "kernel_t": np.ascontiguousarray((values + 2).T),
        "more": values + 4,
        "x": values * 2,
    }
    save_file(a, tmp_path / "a.safetensors")
    save_file(b, tmp_path / "b.safetensors")
    tensors = modelport.diff(tmp_path / "a.safetensors", tmp_path / "b.safetensors")["tensors"]
    assert tensors["equal"] == 1
    assert tensors["renamed"] == [{"a": "old", "b": "new"}]
    assert tensors["rearranged"] == [{"a": "kernel", "b": "kernel_t"}]
    assert [change["name"] for change in tensors["changed"]] == ["x"]
    assert tensors["only_a"] == ["gone"]
    assert tensors["only_b"] == ["more"]


def test_onnx_beside_its_keras_source(tmp_path: Path) -> None:
    source = FILES / "keras-h5" / "gru_rmsprop.h5"
    modelport.convert(source, tmp_path / "b.onnx", verify=False)
    tensors = modelport.diff(source, tmp_path / "b.onnx")["tensors"]
    # ONNX demands a second bias, which one of the two layers never had.
    assert [change["name"] for change in tensors["changed"]] == ["gru_1/cell/bias"]
    assert tensors["rearranged"]
    assert tensors["only_a"] == []


def test_a_big_tensor_is_compared_piece_by_piece(tmp_path: Path) -> None:
    import tracemalloc

    values = np.zeros((4, 3 << 20), np.float16)
    save_file({"w": values, "n": values[:1, :2]}, tmp_path / "a.safetensors")
    values[3, -1] = 2.5
    save_file({"w": values, "n": np.array([[np.nan, 1]], "f2")}, tmp_path / "b.safetensors")
    tracemalloc.start()
    tensors = modelport.diff(tmp_path / "a.safetensors", tmp_path / "b.safetensors")["tensors"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    errors = {change["name"]: change["max_abs_error"] for change in tensors["changed"]}
    assert errors["w"] == 2.5
    assert np.isnan(errors["n"])
    assert peak < 64 << 20  # as float64 one of them takes 96 MB
