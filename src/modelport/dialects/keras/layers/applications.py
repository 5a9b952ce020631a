"""Layers that the models of ``keras.applications`` bring along, outside ``keras.layers``.

Formulas: ``applications/convnext.py`` and ``inception_resnet_v2.py`` of Keras 3 and tf_keras.
"""

from __future__ import annotations

from modelport.dialects.keras.layer import Layer, lowers
from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge

PREFIX = "keras.applications."
"""In front of the names that these layers are lowered under: others may have layers called so."""


@lowers(f"{PREFIX}StochasticDepth")
def stochastic_depth(layer: Layer) -> Edge:
    """The input: paths are dropped in training only."""
    return layer.x


@lowers(f"{PREFIX}LayerScale")
def layer_scale(layer: Layer) -> Edge:
    """The input times one learnt number a channel."""
    gamma = layer.weight("gamma")
    if gamma.shape != (layer.config["projection_dim"],):
        raise layer.error(f"a scale of shape {list(gamma.shape)}")
    return ops.multiply(layer.b, layer.x, gamma)


@lowers(f"{PREFIX}CustomScaleLayer")
def custom_scale_layer(layer: Layer) -> Edge:
    """The first input and a multiple of the second."""
    first, second = layer.inputs
    return ops.add(layer.b, first, ops.multiply(layer.b, second, layer.config["scale"]))
