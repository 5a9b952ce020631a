"""Windows of images as columns, and columns added up to images."""

from __future__ import annotations

import math
from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten, dim_of, pair
from modelport.dialects.torch.operators.pooling import batched


@aten("im2col")
def unfold(call: Call, x: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Edge:
    """Every window as a column."""
    b = call.b
    edge, had_batch = batched(call, call.tensor(x), 2)
    size, dilate, pad, step = (pair(item, 2) for item in (kernel_size, dilation, padding, stride))
    wide = ops.pad(b, edge, {2: (pad[0], pad[0]), 3: (pad[1], pad[1])})
    for axis in (1, 0):
        extent, reach = ops.extent(b, wide, axis + 2), dilate[axis] * (size[axis] - 1)
        if isinstance(extent, int):
            count: ops.Extent = (extent - reach - 1) // step[axis] + 1
        else:
            room = ops.subtract(b, extent, reach + 1)
            count = ops.add(b, ops.divide(b, room, step[axis]), 1)
        starts = ops.multiply(b, ops.arange(b, count), step[axis])
        within = ops.multiply(b, ops.arange(b, size[axis]), dilate[axis])
        places = ops.add(b, ops.unsqueeze(b, within, 1), ops.unsqueeze(b, starts, 0))
        wide = ops.gather(b, wide, places, axis + 2)
    # (n, c, kh, oh, kw, ow)
    moved = ops.transpose(b, wide, (0, 1, 2, 4, 3, 5))
    channels = edge.shape[1]
    if not isinstance(channels, int):
        raise ValueError("an unknown number of channels")
    rows = channels * math.prod(size)
    made = ops.reshape(b, moved, [ops.extent(b, edge, 0), rows, -1])
    made = Edge(b.name(made), edge.dtype, (edge.shape[0], rows, made.shape[2]))
    return made if had_batch else ops.squeeze(b, made, 0)


@aten("col2im")
def fold(
    call: Call,
    x: Any,
    output_size: Any,
    kernel_size: Any,
    dilation: Any,
    padding: Any,
    stride: Any,
) -> Edge:
    """Columns added up where their windows lie."""
    b, given = call.b, call.tensor(x)
    edge = given if given.rank == 3 else ops.unsqueeze(b, given, 0)
    size, dilate, pad, step = (pair(item, 2) for item in (kernel_size, dilation, padding, stride))
    extents = call.extents(output_size)
    rows = edge.shape[1]
    channels = rows // math.prod(size) if isinstance(rows, int) else None
    shape = (edge.shape[0], channels, *(dim_of(item) for item in extents))
    made = b.emit(
        "Col2Im",
        [edge, ops.vector(b, extents), b.constant(size)],
        edge.dtype,
        shape,
        dilations=dilate,
        pads=[*pad, *pad],
        strides=step,
    )
    return made if given.rank == 3 else ops.squeeze(b, made, 0)
