"""Layers of Keras that went to ONNX come back as they were, with nothing around them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from onnx import TensorProto, helper
from tests.frameworks.frameworks_onnx import drop_hints
from tests.frameworks.test_raise_keras import against_runtime, close, normal, run

import modelport

pytestmark = pytest.mark.filterwarnings("ignore")

MODELS: dict[str, tuple[tuple[int, ...], list[Any]]] = {
    "lstm": (
        (5, 4),
        [layers.Bidirectional(layers.LSTM(3, return_sequences=True)), layers.Dense(2)],
    ),
    "last of a gru": ((5, 4), [layers.Bidirectional(layers.GRU(3)), layers.Dense(2, "softmax")]),
    "activations": (
        (9, 8, 3),
        [layers.Conv2D(4, 3, activation="relu"), layers.Flatten(), layers.Dense(3, "gelu")],
    ),
    "dense": ((6,), [layers.Dense(4, "silu"), layers.Dense(3)]),
}


@pytest.mark.parametrize("name", MODELS)
def test_layers_come_back(name: str, tmp_path: Path) -> None:
    shape, made = MODELS[name]
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input(shape), *made])
    model.save(tmp_path / "m.keras")
    modelport.convert(tmp_path / "m.keras", tmp_path / "m.onnx", verify=False)
    drop_hints(tmp_path / "m.onnx")
    report = modelport.convert(tmp_path / "m.onnx", tmp_path / "n.keras")
    assert report.verification["status"] == "agreed"
    found = keras.saving.load_model(tmp_path / "n.keras")
    kinds = [type(layer).__name__ for layer in found.operations]
    assert kinds == ["InputLayer", *(type(layer).__name__ for layer in made)]
    words = [[getattr(layer, "activation", None) for layer in x.layers] for x in (found, model)]
    assert words[0][1:] == words[1]
    x = np.random.default_rng(1).normal(size=(2, *shape)).astype("f4")
    close(run(tmp_path / "n.keras", [x]), [np.asarray(model(x))])


def test_a_shared_layer_stays_one_whatever_follows_its_calls(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("MatMul", ["b", "w"], ["y"]),
    ]
    path = against_runtime(tmp_path, nodes, ["n", 4], [3, 4], w=normal(4, 4))
    assert keras.saving.load_model(path).count_params() == 16


def test_the_smallest_along_another_axis(tmp_path: Path) -> None:
    k = np.array([2], "i8")
    node = helper.make_node("TopK", ["x", "k"], ["y", "places"], axis=1, largest=0)
    against_runtime(tmp_path, [node], ["n", 4, 3], [2, 4, 3], k=k)


def test_a_number_before_what_it_scales(tmp_path: Path) -> None:
    """What is computed of no axes gives its operand's, wherever it stands."""
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["s"], keepdims=0),
        helper.make_node("Cast", ["s"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["f", "x"], ["z"]),
        helper.make_node("Reshape", ["z", "wide"], ["y"]),
    ]
    against_runtime(tmp_path, nodes, ["n", 4, 3], [2, 4, 3], wide=np.array([0, 12], "i8"))
