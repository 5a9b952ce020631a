"""Views of the same elements: transposed, reshaped, sliced, joined."""

from __future__ import annotations

from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten
from modelport.model.dtype import INT64


@aten("transpose", "swapaxes", "swapdims")
def transpose(call: Call, x: Any, dim0: int, dim1: int) -> Edge:
    """Two axes exchanged."""
    edge = call.tensor(x)
    order = list(range(edge.rank))
    order[dim0], order[dim1] = order[dim1], order[dim0]
    return ops.transpose(call.b, edge, order)


@aten("select", "select.int")
def select(call: Call, x: Any, dim: int, index: Any) -> Edge:
    """One entry along an axis, which goes."""
    edge = call.tensor(x)
    at = index if isinstance(index, Edge) else call.b.constant(index, INT64)
    return ops.gather(call.b, edge, ops.squeeze(call.b, at, 0) if at.rank else at, dim)
