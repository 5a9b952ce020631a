"""Pooling to a given extent: window i of n reaches from floor(i e / n) to ceil((i + 1) e / n)."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten
from modelport.dialects.torch.operators.pooling import batched
from modelport.model.dtype import INT64


def _wanted(call: Call, x: Edge, output_size: Any, rank: int) -> list[int | None]:
    """The extents wanted; None where the axis stays as it is."""
    sizes = list(output_size) if isinstance(output_size, list) else [output_size]
    sizes = sizes * rank if len(sizes) == 1 else sizes
    found: list[int | None] = []
    for size, extent in zip(sizes, x.shape[-rank:], strict=True):
        if size is None or (isinstance(size, Edge) and size.values == (extent,)):
            found.append(extent if isinstance(extent, int) else None)
        else:
            found.append(call.fixed(size, "an extent of its result"))
    return found


def _ends(extent: int, count: int) -> list[tuple[int, int]]:
    return [(i * extent // count, -(-(i + 1) * extent // count)) for i in range(count)]


@aten("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d")
def average(call: Call, x: Any, output_size: Any) -> Edge:
    """The mean of every window."""
    return _average(call, x, output_size)


aten("_adaptive_avg_pool2d", "_adaptive_avg_pool3d")(average)


def _average(call: Call, x: Any, output_size: Any) -> Edge:
    b, rank = call.b, int(call.op_type[-2])
    edge, had_batch = batched(call, call.tensor(x), rank)
    wanted = _wanted(call, edge, output_size, rank)
    if all(size == 1 for size in wanted):
        made = ops.reduce(b, "ReduceMean", edge, list(range(2, rank + 2)), True)
    else:
        made = edge
        for axis, size in enumerate(wanted):
            if size is not None:
                made = _average_axis(call, made, axis + 2, size)
    return made if had_batch else ops.squeeze(b, made, 0)


def _average_axis(call: Call, x: Edge, axis: int, count: int) -> Edge:
    b, extent = call.b, x.shape[axis]
    if extent == count:
        return x
    if count == 1:
        return ops.reduce(b, "ReduceMean", x, [axis], True)
    if not isinstance(extent, int):
        raise ValueError("adaptive pooling needs spatial extents that are known")
    matrix = np.zeros((extent, count))
    for i, (start, stop) in enumerate(_ends(extent, count)):
        matrix[start:stop, i] = 1 / (stop - start)
    if extent % count == 0:
        size = [extent // count if i == axis else 1 for i in range(2, x.rank)]
        shape = [count if i == axis else item for i, item in enumerate(x.shape)]
        given = {"kernel_shape": size, "strides": size}
        return b.emit("AveragePool", [x], x.dtype, shape, **given)
    order = list(range(x.rank))
    order[axis], order[-1] = order[-1], order[axis]
    moved = ops.matmul(b, ops.transpose(b, x, order), b.constant(matrix, x.dtype))
    return ops.transpose(b, moved, order)


@aten("adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d")
def largest(call: Call, x: Any, output_size: Any) -> list[Edge]:
    """The largest element of every window, and its number in the channel."""
    b, rank = call.b, int(call.op_type[-2])
    edge, had_batch = batched(call, call.tensor(x), rank)
    wanted = _wanted(call, edge, output_size, rank)
    lead = [ops.extent(b, edge, 0), ops.extent(b, edge, 1)]
    flat = ops.reshape(b, edge, [*lead, -1])
    flat.shape = (*edge.shape[:2], flat.shape[2])
    if all(size == 1 for size in wanted):
        values = ops.reduce(b, "ReduceMax", flat, [2], True)
        places = b.emit("ArgMax", [flat], INT64, values.shape, axis=2, keepdims=1)
    else:
        table = b.constant(_table(edge, wanted), INT64)
        windows = ops.gather(b, flat, table, 2)
        values = ops.reduce(b, "ReduceMax", windows, [3])
        at = b.emit("ArgMax", [windows], INT64, (*values.shape, 1), axis=3, keepdims=1)
        spread = b.emit("Expand", [table, ops.shape_of(b, windows)], INT64, windows.shape)
        spread = Edge(spread.name, INT64, windows.shape)
        chosen = b.emit("GatherElements", [spread, at], INT64, at.shape, axis=3)
        places = ops.squeeze(b, chosen, 3)
    sizes = [int(size) for size in wanted if size is not None]
    found = []
    for item in (values, places):
        made = ops.reshape(b, item, [*lead, *sizes])
        made = Edge(b.name(made), item.dtype, (*edge.shape[:2], *sizes))
        found.append(made if had_batch else ops.squeeze(b, made, 0))
    return found


def _table(x: Edge, wanted: list[int | None]) -> Any:
    """The places of each window's elements in the flat channel, filled up with its first one."""
    extents = [extent for extent in x.shape[2:] if isinstance(extent, int)]
    if len(extents) < len(wanted):
        raise ValueError("adaptive pooling needs spatial extents that are known")
    numbers = np.arange(int(np.prod(extents))).reshape(extents)
    ends = [_ends(e, int(n or e)) for e, n in zip(extents, wanted, strict=True)]
    rows = [
        numbers[tuple(slice(*end) for end in window)].reshape(-1)
        for window in itertools.product(*ends)
    ]
    width = max(len(row) for row in rows)
    return np.stack([np.concatenate([row, np.repeat(row[:1], width - len(row))]) for row in rows])
