"""Layers that ``keras.applications`` keeps to itself."""

from __future__ import annotations

from modelport.dialects.keras.layer import Layer, lowers
from modelport.dialects.onnx import layout, ops
from modelport.dialects.onnx.edge import Edge


@lowers("LayerScale")
def layer_scale(layer: Layer) -> Edge:
    """The input times a learnt factor for each channel (ConvNeXt)."""
    return ops.multiply(layer.b, layer.x, layer.weight("gamma"))


@lowers("StochasticDepth")
def stochastic_depth(layer: Layer) -> Edge:
    """The input; only training leaves whole samples out (ConvNeXt)."""
    return layout.unary(layer.b, "Identity", layer.x)


@lowers("CustomScaleLayer")
def custom_scale(layer: Layer) -> Edge:
    """The first input plus a multiple of the second (Inception-ResNet)."""
    first, second = layer.inputs
    scale = layer.b.constant(layer.config["scale"], second.dtype)
    return ops.add(layer.b, first, ops.multiply(layer.b, second, scale))
