"""New tensors, and numbers that stand for extents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, Number, aten, torch_dtype
from modelport.model.dtype import FLOAT32, DType
from modelport.model.graph import Dim


@aten("sym_size.int", "size.int")
def size(call: Call, x: Any, dim: int) -> Edge:
    """The extent of an axis, as an edge of shape (1,) that knows its name."""
    edge = call.tensor(x)
    found = ops.extent(call.b, edge, dim)
    if isinstance(found, int):
        found = call.b.constant([found])
    return Edge(found.name, found.dtype, found.shape, values=(edge.shape[dim],))


@aten("zeros")
def zeros(
    call: Call,
    size: Sequence[Number],
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
) -> Edge:
    """A tensor of zeros."""
    return full_of(call, size, 0, torch_dtype(dtype, FLOAT32) or FLOAT32)


def full_of(call: Call, size: Sequence[Number], value: float, dtype: DType) -> Edge:
    """A tensor of one value."""
    extents = [call.extent(item) for item in size]
    dims: list[Dim] = [dim_of(item) for item in extents]
    inputs = [call.b.constant(value, dtype), ops.vector(call.b, extents)]
    return call.b.emit("Expand", inputs, dtype, dims)


def dim_of(item: ops.Extent) -> Dim:
    """What is known of an extent."""
    if isinstance(item, int):
        return item
    return item.values[0] if item.values else None
