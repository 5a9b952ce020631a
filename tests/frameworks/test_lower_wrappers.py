"""Bidirectional and TimeDistributed against live Keras."""

from __future__ import annotations

from typing import Any

import live
import numpy as np
from test_lower_recurrent import batch, operators, parallel

MODES = ("concat", "sum", "mul", "ave", None)


def test_bidirectional_fused() -> None:
    import keras

    layers = keras.layers
    model = parallel(
        [
            lambda m=mode, s=s, k=kind: layers.Bidirectional(k(3, return_sequences=s), m)
            for mode in MODES
            for s in (True, False)
            for kind in (layers.LSTM, layers.GRU)
        ]
        + [
            lambda: layers.Bidirectional(
                layers.GRU(3, reset_after=False, return_state=True, use_bias=False)
            ),
            lambda: layers.Bidirectional(
                layers.SimpleRNN(2, return_state=True, return_sequences=True), None
            ),
            lambda: layers.Bidirectional(
                layers.LSTM(2, return_sequences=True),
                backward_layer=layers.LSTM(
                    2, return_sequences=True, go_backwards=True, activation="relu", use_bias=False
                ),
            ),
            lambda: layers.Bidirectional(layers.RNN(layers.LSTMCell(2), return_sequences=True)),
        ],
        (None, 4),
    )
    live.check(model, [batch(3, 5, 4)])
    assert "Scan" not in operators(model)


def test_bidirectional_in_two_passes() -> None:
    import keras

    layers = keras.layers
    model = parallel(
        [
            lambda: layers.Bidirectional(
                layers.LSTM(2, return_sequences=True),
                backward_layer=layers.LSTM(3, return_sequences=True, go_backwards=True),
            ),
            lambda: layers.Bidirectional(
                layers.LSTM(2, return_sequences=True),
                backward_layer=layers.GRU(2, return_sequences=True, go_backwards=True),
                merge_mode="sum",
            ),
            lambda: layers.Bidirectional(
                layers.LSTM(2, return_sequences=True, go_backwards=True),
                backward_layer=layers.LSTM(2, return_sequences=True),
            ),
            lambda: layers.Bidirectional(layers.GRU(2, activation="elu", return_sequences=True)),
            lambda: layers.Bidirectional(
                layers.RNN([layers.LSTMCell(2), layers.GRUCell(3)], return_state=True)
            ),
        ],
        (None, 4),
    )
    live.check(model, [batch(3, 5, 4)])


def test_bidirectional_initial_states() -> None:
    import keras

    layers = keras.layers
    x = keras.Input((None, 3))
    states = [keras.Input((2,)) for _ in range(4)]
    outputs = [
        layers.Bidirectional(layers.LSTM(2))(x, initial_state=states),
        layers.Bidirectional(layers.GRU(2, activation="elu"))(x, initial_state=states[:2]),
        *layers.Bidirectional(layers.GRU(2, return_state=True))(x, initial_state=states[:2]),
    ]
    model = keras.Model([x, *states], outputs)
    live.randomize(model)
    live.check(model, [batch(3, 5, 3), *(batch(3, 2) for _ in range(4))])


def test_time_distributed() -> None:
    import keras

    layers = keras.layers
    model = parallel(
        [
            lambda: layers.TimeDistributed(layers.Dense(2, activation="relu")),
            lambda: layers.TimeDistributed(layers.LSTM(2, return_sequences=True)),
            lambda: layers.TimeDistributed(layers.Bidirectional(layers.GRU(2))),
            lambda: layers.TimeDistributed(layers.TimeDistributed(layers.Dense(3))),
        ],
        (None, 4, 3),
    )
    live.check(model, [batch(3, 5, 4, 3)])


def test_time_distributed_models() -> None:
    import keras

    layers = keras.layers

    def inner() -> Any:
        return keras.Sequential(
            [keras.Input((4, 3)), layers.LSTM(3, return_sequences=True), layers.Dense(2)]
        )

    def functional() -> Any:
        x = keras.Input((4, 3))
        return keras.Model(x, layers.GRU(3)(x))

    makers = [
        lambda: layers.TimeDistributed(inner()),
        lambda: layers.TimeDistributed(functional()),
        lambda: layers.TimeDistributed(
            layers.TimeDistributed(keras.Sequential([keras.Input((3,)), layers.Dense(2)]))
        ),
    ]
    for time in (None, 5):
        live.check(parallel(makers, (time, 4, 3)), [batch(2, 5, 4, 3)])


def test_time_distributed_masks() -> None:
    import keras

    layers = keras.layers
    x = keras.Input((None, 4, 3))
    m = layers.Masking()(x)
    y = layers.TimeDistributed(layers.LSTM(2))(m, training=False)
    flat = keras.Input((None, 3))
    z = layers.TimeDistributed(layers.Dense(2))(layers.Masking()(flat), training=False)
    model = keras.Model([x, flat], [y, layers.GRU(2)(z, training=False)])
    live.randomize(model)
    frames, steps = batch(3, 5, 4, 3), batch(3, 5, 3)
    frames[0, 1, 2] = frames[1, :, 0] = frames[2, 0] = 0
    steps[0, 1] = steps[1, 3:] = 0
    live.check(model, [frames, steps])
    assert np.all(frames[2, 0] == 0)
