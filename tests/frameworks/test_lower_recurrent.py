"""Recurrent layers without masks: the fused operators and the Scan against live Keras."""

from __future__ import annotations

from typing import Any

import live
import numpy as np
import pytest

RNG = np.random.default_rng(5)


def batch(*shape: int) -> Any:
    return RNG.normal(0, 1, shape).astype("float32")


def operators(model: Any) -> set[str]:
    graph = live.lower(live.canonical(model), model.name)
    return {node.op_type for inner in graph.subgraphs() for node in inner.nodes}


def parallel(makers: list[Any], shape: tuple[int | None, ...], **given: Any) -> Any:
    """One model that applies every layer to the same input."""
    import keras

    x = keras.Input(shape, **given)
    outputs: list[Any] = []
    for make in makers:
        y = make()(x)
        outputs += y if isinstance(y, list | tuple) else [y]
    model = keras.Model(x, outputs)
    live.randomize(model)
    return model


SETTINGS: list[dict[str, Any]] = [
    {},
    {"return_sequences": True},
    {"go_backwards": True},
    {"go_backwards": True, "return_sequences": True, "return_state": True},
    {"use_bias": False, "return_state": True},
    {"unroll": False, "return_sequences": True, "activation": "relu"},
]


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_fused(name: str) -> None:
    import keras

    make = getattr(keras.layers, name)
    settings = list(SETTINGS)
    if name != "SimpleRNN":
        settings += [
            {"recurrent_activation": "hard_sigmoid", "activation": "softsign"},
            {"recurrent_activation": "linear", "activation": "hard_sigmoid"},
        ]
    if name == "GRU":
        settings += [{**setting, "reset_after": False} for setting in settings]
    model = parallel([lambda s=s: make(3, **s) for s in settings], (None, 4))
    live.check(model, [batch(5, 7, 4)])
    assert "Scan" not in operators(model)
    assert operators(model) >= {"RNN" if name == "SimpleRNN" else name}


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_scanned(name: str) -> None:
    import keras

    make = getattr(keras.layers, name)
    settings = [{**setting, "activation": "elu"} for setting in SETTINGS]
    settings.append({"activation": "softmax", "return_sequences": True})
    if name == "GRU":
        settings += [{**setting, "reset_after": False} for setting in settings]
    model = parallel([lambda s=s: make(3, **s) for s in settings], (None, 4))
    live.check(model, [batch(5, 7, 4)])
    assert {"RNN", "LSTM", "GRU"}.isdisjoint(operators(model))


def test_stacks_stay_time_major() -> None:
    import keras

    model = parallel(
        [
            lambda: keras.Sequential(
                [keras.layers.LSTM(3, return_sequences=True), keras.layers.GRU(4)], name="stack"
            )
        ],
        (6, 2),
    )
    live.check(model, [batch(3, 6, 2)])
    nodes = live.lower(live.canonical(model), "m").nodes
    assert sum(node.op_type == "Transpose" for node in nodes) == 1


def test_flattened_and_dense_after_sequences() -> None:
    import keras

    x = keras.Input((5, 3))
    y = keras.layers.LSTM(4, return_sequences=True)(x)
    model = keras.Model(x, [keras.layers.Dense(2)(y)])
    live.randomize(model)
    live.check(model, [batch(4, 5, 3)])


def test_unrolled_and_stateful() -> None:
    import keras

    model = parallel(
        [
            lambda: keras.layers.LSTM(3, unroll=True, return_sequences=True),
            lambda: keras.layers.GRU(3, stateful=True),
        ],
        (4, 3),
        batch_size=2,
    )
    live.check(model, [batch(2, 4, 3)])


def test_stateful_is_reported() -> None:
    import keras

    from modelport.model.report import Report

    model = parallel([lambda: keras.layers.LSTM(3, stateful=True)], (4, 3), batch_size=2)
    report = Report()
    live.lower(live.canonical(model), "m", report)
    assert [change.where for change in report] == [model.layers[1].name]


def test_initial_states() -> None:
    import keras

    layers = keras.layers
    x, h, c = keras.Input((None, 3)), keras.Input((4,)), keras.Input((4,))
    outputs = [
        layers.LSTM(4, return_sequences=True)(x, initial_state=[h, c]),
        layers.LSTM(4, activation="elu")(x, [h, c]),
        layers.GRU(4)(x, initial_state=h),
        layers.SimpleRNN(4, go_backwards=True)(x, initial_state=[c]),
        layers.RNN([layers.GRUCell(4), layers.LSTMCell(4)])(x, initial_state=[h, [c, h]]),
    ]
    model = keras.Model([x, h, c], outputs)
    live.randomize(model)
    live.check(model, [batch(2, 6, 3), batch(2, 4), batch(2, 4)])


def test_encoder_and_decoder() -> None:
    import keras

    layers = keras.layers
    source, target = keras.Input((None, 3)), keras.Input((None, 2))
    _, h, c = layers.LSTM(4, return_state=True)(source)
    y = layers.LSTM(4, return_sequences=True)(target, initial_state=[h, c])
    model = keras.Model([source, target], layers.Dense(5, activation="softmax")(y))
    live.randomize(model)
    live.check(model, [batch(3, 6, 3), batch(3, 4, 2)])


def test_cells() -> None:
    import keras

    layers = keras.layers
    model = parallel(
        [
            lambda: layers.RNN(layers.LSTMCell(3), return_sequences=True),
            lambda: layers.RNN(layers.GRUCell(3, reset_after=False), return_state=True),
            lambda: layers.RNN(layers.SimpleRNNCell(3, activation="elu"), go_backwards=True),
            lambda: layers.RNN(
                [layers.LSTMCell(3), layers.GRUCell(2), layers.LSTMCell(4)],
                return_sequences=True,
                return_state=True,
            ),
            lambda: layers.RNN(
                layers.StackedRNNCells([layers.GRUCell(3)]), return_state=True, go_backwards=True
            ),
        ],
        (None, 4),
    )
    live.check(model, [batch(3, 5, 4)])


def test_float64_and_float16() -> None:
    import keras

    for dtype, tolerance in (("float64", 1e-9), ("float16", 5e-3), ("mixed_float16", 5e-3)):
        model = parallel(
            [
                lambda d=dtype: keras.layers.LSTM(3, dtype=d, return_sequences=True),
                lambda d=dtype: keras.layers.GRU(3, dtype=d),
                lambda d=dtype: keras.layers.SimpleRNN(3, dtype=d, activation="softmax"),
            ],
            (None, 4),
            dtype=dtype.removeprefix("mixed_"),
        )
        live.check(model, [batch(3, 5, 4).astype(dtype.removeprefix("mixed_"))], tolerance)


def test_a_custom_cell_is_named_in_the_error() -> None:
    import keras

    from modelport.errors import ConversionError

    @keras.saving.register_keras_serializable("test")
    class Minimal(keras.layers.Layer):
        state_size = 2

        def call(self, inputs: Any, states: Any) -> Any:
            return inputs, [inputs]

    model = parallel([lambda: keras.layers.RNN(Minimal())], (3, 2))
    with pytest.raises(ConversionError, match="Minimal"):
        live.lower(live.canonical(model), "m")
