"""Convolutions against Keras 3 and tf_keras."""

from __future__ import annotations

import live
import numpy as np
import pytest

keras = pytest.importorskip("keras")
layers = keras.layers

SHAPES = {1: (11,), 2: (11, 8), 3: (8, 5, 6)}
CONVOLUTIONS = {1: layers.Conv1D, 2: layers.Conv2D, 3: layers.Conv3D}
TRANSPOSED = {1: layers.Conv1DTranspose, 2: layers.Conv2DTranspose, 3: layers.Conv3DTranspose}
DEPTHWISE = {1: layers.DepthwiseConv1D, 2: layers.DepthwiseConv2D}
SEPARABLE = {1: layers.SeparableConv1D, 2: layers.SeparableConv2D}

WINDOWS = [
    {"kernel_size": 3},
    {"kernel_size": 3, "padding": "same"},
    {"kernel_size": 2, "padding": "same", "strides": 2},
    {"kernel_size": 3, "padding": "same", "strides": 2},
    {"kernel_size": 3, "padding": "same", "strides": 3},
    {"kernel_size": 2, "padding": "same", "strides": 3},
    {"kernel_size": 2, "padding": "same", "strides": 4},
    {"kernel_size": 1, "padding": "same", "strides": 2},
    {"kernel_size": 3, "strides": 2, "use_bias": False},
    {"kernel_size": 2, "dilation_rate": 2},
    {"kernel_size": 2, "dilation_rate": 2, "padding": "same"},
]


def image(shape: tuple[int, ...], channels: int, first: bool = False) -> np.ndarray:
    whole = (channels, *shape) if first else (*shape, channels)
    return np.random.default_rng(0).normal(size=(3, *whole)).astype(np.float32)


def converted(make, shape, channels, windows, first=False, dynamic=False, **more):
    known = (None,) * len(shape) if dynamic else shape
    form = {"data_format": "channels_first"} if first else {}
    x = keras.Input((channels, *known) if first else (*known, channels))
    model = keras.Model(x, [make(**window, **more, **form)(x) for window in windows])
    live.randomize(model)
    return live.check(model, [image(shape, channels, first)], 2e-6)


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_convolutions(rank, dynamic):
    grouped = [{"kernel_size": 3, "padding": "same", "groups": 2}]
    windows = WINDOWS + grouped
    make = CONVOLUTIONS[rank]
    converted(make, SHAPES[rank], 4, windows, dynamic=dynamic, filters=6, activation="relu")


@pytest.mark.parametrize("rank", [1, 2])
def test_channels_first(rank):
    # TensorFlow has no channels-first convolution on a CPU: Keras runs it through XLA or not.
    make = CONVOLUTIONS[rank]
    if rank == 1:
        windows = [{"kernel_size": 3, "padding": "causal", "groups": 2, "dilation_rate": 2}]
    else:
        windows = [{"kernel_size": 3, "padding": "same", "groups": 2}]
    data = converted(make, SHAPES[rank], 4, windows, first=True, filters=6)
    assert live.count(data, "Transpose") == 0


def test_causal_padding():
    windows = [
        {"kernel_size": 3, "padding": "causal"},
        {"kernel_size": 2, "padding": "causal", "dilation_rate": 4},
        {"kernel_size": 4, "padding": "causal", "strides": 2},
    ]
    converted(layers.Conv1D, SHAPES[1], 4, windows, filters=3)
    converted(layers.Conv1D, SHAPES[1], 4, windows, filters=3, dynamic=True)


@pytest.mark.parametrize(("rank", "first"), [(1, False), (1, True), (2, False), (2, True)])
def test_depthwise_and_separable(rank, first):
    windows = [
        *WINDOWS,
        {"kernel_size": 3, "depth_multiplier": 2, "activation": "tanh"},
        {"kernel_size": 3, "padding": "same", "strides": 2, "dilation_rate": 2},
    ]
    # No extent is 7: Keras adds the bias along the last axis where that has as many elements.
    converted(DEPTHWISE[rank], SHAPES[rank], 7, windows, first)
    converted(SEPARABLE[rank], SHAPES[rank], 7, windows, first, filters=7)


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_transposed(rank, dynamic):
    windows = [
        {"kernel_size": 3},
        {"kernel_size": 3, "strides": 2},
        {"kernel_size": 2, "strides": 3},
        {"kernel_size": 3, "padding": "same"},
        {"kernel_size": 3, "padding": "same", "strides": 2},
        {"kernel_size": 4, "padding": "same", "strides": 2},
        {"kernel_size": 5, "padding": "same", "strides": 3},
        {"kernel_size": 1, "padding": "same", "strides": 2},
        {"kernel_size": 2, "padding": "same", "strides": 3, "use_bias": False},
        {"kernel_size": 3, "strides": 2, "output_padding": 1},
        {"kernel_size": 3, "padding": "same", "strides": 2, "output_padding": 1},
        {"kernel_size": 3, "padding": "same", "strides": 2, "output_padding": 0},
        {"kernel_size": 5, "padding": "same", "strides": 3, "output_padding": 2},
    ]
    if rank < 3:
        windows.append({"kernel_size": 2, "dilation_rate": 2})
        windows.append({"kernel_size": 3, "padding": "same", "dilation_rate": 2})
    shape = SHAPES[rank] if rank < 3 else (3, 4, 2)
    converted(TRANSPOSED[rank], shape, 4, windows, dynamic=dynamic, filters=3)


@pytest.mark.parametrize("dtype", ["mixed_float16", "float16", "float64"])
def test_other_dtypes(dtype):
    wide = dtype == "float64"
    x = keras.Input((6, 6, 3), dtype="float64" if wide else None)
    y = layers.Conv2D(4, 3, padding="same", strides=2, dtype=dtype, activation="relu")(x)
    y = layers.DepthwiseConv2D(2, dtype=dtype)(y)
    model = keras.Model(x, layers.Conv2DTranspose(2, 3, strides=2, dtype=dtype)(y))
    live.randomize(model)
    values = image((6, 6), 3).astype("float64" if wide else "float32")
    live.check(model, [values], 1e-6 if wide else 5e-3, reference=wide)


def test_one_transpose_before_a_chain():
    x = y = keras.Input((9, 9, 3))
    for _ in range(3):
        y = layers.Conv2D(4, 3, padding="same", activation="relu")(y)
        y = layers.MaxPooling2D(2, padding="same")(y)
    model = keras.Model(x, layers.Dense(2)(layers.Flatten()(y)))
    live.randomize(model)
    assert live.count(live.check(model, [image((9, 9), 3)]), "Transpose") == 1
