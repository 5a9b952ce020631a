"""Locally connected layers against tf_keras, the last Keras that has them."""

from __future__ import annotations

import live
import numpy as np
import pytest

tf_keras = pytest.importorskip("tf_keras")


@pytest.mark.parametrize(
    ("name", "shape", "config"),
    [
        ("LocallyConnected1D", (9, 3), {"kernel_size": 3}),
        ("LocallyConnected1D", (9, 3), {"kernel_size": 2, "strides": 2, "activation": "tanh"}),
        ("LocallyConnected1D", (9, 3), {"kernel_size": 3, "implementation": 2, "padding": "same"}),
        ("LocallyConnected2D", (6, 7, 3), {"kernel_size": (2, 3)}),
        ("LocallyConnected2D", (6, 7, 3), {"kernel_size": 3, "strides": 2, "use_bias": False}),
        ("LocallyConnected2D", (6, 7, 3), {"kernel_size": 3, "implementation": 2}),
        ("LocallyConnected2D", (6, 7, 3), {"kernel_size": 2, "implementation": 2, "strides": 2,
                                           "padding": "same"}),
        ("LocallyConnected2D", (3, 6, 7), {"kernel_size": 2, "data_format": "channels_first"}),
        ("LocallyConnected2D", (3, 6, 7), {"kernel_size": 2, "data_format": "channels_first",
                                           "implementation": 2}),
        ("LocallyConnected1D", (3, 9), {"kernel_size": 2, "data_format": "channels_first"}),
    ],
)  # fmt: skip
def test_locally_connected(name, shape, config):
    layer = getattr(tf_keras.layers, name)(4, **config)
    generator = np.random.default_rng(0)
    x = generator.normal(size=(3, *shape)).astype(np.float32)
    layer(x)
    values = [generator.normal(size=v.shape).astype(np.float32) for v in layer.weights]
    layer.set_weights(values)
    weights = dict(zip(["kernel", "bias"], values, strict=False))
    found = live.run_node(name, layer.get_config(), [x], weights)
    np.testing.assert_allclose(found, layer(x), atol=2e-5)


def test_a_sparse_kernel_is_refused():
    from modelport.errors import ConversionError

    config = tf_keras.layers.LocallyConnected1D(4, 3, implementation=3).get_config()
    with pytest.raises(ConversionError, match="sparse"):
        live.run_node("LocallyConnected1D", config, [np.zeros((2, 9, 3), np.float32)])
