"""ConvLSTM in one to three dimensions against live Keras."""

from __future__ import annotations

from typing import Any

import live
import pytest
from test_lower_recurrent import batch, parallel

SETTINGS: list[dict[str, Any]] = [
    {"padding": "same"},
    {"return_sequences": True, "return_state": True},
    {"padding": "same", "strides": 2, "return_sequences": True},
    {"padding": "same", "dilation_rate": 2, "use_bias": False, "kernel_size": 2},
    {"go_backwards": True, "return_sequences": True, "recurrent_activation": "hard_sigmoid"},
    {"activation": "relu", "kernel_size": 4, "padding": "same", "return_state": True},
    {"activation": "softmax"},
]


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_channels_last(rank: int) -> None:
    import keras

    make = getattr(keras.layers, f"ConvLSTM{rank}D")
    settings = SETTINGS if rank < 3 else SETTINGS[:3]
    frame = (6, 5, 4)[:rank]
    makers = [lambda s=s: make(**{"filters": 2, "kernel_size": 3, **s}) for s in settings]
    model = parallel(makers, (None, *frame, 2))
    live.check(model, [batch(2, 4, *frame, 2)])


def test_channels_first() -> None:
    """TensorFlow on a CPU cannot run it: the same weights on turned frames say what is right."""
    import keras
    import numpy as np
    import onnxruntime

    x = keras.Input((None, 2, 6, 5))
    settings: list[dict[str, Any]] = [{"padding": "same"}, {"return_sequences": True, "strides": 2}]
    first = [
        keras.layers.ConvLSTM2D(3, 3, data_format="channels_first", **setting)
        for setting in settings
    ]
    model = keras.Model(x, [layer(x) for layer in first])
    live.randomize(model)
    value = batch(2, 4, 2, 6, 5)
    session = onnxruntime.InferenceSession(live.to_onnx(model), providers=["CPUExecutionProvider"])
    found = session.run(None, {session.get_inputs()[0].name: value})
    for layer, setting, got in zip(first, settings, found, strict=True):
        twin = keras.layers.ConvLSTM2D(3, 3, data_format="channels_last", **setting)
        frames = np.moveaxis(value, 2, -1)
        twin.build(frames.shape)
        twin.set_weights(layer.get_weights())
        want = np.moveaxis(np.asarray(twin(frames)), -1, -3)
        np.testing.assert_allclose(got, want, atol=1e-5)


def test_states_masks_and_wrappers() -> None:
    import keras

    layers = keras.layers
    x, h, c = keras.Input((None, 6, 2)), keras.Input((6, 3)), keras.Input((6, 3))
    mask = keras.Input((None,), dtype="bool")
    y = layers.ConvLSTM1D(3, 3, padding="same", return_sequences=True)(x, initial_state=[h, c])
    z = layers.ConvLSTM1D(2, 3, return_sequences=True, return_state=True)(x, mask=mask)
    w = layers.Bidirectional(layers.ConvLSTM1D(2, 3, return_sequences=True))(y)
    deep = layers.ConvLSTM1D(2, 3)(layers.ConvLSTM1D(3, 1, return_sequences=True)(x))
    inner = layers.TimeDistributed(layers.Dense(2))(y)
    model = keras.Model([x, h, c, mask], [y, *z, w, deep, inner])
    live.randomize(model)
    import numpy as np

    steps = np.array([[1, 0, 1, 1], [0, 1, 1, 0], [0, 0, 0, 0]], bool)
    live.check(model, [batch(3, 4, 6, 2), batch(3, 6, 3), batch(3, 6, 3), steps])
