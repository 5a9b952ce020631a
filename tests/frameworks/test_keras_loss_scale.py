"""Optimizers inside a loss scale, stated or put there by Keras itself: training goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_keras_optimizers import X, Y, model
from test_keras_to_keras import convert, load

import modelport
from modelport.model.component import Component
from modelport.model.report import Kind

pytestmark = pytest.mark.filterwarnings("ignore")


@contextmanager
def policy(framework: Any, name: str) -> Iterator[None]:
    framework.mixed_precision.set_global_policy(name)
    try:
        yield
    finally:
        framework.mixed_precision.set_global_policy("float32")


def trained(built: Any, optimizer: Any) -> Any:
    built.compile(optimizer, "mse")
    for _ in range(3):
        built.train_on_batch(X, Y)
    return built


def go_on(built: Any) -> list[Any]:
    for _ in range(2):
        built.train_on_batch(X, Y)
    return [np.asarray(weight) for weight in built.weights]


HALF = 5e-5
"""How far two frameworks may part whose products are of half precision (weights move 2e-3)."""


def assert_goes_on(path: Path, wanted: list[Any], tolerance: float = 2e-7) -> Any:
    loaded = load(path)
    assert int(loaded.optimizer.iterations) == 3
    for want, got in zip(wanted, go_on(loaded), strict=True):
        np.testing.assert_allclose(got, want, atol=tolerance, rtol=0)
    return loaded


@pytest.mark.parametrize("kind", ["Sequential", "Functional"])
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_what_keras_3_wraps_by_itself(kind: str, suffix: str, tmp_path: Path) -> None:
    import keras

    source = tmp_path / f"in{suffix}"
    with policy(keras, "mixed_float16"):
        built = model(keras)
        built = built if kind == "Sequential" else keras.Model(built.inputs, built.outputs)
        trained(built, keras.optimizers.Adam(0.01)).save(source)
        wanted = go_on(built)
    assert modelport.open(source).optimizer_state.step == 3
    report = convert(source, tmp_path / "out.keras")
    assert report.lossless
    assert any(change.where == "LossScaleOptimizer" for change in report) == (suffix == ".keras")
    convert(source, tmp_path / "out.h5")
    convert(tmp_path / "out.h5", tmp_path / "again.keras")
    for name in ("out.keras", "again.keras"):
        assert_goes_on(
            tmp_path / name, wanted
        )  # under the policy float32, as a fresh Python has it
        with policy(keras, "mixed_float16"):
            assert_goes_on(tmp_path / name, wanted)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_scale_and_counter_of_keras_3(suffix: str, tmp_path: Path) -> None:
    import keras

    made = keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(0.01, momentum=0.5), initial_scale=8.0, dynamic_growth_steps=2
    )
    built = trained(model(keras), made)
    built.save(tmp_path / f"in{suffix}")
    assert modelport.open(tmp_path / f"in{suffix}").optimizer_state.step == 3
    assert modelport.open(tmp_path / f"in{suffix}").hyperparameters["learning_rate"] == (
        pytest.approx(0.01)
    )
    scale, counter = float(made.dynamic_scale), int(made.step_counter)
    assert (scale, counter) == (16.0, 1)
    wanted = go_on(built)
    convert(tmp_path / f"in{suffix}", tmp_path / "out.keras")
    loaded = load(tmp_path / "out.keras").optimizer
    assert (float(loaded.dynamic_scale), int(loaded.step_counter)) == (scale, counter)
    loaded = assert_goes_on(tmp_path / "out.keras", wanted).optimizer
    assert float(loaded.dynamic_scale) == float(made.dynamic_scale) == 32.0


TF_KERAS: dict[str, dict[str, Any]] = {
    "moving": {"initial_scale": 8.0, "dynamic_growth_steps": 2},
    "fixed": {"dynamic": False, "initial_scale": 8.0},
}


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("scale", TF_KERAS)
@pytest.mark.parametrize("generation", ["new", "legacy"])
def test_tf_keras(generation: str, scale: str, suffix: str, tmp_path: Path) -> None:
    import tf_keras

    if (generation, suffix) == ("legacy", ".keras"):
        suffix = ".h5"  # tf_keras itself loses the state of legacy optimizers in .keras
    module = tf_keras.optimizers if generation == "new" else tf_keras.optimizers.legacy
    settings = TF_KERAS[scale]
    made = tf_keras.mixed_precision.LossScaleOptimizer(module.SGD(0.01, momentum=0.5), **settings)
    built = trained(model(tf_keras), made)
    built.save(tmp_path / f"in{suffix}")
    wanted = go_on(built)
    report = convert(tmp_path / f"in{suffix}", tmp_path / "out.keras")
    lost = [change for change in report if change.kind is Kind.DROPPED]
    assert all("had counted" in change.why for change in lost)
    told = {change.where for change in report if change.kind is Kind.INVENTED}
    assert told == ({"dynamic_growth_steps"} if scale == "fixed" else {"dynamic_scale"})
    report = convert(tmp_path / f"in{suffix}", tmp_path / "out.h5")
    assert "dynamic_growth_steps" not in {change.where for change in report}
    again = tf_keras.models.load_model(tmp_path / "out.h5").optimizer
    assert again.dynamic == (scale == "moving")
    loaded = assert_goes_on(tmp_path / "out.keras", wanted).optimizer
    assert loaded.initial_scale == 8.0
    assert float(loaded.dynamic_scale) == (8.0 if scale == "fixed" else 16.0)


def test_what_tf_keras_wraps_by_itself(tmp_path: Path) -> None:
    import tf_keras

    tf_keras.utils.set_random_seed(0)
    with policy(tf_keras, "mixed_float16"):
        built = trained(model(tf_keras), "adam")
        built.save(tmp_path / "in.h5")
        built.save(tmp_path / "in.keras")
        wanted = go_on(built)
    for name in ("in.h5", "in.keras"):
        assert modelport.open(tmp_path / name).optimizer_state.step == 3
        convert(tmp_path / name, tmp_path / "out.keras")
        assert_goes_on(tmp_path / "out.keras", wanted, HALF)


def test_an_optimizer_by_name(tmp_path: Path) -> None:
    import tf_keras

    built = trained(model(tf_keras), "adam")
    built.save(tmp_path / "in.keras")
    wanted = go_on(built)
    convert(tmp_path / "in.keras", tmp_path / "out.keras")
    assert_goes_on(tmp_path / "out.keras", wanted)


def test_a_loss_scale_for_tf_keras(tmp_path: Path) -> None:
    import tf_keras

    made = tf_keras.mixed_precision.LossScaleOptimizer(tf_keras.optimizers.Adam(0.01))
    built = trained(model(tf_keras), made)
    built.save(tmp_path / "in.h5")
    report = convert(tmp_path / "in.h5", tmp_path / "out.h5")
    assert [change.component for change in report if change.kind is Kind.APPROXIMATED] == [
        Component.OPTIMIZER_STATE
    ]
    tf_keras.models.load_model(tmp_path / "out.h5")
    convert(tmp_path / "out.h5", tmp_path / "again.keras")
    assert_goes_on(tmp_path / "again.keras", go_on(built))
