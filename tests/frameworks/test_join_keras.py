"""A Keras graph with the weights of another file, held against Keras itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tf_keras
import torch
from tests.samples import FILES

import modelport
from modelport.errors import ConversionError
from modelport.model.report import Kind

pytestmark = pytest.mark.filterwarnings("ignore")

X = np.random.default_rng(0).standard_normal((3, 5, 4)).astype(np.float32)


def net(framework: Any, seed: int) -> Any:
    framework.utils.set_random_seed(seed)
    layers = framework.layers
    model = framework.Sequential(
        [
            layers.Input((5, 4)),
            layers.Conv1D(4, 2, padding="same", name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.GRU(3, name="gru"),
            layers.Dense(3, name="square"),
            layers.Dense(2, name="head"),
        ]
    )
    model.compile("sgd", "mse")
    model.fit(X, np.ones((3, 2)), verbose=0)
    return model


def predict(path: Path, by: Any = keras) -> Any:
    return by.models.load_model(path, compile=False)(X, training=False).numpy()


@pytest.mark.parametrize("state", ["b.weights.h5", "b.keras", "b.npz"])
def test_a_keras_graph_takes_weights(state: str, tmp_path: Path) -> None:
    old, new = net(keras, 1), net(keras, 2)
    old.save(tmp_path / "a.keras")
    if state == "b.npz":
        np.savez(tmp_path / state, *new.get_weights())
    else:
        (new.save if state == "b.keras" else new.save_weights)(tmp_path / state)
    target = tmp_path / "c.keras"
    report = modelport.convert(tmp_path / "a.keras", target, state=tmp_path / state)
    assert report.verification["status"] == "agreed", report.verification
    assert report.verification["weights_exact"] is True
    np.testing.assert_allclose(predict(target), new(X).numpy(), atol=1e-6)
    kept = "all" if state == "b.keras" else "absent"
    assert report.kept["optimizer_state"] == kept
    lost = [change.component for change in report if change.kind is Kind.DROPPED]
    assert ("optimizer_state" in lost) is (kept == "absent")
    if state == "b.weights.h5":
        report = modelport.convert(
            tmp_path / "a.keras", tmp_path / "c.onnx", state=tmp_path / state
        )
        assert report.verification["status"] == "agreed", report.verification


def test_a_file_of_keras_2_takes_weights_by_layer(tmp_path: Path) -> None:
    net(tf_keras, 1).save(tmp_path / "a.h5")
    new = net(tf_keras, 2)
    new.save_weights(tmp_path / "b.h5")
    target = tmp_path / "c.h5"
    report = modelport.convert(tmp_path / "a.h5", target, state=tmp_path / "b.h5", verify=False)
    np.testing.assert_allclose(predict(target, tf_keras), new(X).numpy(), atol=1e-6)
    assert "by name" in next(iter(report)).why


def test_layouts_of_other_frameworks_are_refused(tmp_path: Path) -> None:
    net(keras, 1).save(tmp_path / "a.keras")
    torch.save(torch.nn.Linear(3, 2).state_dict(), tmp_path / "s.pt")
    with pytest.raises(ConversionError, match="laid out as PyTorch does"):
        modelport.convert(tmp_path / "a.keras", tmp_path / "b.keras", state=tmp_path / "s.pt")
    first = FILES / "keras-h5" / "keras1.2.2-tensorflow-lstm.h5"
    with pytest.raises(ConversionError, match="Keras 1"):
        modelport.convert(tmp_path / "a.keras", tmp_path / "b.keras", state=first)
