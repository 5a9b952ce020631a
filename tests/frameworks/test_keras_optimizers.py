"""Every optimizer of Keras 3 and of tf_keras, saved, converted and trained on: the same weights."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_keras_to_keras import convert

pytestmark = pytest.mark.filterwarnings("ignore")
_GENERATOR = np.random.default_rng(0)
X = _GENERATOR.normal(size=(8, 6)).astype("float32")
Y = _GENERATOR.normal(size=(8, 3)).astype("float32")

KERAS_3: dict[str, dict[str, Any]] = {
    "SGD": {},
    "SGD momentum": {"momentum": 0.9, "nesterov": True},
    "Adam": {},
    "Adam amsgrad": {"amsgrad": True, "global_clipnorm": 0.1, "weight_decay": 0.01},
    "Adam ema": {"use_ema": True, "ema_overwrite_frequency": 4},
    "SGD accumulate": {"momentum": 0.5, "gradient_accumulation_steps": 2},
    "AdamW": {},
    "RMSprop": {},
    "RMSprop centered": {"centered": True, "momentum": 0.5},
    "Adagrad": {},
    "Adadelta": {},
    "Adamax": {},
    "Nadam": {},
    "Ftrl": {},
    "Lion": {},
    "Lamb": {},
    "Adafactor": {},
    "Muon": {},
}
TF_KERAS = {
    name: settings
    for name, settings in KERAS_3.items()
    if name.split()[0] not in ("Lamb", "Adafactor", "Muon", "Nadam") and "accumulate" not in name
}
LEGACY: dict[str, dict[str, Any]] = {
    "SGD": {"decay": 0.1, "momentum": 0.9},
    "Adam": {},
    "Adam amsgrad": {"amsgrad": True, "clipnorm": 0.1},
    "RMSprop centered": {"centered": True, "momentum": 0.5},
    "Adadelta": {},
    "Adamax": {},
    "Ftrl": {"l1_regularization_strength": 0.01, "beta": 0.1},
}


def model(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [layers.Input((6,)), layers.Dense(5, activation="tanh"), layers.Dense(3)]
    )


def optimizer(module: Any, name: str, settings: dict[str, Any]) -> Any:
    return getattr(module, name.split()[0])(learning_rate=0.01, **settings)


def trained(keras: Any, made: Any) -> Any:
    built = model(keras)
    built.compile(made, "mse")
    for _ in range(3):
        built.train_on_batch(X, Y)
    return built


def two_more_steps(built: Any) -> list[Any]:
    for _ in range(2):
        built.train_on_batch(X, Y)
    return [np.asarray(weight) for weight in built.weights]


def assert_same(source: Path, folder: Path, wanted: list[Any]) -> None:
    import keras

    convert(source, folder / "out.keras")
    convert(source, folder / "out.h5")
    convert(folder / "out.h5", folder / "again.keras")
    for name in ("out.keras", "again.keras"):
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message=".*[Ss]kipping.*")
            loaded = keras.saving.load_model(folder / name)
        for want, got in zip(wanted, two_more_steps(loaded), strict=True):
            np.testing.assert_allclose(got, want, atol=2e-7, rtol=0)


@pytest.mark.parametrize("name", KERAS_3)
def test_keras_3(name: str, tmp_path: Path) -> None:
    import keras

    built = trained(keras, optimizer(keras.optimizers, name, KERAS_3[name]))
    built.save(tmp_path / "in.keras")
    assert_same(tmp_path / "in.keras", tmp_path, two_more_steps(built))


def test_keras_3_loss_scale_and_schedule(tmp_path: Path) -> None:
    import keras

    rate = keras.optimizers.schedules.ExponentialDecay(0.01, 2, 0.5)
    inner = keras.optimizers.Adam(rate)
    built = trained(keras, keras.optimizers.LossScaleOptimizer(inner))
    built.save(tmp_path / "in.keras")
    assert_same(tmp_path / "in.keras", tmp_path, two_more_steps(built))


@pytest.mark.parametrize("name", TF_KERAS)
def test_tf_keras(name: str, tmp_path: Path) -> None:
    import tf_keras

    built = trained(tf_keras, optimizer(tf_keras.optimizers, name, TF_KERAS[name]))
    built.save(tmp_path / "in.h5")
    built.save(tmp_path / "in.keras")
    wanted = two_more_steps(built)
    assert_same(tmp_path / "in.h5", tmp_path, wanted)
    assert_same(tmp_path / "in.keras", tmp_path, wanted)


@pytest.mark.parametrize("name", LEGACY)
def test_tf_keras_legacy(name: str, tmp_path: Path) -> None:
    import tf_keras

    built = trained(tf_keras, optimizer(tf_keras.optimizers.legacy, name, LEGACY[name]))
    built.save(tmp_path / "in.h5")
    assert_same(tmp_path / "in.h5", tmp_path, two_more_steps(built))
    tf_keras.models.load_model(tmp_path / "out.h5")
