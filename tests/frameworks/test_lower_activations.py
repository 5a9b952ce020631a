"""Activations and activation layers against Keras 3."""

from __future__ import annotations

import live
import numpy as np
import pytest

keras = pytest.importorskip("keras")
layers = keras.layers

NAMES = [
    "celu",
    "elu",
    "exponential",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "tanh",
    "tanh_shrink",
]

LAYERS = [
    lambda: layers.ReLU(),
    lambda: layers.ReLU(max_value=6),
    lambda: layers.ReLU(max_value=1.5),
    lambda: layers.ReLU(negative_slope=0.2),
    lambda: layers.ReLU(negative_slope=0.2, max_value=1.0),
    lambda: layers.ReLU(threshold=0.7),
    lambda: layers.ReLU(negative_slope=0.1, threshold=0.7, max_value=1.2),
    lambda: layers.LeakyReLU(),
    lambda: layers.LeakyReLU(negative_slope=0.05),
    lambda: layers.ELU(alpha=0.7),
    lambda: layers.Softmax(),
    lambda: layers.Softmax(axis=1),
    lambda: layers.Softmax(axis=[1, 2]),
    lambda: layers.PReLU(),
    lambda: layers.PReLU(shared_axes=[1, 2]),
]


def images(batch: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 2, (batch, 4, 5, 6)).astype(np.float32)


def test_every_name_keras_knows_is_here():
    from keras.src.activations import ALL_OBJECTS_DICT

    from modelport.dialects.keras.layers.activations import FUNCTIONS

    assert set(FUNCTIONS) >= set(ALL_OBJECTS_DICT)
    assert set(NAMES) | {"threshold", "swish", "hard_swish"} == set(ALL_OBJECTS_DICT)


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16", "float64"])
def test_every_activation(dtype):
    x = keras.Input((4, 5, 6), dtype=None if dtype != "float64" else "float64")
    wide = layers.Conv2D(6, 1, dtype=dtype)(x)
    outputs = [layers.Activation(name, dtype=dtype)(x) for name in NAMES]
    if dtype == "float32":
        # Behind a convolution the values are channels-first.
        outputs += [layers.Activation(name)(wide) for name in NAMES]
    model = keras.Model(x, outputs)
    live.randomize(model)
    values = images().astype("float64" if dtype == "float64" else "float32")
    tolerance = 3e-3 if dtype == "mixed_float16" else 2e-6
    live.check(model, [values], tolerance, reference=dtype == "float64")


def test_activation_layers_in_both_layouts():
    x = keras.Input((4, 5, 6))
    wide = layers.Conv2D(6, 3, padding="same")(x)
    outputs = [make()(edge) for edge in (x, wide) for make in LAYERS]
    # A flattened channels-first value is never brought into its own order.
    flat = layers.Flatten()(wide)
    outputs.append(layers.Dense(3)(layers.PReLU()(layers.ReLU(max_value=1)(flat))))
    model = keras.Model(x, outputs)
    live.randomize(model)
    live.check(model, [images()])


def test_activation_objects_inside_layers():
    x = keras.Input((6,))
    choices = [
        layers.LeakyReLU(0.1),
        layers.ReLU(max_value=1, negative_slope=0.3),
        layers.Softmax(),
        layers.ELU(0.5),
    ]
    model = keras.Model(x, [layers.Dense(4, activation=choice)(x) for choice in choices])
    live.randomize(model)
    live.check(model, [np.random.default_rng(1).normal(size=(5, 6)).astype(np.float32)])


def test_softmax_with_a_mask():
    x, mask = keras.Input((7,)), keras.Input((7,), dtype="bool")
    model = keras.Model([x, mask], layers.Softmax()(x, mask=mask))
    generator = np.random.default_rng(2)
    keep = generator.random((4, 7)) > 0.4
    keep[2] = False
    live.check(model, [generator.normal(size=(4, 7)).astype(np.float32), keep])


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        ("hard_sigmoid_keras2", lambda x: np.clip(0.2 * x + 0.5, 0, 1)),
        ({"class_name": "hard_sigmoid_keras2", "config": {}}, lambda x: np.clip(x / 5 + 0.5, 0, 1)),
        (
            {"class_name": "threshold", "config": {"threshold": 0.4, "default_value": -2.0}},
            lambda x: np.where(x > 0.4, x, -2.0),
        ),
        (
            {"class_name": "leaky_relu", "config": {"negative_slope": 0.5}},
            lambda x: np.where(x > 0, x, 0.5 * x),
        ),
        ({"class_name": "function", "config": "relu"}, lambda x: np.maximum(x, 0)),
        (
            {
                "class_name": "Sequential",
                "config": {
                    "layers": [
                        {"class_name": "InputLayer", "config": {}},
                        {"class_name": "Activation", "config": {"activation": "relu"}},
                        {
                            "class_name": "ReLU",
                            "config": {"max_value": 1, "negative_slope": 0, "threshold": 0},
                        },
                    ]
                },
            },
            lambda x: np.clip(x, 0, 1),
        ),
    ],
)
def test_canonical_spellings(activation, expected):
    x = np.random.default_rng(3).normal(0, 2, (3, 4)).astype(np.float32)
    np.testing.assert_allclose(live.run_layer("Activation", activation, x), expected(x), atol=1e-6)


def test_gelu_by_tanh():
    x = np.random.default_rng(3).normal(0, 2, (3, 4)).astype(np.float32)
    found = live.run_layer("Activation", {"class_name": "gelu", "config": {"approximate": True}}, x)
    np.testing.assert_allclose(found, keras.activations.gelu(x, approximate=True), atol=1e-6)


@pytest.mark.parametrize(
    "activation", ["no_such", {"class_name": "NoSuch", "config": {}}, 7, {"config": {"a": 1}}]
)
def test_unknown_activations_are_refused(activation):
    from modelport.errors import ConversionError

    with pytest.raises(ConversionError):
        live.run_layer("Activation", activation, np.zeros((2, 3), np.float32))
