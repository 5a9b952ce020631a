"""Masked recurrences against live Keras: gaps at the start, inside, at the end, and everywhere.

A layer called on one tensor alone gets its mask written into the graph (as the output of
operations); with any keyword argument (``HIDDEN``) the mask travels unseen, as in older files.
"""

from __future__ import annotations

from typing import Any

import live
import numpy as np
import pytest

HIDDEN = {"training": False}
RNG = np.random.default_rng(6)
ROWS = [
    [1, 1, 1, 1, 1, 1],
    [1, 1, 1, 0, 0, 0],
    [0, 0, 1, 1, 1, 1],
    [1, 0, 1, 0, 0, 1],
    [0, 1, 0, 0, 1, 0],
    [0, 0, 0, 0, 0, 0],
]


def sequences(*features: int, rows: Any = ROWS, value: float = 0.0) -> Any:
    keep = np.array(rows, bool)
    x = RNG.normal(0, 1, (*keep.shape, *features)).astype("float32")
    x[~keep] = value
    return x


def masked(makers: list[Any], time: int | None = None, features: int = 3) -> Any:
    """One model that applies every layer to one masked input."""
    import keras

    x = keras.Input((time, features))
    m = keras.layers.Masking()(x)
    outputs: list[Any] = []
    for make in makers:
        y = make()(m, **HIDDEN)
        outputs += y if isinstance(y, list | tuple) else [y]
    model = keras.Model(x, outputs)
    live.randomize(model)
    return model


SETTINGS: list[dict[str, Any]] = [
    {},
    {"return_sequences": True, "return_state": True},
    {"return_sequences": True, "zero_output_for_mask": True},
    {"zero_output_for_mask": True, "return_state": True},
    {"go_backwards": True, "return_state": True},
    {"go_backwards": True, "return_sequences": True},
    {"go_backwards": True, "return_sequences": True, "zero_output_for_mask": True},
]


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_masks(name: str) -> None:
    import keras

    make = getattr(keras.layers, name)
    model = masked([lambda s=s: make(3, **s) for s in SETTINGS])
    live.check(model, [sequences(3)])
    live.check(model, [sequences(3, rows=[[1, 0, 1, 1, 0, 0, 1, 0, 1]])])


def test_unrolled_masks_as_keras_turns_them() -> None:
    import keras

    model = masked(
        [lambda s=s: keras.layers.GRU(3, unroll=True, **s) for s in SETTINGS]
        + [
            lambda: keras.layers.Bidirectional(
                keras.layers.LSTM(2, unroll=True, return_sequences=True)
            )
        ],
        time=6,
    )
    live.check(model, [sequences(3)])


def test_masks_pass_through_sequences_only() -> None:
    import keras

    layers = keras.layers
    x = keras.Input((None, 3))
    y = layers.Masking(mask_value=-1.0)(x)
    y = layers.LSTM(4, return_sequences=True)(y, **HIDDEN)
    y = layers.Dense(3)(y)
    y, state = layers.GRU(3, return_sequences=True, return_state=True)(y, **HIDDEN)
    last = layers.RNN([layers.LSTMCell(2), layers.GRUCell(3)])(y, **HIDDEN)
    model = keras.Model(x, [y, state, last])
    live.randomize(model)
    live.check(model, [sequences(3, value=-1.0)])


def test_keras_3_forgets_the_mask_beside_initial_states() -> None:
    import keras

    layers = keras.layers
    x, h = keras.Input((None, 3)), keras.Input((3,))
    m = layers.Masking()(x)
    y = layers.GRU(3, return_sequences=True)(m, initial_state=h)
    z = layers.LSTM(3)(y, **HIDDEN)
    both = layers.Bidirectional(layers.GRU(3, return_sequences=True))(m, initial_state=[h, h])
    model = keras.Model([x, h], [y, z, both, layers.SimpleRNN(2)(both, **HIDDEN)])
    live.randomize(model)
    live.check(model, [sequences(3), RNG.normal(0, 1, (6, 3)).astype("float32")])


def test_an_explicit_mask() -> None:
    import keras

    layers = keras.layers
    x, mask, h = keras.Input((None, 3)), keras.Input((None,), dtype="bool"), keras.Input((4,))
    y = layers.LSTM(4, return_sequences=True)(x, mask=mask)
    z = layers.GRU(4)(x, initial_state=h, mask=mask)
    model = keras.Model([x, mask, h], [y, z, layers.GRU(2)(y, **HIDDEN)])
    live.randomize(model)
    state = RNG.normal(0, 1, (6, 4)).astype("float32")
    live.check(model, [sequences(3), np.array(ROWS, bool), state])


def test_masking_of_frames() -> None:
    import keras

    x = keras.Input((None, 4, 3))
    model = keras.Model(x, keras.layers.Masking(mask_value=0.5)(x))
    live.check(model, [sequences(4, 3, value=0.5)])


def test_bidirectional_masks() -> None:
    import keras

    layers = keras.layers
    model = masked(
        [
            lambda m=mode, s=s: layers.Bidirectional(layers.GRU(3, return_sequences=s), m)
            for mode in ("concat", "sum", "mul", "ave", None)
            for s in (True, False)
        ]
        + [lambda: layers.Bidirectional(layers.LSTM(3, return_sequences=True, return_state=True))]
    )
    live.check(model, [sequences(3)])


def test_bidirectional_hands_its_mask_on() -> None:
    import keras

    layers = keras.layers
    x = keras.Input((None, 3))
    y = layers.Bidirectional(layers.LSTM(2, return_sequences=True))(layers.Masking()(x), **HIDDEN)
    a, b = layers.Bidirectional(layers.GRU(2, return_sequences=True), merge_mode=None)(y, **HIDDEN)
    model = keras.Model(
        x, [layers.GRU(2)(y, **HIDDEN), layers.GRU(2)(a, **HIDDEN), layers.GRU(2)(b, **HIDDEN)]
    )
    live.randomize(model)
    live.check(model, [sequences(3)])


# Keras warns, and inside the nested model the mask works all the same.
@pytest.mark.filterwarnings("ignore:.*was passed an input with a mask")
def test_nested_models_take_masks() -> None:
    import keras

    layers = keras.layers
    inner = keras.Sequential([keras.Input((None, 3)), layers.GRU(4, return_sequences=True)])
    x, mask = keras.Input((None, 3)), keras.Input((None,), dtype="bool")
    outer = inner(layers.Masking()(x), **HIDDEN)
    model = keras.Model([x, mask], [inner(x, mask=mask), layers.GRU(2)(outer, **HIDDEN)])
    live.randomize(model)
    live.check(model, [sequences(3), np.array(ROWS, bool)[::-1].copy()])
