from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.corpus import SHARED, corpus, needs_shared
from tests.formats.keras_facts import FILES, opened

from modelport.model.component import Component

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
