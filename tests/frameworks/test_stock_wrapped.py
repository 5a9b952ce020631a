"""Layers inside TimeDistributed that Keras 3 says otherwise: the .keras made, run by Keras 3.

The truth is tf_keras alive, or what Keras 1 recorded for the same layers one step at a time.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tf_keras

import modelport
from modelport.errors import ConversionError
from modelport.model.report import Kind

layers = tf_keras.layers
OLD = Path(__file__).parents[1] / "files" / "keras-h5"
pytestmark = pytest.mark.filterwarnings("ignore")


def carried(model: Any, folder: Path) -> tuple[Any, list[Kind]]:
    model.save(folder / "a.h5")
    report = modelport.convert(folder / "a.h5", folder / "b.keras", verify=False)
    return keras.saving.load_model(folder / "b.keras"), [change.kind for change in report]


def timed(layer: Any, times: int = 1) -> Any:
    for _ in range(times):
        layer = layers.TimeDistributed(layer)
    return layer


CASES = {
    "locally connected 1D": ((2, 6, 3), lambda: timed(layers.LocallyConnected1D(2, 2))),
    "locally connected 2D": (
        (2, 5, 6, 3),
        lambda: timed(layers.LocallyConnected2D(2, 2, use_bias=False, activation="tanh")),
    ),
    "twice": ((2, 2, 6, 3), lambda: timed(layers.LocallyConnected1D(2, 2), 2)),
    "unknown time": ((None, 6, 3), lambda: timed(layers.LocallyConnected1D(2, 2))),
    "a model further inside": (
        (2, 6, 3),
        lambda: timed(
            tf_keras.Sequential([timed(layers.Dense(2)), layers.LocallyConnected1D(2, 2)])
        ),
    ),
    "a model in two wrappers": (
        (2, 2, 6, 3),
        lambda: timed(tf_keras.Sequential([layers.LocallyConnected1D(2, 2), layers.Dense(2)]), 2),
    ),
    "causal": (
        (2, None, 3),
        lambda: timed(layers.SeparableConv1D(4, 3, padding="causal", dilation_rate=2)),
    ),
    "crop": ((2, 7, 8, 3), lambda: timed(layers.RandomCrop(4, 7))),
}


@pytest.mark.parametrize("case", CASES)
def test_it_predicts_as_before(case: str, tmp_path: Path) -> None:
    shape, make = CASES[case]
    layer = make()
    x, other = tf_keras.Input(shape), tf_keras.Input(shape)
    dense = layers.Dense(2)
    model = tf_keras.Model([x, other], [dense(layer(x)), layer(other)])
    loaded, kinds = carried(model, tmp_path)
    assert (Kind.APPROXIMATED in kinds) == (case == "crop")
    values = [np.random.default_rng(i).normal(size=(3, *(n or 4 for n in shape))) for i in (0, 1)]
    for want, got in zip(model.predict(values), loaded.predict(values), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-5)
    assert len(loaded.trainable_weights) == len(model.trainable_weights)


def test_lookups_mark_in_floats(tmp_path: Path) -> None:
    x = tf_keras.Input((4, 3), dtype="int32")
    lookup = layers.IntegerLookup(vocabulary=[1, 2, 5], output_mode="multi_hot")
    model = tf_keras.Model(x, timed(lookup)(x))
    loaded, _ = carried(model, tmp_path)
    whole = np.arange(24, dtype=np.int32).reshape(2, 4, 3)
    assert loaded(whole).dtype == model(whole).dtype
    np.testing.assert_array_equal(loaded(whole), model(whole))


@pytest.mark.parametrize("frozen", [False, True])
def test_training_goes_on_where_it_stopped(frozen: bool, tmp_path: Path) -> None:
    model = tf_keras.Sequential(
        [
            tf_keras.Input((2, 6, 3)),
            timed(layers.LocallyConnected1D(2, 2)),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    model.layers[0].trainable = not frozen
    model.compile(tf_keras.optimizers.Adam(0.01), "mse")
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(4, 2, 6, 3)), generator.normal(size=(4, 1))
    for _ in range(3):
        model.train_on_batch(x, y)
    loaded, _ = carried(model, tmp_path)
    assert int(loaded.optimizer.iterations) == 3
    for each in (model, loaded):
        each.train_on_batch(x, y)
    assert len(loaded.trainable_weights) == len(model.trainable_weights)
    np.testing.assert_allclose(loaded.predict(x), model.predict(x), atol=1e-5)


OF_KERAS_1 = pytest.mark.parametrize(
    "name",
    [
        "keras1.1.0-theano-removed-layers-2",
        "keras1.2.2-tensorflow-removed-layers",
        "keras1.2.2-theano-removed-layers-2",
    ],
)


def every_layer_timed(name: str, path: Path) -> None:
    shutil.copy(OLD / f"{name}.h5", path)
    with h5py.File(path, "a") as file:
        model = json.loads(file.attrs["model_config"])
        for layer in model["config"]:
            inner = {"class_name": layer["class_name"], "config": layer["config"]}
            layer["config"] = {"name": inner["config"]["name"], "trainable": True, "layer": inner}
            layer["class_name"] = "TimeDistributed"
        model["config"][0]["config"]["batch_input_shape"] = [None, 2, 3]
        file.attrs["model_config"] = json.dumps(model)


@OF_KERAS_1
def test_layers_of_keras_1_do_at_every_step_what_they_did(name: str, tmp_path: Path) -> None:
    every_layer_timed(name, tmp_path / "a.h5")
    modelport.convert(tmp_path / "a.h5", tmp_path / "b.keras", verify=False)
    recorded = np.load(OLD / f"{name}.io.npz")
    x, y = (np.stack([recorded[key], recorded[key][::-1]], axis=1) for key in ("x0", "y0"))
    loaded = keras.saving.load_model(tmp_path / "b.keras")
    np.testing.assert_allclose(loaded.predict(x), y, atol=1e-5)


@OF_KERAS_1
def test_tf_keras_has_not_these_layers(name: str, tmp_path: Path) -> None:
    every_layer_timed(name, tmp_path / "a.h5")
    with pytest.raises(ConversionError, match="no such layer"):
        modelport.convert(tmp_path / "a.h5", tmp_path / "b.h5", verify=False)


def test_a_kernel_that_no_layer_can_keep_is_refused(tmp_path: Path) -> None:
    layer = layers.LocallyConnected1D(2, 2, implementation=2)
    tf_keras.Sequential([tf_keras.Input((2, 6, 3)), timed(layer)]).save(tmp_path / "a.h5")
    with pytest.raises(ConversionError, match="implementation 2"):
        modelport.convert(tmp_path / "a.h5", tmp_path / "b.keras", verify=False)
