"""Pooling layers against Keras 3."""

from __future__ import annotations

import live
import numpy as np
import pytest

keras = pytest.importorskip("keras")
layers = keras.layers

SHAPES = {1: (11,), 2: (11, 8), 3: (7, 5, 6)}
WINDOWS = [
    {"pool_size": 2},
    {"pool_size": 3, "padding": "same"},
    {"pool_size": 3, "strides": 2, "padding": "same"},
    {"pool_size": 2, "strides": 3, "padding": "same"},
    {"pool_size": 3, "strides": 1},
    {"pool_size": 1, "strides": 2, "padding": "same"},
]


def image(shape: tuple[int, ...], channels: int, first: bool = False) -> np.ndarray:
    whole = (channels, *shape) if first else (*shape, channels)
    return np.random.default_rng(0).normal(size=(3, *whole)).astype(np.float32)


def named(kind: str, rank: int):
    return getattr(layers, f"{kind}{rank}D")


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_pooling(rank, first):
    form = {"data_format": "channels_first" if first else "channels_last"}
    for dynamic in (False, True):
        known = (None,) * rank if dynamic else SHAPES[rank]
        x = keras.Input((2, *known) if first else (*known, 2))
        outputs = []
        for kind in ("MaxPooling", "AveragePooling"):
            windows = [window for window in WINDOWS if not dynamic or window.get("strides") != 3]
            outputs += [named(kind, rank)(**window, **form)(x) for window in windows]
        for kind in ("GlobalMaxPooling", "GlobalAveragePooling"):
            outputs += [named(kind, rank)(keepdims=keep, **form)(x) for keep in (False, True)]
        live.check(keras.Model(x, outputs), [image(SHAPES[rank], 2, first)], 2e-6)


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize(
    ("rank", "sizes"),
    [(1, [3, 4, 11]), (2, [5, (11, 4), (3, 7)]), (3, [3, (2, 5, 4), (7, 5, 6)])],
)
def test_adaptive_pooling(rank, sizes, first):
    form = {"data_format": "channels_first" if first else "channels_last"}
    x = keras.Input((2, *SHAPES[rank]) if first else (*SHAPES[rank], 2))
    outputs = [
        named(kind, rank)(size, **form)(x)
        for kind in ("AdaptiveAveragePooling", "AdaptiveMaxPooling")
        for size in sizes
    ]
    live.check(keras.Model(x, outputs), [image(SHAPES[rank], 2, first)], 2e-6)


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("keepdims", [False, True])
def test_masked_mean(first, keepdims):
    form = "channels_first" if first else "channels_last"
    x = keras.Input((2, None) if first else (None, 2))
    mask = keras.Input((None,), dtype="bool")
    layer = layers.GlobalAveragePooling1D(data_format=form, keepdims=keepdims)
    model = keras.Model([x, mask], layer(x, mask=mask))
    keep = np.random.default_rng(0).random((3, 11)) > 0.4
    live.check(model, [image((11,), 2, first), keep])


def test_adaptive_pooling_to_one():
    # Keras itself lets TensorFlow crash here: its wider window is wider than the input.
    x = image((7, 5), 2)
    config = {"output_size": [1, 1], "data_format": "channels_last"}
    found = live.run_node("AdaptiveAveragePooling2D", config, [x])
    np.testing.assert_allclose(found, x.mean((1, 2), keepdims=True), atol=1e-6)
    found = live.run_node("AdaptiveMaxPooling2D", config | {"output_size": [1, 5]}, [x])
    np.testing.assert_array_equal(found, x.max(1, keepdims=True))
