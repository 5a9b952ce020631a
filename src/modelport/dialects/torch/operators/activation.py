"""Activations."""

from __future__ import annotations

from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten, torch_dtype


@aten("softmax", "_softmax")
def softmax(call: Call, x: Any, dim: int, dtype: Any = None, half_to_float: bool = False) -> Edge:
    """exp(x) over its sum along one axis."""
    edge = call.tensor(x)
    wanted = torch_dtype(dtype, edge.dtype)
    return ops.softmax(call.b, ops.cast(call.b, edge, wanted or edge.dtype), dim)
