from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.corpus import SHARED, corpus, needs_shared
from tests.formats.keras_facts import FILES, digest, opened

REAL = [path for path in corpus("keras_h5_weights") if not path.endswith(".json")]
TRUTH = sorted(
    str(path.relative_to(SHARED)) for path in (SHARED / "truth").glob("keras*/*/*weights.h5")
)


@needs_shared
@pytest.mark.parametrize("path", [*(f"corpus/{path}" for path in REAL), *TRUTH])
def test_all_weights_equal_h5py(path: str) -> None:
    model = opened(SHARED / path)
    assert model.format == "keras-weights-h5"
    assert model.dialect is None
    state = model.optimizer_state.tensors if model.optimizer_state else {}
    ours = [digest(item.numpy()) for item in [*model.tensors.values(), *state.values()]]
    expected: list[str] = []
    with h5py.File(SHARED / path) as file:
        file.visititems(
            lambda _, item: (
                expected.append(digest(item[()])) if isinstance(item, h5py.Dataset) else None
            )
        )
    assert sorted(ours) == sorted(expected)


@needs_shared
@pytest.mark.parametrize("path", REAL)
def test_names_are_those_of_the_file_in_its_order(path: str) -> None:
    model = opened(SHARED / "corpus" / path)
    with h5py.File(SHARED / "corpus" / path) as file:
        names = [
            name.decode()
            for layer in file.attrs["layer_names"]
            for name in file[layer].attrs["weight_names"]
        ]
    assert list(model.tensors) == names
    assert [name for layer in model.extras["layers"].values() for name in layer] == names


def test_tree_of_objects() -> None:
    model = opened(FILES / "keras-weights-h5" / "gru_rmsprop.weights.h5")
    assert "layers/gru/cell/vars/0" in model.tensors
    assert model.extras["names"]["optimizer"] == "rm_sprop"
    assert model.optimizer_state is not None
    assert model.optimizer_state.step == 3
    assert list(model.optimizer_state.tensors)[10] == "optimizer/vars/10"


def test_datasets_outside_the_layers_are_data() -> None:
    model = opened(FILES / "keras-weights-h5" / "with_data.h5")
    assert model.dataset is not None
    assert set(model.dataset.features) == {"data/x", "data/y"}
    assert len(model.tensors) == len(opened(FILES / "keras-weights-h5/cnn_adam.h5").tensors)


def test_numbered_layers_of_the_first_keras(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file.attrs["nb_layers"] = 2
        for number in range(2):
            group = file.create_group(f"layer_{number}")
            group.attrs["nb_params"] = 1
            group["param_0"] = np.full((2, 2), number, "f4")
    model = opened(path)
    assert model.format == "keras-weights-h5"
    assert model.extras["layers"] == {
        "layer_0": ["layer_0/param_0"],
        "layer_1": ["layer_1/param_0"],
    }


def test_bfloat16_as_keras_stores_it(tmp_path: Path) -> None:
    import ml_dtypes

    values = np.arange(6).astype(ml_dtypes.bfloat16).reshape(2, 3)
    path = tmp_path / "x.weights.h5"
    with h5py.File(path, "w") as file:
        file.create_group("vars")
        stored = file.create_dataset("layers/dense/vars/0", data=values)
        stored.attrs["dtype"] = "bfloat16"
    item = opened(path).tensors["layers/dense/vars/0"]
    assert item.dtype.name == "bfloat16"
    assert item.nbytes == 12
    assert (item.numpy() == values).all()
    assert b"".join(item.pieces()) == values.tobytes()
