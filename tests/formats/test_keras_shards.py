"""Keras weights in several files with an index, as one model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tests.samples import FILES

import modelport
from modelport.errors import MalformedFile, ModelportError, UnreadableFile, UnsupportedFeature

FOLDER = FILES / "sharded" / "keras"


@pytest.fixture
def index(tmp_path: Path) -> Path:
    shutil.copytree(FOLDER, tmp_path / "model")
    return tmp_path / "model" / "model.weights.json"


def recorded(name: str) -> list[np.ndarray]:
    with np.load(FOLDER / name) as held:
        return [held[key] for key in held.files]


def same(found: Any, expected: list[np.ndarray]) -> None:
    assert len(found) == len(expected)
    for tensor, array in zip(found, expected, strict=True):
        assert np.array_equal(tensor.numpy(), array), tensor.name


def test_all_files_are_one_model(index: Path) -> None:
    for path in (index, index.parent):
        model = modelport.open(path)
        assert model.format == "sharded"
        assert not model.findings
        order = ["dense/", "batch_normalization/", "lstm/", "dense_1/"]
        found = sorted(
            model.tensors.values(), key=lambda item: [part in item.name for part in order][::-1]
        )
        same(found, recorded("weights.io.npz"))
        assert model.optimizer_state is not None
        assert model.optimizer_state.step == 2
        same(model.optimizer_state.tensors.values(), recorded("optimizer.io.npz"))


@pytest.mark.parametrize("ending", [".safetensors", ".npz", ".h5", ".pt", ".weights.h5"])
def test_to_one_file(index: Path, ending: str, tmp_path: Path) -> None:
    report = modelport.convert(index, tmp_path / f"whole{ending}")
    assert report.verification["weights_exact"]
    told = modelport.diff(index, tmp_path / f"whole{ending}")["tensors"]
    assert told["equal"] == len(modelport.open(index).tensors)


def absent(index: Path, value: dict[str, Any]) -> None:
    (index.parent / "model_00001.weights.h5").unlink()


def unlisted(index: Path, value: dict[str, Any]) -> None:
    del value["weight_map"]["/layers/lstm/cell/vars"]


def without_variables(index: Path, value: dict[str, Any]) -> None:
    value["weight_map"]["/layers/other/vars"] = ["model_00000.weights.h5"]


def twice(index: Path, value: dict[str, Any]) -> None:
    shutil.copy(index.parent / "model_00000.weights.h5", index.parent / "copy.h5")
    for names in value["weight_map"].values():
        names.append("copy.h5")


def no_name(index: Path, value: dict[str, Any]) -> None:
    value["weight_map"]["/optimizer/vars"] = [3]


def nothing(index: Path, value: dict[str, Any]) -> None:
    value["weight_map"]["/optimizer/vars"] = []


def outside(index: Path, value: dict[str, Any]) -> None:
    value["weight_map"]["/optimizer/vars"] = ["../model/model_00000.weights.h5", "/etc/passwd"]


def no_hdf5(index: Path, value: dict[str, Any]) -> None:
    (index.parent / "model_00000.weights.h5").write_bytes(b"PK\3\4")


def foreign(index: Path, value: dict[str, Any]) -> None:
    with h5py.File(index.parent / "model_00000.weights.h5", "a") as file:
        file["notes"] = np.ones(2)


BROKEN: dict[Callable[[Path, dict[str, Any]], None], type[ModelportError]] = {
    absent: UnreadableFile,
    unlisted: MalformedFile,
    without_variables: MalformedFile,
    twice: MalformedFile,
    no_name: MalformedFile,
    nothing: MalformedFile,
    outside: ModelportError,
    no_hdf5: MalformedFile,
    foreign: UnsupportedFeature,
}


@pytest.mark.parametrize(("spoil", "error"), BROKEN.items(), ids=lambda item: item.__name__)
def test_a_broken_set_is_refused(
    spoil: Callable[[Path, dict[str, Any]], None], error: type[ModelportError], index: Path
) -> None:
    value = json.loads(index.read_bytes())
    spoil(index, value)
    index.write_text(json.dumps(value))
    with pytest.raises(error):
        modelport.open(index)
