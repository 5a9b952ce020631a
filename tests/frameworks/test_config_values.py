"""Every kind of value that a Keras 3 config can hold, through .keras and .h5: stock Keras loads it.

Stock Keras cannot load its own ``.h5`` of most of these models; of what modelport writes, all.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as kl
from keras import ops
from keras.src.applications.convnext import LayerScale, StochasticDepth
from keras.src.applications.inception_resnet_v2 import CustomScaleLayer

import modelport
from modelport.errors import ConversionError
from modelport.model.component import Component
from modelport.model.report import Kind, Report

pytestmark = pytest.mark.filterwarnings("ignore")

ROWS = np.ones((3,), "float32") * 2.5
X = np.random.default_rng(0).normal(0, 1, (2, 4, 3)).astype("float32")

INDEXES: dict[str, Callable[[Any], Any]] = {
    "ellipsis and number": lambda x: x[..., -1],
    "ellipsis first": lambda x: x[..., 1:3],
    "ellipsis last": lambda x: x[:, 1, ...],
    "ellipsis in the middle": lambda x: x[:, ..., ::2],
    "ellipsis and a new axis": lambda x: x[..., None],
    "ellipsis for no axis": lambda x: x[:, 1, ..., 2],
    "negative step": lambda x: x[:, ::-1],
    "new axis": lambda x: x[:, None],
    "one number": lambda x: x[0],
    "number": lambda x: x[:, -1],
    "nested": lambda x: inner(lambda y: y[..., -1] * 2)(x),
}
VALUES: dict[str, Callable[[Any], Any]] = {
    "array": lambda x: x * ROWS,
    "array of whole numbers": lambda x: ops.take(x, np.array([0, 1]), axis=1),
    "array of truths": lambda x: ops.where(np.array([True, False, True]), x, 0.0),
    "tensor": lambda x: x + ops.ones((3,)),
    "numpy numbers": lambda x: x * np.float32(2.5) + np.int64(2),
    "infinity": lambda x: ops.maximum(x, -float("inf")),
    "tuples": lambda x: ops.pad(ops.transpose(x, axes=(0, 2, 1)), ((0, 0), (1, 1), (0, 0))),
    "functions": lambda x: kl.Activation(ops.tanh)(kl.Dense(3, activation=ops.relu)(x)),
    "layers as activations": lambda x: kl.Dense(3, activation=kl.LeakyReLU(0.2))(x),
    "an array in an initializer": lambda x: kl.Dense(
        3, kernel_initializer=keras.initializers.Constant(np.full((3, 3), 0.2))
    )(x),
    "regularizers and constraints": lambda x: kl.Dense(
        3,
        kernel_regularizer=keras.regularizers.L1L2(0.1, 0.2),
        activity_regularizer=keras.regularizers.L2(0.1),
        bias_constraint=keras.constraints.MinMaxNorm(0.1, 0.9),
    )(x),
    "policy": lambda x: kl.Dense(3, dtype=keras.DTypePolicy("mixed_bfloat16"))(x),
    "policies by name": lambda x: kl.MultiHeadAttention(
        2, 2, dtype=keras.dtype_policies.DTypePolicyMap(default_policy="mixed_bfloat16")
    )(x, x),
    "float16": lambda x: kl.Dense(3, dtype="float16")(x),
    "float64": lambda x: kl.Dense(3, dtype="float64")(x),
    "cells": lambda x: kl.RNN([kl.LSTMCell(3), kl.GRUCell(2)])(x),
    "a model inside": lambda x: kl.TimeDistributed(keras.Sequential([kl.Dense(2)]))(x),
    "a pipeline": lambda x: kl.Pipeline([kl.Rescaling(2.0), kl.Rescaling(3.0)])(x),
    "numbers as arrays": lambda x: kl.Normalization(
        mean=np.array([0.1, 0.2, 0.3]), variance=np.array([1.0, 2.0, 3.0])
    )(x),
    "shared": lambda x: twice(kl.Dense(3), x),
    "a shape with gaps": lambda x: kl.Dropout(0.5, noise_shape=(None, 1, 3), seed=3)(x),
    "keywords": lambda x: kl.MultiHeadAttention(2, 2)(
        query=x, value=x, key=x, attention_mask=ops.ones((1, 4, 4), dtype="bool")
    ),
    "layers of applications": lambda x: StochasticDepth(0.1)(
        CustomScaleLayer(0.3)([x, LayerScale(0.5, 3)(x)])
    ),
    "low rank": lambda x: low_rank(x),
}


def inner(call: Callable[[Any], Any]) -> Any:
    x = keras.Input((4, 3))
    return keras.Model(x, call(x))


def twice(layer: Any, x: Any) -> Any:
    return layer(layer(x))


def low_rank(x: Any) -> Any:
    layer = kl.Dense(3)
    layer.build((None, 4, 3))
    layer.enable_lora(2)
    return layer(x)


def saved(call: Callable[[Any], Any], folder: Path) -> Any:
    model = inner(call)
    model.save(folder / "source.keras")
    return np.asarray(model(X)).astype("float32")


def assert_loads(path: Path, expected: Any) -> None:
    found = np.asarray(keras.saving.load_model(path)(X)).astype("float32")
    np.testing.assert_allclose(found, expected, atol=1e-6)


def convert(source: Path, target: Path) -> Report:
    return modelport.convert(source, target, verify=False)


@pytest.mark.parametrize("call", [*INDEXES.values(), *VALUES.values()], ids=[*INDEXES, *VALUES])
def test_stock_keras_loads_both_forms(call: Callable[[Any], Any], tmp_path: Path) -> None:
    expected = saved(call, tmp_path)
    for target in ("a.keras", "a.h5"):
        report = convert(tmp_path / "source.keras", tmp_path / target)
        merged = any("LoRA" in change.why for change in report)
        assert report.lossless != merged
        assert_loads(tmp_path / target, expected)
    convert(tmp_path / "a.h5", tmp_path / "b.keras")
    assert_loads(tmp_path / "b.keras", expected)


def test_what_hdf5_has_no_type_for_goes_as_float32(tmp_path: Path) -> None:
    expected = saved(lambda x: kl.Dense(3, dtype="bfloat16")(x), tmp_path)
    report = convert(tmp_path / "source.keras", tmp_path / "a.h5")
    told = [change for change in report if change.kind is Kind.APPROXIMATED]
    assert len(told) == 2
    assert {change.error for change in told} == {0.0}
    assert_loads(tmp_path / "a.h5", expected)
    convert(tmp_path / "a.h5", tmp_path / "b.keras")
    assert_loads(tmp_path / "b.keras", expected)


def test_an_ellipsis_over_unknown_axes_is_refused(tmp_path: Path) -> None:
    from modelport.formats.shared.keras.write_h5_config import for_hdf5

    entry = {
        "class_name": "GetItem",
        "name": "last",
        "inbound_nodes": [
            {
                "args": [
                    {"class_name": "__keras_tensor__", "config": {"shape": []}},
                    [{"class_name": "__ellipsis__", "config": {}}, -1],
                ],
                "kwargs": {},
            }
        ],
    }
    with pytest.raises(ConversionError, match=r"'last'.*write \.keras"):
        for_hdf5(entry, Report())


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_layers_of_applications_from_files_of_either_keras(suffix: str, tmp_path: Path) -> None:
    import tf_keras
    from tf_keras.src.applications import convnext, inception_resnet_v2

    x = tf_keras.Input((4, 3))
    scale = convnext.LayerScale(0.1, 3)
    y = inception_resnet_v2.CustomScaleLayer(0.3)([x, scale(x)])
    model = tf_keras.Model(x, convnext.StochasticDepth(0.2)(y))
    scale.set_weights([np.array([1.0, -2.0, 3.0])])
    model.save(tmp_path / f"source{suffix}")
    report = convert(tmp_path / f"source{suffix}", tmp_path / "a.keras")
    assert report.lossless
    assumed = [change for change in report if change.kind is Kind.INVENTED]
    assert len(assumed) == (3 if suffix == ".h5" else 0)
    assert_loads(tmp_path / "a.keras", model.predict(X, verbose=0))
    report = convert(tmp_path / f"source{suffix}", tmp_path / "a.h5")
    foreign = [change for change in report if change.kind is Kind.FOREIGN]
    assert {change.component for change in foreign} == {Component.ARCHITECTURE}
    assert len(foreign) == 2
    classes = (convnext.LayerScale, convnext.StochasticDepth)
    custom = {each.__name__: each for each in classes}
    again = tf_keras.models.load_model(tmp_path / "a.h5", custom_objects=custom)
    assert_same(again.predict(X, verbose=0), model.predict(X, verbose=0))
    convert(tmp_path / "a.keras", tmp_path / "a.onnx")


def assert_same(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_layer_of_somebody_else_under_such_a_name_stays_foreign(tmp_path: Path) -> None:
    class LayerScale(kl.Layer):  # type: ignore[misc]
        def __init__(self, init_values: float, **kwargs: Any) -> None:
            super().__init__(**kwargs)

        def call(self, x: Any) -> Any:
            return x

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "init_values": 1.0}

    model = inner(lambda x: LayerScale(0.5)(x))
    model.save(tmp_path / "source.h5")
    report = convert(tmp_path / "source.h5", tmp_path / "a.keras")
    assert any(change.kind is Kind.FOREIGN for change in report)


@pytest.mark.parametrize("short", ["mse", "mae", "mape", "msle", "bce"])
def test_short_names_of_losses_load_from_hdf5(short: str, tmp_path: Path) -> None:
    model = inner(lambda x: kl.Dense(2, activation="sigmoid")(x))
    model.compile("sgd", short, metrics=[short])
    x = np.random.default_rng(0).random((4, *model.input_shape[1:]), "float32")
    y = np.random.default_rng(1).random((4, *model.output_shape[1:]), "float32")
    wanted = model.evaluate(x, y, verbose=0)
    model.save(tmp_path / "a.keras")
    report = convert(tmp_path / "a.keras", tmp_path / "a.h5")
    assert any(change.where == short for change in report)
    loaded = keras.saving.load_model(tmp_path / "a.h5")
    assert np.allclose(loaded.evaluate(x, y, verbose=0), wanted)
