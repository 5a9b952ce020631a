"""What users add to files of Keras is shown, and carried or reported; h5py is the truth."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tests.samples import CORPUS, CORPUS_IDS, FILES, SAMPLE_IDS, SAMPLES

import modelport
from modelport.model.component import Component
from modelport.model.report import Kind

FULL = FILES / "keras-h5" / "gru_rmsprop.h5"
OLD = FILES / "keras-h5" / "keras1.2.2-theano-gru.h5"
BY_LAYER = FILES / "keras-weights-h5" / "cnn_adam.h5"
STORE = FILES / "keras-weights-h5" / "gru_rmsprop.weights.h5"

EXTRA = np.arange(12, dtype="f4").reshape(4, 3)
PLACES = {
    FULL: ["model_weights/gru/noise", "model_weights/notes", "optimizer_weights/log", "x_train"],
    OLD: ["model_weights/noise", "optimizer_weights/deep/er/log", "x_train"],
    BY_LAYER: ["noise", "lonely/noise"],
    STORE: ["layers/gru/noise", "optimizer/log", "x_train"],
}
CASES = [(source, place) for source, places in PLACES.items() for place in places]


def with_extra(source: Path, folder: Path, place: str) -> Path:
    path = folder / source.name
    shutil.copyfile(source, path)
    with h5py.File(path, "a") as file:
        file[place] = EXTRA
        file[place].attrs["unit"] = "mm"
        file.attrs["author"] = "Ada"
        file.attrs["empty"] = h5py.Empty("f4")
    return path


def places(path: Path) -> dict[str, tuple[int, ...]]:
    """Every dataset of an HDF5 file, or of those in a ``.keras``, and its shape."""
    found: dict[str, tuple[int, ...]] = {}

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item.shape or ()

    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                if member.endswith(".h5"):
                    h5py.File(io.BytesIO(archive.read(member))).visititems(note)
    else:
        with h5py.File(path) as file:
            file.visititems(note)
    return found


@pytest.mark.parametrize(("source", "place"), CASES, ids=str)
def test_it_is_shown(source: Path, place: str, tmp_path: Path) -> None:
    path = with_extra(source, tmp_path, place)
    before, described = modelport.inspect(source), modelport.inspect(path)
    assert described["format"] == before["format"]
    assert described["training_data"]["features"][place] == {"dtype": "float32", "shape": [4, 3]}
    assert place in described["evidence"]["training_data"]
    assert described["metadata"]["author"] == "Ada"
    assert described["metadata"][f"{place}@unit"] == "mm"
    assert described["weights"] == before["weights"]
    assert described["optimizer_state"] == before["optimizer_state"]


@pytest.mark.parametrize(("source", "place"), CASES, ids=str)
@pytest.mark.parametrize("ending", [".h5", ".weights.h5", ".keras", ".onnx", ".npz"])
def test_it_is_carried_or_reported(source: Path, place: str, ending: str, tmp_path: Path) -> None:
    path = with_extra(source, tmp_path, place)
    target = tmp_path / f"target{ending}"
    if ending in (".keras", ".onnx") and source in (BY_LAYER, STORE):
        with pytest.raises(modelport.ModelportError):
            modelport.convert(path, target)
        return
    report = modelport.convert(path, target, verify=False)
    dropped = {change.where for change in report if change.kind is Kind.DROPPED}
    written = modelport.open(target)
    held = written.dataset.features if written.dataset is not None else {}
    if place in held:
        np.testing.assert_array_equal(held[place].numpy(), EXTRA)
        assert places(target)[place] == EXTRA.shape
    else:
        assert {place, "training_data", str(path)} & dropped
    for key in ("author", f"{place}@unit"):
        told = {key, "metadata", str(path)} & dropped
        assert told or written.metadata[key] == modelport.open(path).metadata[key]
    assert "empty" in written.metadata or {"empty", "metadata", str(path)} & dropped
    if ending in (".h5", ".keras"):
        assert place in held
        assert written.metadata["author"] == "Ada"


def test_what_stands_in_the_way_is_reported(tmp_path: Path) -> None:
    """Keras 1 called a weight ``gru_1_W_z``; the target has a group of Keras 3's name."""
    path = with_extra(OLD, tmp_path, "model_weights/top_level_model_weights")
    report = modelport.convert(path, tmp_path / "new.h5", verify=False)
    told = [(change.kind, change.where) for change in report]
    assert (Kind.DROPPED, "model_weights/top_level_model_weights") in told
    assert report.kept[Component.TRAINING_DATA] != "all"


@pytest.mark.parametrize(
    "path", [path for _, path in SAMPLES] + CORPUS, ids=SAMPLE_IDS + CORPUS_IDS
)
def test_no_dataset_of_any_file_is_passed_over(path: Path) -> None:
    if not (h5py.is_hdf5(path) or path.suffix == ".keras"):
        return
    model = modelport.open(path)
    state = model.optimizer_state.tensors if model.optimizer_state is not None else {}
    features = model.dataset.features if model.dataset is not None else {}
    metrics = model.extras.get("metric_state", {})
    read = [*model.tensors.values(), *state.values(), *features.values(), *metrics.values()]
    shared = len(read) - len({id(tensor) for tensor in read})
    assert len(read) - shared >= len(places(path))


def test_stock_keras_loads_a_file_with_extras(tmp_path: Path) -> None:
    import keras

    path = with_extra(FULL, tmp_path, "model_weights/gru/noise")
    x = np.random.default_rng(0).standard_normal((2, 12, 5)).astype("f4")
    wanted = keras.saving.load_model(FULL).predict(x, verbose=0)
    for name in ("new.h5", "new.keras"):
        modelport.convert(path, tmp_path / name, verify=False)
        loaded = keras.saving.load_model(tmp_path / name)
        np.testing.assert_array_equal(loaded.predict(x, verbose=0), wanted)
    modelport.convert(path, tmp_path / "new.weights.h5", verify=False)
    loaded.load_weights(tmp_path / "new.weights.h5")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), wanted)


def test_a_plain_file_with_a_group_of_that_name_stays_plain(tmp_path: Path) -> None:
    path = tmp_path / "data.h5"
    with h5py.File(path, "w") as file:
        file["vars/temperature"] = EXTRA
        file["time"] = EXTRA
    assert modelport.open(path).format == "hdf5"
