"""The line that ``convert`` prints to load its result is run by the frameworks it names."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.samples import FILES

import modelport
from modelport.commands.convert import as_json

KERAS_3 = FILES / "keras-h5" / "gru_rmsprop.h5"
KERAS_2 = FILES / "keras-h5" / "keras2.2.4-tensorflow-gru.h5"
STORE = FILES / "keras-weights-h5" / "gru_rmsprop.weights.h5"

pytestmark = pytest.mark.filterwarnings("ignore")


def load(source: Path, target: Path, **names: Any) -> dict[str, Any]:
    """Convert, run the line that is told, and return the names it leaves."""
    told = as_json(modelport.convert(source, target, verify=False))
    exec(told["load_with"], names)
    return names


@pytest.mark.parametrize("source", [KERAS_3, KERAS_2], ids=["keras 3", "keras 2"])
def test_whole_models(source: Path, tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal(
        (2, *modelport.open(source).signature.inputs[0].shape[1:])
    )
    x = x.astype(np.float32)
    session = load(source, tmp_path / "it's.onnx")["session"]
    expected = session.run(None, {session.get_inputs()[0].name: x})[0]
    for name in ("model.keras", "model.h5"):
        model = load(source, tmp_path / name)["model"]
        np.testing.assert_allclose(model.predict(x, verbose=0), expected, atol=1e-5)


@pytest.mark.parametrize("ending", [".safetensors", ".npz"])
def test_weights_alone(ending: str, tmp_path: Path) -> None:
    weights = load(KERAS_3, tmp_path / f"w{ending}")["weights"]
    held = modelport.open(KERAS_3).tensors
    assert sorted(weights) == sorted(held)
    for name in held:
        np.testing.assert_array_equal(weights[name], held[name].numpy())


def test_source_for_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    told = as_json(modelport.convert(KERAS_3, tmp_path / "told_source.pt", verify=False))
    names: dict[str, Any] = {}
    exec(told["load_with"], names)
    assert not names["model"].training
    assert len(list(names["model"].parameters())) > 3


def test_checkpoints(tmp_path: Path) -> None:
    target = tmp_path / "w.pt"
    told = as_json(modelport.convert(KERAS_3, target, to="pytorch-legacy", verify=False))
    names: dict[str, Any] = {}
    exec(told["load_with"], names)
    held = modelport.open(KERAS_3).tensors
    found = names["checkpoint"]
    assert sorted(found) == sorted(held)
    for name in held:
        np.testing.assert_array_equal(found[name].numpy(), held[name].numpy())


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (KERAS_3, "a.weights.h5"),
        (STORE, "a.weights.h5"),
        (STORE, "a.h5"),
        ("by layer", "a.h5"),
        ("by layer", "a.weights.h5"),
    ],
)
def test_weights_of_keras(source: Path | str, name: str, tmp_path: Path) -> None:
    import keras

    model = keras.saving.load_model(KERAS_3, compile=False)
    expected = model.get_weights()
    if isinstance(source, str):
        source = tmp_path / "source.h5"
        modelport.convert(KERAS_3, source, to="keras-weights-h5", verify=False)
    model.set_weights([np.zeros_like(weight) for weight in expected])
    (tmp_path / "out").mkdir()
    load(source, tmp_path / "out" / name, model=model)
    for found, wanted in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)
