"""Dense, EinsumDense, Embedding and the dense layers of Keras 1 against their frameworks."""

from __future__ import annotations

import live
import numpy as np
import pytest

keras = pytest.importorskip("keras")
layers = keras.layers


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_dense_of_any_rank():
    x, y = keras.Input((6,)), keras.Input((None, 3, 6))
    outputs = [
        layers.Dense(4, activation="relu")(x),
        layers.Dense(4, use_bias=False)(x),
        layers.Dense(4, activation="softmax")(y),
        layers.Identity()(x),
        layers.Dense(5)(layers.Conv2D(6, 1)(y)),
    ]
    model = keras.Model([x, y], outputs)
    live.randomize(model)
    live.check(model, [normal(5, 6), normal(2, 4, 3, 6)])


@pytest.mark.parametrize(
    ("shape", "equation", "output", "bias_axes", "activation"),
    [
        ((5, 6), "abc,cd->abd", (None, 7), "d", "relu"),
        ((5, 6), "abc,cde->abde", (None, 7, 2), "de", None),
        ((5, 6), "abc,cde->abde", (None, 7, 2), "e", None),
        ((5, 6), "abc,bcd->ad", (4,), None, "gelu"),
        ((5, 6), "...x,xy->...y", (5, 4), "y", None),
        ((5, 6), "ab...,bc->ac...", (4, 6), "c", None),
        ((2, 3, 4), "abcd,dcef->abef", (None, 3, 5), "ef", None),
    ],
)
def test_einsum_dense(shape, equation, output, bias_axes, activation):
    x = keras.Input(shape)
    layer = layers.EinsumDense(equation, output, activation=activation, bias_axes=bias_axes)
    model = keras.Model(x, layer(x))
    live.randomize(model)
    live.check(model, [normal(3, *shape)])


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "float32"])
def test_embedding(dtype):
    x = keras.Input((None,), dtype=dtype)
    y = layers.Embedding(9, 4, mask_zero=True)(x)
    other = layers.Embedding(300, 4, mask_zero=True, dtype="mixed_float16")(x)
    # Multiply takes the mask into account: 0 where all inputs are masked.
    model = keras.Model(x, [y, other, layers.Multiply()([y, y])])
    live.randomize(model)
    live.check(model, [np.array([[0, 1, 8], [5, 0, 0]], dtype)])


def test_embeddings_beyond_float16():
    x = keras.Input((2,))
    model = keras.Model(x, layers.Embedding(5000, 3, dtype="mixed_float16")(x))
    live.randomize(model)
    live.check(model, [np.array([[4097, 4999]], np.float32)])


@pytest.mark.parametrize("tied", [True, False])
def test_reversible_embedding(tied):
    layer = layers.ReversibleEmbedding(9, 4, tie_weights=tied, logit_soft_cap=2.0)
    x, y = keras.Input((5,), dtype="int32"), keras.Input((5, 4))
    model = keras.Model([x, y], [layer(x), layer(y, reverse=True)])
    live.randomize(model)
    live.check(model, [np.arange(10, dtype=np.int32).reshape(2, 5) % 9, normal(2, 5, 4)])


def test_mixed_precision():
    x = keras.Input((6,))
    model = keras.Model(x, layers.Dense(4, activation="tanh", dtype="mixed_float16")(x))
    live.randomize(model)
    live.check(model, [normal(5, 6)], 2e-3)


def test_one_kernel_in_two_layouts():
    shared = layers.Dense(3)
    x, y = keras.Input((2, 3, 4)), keras.Input((24,))
    # The first call sees a channels-first value, so its kernel has its rows in another order.
    first = shared(layers.Flatten()(layers.Conv2D(4, 1)(x)))
    model = keras.Model([x, y], [first, shared(y)])
    live.randomize(model)
    assert live.count(live.check(model, [normal(2, 2, 3, 4), normal(2, 24)]), "Transpose") == 1


def test_maxout_dense():
    x, kernel, bias = normal(3, 5), normal(4, 5, 2, seed=1), normal(4, 2, seed=2)
    found = live.run_node("MaxoutDense", {}, [x], {"kernel": kernel, "bias": bias})
    expected = np.max(np.einsum("ni,mio->nmo", x, kernel) + bias, axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_highway():
    x = normal(3, 5)
    weights = {
        "kernel": normal(5, 5, seed=1),
        "carry_kernel": normal(5, 5, seed=2),
        "bias": normal(5, seed=3),
        "carry_bias": normal(5, seed=4),
    }
    found = live.run_node("Highway", {"activation": "tanh"}, [x], weights)
    gate = 1 / (1 + np.exp(-(x @ weights["carry_kernel"] + weights["carry_bias"])))
    value = np.tanh(x @ weights["kernel"] + weights["bias"])
    np.testing.assert_allclose(found, gate * value + (1 - gate) * x, atol=1e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_quantised_layers_are_refused():
    from modelport.errors import ConversionError

    x = keras.Input((6,))
    layer = layers.Dense(4)
    model = keras.Model(x, layer(x))
    layer.quantize("int8")
    with pytest.raises(ConversionError, match="quantised"):
        live.to_onnx(model)


def test_a_nested_model_takes_its_inputs_in_their_dtype_and_rank():

    x = keras.Input((5,))
    inner = keras.Model(x, [keras.layers.GaussianNoise(0.1)(x), keras.layers.Dense(5)(x)])
    deeper = keras.Input((5, 1))
    relu = keras.Model(deeper, keras.layers.ReLU()(deeper))
    whole = np.arange(15, dtype=np.int32).reshape(3, 5)
    flat = normal(3, 5)
    for called, value in ((inner, whole), (inner, flat[..., None]), (relu, flat)):
        given = keras.Input(value.shape[1:], dtype=str(value.dtype))
        live.check(keras.Model(given, called(given)), [value])
