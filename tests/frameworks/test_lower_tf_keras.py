"""Where Keras 2 means something else than Keras 3: the same layers against live tf_keras.

The canonical graph comes from a Keras 3 twin with the same weights, its calls marked as older ones.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import live
import numpy as np
import pytest
from frameworks_onnx import serialise
from test_lower_attention import QUERY, VALUE, flat, zeroed
from test_lower_masks import sequences
from test_lower_recurrent import batch

import modelport
from modelport.dialects.keras.history.era import Era


def check(build: Callable[[Any], Any], inputs: list[Any], tolerance: float = 1e-5) -> None:
    """Assert that the ONNX form of the model gives what tf_keras gives."""
    import keras
    import onnxruntime
    import tf_keras

    twin, model = build(keras), build(tf_keras)
    live.randomize(twin)
    model.set_weights(twin.get_weights())
    graph = live.canonical(twin)
    for inner in graph.subgraphs():
        for node in inner.nodes:
            node.attributes["era"] = Era.TF_KERAS
            config = node.attributes["config"]
            if config.get("recurrent_activation") == "hard_sigmoid":
                config["recurrent_activation"] = "hard_sigmoid_keras2"
    session = onnxruntime.InferenceSession(
        serialise(live.lower(graph)), providers=["CPUExecutionProvider"]
    )
    feed = {meta.name: x for meta, x in zip(session.get_inputs(), inputs, strict=True)}
    expected = model(inputs if len(inputs) > 1 else inputs[0])
    for want, got in zip(flat([expected]), session.run(None, feed), strict=True):
        np.testing.assert_allclose(got, np.asarray(want), atol=tolerance)


def test_masks_are_heeded_beside_initial_states() -> None:
    def build(keras: Any) -> Any:
        layers = keras.layers
        x, h, c = keras.Input((None, 3)), keras.Input((3,)), keras.Input((3,))
        m = layers.Masking()(x)
        y = layers.LSTM(3, return_sequences=True)(m, initial_state=[h, c])
        both = layers.Bidirectional(layers.GRU(3, return_sequences=True))
        z = both(m, initial_state=[h, c])
        return keras.Model([x, h, c], [y, layers.GRU(2)(y, training=False), z])

    check(build, [sequences(3), batch(6, 3), batch(6, 3)])


def test_old_gates_and_cells() -> None:
    def build(keras: Any) -> Any:
        layers = keras.layers
        x = keras.Input((None, 3))
        gates = {"recurrent_activation": "hard_sigmoid"}
        outputs = [
            layers.LSTM(4, **gates)(x),
            layers.GRU(4, reset_after=False, return_sequences=True, **gates)(x),
            layers.GRU(4, go_backwards=True, return_sequences=True)(x),
            layers.RNN([layers.LSTMCell(2), layers.GRUCell(3)], return_sequences=True)(x),
        ]
        return keras.Model(x, outputs)

    check(build, [batch(3, 5, 3)])


@pytest.mark.parametrize("unroll", [False, True])
def test_masks(unroll: bool) -> None:
    def build(keras: Any) -> Any:
        layers = keras.layers
        x = keras.Input((6, 3))
        m = layers.Masking()(x)
        given = {"unroll": unroll, "return_sequences": True}
        outputs = [
            layers.LSTM(3, zero_output_for_mask=True, **given)(m, training=False),
            layers.GRU(3, go_backwards=True, **given)(m, training=False),
            layers.Bidirectional(layers.SimpleRNN(3, **given))(m, training=False),
        ]
        return keras.Model(x, outputs)

    check(build, [sequences(3)])


def test_time_distributed_asks_the_inner_layer_for_a_mask() -> None:
    def build(keras: Any) -> Any:
        layers = keras.layers
        x = keras.Input((None, 4, 3))
        y = layers.TimeDistributed(layers.LSTM(2))(layers.Masking()(x), training=False)
        z = layers.TimeDistributed(layers.Masking())(x)
        z = layers.TimeDistributed(layers.GRU(2))(z, training=False)
        return keras.Model(
            x, [y, layers.GRU(2)(y, training=False), layers.GRU(2)(z, training=False)]
        )

    x = batch(3, 5, 4, 3)
    x[0, 1, 2] = x[1, :, 0] = x[2, 0] = x[0, 3] = 0
    check(build, [x])


def test_attention_masks() -> None:
    def build(keras: Any) -> Any:
        layers = keras.layers
        x, y = keras.Input((None, 4)), keras.Input((None, 4))
        q, v = layers.Masking()(x), layers.Masking()(y)
        first = layers.MultiHeadAttention(2, 3)(q, v)
        outputs = [
            first,
            layers.GRU(2)(v, training=False),
            layers.MultiHeadAttention(2, 3)(
                q, v, use_causal_mask=True, return_attention_scores=True
            ),
            layers.MultiHeadAttention(2, 3, dropout=0.2)(first, first, v),
            layers.Attention(use_scale=True)([q, v]),
            layers.AdditiveAttention()([q, v]),
        ]
        return keras.Model([x, y], flat(outputs))

    queries = QUERY[:, :4]
    check(build, [zeroed(batch(3, 4, 4), queries), zeroed(batch(3, 4, 4), VALUE)])


def test_conv_lstm() -> None:
    def build(keras: Any) -> Any:
        x = keras.Input((None, 6, 5, 2))
        layer = keras.layers.ConvLSTM2D(
            3, 3, padding="same", return_sequences=True, recurrent_activation="hard_sigmoid"
        )
        return keras.Model(x, layer(x))

    check(build, [batch(2, 4, 6, 5, 2)])


@pytest.mark.filterwarnings("ignore:.*legacy")
def test_causal_was_a_setting_of_the_layer(tmp_path: Path) -> None:
    import h5py
    import onnxruntime
    import tf_keras

    layers = tf_keras.layers
    x, y = tf_keras.Input((None, 4)), tf_keras.Input((None, 4))
    q = layers.Masking()(x)
    model = tf_keras.Model([x, y], layers.Attention(name="looks_back", causal=True)([q, y]))
    source, target = tmp_path / "model.h5", tmp_path / "model.onnx"
    model.save(source)
    with h5py.File(source, "r+") as file:
        # TensorFlow 2.0 to 2.10 wrote the setting; tf_keras loses it.
        config = json.loads(file.attrs["model_config"])
        (layer,) = [item for item in config["config"]["layers"] if item["name"] == "looks_back"]
        layer["config"]["causal"] = True
        file.attrs["model_config"] = json.dumps(config)
    modelport.convert(source, target, verify=False)
    session = onnxruntime.InferenceSession(target, providers=["CPUExecutionProvider"])
    inputs = [zeroed(batch(3, 5, 4), QUERY), batch(3, 4, 4)]
    names = [meta.name for meta in session.get_inputs()]
    (found,) = session.run(None, dict(zip(names, inputs, strict=True)))
    np.testing.assert_allclose(found, np.asarray(model(inputs)), atol=1e-5)


@pytest.mark.parametrize("dynamic", [False, True])
def test_convolutions_take_several_batch_axes(tmp_path: Path, dynamic: bool) -> None:
    import onnxruntime
    import tf_keras

    layers = tf_keras.layers
    inputs, outputs, values = [], [], []
    for rank, kind in ((1, layers.Conv1D), (2, layers.Conv2D), (3, layers.Conv3D)):
        for lead in ((4,), (2, 3)):
            own = [7, 6, 5][:rank]
            inputs.append(layers.Input((*([None] * len(lead) if dynamic else lead), *own, 3)))
            outputs.append(kind(4, 3, padding="same", activation="tanh")(inputs[-1]))
            shape = (2, *lead, *own, 3)
            values.append(np.random.default_rng(rank).normal(size=shape).astype(np.float32))
    model = tf_keras.Model(inputs, outputs)
    with pytest.warns(UserWarning, match="legacy"):
        model.save(tmp_path / "model.h5")
    modelport.convert(tmp_path / "model.h5", tmp_path / "model.onnx", verify=False)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    feed = {meta.name: x for meta, x in zip(session.get_inputs(), values, strict=True)}
    for want, got in zip(model(values), session.run(None, feed), strict=True):
        np.testing.assert_allclose(got, np.asarray(want), atol=1e-5)
