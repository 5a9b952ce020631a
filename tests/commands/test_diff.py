from __future__ import annotations

import pickle
import struct
import zipfile
import zlib
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
    turned = {"a": "kernel", "b": "kernel_t", "shapes": {"a": [3, 4], "b": [4, 3]}}
    assert tensors["rearranged"] == [turned]
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


def test_training_that_went_on_is_no_longer_the_same(tmp_path: Path) -> None:
    source = FILES / "pytorch" / "checkpoint.pt"
    state = modelport.open(source).optimizer_state
    found = modelport.diff(source, source)
    assert found["same"]
    assert found["optimizer_state"]["equal"] == len(state.tensors)
    name, held = next((key, t) for key, t in state.tensors.items() if t.size > 1)
    before = held.numpy().tobytes()
    after = bytes([before[0] ^ 1]) + before[1:]
    crcs = [struct.pack("<L", zlib.crc32(data)) for data in (before, after)]
    later = tmp_path / "later.pt"
    later.write_bytes(source.read_bytes().replace(before, after, 1).replace(*crcs))
    found = modelport.diff(source, later)
    assert not found["same"]
    assert found["tensors"]["changed"] == []
    assert [change["name"] for change in found["optimizer_state"]["changed"]] == [name]


def test_hyperparameters_with_other_values_are_told(tmp_path: Path) -> None:
    source = FILES / "pytorch" / "checkpoint.pt"
    later = tmp_path / "later.pt"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(later, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith("data.pkl"):
                place = data.find(b"epochq") + 7  # its text, where it is kept, and then the number
                assert data[place : place + 2] == b"K\x03"
                data = data[: place + 1] + b"\x09" + data[place + 2 :]
            new.writestr(name, data)
    found = modelport.diff(source, later)
    assert not found["same"]
    assert found["hyperparameters"] == {"epoch": {"a": 3, "b": 9}}


def test_objects_of_pickles_are_compared(tmp_path: Path) -> None:
    for name, epoch in (("a.pkl", 3), ("b.pkl", 9)):
        (tmp_path / name).write_bytes(pickle.dumps({"epoch": epoch, "w": np.ones(3, np.float32)}))
    found = modelport.diff(tmp_path / "a.pkl", tmp_path / "b.pkl")
    assert not found["same"]
    assert found["python_objects"] == {"epoch": {"a": 3, "b": 9}}
    assert modelport.diff(tmp_path / "a.pkl", tmp_path / "a.pkl")["same"]
