from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import ml_dtypes
import numpy as np
import pytest
from tests.corpus import SHARED, corpus, needs_shared
from tests.formats.keras_facts import FILES, opened
from tests.formats.weights import model_of, written

from modelport.errors import ConversionError
from modelport.formats.hdf5 import FORMAT
from modelport.model.component import Component
from modelport.model.dataset import Dataset
from modelport.model.report import Kind, Report
from modelport.model.tensor import InMemory, Tensor

REAL = corpus("h5_other")


@needs_shared
@pytest.mark.parametrize("path", REAL)
def test_real_file_is_plain_data(path: str) -> None:
    model = opened(SHARED / "corpus" / path)
    assert model.format == "hdf5"
    assert model.dataset is not None
    with h5py.File(SHARED / "corpus" / path) as file:
        for name, feature in model.dataset.features.items():
            assert feature.shape == (file[name].shape or ())
            expected = np.asarray(file[name][()])
            assert (feature.numpy() == expected).all()
        named: list[str] = []
        file.visititems(
            lambda name, item: named.append(name) if isinstance(item, h5py.Dataset) else None
        )
        assert set(named) <= set(model.dataset.features)


def test_features_records_and_attributes() -> None:
    model = opened(FILES / "hdf5" / "arrays.h5")
    assert model.components == {Component.TRAINING_DATA, Component.METADATA}
    assert model.dataset is not None
    assert model.dataset.records == 20
    found = {name: (str(f.dtype), f.shape) for name, f in model.dataset.features.items()}
    assert found == {
        "images/rgb": ("uint8", (20, 4, 4, 3)),
        "labels": ("int32", (20,)),
        "names": ("string", (20,)),
        "x": ("float32", (20, 6)),
    }
    assert model.metadata == {
        "title": "a table of measurements",
        "weights": [0.0, 1.0, 2.0],
        "x@unit": "mm",
    }
    assert list(model.dataset.features["labels"].numpy()) == list(range(20))
    assert list(model.dataset.features["names"].numpy()[:2]) == [b"row 0", b"row 1"]


def test_datasets_of_different_length_have_no_records(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["a"], file["b"] = np.zeros(3), np.zeros(4)
    model = opened(tmp_path / "x.h5")
    assert model.dataset is not None
    assert model.dataset.records is None


def test_empty_file_holds_nothing(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w"):
        pass
    assert opened(tmp_path / "x.h5").components == frozenset()


def test_group_called_vars_alone_makes_no_keras_file(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["vars/0"], file["other/data"] = np.zeros(3), np.zeros(4)
    assert opened(tmp_path / "x.h5").format == "hdf5"


def test_names_tell_weights_from_data() -> None:
    model = opened(FILES / "hdf5" / "weights.h5")
    assert model.components == {Component.WEIGHTS, Component.METADATA}
    with h5py.File(FILES / "hdf5" / "weights.h5") as file:
        assert set(model.tensors) == {*file, "fc/kernel"} - {"fc"}
        assert all((model.tensors[name].numpy() == file[name][()]).all() for name in model.tensors)


def write(path: Path, arrays: dict[str, np.ndarray], **parts: Any) -> Report:
    model = model_of(arrays)
    for key, value in parts.items():
        setattr(model, key, value)
    return written(model, path, FORMAT)


def test_names_that_are_no_paths_come_back(tmp_path: Path) -> None:
    names = ["a", "a/b", "a/b/c", "../up", "x//y", "/root", "50%", "%2E", ".", "layer.0.weight"]
    arrays = {name: np.full(2, index) for index, name in enumerate(names)}
    report = write(tmp_path / "x.h5", arrays)
    assert {change.where for change in report} == set(names) - {"a", "layer.0.weight"}
    found = opened(tmp_path / "x.h5").tensors
    assert {name: list(tensor.numpy()) for name, tensor in found.items()} == {
        name: list(array) for name, array in arrays.items()
    }
    with h5py.File(tmp_path / "x.h5") as file:
        assert set(file) >= {"a", "a%2Fb", "layer.0.weight"}
    with pytest.raises(ConversionError, match="empty"):
        write(tmp_path / "y.h5", {"": np.ones(1)})


def test_what_looks_like_keras_stays_plain(tmp_path: Path) -> None:
    metadata = {"model_config": "{}", "layer_names": ["a"], "nb_layers": 1}
    write(tmp_path / "x.h5", {"vars/0": np.ones(2), "layer_0/x": np.ones(1)}, metadata=metadata)
    model = opened(tmp_path / "x.h5")
    assert (model.format, model.metadata) == ("hdf5", metadata)
    assert set(model.tensors) == {"vars/0", "layer_0/x"}


def test_training_data_beside_weights_and_metadata_of_any_kind(tmp_path: Path) -> None:
    data = Dataset(3, {name: Tensor(name, InMemory(np.arange(3))) for name in ("x", "w/y")})
    metadata = {"text": "é", "number": 1.5, "flags": [True, False], "nested": {"a": [1, None]}}
    metadata |= {"nothing": None, "modelport": "weights", "w@unit": "mm", "half@dtype": "other"}
    arrays = {"w": np.ones((2, 2)), "half": np.ones(3, ml_dtypes.bfloat16)}
    report = write(tmp_path / "x.h5", arrays, dataset=data, metadata=metadata)
    dropped = {change.where for change in report if change.kind is Kind.DROPPED}
    assert dropped == {"w/y", "modelport"}
    model = opened(tmp_path / "x.h5")
    assert model.dataset is not None
    assert (list(model.dataset.features), model.dataset.records) == (["x"], 3)
    assert {name: str(found.dtype) for name, found in model.tensors.items()} == {
        "half": "bfloat16",
        "w": "float64",
    }
    del metadata["modelport"]
    as_json = {"nested": '{"a": [1, null]}', "nothing": "null"}
    assert model.metadata == metadata | as_json
    assert as_json.keys() <= {change.where for change in report}


def test_a_file_behind_a_large_user_block_is_found(tmp_path: Path) -> None:
    path = tmp_path / "data.h5"
    with h5py.File(path, "w", userblock_size=1 << 22) as file:
        file["kernel"] = np.arange(3)
    model = opened(path)
    found = model.dataset.features if model.dataset else model.tensors
    assert np.array_equal(found["kernel"].numpy(), np.arange(3))
