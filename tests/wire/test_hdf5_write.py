from __future__ import annotations

import time
from pathlib import Path

import h5py
import ml_dtypes
import numpy as np
import pytest

from modelport.errors import ConversionError
from modelport.model.dtype import FLOAT32
from modelport.model.tensor import InMemory, Tensor
from modelport.wire.hdf5_write import HDF5Writer
from modelport.wire.source import Sink


def tensor(array: np.ndarray) -> Tensor:
    return Tensor("x", InMemory(array))


@pytest.mark.parametrize("kind", ["bool", "i1", "i8", "u2", "f2", "f4", "f8", "c8", "c16"])
@pytest.mark.parametrize("shape", [(), (0, 3), (4, 5)], ids=str)
def test_h5py_reads_what_was_written(tmp_path: Path, kind: str, shape: tuple[int, ...]) -> None:
    values = (np.random.default_rng(1).random(shape) * 3).astype(kind)
    with HDF5Writer(tmp_path / "x.h5") as file:
        file.dataset("/group/inner/a", tensor(np.asarray(values)))
    with h5py.File(tmp_path / "x.h5") as found:
        dataset = found["group/inner/a"]
        assert dataset.dtype == values.dtype
        assert dataset.chunks is None
        assert np.asarray(dataset[()]).tobytes() == values.tobytes()


@pytest.mark.parametrize("kind", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_types_without_a_word_in_hdf5(tmp_path: Path, kind: str) -> None:
    values = np.arange(5).astype(getattr(ml_dtypes, kind))
    with HDF5Writer(tmp_path / "x.h5") as file:
        file.dataset("/a", tensor(values))
    with h5py.File(tmp_path / "x.h5") as found:
        assert found["a"].attrs["dtype"] == kind
        assert found["a"][()].tobytes() == values.tobytes()


def write(path: Path) -> bytes:
    with HDF5Writer(path) as file:
        file.attribute("/", "model_config", '{"a": "\u00e9"}' * 9000)
        file.names("/model_weights", "layer_names", ["one", "two"])
        file.group("/model_weights/two")
        file.dataset("/model_weights/one/kernel", tensor(np.arange(9.0)))
        file.attribute("/model_weights/one/kernel", "note", 3)
        file.dataset("/texts", tensor(np.array(["a", "bc"])))
    return path.read_bytes()


def test_same_bytes_every_time(tmp_path: Path) -> None:
    first = write(tmp_path / "a.h5")
    time.sleep(1.1)
    assert write(tmp_path / "b.h5") == first


def test_attributes(tmp_path: Path) -> None:
    write(tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5") as file:
        assert file.attrs["model_config"] == '{"a": "\u00e9"}' * 9000
        assert [n.decode() for n in file["model_weights"].attrs["layer_names"]] == ["one", "two"]
        assert list(file["model_weights"]) == ["one", "two"]
        assert list(file["texts"].asstr()) == ["a", "bc"]
        assert file["model_weights/one/kernel"].attrs["note"] == 3


def test_long_lists_are_split_as_keras_reads_them(tmp_path: Path) -> None:
    names = [f"layer_{number}/with_a_rather_long_name" for number in range(6000)]
    with HDF5Writer(tmp_path / "x.h5") as file:
        file.names("/", "layer_names", names)
    with h5py.File(tmp_path / "x.h5") as file:
        parts = [file.attrs[f"layer_names{index}"] for index in range(len(file.attrs))]
        assert [name.decode() for part in parts for name in part] == names


def test_one_path_twice_is_refused(tmp_path: Path) -> None:
    with HDF5Writer(tmp_path / "x.h5") as file:
        file.dataset("/a", tensor(np.zeros(2)))
        with pytest.raises(ConversionError):
            file.dataset("/a", tensor(np.zeros(2)))


def test_values_stream(tmp_path: Path) -> None:
    class Long:
        """A tensor that can only be had in pieces."""

        shape = (1000, 1000)
        dtype = FLOAT32

        def copy(self, file: Sink) -> None:
            for row in range(1000):
                file.write(np.full(1000, row, "f4").tobytes())

        def numpy(self) -> None:
            raise AssertionError

    with HDF5Writer(tmp_path / "x.h5") as file:
        file.dataset("/a", Long())
    with h5py.File(tmp_path / "x.h5") as found:
        assert (found["a"][:, 7] == np.arange(1000)).all()
