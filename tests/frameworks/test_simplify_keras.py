"""What Keras' exporter (tf2onnx) writes out is one operator again, and computes what Keras does."""

from __future__ import annotations

import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import Model, layers
from tests.dialects.onnx.simplify_live import Pair, pair, same

pytestmark = pytest.mark.filterwarnings("ignore")


def stack(*parts: object, shape: tuple[int | None, ...] = (5, 8)) -> Model:
    x = y = keras.Input(shape)
    for part in parts:
        y = part(y)
    return Model(x, y)


def attention(**call: object) -> Model:
    x = keras.Input((5, 8))
    return Model(x, layers.MultiHeadAttention(2, 4)(x, x, **call))


def exported(model: Model, folder: Path) -> Pair:
    rng = np.random.default_rng(1)
    for weight in model.weights:
        low = 0.5 if "variance" in weight.path else -1.0
        weight.assign(rng.uniform(low, 1.5, weight.shape))
    x = rng.normal(size=[2, *(extent or 8 for extent in model.input_shape[1:])]) * 2
    x = x.astype(np.float32)
    wanted = keras.ops.convert_to_numpy(model(x))
    file = folder / "keras.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.export(file, format="onnx", verbose=False)
    both = pair(file, folder)
    feeds = {both.before.inputs[0].name: x}
    both.agrees(feeds)
    same(both.run(feeds)[1][0], wanted, 1e-5)
    return both


def tanh_gelu(x: object) -> object:
    return keras.ops.gelu(x, approximate=True)


ONE: dict[str, tuple[object, str]] = {
    "layer normalization": (layers.LayerNormalization(), "LayerNormalization"),
    "over two axes": (layers.LayerNormalization(axis=(1, 2)), "LayerNormalization"),
    "without weights": (
        layers.LayerNormalization(center=False, scale=False),
        "LayerNormalization",
    ),
    "without a shift": (layers.LayerNormalization(center=False), "LayerNormalization"),
    "rms normalization": (layers.RMSNormalization(), "RMSNormalization"),
    "gelu": (layers.Activation(tanh_gelu), "Gelu"),
    "silu": (layers.Activation("silu"), "Swish"),
    "hard silu": (layers.Activation("hard_silu"), "HardSwish"),
    "hard sigmoid": (layers.Activation("hard_sigmoid"), "HardSigmoid"),
    "mish": (layers.Activation("mish"), "Mish"),
    "relu6": (layers.ReLU(6.0), "Clip"),
}


@pytest.mark.parametrize("name", ONE)
def test_a_layer_is_one_operator(name: str, tmp_path: Path) -> None:
    layer, op_type = ONE[name]
    assert exported(stack(layer), tmp_path).ops() == {op_type: 1}


def test_a_dense_layer_over_rows_is_a_product(tmp_path: Path) -> None:
    assert exported(stack(layers.Dense(4)), tmp_path).ops() == {"MatMul": 1, "Add": 1}


def test_a_prelu_is_one_over_its_weights(tmp_path: Path) -> None:
    layer = layers.PReLU(alpha_initializer="uniform")
    assert exported(stack(layer), tmp_path).ops() == {"PRelu": 1, "Neg": 1}


def test_attention_of_several_heads_is_attention(tmp_path: Path) -> None:
    found = exported(attention(), tmp_path).ops()
    assert found["Attention"] == 1
    assert not set(found) - {"Attention", "MatMul", "Add", "Reshape", "Transpose"}


def test_padding_belongs_to_what_follows_it(tmp_path: Path) -> None:
    model = stack(
        layers.ZeroPadding2D(1),
        layers.Conv2D(4, 3, strides=2, activation="relu"),
        layers.ZeroPadding2D(1),
        layers.MaxPool2D(3, 2),
        layers.ZeroPadding2D(((0, 1), (0, 1))),
        layers.DepthwiseConv2D(3, use_bias=False),
        layers.Flatten(),
        layers.Dense(3),
        shape=(16, 16, 3),
    )
    found = exported(model, tmp_path).ops()
    assert found["Pad"] == 0
    assert found["Conv"] == 2


def test_padding_of_what_may_be_negative_stays(tmp_path: Path) -> None:
    model = stack(layers.ZeroPadding2D(1), layers.MaxPool2D(3, 2), shape=(7, 7, 2))
    assert exported(model, tmp_path).ops()["Pad"] == 1
