"""Keras files written and read back, without a framework; h5py and zipfile judge the layout."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tests.samples import FILES

import modelport
from modelport.convert.carry import canonical, carry
from modelport.errors import ConversionError
from modelport.formats.table import by_name
from modelport.model.model import Model
from modelport.model.report import Report
from modelport.wire.output import Output

GRU = FILES / "keras-v3" / "gru_rmsprop.keras"
OLD = FILES / "keras-h5"


def write(source: Path | Model, target: Path, kind: str) -> Report:
    model = modelport.open(source) if isinstance(source, Path) else source
    report = Report()
    found = by_name(kind)
    carried = carry(model, found, report)
    assert found.write is not None
    with Output(target, overwrite=True) as output:
        found.write(carried, output, report)
        output.publish()
    return report


def store(path: Path) -> h5py.File:
    with zipfile.ZipFile(path) as archive:
        assert all(member.compress_type == zipfile.ZIP_STORED for member in archive.infolist())
        return h5py.File(io.BytesIO(archive.read("model.weights.h5")))


def config(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        found: dict[str, Any] = json.loads(archive.read("config.json"))
        return found


def variables(file: h5py.File) -> dict[str, Any]:
    found = {}
    file.visititems(
        lambda name, item: found.update({name: item[()]}) if hasattr(item, "dtype") else None
    )
    return found


def test_a_keras_3_archive_comes_back_variable_by_variable(tmp_path: Path) -> None:
    write(GRU, tmp_path / "a.keras", "keras-v3")
    before, after = variables(store(GRU)), variables(store(tmp_path / "a.keras"))
    assert before.keys() == after.keys()
    for name, value in before.items():
        assert value.dtype == after[name].dtype
        np.testing.assert_array_equal(value, after[name])
    names = {k: v.attrs["name"] for k, v in _groups(store(GRU)) if k.count("/") == 2}
    assert names == {
        k: v.attrs["name"] for k, v in _groups(store(tmp_path / "a.keras")) if k.count("/") == 2
    }


def _groups(file: h5py.File) -> list[tuple[str, h5py.Group]]:
    found: list[tuple[str, h5py.Group]] = []
    file.visititems(
        lambda name, item: found.append((name, item)) if name.endswith("vars") else None
    )
    return found


def test_the_config_says_the_same(tmp_path: Path) -> None:
    write(GRU, tmp_path / "a.keras", "keras-v3")
    before, after = config(GRU), config(tmp_path / "a.keras")
    assert before["compile_config"] == after["compile_config"]
    pairs = zip(before["config"]["layers"], after["config"]["layers"], strict=True)
    for old, new in pairs:
        assert old["class_name"] == new["class_name"]
        assert old["module"] == new["module"]
        for key, value in old["config"].items():
            # "ragged" came with a late Keras 3 and is left out where it is false.
            if key not in ("dtype", "ragged") and not isinstance(value, dict):
                assert new["config"].get(key) == value, key


@pytest.mark.parametrize("kind", ["keras-v3", "keras-h5", "keras-weights-h5"])
@pytest.mark.parametrize(
    "source", [GRU, OLD / "keras1.2.2-tensorflow-lstm.h5", OLD / "gru_rmsprop.h5"], ids=str
)
def test_twice_the_same_bytes(source: Path, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.weights.h5"
    path = path.with_suffix(".keras") if kind == "keras-v3" else path
    write(source, path, kind)
    first = path.read_bytes()
    write(source, path, kind)
    assert path.read_bytes() == first


def test_an_old_lstm_is_joined_and_its_state_alike(tmp_path: Path) -> None:
    source = OLD / "keras1.2.2-tensorflow-lstm.h5"
    write(source, tmp_path / "a.keras", "keras-v3")
    with h5py.File(source) as old:
        layer = old["model_weights"]["lstm_1"]
        names = [name.decode() for name in layer.attrs["weight_names"]]
        gates = [layer[names[i]][()] for i in (0, 6, 3, 9)]
        slots = old["optimizer_weights"]
        by_shape = [slots[name.decode()][()] for name in slots.attrs["weight_names"]]
    new = variables(store(tmp_path / "a.keras"))
    np.testing.assert_array_equal(new["layers/lstm/cell/vars/0"], np.concatenate(gates, 1))
    slot = next(v for k, v in new.items() if k == "optimizer/vars/2")
    assert slot.shape == new["layers/lstm/cell/vars/0"].shape
    columns = {part.tobytes() for part in by_shape if part.shape == gates[0].shape}
    assert {part.tobytes() for part in np.split(slot, 4, 1)} <= columns
    assert int(new["optimizer/vars/0"]) == 0


def test_the_old_hard_sigmoid_is_spelt_out(tmp_path: Path) -> None:
    write(OLD / "keras1.2.2-tensorflow-lstm.h5", tmp_path / "a.keras", "keras-v3")
    lstm = next(
        layer
        for layer in config(tmp_path / "a.keras")["config"]["layers"]
        if layer["class_name"] == "LSTM"
    )
    activation = lstm["config"]["recurrent_activation"]
    assert activation["class_name"] == "Pipeline"
    rescaling, clipped = activation["config"]["layers"]
    assert (rescaling["config"]["scale"], rescaling["config"]["offset"]) == (0.2, 0.5)
    assert clipped["config"]["max_value"] == 1.0


def test_a_keras_2_file_stays_one(tmp_path: Path) -> None:
    write(OLD / "keras2.2.4-tensorflow-dense-adam.h5", tmp_path / "a.h5", "keras-h5")
    with h5py.File(tmp_path / "a.h5") as file:
        assert file.attrs["keras_version"].startswith("2.")
        training = json.loads(file.attrs["training_config"])
        assert training["optimizer_config"]["class_name"] == "Custom>Adam"
        names = [name.decode() for name in file["optimizer_weights"].attrs["weight_names"]]
        assert names[:3] == ["iteration:0", "Adam/m/dense_1/kernel:0", "Adam/v/dense_1/kernel:0"]
        layers = json.loads(file.attrs["model_config"])["config"]["layers"]
        assert "batch_input_shape" in layers[0]["config"]
        assert all("module" not in layer for layer in layers)


def test_state_of_the_same_model_survives_every_way(tmp_path: Path) -> None:
    source = OLD / "keras2.2.4-tensorflow-dense-adam.h5"
    first = canonical(modelport.open(source), Report())
    write(source, tmp_path / "a.h5", "keras-h5")
    write(tmp_path / "a.h5", tmp_path / "b.keras", "keras-v3")
    write(tmp_path / "b.keras", tmp_path / "c.h5", "keras-h5")
    last = canonical(modelport.open(tmp_path / "c.h5"), Report())
    assert first.optimizer_state is not None
    assert last.optimizer_state is not None
    assert first.optimizer_state.step == last.optimizer_state.step == 3
    assert first.optimizer_state.slots.keys() == last.optimizer_state.slots.keys()
    for slot, tensors in first.optimizer_state.slots.items():
        others = last.optimizer_state.slots[slot].values()
        for one, other in zip(tensors.values(), others, strict=True):
            np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_weights_alone_keep_layout_and_names(tmp_path: Path) -> None:
    source = FILES / "keras-weights-h5" / "gru_rmsprop.weights.h5"
    write(source, tmp_path / "a.weights.h5", "keras-weights-h5")
    with h5py.File(source) as old, h5py.File(tmp_path / "a.weights.h5") as new:
        before, after = variables(old), variables(new)
        assert before.keys() == after.keys()
        for name, value in before.items():
            np.testing.assert_array_equal(value, after[name])


def test_the_name_chooses_the_layout_of_weights(tmp_path: Path) -> None:
    write(GRU, tmp_path / "a.weights.h5", "keras-weights-h5")
    write(GRU, tmp_path / "b.h5", "keras-weights-h5")
    with h5py.File(tmp_path / "a.weights.h5") as tree, h5py.File(tmp_path / "b.h5") as layers:
        assert "layers/gru/cell/vars/0" in tree
        assert "optimizer/vars/0" in tree
        assert layers.attrs["layer_names"][0] == b"gru"
        np.testing.assert_array_equal(tree["layers/gru/cell/vars/0"], layers["gru/gru/cell/kernel"])


def test_weights_alone_are_no_archive(tmp_path: Path) -> None:
    source = FILES / "keras-weights-h5" / "gru_rmsprop.weights.h5"
    with pytest.raises(ConversionError, match="architecture"):
        write(source, tmp_path / "a.keras", "keras-v3")
    assert list(tmp_path.iterdir()) == []


def test_a_layer_that_today_has_not_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="maxoutdense_1"):
        write(OLD / "keras1.2.2-tensorflow-removed-layers.h5", tmp_path / "a.h5", "keras-h5")


def test_names_with_slashes_are_changed_and_told(tmp_path: Path) -> None:
    model = modelport.open(OLD / "keras2.2.4-tensorflow-dense-adam.h5")
    for node in model.graph.nodes:
        node.scope = (node.scope[-1]._replace(name=node.scope[-1].name.replace("dense_", "d/")),)
        node.attributes["config"]["name"] = node.scope[-1].name
    report = write(model, tmp_path / "a.keras", "keras-v3")
    assert any(change.where == "d/1" and "'d_1'" in change.why for change in report)
    names = [layer["config"]["name"] for layer in config(tmp_path / "a.keras")["config"]["layers"]]
    assert "d_1" in names


@pytest.mark.parametrize(("name", "to"), [("a.h5", "keras-h5"), ("a.keras", "keras-v3")])
def test_training_data_goes_along(name: str, to: str, tmp_path: Path) -> None:
    source = OLD / "with_data.h5"
    write(source, tmp_path / name, to)
    before, after = modelport.open(source).dataset, modelport.open(tmp_path / name).dataset
    assert before is not None
    assert after is not None
    assert before.features.keys() == after.features.keys()
