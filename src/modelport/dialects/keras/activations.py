"""Activations, by the name or the serialised form a config gives them."""

from __future__ import annotations

from typing import Any

from modelport.dialects.keras.layer import Layer
from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge


def activate(layer: Layer, x: Edge, activation: Any) -> Edge:
    """Apply an activation to an edge.

    Raises:
        ConversionError: an activation that is no function of Keras.
    """
    if activation in (None, "linear"):
        return x
    if activation == "softmax":
        return ops.softmax(layer.b, x)
    if activation == "relu":
        return ops.unary(layer.b, "Relu", x)
    raise layer.error(f"the activation {activation!r} is not known")
