"""Core layers: dense, embedding, identity."""

from __future__ import annotations

from modelport.dialects.keras.activations import activate
from modelport.dialects.keras.layer import Layer, lowers
from modelport.dialects.onnx import layout, ops
from modelport.dialects.onnx.edge import Edge


@lowers("Dense", mask="pass")
def dense(layer: Layer) -> Edge:
    """``activation(x @ kernel + bias)`` over the last axis."""
    b, x = layer.b, layer.x
    kernel = layer.expression("kernel")
    if x.prefers_twin and x.twin is not None and x.twin.flat:
        # The rows follow the order of the flattened channels-first value: no Transpose needed.
        kernel = layout.regroup_rows(kernel, x.twin)
        x = Edge(x.twin.name, x.dtype, x.shape)
    y = ops.matmul(b, x, layer.weight("kernel", kernel))
    if layer.config["use_bias"]:
        y = ops.add(b, y, layer.weight("bias"))
    return activate(layer, y, layer.config["activation"])
