"""Merging layers against Keras 3."""

from __future__ import annotations

import live
import numpy as np
import pytest

keras = pytest.importorskip("keras")
layers = keras.layers

ARITHMETIC = [layers.Add, layers.Average, layers.Maximum, layers.Minimum, layers.Multiply]


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_arithmetic_and_broadcasting():
    x, y, z = keras.Input((4, 5, 3)), keras.Input((1, 1, 3)), keras.Input((3,))
    wide = layers.Conv2D(3, 1)(x)
    outputs = [
        make()(given)
        for make in ARITHMETIC
        for given in ([x, x], [x, y], [wide, x], [wide, y, wide], [wide, z], [z, x])
    ]
    outputs += [layers.Subtract()([wide, y]), layers.Subtract()([z, x])]
    model = keras.Model([x, y, z], outputs)
    live.randomize(model)
    live.check(model, [normal(2, 4, 5, 3), normal(2, 1, 1, 3), normal(2, 3)], 1e-6)


def test_concatenate():
    x, y = keras.Input((4, 5, 3)), keras.Input((4, 5, 3))
    wide = layers.Conv2D(3, 1)(x)
    outputs = [
        layers.Concatenate(axis=axis)(given)
        for axis in (-1, 1, 2)
        for given in ([x, y], [wide, wide], [wide, y])
    ]
    model = keras.Model([x, y], outputs)
    live.randomize(model)
    live.check(model, [normal(2, 4, 5, 3), normal(2, 4, 5, 3, seed=1)], 1e-6)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize(
    ("first", "second", "axes"),
    [
        ((5,), (5,), 1),
        ((5,), (5,), -1),
        ((4, 5), (3, 5), 2),
        ((4, 5), (5, 3), (2, 1)),
        ((4, 5), (5,), (2, 1)),
        ((4,), (5, 4), (1, 2)),
        ((2, 4, 5), (3, 5, 6), (3, 2)),
        ((5, 4), (5, 3), 1),
    ],
)
def test_dot(first, second, axes, normalize):
    x, y = keras.Input(first), keras.Input(second)
    model = keras.Model([x, y], layers.Dot(axes, normalize=normalize)([x, y]))
    live.check(model, [normal(3, *first), normal(3, *second, seed=1)], 2e-6)


def masked(x):
    return layers.Embedding(6, 4, mask_zero=True)(x)


def test_masks():
    x, y = keras.Input((5,), dtype="int32"), keras.Input((5,), dtype="int32")
    plain = keras.Input((5, 4))
    one, two = masked(x), masked(y)
    pairs = ([one, two], [one, plain], [plain, two])
    outputs = [make()(pair) for make in ARITHMETIC for pair in pairs]
    # Multiply and Maximum show which mask the inner layer gave its output.
    for inner in (layers.Add(), layers.Multiply(), layers.Concatenate(axis=1)):
        for pair in pairs:
            merged = inner(pair)
            outputs += [layers.Multiply()([merged, merged]), layers.Maximum()([merged, merged])]
    features = layers.Concatenate()
    for pair in pairs:
        merged = features(pair)
        outputs.append(layers.Multiply()([merged, merged]))
    model = keras.Model([x, y, plain], outputs)
    live.randomize(model)
    generator = np.random.default_rng(0)
    indices = [generator.integers(0, 3, (7, 5)).astype(np.int32) for _ in range(2)]
    live.check(model, [*indices, normal(7, 5, 4)], 1e-6)
