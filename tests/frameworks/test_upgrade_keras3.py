"""Files that Keras 3 saves: every stock layer comes back with its config and its weights."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from rebuild import close, run
from stock import stock

from modelport.dialects.keras.defaults import AS_STATED
from modelport.dialects.keras.upgrade import upgrade
from modelport.formats.candidate import Candidate
from modelport.formats.table import read
from modelport.model.model import Model
from modelport.model.report import Report

STOCK = stock()
LAYERS = keras.layers

ALONE = {"InputLayer", "StringLookup", "TextVectorization", "MaxNumBoundingBoxes", "Wrapper"}
"""Layers of no use in a model of one layer."""


def saved(model: Any, folder: Path, ending: str) -> tuple[Model, Report]:
    """The model saved by Keras, read and upgraded."""
    path = folder / f"model{ending}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)
    report = Report()
    return upgrade(read(Candidate(path)), report), report


def check(model: Any, folder: Path, endings: tuple[str, ...] = (".h5", ".keras")) -> None:
    """Assert that the upgraded files compute what the live model computes."""
    generator = np.random.default_rng(0)
    for variable in model.weights:
        if variable.dtype.startswith("float"):
            value = generator.normal(0, 0.5, variable.shape)
            variable.assign(np.abs(value) + 0.5 if "variance" in variable.name else value)
    inputs = [_input(tensor, generator) for tensor in model.inputs]
    wanted = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    for ending in endings:
        upgraded, report = saved(model, folder, ending)
        assert not [change for change in report if change.kind != "rearranged"]
        wanted = wanted if isinstance(wanted, list) else [wanted]
        for found, want in zip(run(upgraded.graph, inputs), wanted, strict=True):
            close(found, want)


def _input(tensor: Any, generator: np.random.Generator) -> Any:
    shape = [3 if extent is None else extent for extent in tensor.shape]
    if tensor.dtype.startswith("int"):
        return keras.ops.convert_to_tensor(generator.integers(1, 5, shape).astype(tensor.dtype))
    return keras.ops.convert_to_tensor(generator.normal(0, 1, shape).astype(tensor.dtype))


@pytest.mark.parametrize("name", sorted(set(STOCK) - ALONE - AS_STATED | {"Pipeline"}))
def test_a_layer_comes_back(name: str, tmp_path: Path) -> None:
    make, shapes = STOCK[name]
    if name.endswith("Cell") or name == "StackedRNNCells":
        layer, shapes = LAYERS.RNN(make()), [(2, 5, 4)]
    else:
        layer = make()
    integers = name in ("Embedding", "ReversibleEmbedding", "CategoryEncoding", "IntegerLookup")
    dtype = "int32" if integers or name.startswith("Hash") else "float32"
    inputs = [keras.Input(batch_shape=shape, dtype=dtype) for shape in shapes]
    attention = name in ("MultiHeadAttention", "GroupQueryAttention")
    outputs = layer(*inputs) if attention else layer(inputs if len(inputs) > 1 else inputs[0])
    # Keras 3 writes attention into .h5, but cannot tell its arguments apart there.
    check(keras.Model(inputs, outputs), tmp_path, (".keras",) if attention else (".h5", ".keras"))


def _nested() -> Any:
    inner = keras.Sequential(
        [keras.Input((4,)), LAYERS.Dense(4), LAYERS.BatchNormalization(), LAYERS.Dense(4)],
        name="inside",
    )
    x = keras.Input((4,))
    two = keras.Model(x, [LAYERS.Dense(3)(x), LAYERS.BatchNormalization()(x)], name="two")
    y = keras.Input((4,))
    a, b = two(inner(y))
    c, d = two(inner(inner(y)))
    return keras.Model(y, LAYERS.Concatenate()([a, b, c, d]))


def _frozen() -> Any:
    inner = keras.Sequential(
        [keras.Input((4,)), LAYERS.Dense(4), LAYERS.BatchNormalization(), LAYERS.Dense(4)]
    )
    inner.layers[0].trainable = False
    outer = keras.Sequential([keras.Input((4,)), inner, LAYERS.Dense(2)])
    fixed = keras.Sequential([keras.Input((2,)), LAYERS.BatchNormalization(), LAYERS.Dense(3)])
    fixed.trainable = False
    return keras.Sequential([keras.Input((4,)), outer, fixed])


def _wrapped() -> Any:
    inner = keras.Sequential(
        [keras.Input((3,)), LAYERS.Dense(4), LAYERS.BatchNormalization(), LAYERS.Dense(2)]
    )
    return keras.Sequential([keras.Input((4, 3)), LAYERS.TimeDistributed(inner)])


def _bidirectional() -> Any:
    return keras.Sequential(
        [
            keras.Input((5, 3)),
            LAYERS.Bidirectional(LAYERS.GRU(3, return_sequences=True, reset_after=False)),
            LAYERS.Bidirectional(
                LAYERS.RNN([LAYERS.LSTMCell(4), LAYERS.LSTMCell(2)]), merge_mode="sum"
            ),
        ]
    )


def _states() -> Any:
    x, h, c = keras.Input((5, 3)), keras.Input((4,)), keras.Input((4,))
    y, h2, c2 = LAYERS.LSTM(4, return_state=True)(x, initial_state=[h, c])
    return keras.Model([x, h, c], LAYERS.Concatenate()([y, h2, c2]))


def _activations() -> Any:
    names = ("hard_sigmoid", "silu", "gelu", "relu6", "hard_silu", "leaky_relu", "mish", "celu")
    return keras.Sequential(
        [
            keras.Input((4,)),
            *[LAYERS.Dense(4, activation=name) for name in names],
            LAYERS.Dense(4, activation=LAYERS.LeakyReLU(negative_slope=0.2)),
            LAYERS.Activation("hard_sigmoid"),
        ]
    )


def _mixed() -> Any:
    return keras.Sequential(
        [keras.Input((4,)), LAYERS.Dense(4, dtype="mixed_bfloat16"), LAYERS.Dense(3)]
    )


MODELS = [_nested, _frozen, _wrapped, _bidirectional, _states, _activations, _mixed]


@pytest.mark.parametrize("make", MODELS, ids=[make.__name__ for make in MODELS])
def test_a_model_comes_back(make: Any, tmp_path: Path) -> None:
    check(make(), tmp_path)


def test_functions_are_told_from_layers_of_one_name(tmp_path: Path) -> None:
    x = keras.Input((4,))
    y = keras.ops.concatenate([x * 2.0 + 1.0, LAYERS.Add()([x, x])], axis=-1)
    model = keras.Model(x, LAYERS.Dense(2)(y))
    for ending in (".h5", ".keras"):
        upgraded, report = saved(model, tmp_path, ending)
        modules = {
            f"{node.op_type} {len(node.inputs)}": str(node.attributes["module"])
            for node in upgraded.graph.nodes
        }
        assert modules["Add 2"] == "keras.layers"
        assert modules["Add 1"] in ("keras.ops", "keras.src.ops.numpy")
        assert modules["Concatenate 2"] != "keras.layers"
        assert list(report) == []


def test_quantized_and_borrowed_layers_are_foreign(tmp_path: Path) -> None:
    @keras.saving.register_keras_serializable("theirs")
    class Dense(keras.layers.Dense):  # a class of somebody's own with a name of Keras
        pass

    quantized = keras.Sequential([keras.Input((4,)), LAYERS.Dense(3)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantized.quantize("int8")
    borrowed = keras.Sequential([keras.Input((4,)), Dense(3)])
    for model, name in ((quantized, "Dense[int8_from_float32]"), (borrowed, "theirs>Dense")):
        upgraded, report = saved(model, tmp_path, ".keras")
        assert upgraded.graph.nodes[-1].op_type == name
        assert [change.kind for change in report] == ["foreign"]
