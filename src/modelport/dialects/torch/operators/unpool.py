"""The inverse of pooling: elements put back where they were."""

from __future__ import annotations

from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten, dim_of
from modelport.dialects.torch.operators.pooling import batched


@aten("max_unpool2d")
def unpool(call: Call, x: Any, indices: Any, output_size: Any) -> Edge:
    """Zeros with the elements at their numbers in the channel."""
    return _unpooled(call, x, indices, output_size, 2)


@aten("max_unpool3d")
def unpool_3(
    call: Call, x: Any, indices: Any, output_size: Any, stride: Any = None, padding: Any = None
) -> Edge:
    """Zeros with the elements at their numbers in the channel."""
    return _unpooled(call, x, indices, output_size, 3)


def _unpooled(call: Call, x: Any, indices: Any, output_size: Any, rank: int) -> Edge:
    b = call.b
    edge, had_batch = batched(call, call.tensor(x), rank)
    places, _ = batched(call, call.tensor(indices), rank)
    lead = [ops.extent(b, edge, 0), ops.extent(b, edge, 1)]
    size = call.extents(output_size)
    full = b.constant([1])
    for extent in size:
        full = ops.multiply(b, full, extent)
    count = 1
    for extent in size:
        count = count * extent if isinstance(extent, int) else 0
    flat = (*edge.shape[:2], count or None)
    blank = ops.zeros(b, flat, [*lead, count or full], edge.dtype)
    given = [ops.reshape(b, item, [*lead, -1]) for item in (places, edge)]
    inputs = [blank, *given]
    made = b.emit("ScatterElements", inputs, edge.dtype, flat, axis=2)
    shape = (*edge.shape[:2], *(dim_of(item) for item in size))
    wide = Edge(b.name(ops.reshape(b, made, [*lead, *size])), edge.dtype, shape)
    return wide if had_batch else ops.squeeze(b, wide, 0)
