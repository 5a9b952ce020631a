"""Files that tf_keras saves, .h5 and .keras: Keras 3 computes the same from the upgrade."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tf_keras
from rebuild import close, run
from tf_keras import Input, Model, Sequential
from tf_keras import layers as kl
from tf_keras.src.saving.legacy import hdf5_format

from modelport.dialects.keras.upgrade import upgrade
from modelport.formats.candidate import Candidate
from modelport.formats.table import read
from modelport.model.report import Report

STEPS, IMAGE = (6, 3), (8, 8, 3)


def chain(shape: tuple[int, ...], *layers: Any) -> Any:
    return Sequential([Input(shape), *layers])


def functional(shape: tuple[int, ...], make: Callable[[Any], Any]) -> Any:
    x = Input(shape)
    return Model(x, make(x))


def nested() -> Any:
    inner = chain((4,), kl.Dense(4), kl.BatchNormalization(), kl.Dense(4))
    f = Input((4,))
    two = Model(f, [kl.Dense(3)(f), kl.BatchNormalization()(f)])
    x = Input((4,))
    a, b = two(x)
    c = inner(x)
    d, e = two(c)
    return Model(x, kl.Concatenate()([a, b, c, d, e]))


def frozen() -> Any:
    fixed = chain((4,), kl.Dense(4), kl.BatchNormalization(), kl.Dense(4))
    fixed.trainable = False
    partly = chain((4,), kl.Dense(4, trainable=False), kl.BatchNormalization(), kl.Dense(4))
    return chain((4,), fixed, partly, kl.Dense(2))


def states() -> Any:
    x, h, c = Input(STEPS), Input((4,)), Input((4,))
    return Model([x, h, c], kl.LSTM(4)(x, initial_state=[h, c]))


def recurrent(name: str) -> Any:
    layer, cell = getattr(kl, name), getattr(kl, f"{name}Cell")
    return chain(
        STEPS,
        layer(4, activation="hard_sigmoid", return_sequences=True, go_backwards=True),
        kl.Bidirectional(layer(3, return_sequences=True), merge_mode="ave"),
        kl.RNN([cell(4), cell(3)], return_sequences=True),
        kl.Bidirectional(kl.RNN(cell(2), return_sequences=True)),
        layer(3, use_bias=False),
    )


def attention(x: Any) -> Any:
    return kl.Concatenate()(
        [
            kl.MultiHeadAttention(2, 3, value_dim=5)(x, x),
            kl.Attention(use_scale=True)([x, x]),
            kl.Attention(use_scale=True, score_mode="concat")([x, x, x]),
            kl.AdditiveAttention()([x, x]),
        ]
    )


def merged(x: Any) -> Any:
    y = kl.Dense(4)(x)
    kinds = (kl.Add, kl.Multiply, kl.Average, kl.Maximum, kl.Minimum, kl.Subtract)
    parts = [kind()([x, y]) for kind in kinds]
    return kl.Concatenate()([*parts, kl.Dot(1)([x, y]), kl.Dot(1, normalize=True)([x, y])])


NAMES = "elu selu softplus softsign relu gelu tanh sigmoid exponential hard_sigmoid swish softmax"

MODELS: dict[str, Callable[[], Any]] = {
    "simple rnn": lambda: recurrent("SimpleRNN"),
    "lstm": lambda: recurrent("LSTM"),
    "gru": lambda: recurrent("GRU"),
    "gru before": lambda: chain(STEPS, kl.GRU(4, reset_after=False)),
    "two kinds of halves": lambda: chain(
        STEPS, kl.Bidirectional(kl.LSTM(4), backward_layer=kl.GRU(4, go_backwards=True))
    ),
    "states": states,
    "time distributed": lambda: chain(
        STEPS,
        kl.TimeDistributed(kl.BatchNormalization()),
        kl.TimeDistributed(chain((3,), kl.Dense(4), kl.BatchNormalization(), kl.Dense(2))),
    ),
    "images": lambda: chain(
        IMAGE,
        kl.ZeroPadding2D(((1, 2), (0, 1))),
        kl.Conv2D(4, 3, strides=2, padding="same", groups=1, activation="swish"),
        kl.DepthwiseConv2D(3, depth_multiplier=2),
        kl.SeparableConv2D(4, 2, depth_multiplier=2, padding="same"),
        kl.Conv2DTranspose(3, 3, strides=2),
        kl.UpSampling2D(2, interpolation="bilinear"),
        kl.Cropping2D(1),
        kl.MaxPooling2D(2, padding="same"),
        kl.AveragePooling2D(2, strides=1, padding="same"),
        kl.SpatialDropout2D(0.5),
    ),
    "sequences": lambda: chain(
        (8, 3),
        kl.Conv1D(4, 3, padding="causal", dilation_rate=2),
        kl.SeparableConv1D(4, 2),
        kl.Conv1DTranspose(3, 3, strides=2),
        kl.MaxPooling1D(2),
        kl.GlobalAveragePooling1D(keepdims=True),
    ),
    "volumes": lambda: chain(
        (5, 6, 4, 2), kl.Conv3D(3, 2), kl.Conv3DTranspose(2, 3, strides=2), kl.MaxPooling3D(2)
    ),
    "conv lstm": lambda: chain(
        (3, 6, 6, 2),
        kl.ConvLSTM2D(3, 3, padding="same", return_sequences=True),
        kl.ConvLSTM2D(2, 2),
    ),
    "normalizations": lambda: chain(
        IMAGE,
        kl.BatchNormalization(scale=False),
        kl.BatchNormalization(center=False, axis=1, trainable=False),
        kl.LayerNormalization(axis=[2, 3]),
        kl.GroupNormalization(3),
        kl.UnitNormalization(),
    ),
    "activations": lambda: chain(
        (4,),
        *[kl.Dense(4, activation=name) for name in NAMES.split()],
        kl.Dense(4, activation=kl.LeakyReLU(alpha=0.2)),
        kl.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2),
        kl.LeakyReLU(0.2),
        kl.PReLU(),
        kl.ELU(0.5),
        kl.ThresholdedReLU(0.3),
        kl.Activation("hard_sigmoid"),
    ),
    "merging": lambda: functional((4,), merged),
    "attention": lambda: functional(STEPS, attention),
    "shapes": lambda: chain(
        IMAGE, kl.Permute((3, 1, 2)), kl.Reshape((24, 8)), kl.Flatten(), kl.RepeatVector(2)
    ),
    "regularized": lambda: chain(
        (4,),
        kl.GaussianNoise(0.1),
        kl.Dense(2, kernel_regularizer="l2", bias_regularizer="l1", kernel_constraint="max_norm"),
        kl.ActivityRegularization(l1=0.1),
        kl.EinsumDense("ab,bc->ac", output_shape=5, bias_axes="c"),
    ),
    "mixed": lambda: chain(
        (4,), kl.Dense(4, dtype="mixed_bfloat16"), kl.Dense(3, dtype="float64"), kl.Dense(2)
    ),
    "images in": lambda: chain(
        IMAGE, kl.Rescaling(1 / 255.0, offset=-1.0), kl.Resizing(4, 4), kl.RandomFlip()
    ),
    "nested": nested,
    "frozen": frozen,
}


def randomize(model: Any, generator: np.random.Generator) -> None:
    for variable in model.weights:
        value = generator.normal(0, 0.5, variable.shape)
        variable.assign(np.abs(value) + 0.5 if "variance" in variable.name else value)


def save(model: Any, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)


@pytest.mark.parametrize("ending", [".h5", ".keras"])
@pytest.mark.parametrize("name", MODELS)
def test_a_model_comes_back(name: str, ending: str, tmp_path: Path) -> None:
    model, generator = MODELS[name](), np.random.default_rng(0)
    randomize(model, generator)
    inputs = [
        generator.normal(0, 1, [3, *tensor.shape[1:]]).astype("float32") for tensor in model.inputs
    ]
    wanted = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    save(model, tmp_path / f"model{ending}")
    report = Report()
    upgraded = upgrade(read(Candidate(tmp_path / f"model{ending}")), report)
    assert [change for change in report if change.kind != "rearranged"] == []
    (found,) = run(upgraded.graph, inputs)
    close(found, wanted)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_cudnn_layers_become_plain_ones(kind: str, tmp_path: Path) -> None:
    """Weights in NVIDIA's layout, as tf_keras converts them, give the plain layer's outputs."""
    model = chain(STEPS, getattr(kl, kind)(4, name="layer"))
    generator = np.random.default_rng(1)
    randomize(model, generator)
    x = generator.normal(0, 1, (3, *STEPS)).astype("float32")
    wanted = model(x)
    save(model, tmp_path / "model.h5")
    stand_in = type(f"CuDNN{kind}", (), {})()
    there = hdf5_format._convert_rnn_weights(stand_in, model.get_weights())
    with h5py.File(tmp_path / "model.h5", "r+") as file:
        config = json.loads(file.attrs["model_config"])
        config["config"]["layers"][1]["class_name"] = f"CuDNN{kind}"
        for key in ("activation", "recurrent_activation", "use_bias", "reset_after"):
            config["config"]["layers"][1]["config"].pop(key, None)
        file.attrs["model_config"] = json.dumps(config)
        group = file["model_weights/layer"]
        for weight, value in zip(list(group.attrs["weight_names"]), there, strict=True):
            del group[weight]
            group[weight] = value
    upgraded = upgrade(read(Candidate(tmp_path / "model.h5")), Report())
    assert upgraded.graph.nodes[-1].op_type == kind
    (found,) = run(upgraded.graph, [x])
    close(found, wanted)


def test_the_framework_is_keras_2() -> None:
    assert tf_keras.__version__.startswith("2.")
