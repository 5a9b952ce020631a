"""Normalisation layers against Keras 3."""

from __future__ import annotations

import live
import numpy as np
import pytest

keras = pytest.importorskip("keras")
layers = keras.layers


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(1, 2, shape).astype(np.float32)


def everywhere(makers, dtype=None, tolerance=1e-5):
    """Each layer on a plain image, behind a convolution, on a sequence and on a vector."""
    x, sequence, vector = keras.Input((4, 5, 6)), keras.Input((7, 6)), keras.Input((6,))
    more = {"dtype": dtype} if dtype else {}
    wide = layers.Conv2D(6, 1, **more)(x)
    outputs = []
    for make, ranks in makers:
        places = [edge for edge in (x, wide, sequence, vector) if len(edge.shape) in ranks]
        outputs += [make(**more)(edge) for edge in places]
    model = keras.Model([x, sequence, vector], outputs)
    live.randomize(model)
    live.check(model, [normal(3, 4, 5, 6), normal(3, 7, 6), normal(3, 6)], tolerance)


def made(maker, **config):
    return lambda **more: maker(**config, **more)


BATCH = [
    (made(layers.BatchNormalization), (2, 3, 4)),
    (made(layers.BatchNormalization, scale=False, epsilon=1e-5), (2, 3, 4)),
    (made(layers.BatchNormalization, center=False), (2, 4)),
    (made(layers.BatchNormalization, axis=1), (3, 4)),
    (made(layers.BatchNormalization, axis=2), (4,)),
]
LAYER = [
    (made(layers.LayerNormalization), (2, 3, 4)),
    (made(layers.LayerNormalization, scale=False), (3, 4)),
    (made(layers.LayerNormalization, center=False, epsilon=1e-5), (3, 4)),
    (made(layers.LayerNormalization, axis=[1, 2, 3]), (4,)),
    (made(layers.LayerNormalization, axis=[-2, -1]), (3, 4)),
    (made(layers.LayerNormalization, axis=1), (3, 4)),
    (made(layers.LayerNormalization, axis=[1, 3]), (4,)),
]
OTHERS = [
    (made(layers.GroupNormalization, groups=2), (2, 3, 4)),
    (made(layers.GroupNormalization, groups=-1), (3, 4)),
    (made(layers.GroupNormalization, groups=3, scale=False), (3, 4)),
    (made(layers.GroupNormalization, groups=2, axis=1, center=False), (4,)),
    (made(layers.RMSNormalization), (2, 3, 4)),
    (made(layers.RMSNormalization, axis=[-2, -1], epsilon=1e-3), (3, 4)),
    (made(layers.UnitNormalization), (2, 3, 4)),
    (made(layers.UnitNormalization, axis=1), (3, 4)),
    (made(layers.UnitNormalization, axis=[1, 2]), (4,)),
]


@pytest.mark.parametrize(
    "makers", [BATCH, LAYER, OTHERS], ids=["batch", "layer", "group, rms and unit"]
)
def test_float32(makers):
    everywhere(makers)


@pytest.mark.parametrize("makers", [BATCH[:2], LAYER[:3], OTHERS[:1]])
def test_mixed_float16(makers):
    everywhere(makers, "mixed_float16", 5e-3)


@pytest.mark.filterwarnings("ignore:You passed `rms_scaling")
def test_rms_scaling():
    everywhere([(made(layers.LayerNormalization, rms_scaling=True), (2, 3, 4))])


def test_batch_normalization_of_volumes():
    x = keras.Input((None, None, 4, 3))
    wide = layers.Conv3D(3, 2)(x)
    y = layers.BatchNormalization()(wide)
    first = layers.BatchNormalization(axis=1)(keras.Input((3, 4, 2)))
    model = keras.Model([x, first._keras_history.operation.input], [y, first])
    live.randomize(model)
    live.check(model, [normal(2, 5, 4, 4, 3), normal(2, 3, 4, 2)])


def test_batch_normalization_between_flatten_and_dense():
    x = keras.Input((4, 5, 6))
    y = layers.Flatten()(layers.Conv2D(3, 2)(x))
    y = layers.Dropout(0.5)(layers.BatchNormalization()(y))
    y = layers.ReLU()(y)
    model = keras.Model(x, layers.Dense(4)(y))
    live.randomize(model)
    assert live.count(live.check(model, [normal(3, 4, 5, 6)]), "Transpose") == 1


def test_renormalisation_and_axis_lists():
    x = normal(3, 5)
    weights = {
        "gamma": normal(5, seed=1),
        "beta": normal(5, seed=2),
        "moving_mean": normal(5, seed=3),
        "moving_variance": np.abs(normal(5, seed=4)),
    }
    config = {"axis": [1], "epsilon": 0.1, "renorm": True, "scale": True, "center": True}
    found = live.run_node("BatchNormalization", config, [x], weights)
    y = (x - weights["moving_mean"]) / np.sqrt(weights["moving_variance"] + 0.1)
    np.testing.assert_allclose(found, y * weights["gamma"] + weights["beta"], atol=1e-5)


def test_spectral_normalization():
    x = keras.Input((5, 6, 3))
    y = layers.SpectralNormalization(layers.Conv2D(4, 3, activation="relu"))(x)
    y = layers.SpectralNormalization(layers.Dense(2))(layers.Flatten()(y))
    model = keras.Model(x, y)
    live.randomize(model)
    live.check(model, [normal(3, 5, 6, 3)])
