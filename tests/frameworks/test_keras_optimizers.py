"""Every optimizer of Keras 3 and of tf_keras, saved, converted and trained on: the same weights."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_keras_to_keras import convert, load

import modelport
from modelport.model.report import Kind

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
COMMON: dict[str, dict[str, Any]] = {
    "average": {
        "use_ema": True,
        "ema_momentum": 0.9,
        "ema_overwrite_frequency": 2,
        "weight_decay": 0.02,
        "clipnorm": 0.05,
    },
    "accumulated": {
        "use_ema": True,
        "gradient_accumulation_steps": 2,
        "loss_scale_factor": 8.0,
        "global_clipnorm": 0.05,
    },
}
CLASSES = sorted({name.split()[0] for name in KERAS_3} | {"ScheduleFreeAdamW"})
SCHEDULES: dict[str, dict[str, Any]] = {
    "ExponentialDecay": {"initial_learning_rate": 0.05, "decay_steps": 2, "decay_rate": 0.5},
    "PiecewiseConstantDecay": {"boundaries": [2, 4], "values": [0.1, 0.05, 0.01]},
    "CosineDecayRestarts": {"initial_learning_rate": 0.1, "first_decay_steps": 3},
    "PolynomialDecay": {"initial_learning_rate": 0.1, "decay_steps": 3, "cycle": True},
    "CosineDecay": {
        "initial_learning_rate": 0.01,
        "decay_steps": 9,
        "warmup_target": 0.1,
        "warmup_steps": 4,
    },
    "InverseTimeDecay": {
        "initial_learning_rate": 0.1,
        "decay_steps": 2,
        "decay_rate": 0.5,
        "staircase": True,
    },
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


@pytest.mark.parametrize("settings", COMMON)
@pytest.mark.parametrize("name", CLASSES)
def test_what_every_optimizer_of_keras_3_can(name: str, settings: str, tmp_path: Path) -> None:
    import keras

    built = trained(keras, optimizer(keras.optimizers, name, COMMON[settings]))
    built.save(tmp_path / "in.keras")
    wanted = two_more_steps(keras.saving.load_model(tmp_path / "in.keras"))
    assert_same(tmp_path / "in.keras", tmp_path, wanted)


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(name: str, tmp_path: Path) -> None:
    import keras

    rate = getattr(keras.optimizers.schedules, name)(**SCHEDULES[name])
    built = trained(keras, keras.optimizers.Adam(rate))
    built.save(tmp_path / "in.keras")
    assert_same(tmp_path / "in.keras", tmp_path, two_more_steps(built))


def test_a_schedule_of_ones_own_is_told_and_the_slots_stay(tmp_path: Path) -> None:
    import keras

    class Halving(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step: Any) -> Any:
            return 0.02 * 0.5 ** keras.ops.cast(step, "float32")

        def get_config(self) -> dict[str, Any]:
            return {"initial_learning_rate": 0.02}

    built = trained(keras, keras.optimizers.SGD(Halving(), momentum=0.9))
    built.save(tmp_path / "in.keras")
    report = convert(tmp_path / "in.keras", tmp_path / "out.keras")
    lossy = [change.where for change in report if change.kind is Kind.DROPPED]
    assert lossy == ["learning_rate"]
    loaded = keras.saving.load_model(tmp_path / "out.keras").optimizer
    assert int(loaded.iterations) == 3
    for want, got in zip(built.optimizer.momentums, loaded.momentums, strict=True):
        np.testing.assert_array_equal(got.numpy(), want.numpy())


def test_adafactor_of_tf_keras_on_vectors_alone(tmp_path: Path) -> None:
    import tf_keras

    layers = tf_keras.layers
    built = tf_keras.Sequential([layers.Input((3,)), layers.LayerNormalization()])
    built.compile(tf_keras.optimizers.Adafactor(0.01), "mse")
    for _ in range(3):
        built.train_on_batch(Y, X[:, :3])
    built.save(tmp_path / "in.h5")
    assert convert(tmp_path / "in.h5", tmp_path / "out.keras").lossless
    assert convert(tmp_path / "in.h5", tmp_path / "out.h5").lossless
    for name in ("out.keras", "out.h5"):
        found = modelport.open(tmp_path / name).optimizer_state
        assert found is not None
        assert found.step == 3
    convert(tmp_path / "out.h5", tmp_path / "again.keras")
    wanted = None
    for name in ("in.h5", "out.h5", "out.keras", "again.keras"):
        model = load(tmp_path / name, "tf_keras" if name.endswith("h5") else "keras")
        for _ in range(2):
            model.train_on_batch(Y, X[:, :3])
        wanted = wanted or [np.asarray(weight) for weight in model.weights]
        for want, got in zip(wanted, model.weights, strict=True):
            np.testing.assert_allclose(np.asarray(got), want, atol=2e-7, rtol=0)


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
