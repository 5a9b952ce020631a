"""Pooling to a given extent: window i of n reaches from floor(i e / n) to ceil((i + 1) e / n)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten, dim_of
from modelport.dialects.torch.operators.pooling import batched, plane
from modelport.model.dtype import INT64


def _wanted(call: Call, x: Edge, output_size: Any, rank: int) -> list[ops.Extent | None]:
    """The extents wanted; None where the axis stays as it is."""
    sizes = list(output_size) if isinstance(output_size, list) else [output_size]
    sizes = sizes * rank if len(sizes) == 1 else sizes
    found: list[ops.Extent | None] = []
    for size, extent in zip(sizes, x.shape[-rank:], strict=True):
        same = size is None or (isinstance(size, Edge) and size.values == (extent,))
        found.append(None if same else call.extent(size))
    return found


def _ends(extent: int, count: int) -> list[tuple[int, int]]:
    return [(i * extent // count, -(-(i + 1) * extent // count)) for i in range(count)]


def _inside(call: Call, extent: ops.Extent, count: ops.Extent) -> Edge:
    """Whether an entry of an axis (first axis of the result) lies in a window (second axis)."""
    b = call.b
    old, new = (ops.arange(b, item) for item in (extent, count))
    whole, parts = (ops.vector(b, [item]) for item in (extent, count))
    first = ops.divide(b, ops.multiply(b, new, whole), parts)
    above = ops.multiply(b, ops.add(b, new, 1), whole)
    last = ops.divide(b, ops.subtract(b, ops.add(b, above, parts), 1), parts)
    place = ops.unsqueeze(b, old, 1)
    since = ops.binary(b, "GreaterOrEqual", place, ops.unsqueeze(b, first, 0))
    return ops.binary(b, "And", since, ops.binary(b, "Less", place, ops.unsqueeze(b, last, 0)))


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


def _average_axis(call: Call, x: Edge, axis: int, count: ops.Extent) -> Edge:
    b, extent = call.b, x.shape[axis]
    if extent == count:
        return x
    if count == 1:
        return ops.reduce(b, "ReduceMean", x, [axis], True)
    if isinstance(extent, int) and isinstance(count, int) and extent % count == 0:
        size = [extent // count if i == axis else 1 for i in range(2, x.rank)]
        shape = [count if i == axis else item for i, item in enumerate(x.shape)]
        given = {"kernel_shape": size, "strides": size}
        return b.emit("AveragePool", [x], x.dtype, shape, **given)
    if isinstance(extent, int) and isinstance(count, int):
        table = np.zeros((extent, count))
        for i, (start, stop) in enumerate(_ends(extent, count)):
            table[start:stop, i] = 1 / (stop - start)
        matrix = b.constant(table, x.dtype)
    else:
        inside = ops.cast(b, _inside(call, ops.extent(b, x, axis), count), x.dtype)
        matrix = ops.divide(b, inside, ops.reduce(b, "ReduceSum", inside, [0], True))
    order = list(range(x.rank))
    order[axis], order[-1] = order[-1], order[axis]
    moved = ops.matmul(b, ops.transpose(b, x, order), matrix)
    return ops.transpose(b, moved, order)


@aten("adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d")
def largest(call: Call, x: Any, output_size: Any) -> list[Edge]:
    """The largest element of every window, and its number in the channel."""
    b, rank = call.b, int(call.op_type[-2])
    edge, had_batch = batched(call, call.tensor(x), rank)
    wanted = _wanted(call, edge, output_size, rank)
    known = all(isinstance(item, int) for item in edge.shape[2:])
    sizes = [item for item in wanted if item is None or isinstance(item, int)]
    if all(size == 1 for size in wanted) or (known and len(sizes) == len(wanted)):
        found = _largest_by_table(call, edge, sizes)
    else:
        found = _largest_by_axis(call, edge, wanted)
    return found if had_batch else [ops.squeeze(b, item, 0) for item in found]


def _largest_by_table(call: Call, x: Edge, wanted: Sequence[int | None]) -> list[Edge]:
    """One look-up for all windows."""
    b = call.b
    lead = [ops.extent(b, x, 0), ops.extent(b, x, 1)]
    flat = ops.reshape(b, x, [*lead, -1])
    flat.shape = (*x.shape[:2], flat.shape[2])
    if all(size == 1 for size in wanted):
        values = ops.reduce(b, "ReduceMax", flat, [2], True)
        places = b.emit("ArgMax", [flat], INT64, values.shape, axis=2, keepdims=1)
    else:
        table = b.constant(_table(x, wanted), INT64)
        windows = ops.gather(b, flat, table, 2)
        values = ops.reduce(b, "ReduceMax", windows, [3])
        at = b.emit("ArgMax", [windows], INT64, (*values.shape, 1), axis=3, keepdims=1)
        spread = b.emit("Expand", [table, ops.shape_of(b, windows)], INT64, windows.shape)
        spread = Edge(spread.name, INT64, windows.shape)
        chosen = b.emit("GatherElements", [spread, at], INT64, at.shape, axis=3)
        places = ops.squeeze(b, chosen, 3)
    sizes = [int(size or old or 0) for size, old in zip(wanted, x.shape[2:], strict=True)]
    found = []
    for item in (values, places):
        made = ops.reshape(b, item, [*lead, *sizes])
        found.append(Edge(b.name(made), item.dtype, (*x.shape[:2], *sizes)))
    return found


def _largest_by_axis(call: Call, x: Edge, wanted: Sequence[ops.Extent | None]) -> list[Edge]:
    """Along one axis after the other, the last first: extents need not be known."""
    b = call.b
    sides = [ops.extent(b, x, axis) for axis in range(2, x.rank)]
    numbers = ops.arange(b, plane(call, x, len(sides)))
    lead = ops.reshape(b, numbers, [1, 1, *sides])
    places = b.emit("Expand", [lead, ops.shape_of(b, x)], INT64, x.shape)
    values, places = x, Edge(places.name, INT64, x.shape)
    for axis in reversed(range(2, x.rank)):
        count = wanted[axis - 2]
        if count is None:
            continue
        inside = _inside(call, sides[axis - 2], count)
        after = x.rank - axis - 1
        wide = ops.unsqueeze(b, inside, *range(2, 2 + after)) if after else inside
        low = b.constant(-np.inf, x.dtype)
        windows = ops.where(b, wide, ops.unsqueeze(b, values, axis + 1), low)
        shape = (*values.shape[:axis], dim_of(count), *values.shape[axis + 1 :])
        at = b.emit("ArgMax", [windows], INT64, shape, axis=axis, keepdims=0)
        values, places = (
            b.emit("GatherElements", [item, at], item.dtype, shape, axis=axis)
            for item in (values, places)
        )
    return [values, places]


def _table(x: Edge, wanted: Sequence[int | None]) -> Any:
    """The places of each window's elements in the flat channel, filled up with its first one."""
    extents = [extent for extent in x.shape[2:] if isinstance(extent, int)]
    numbers = np.arange(int(np.prod(extents))).reshape(extents)
    ends = [_ends(e, int(n or e)) for e, n in zip(extents, wanted, strict=True)]
    rows = [
        numbers[tuple(slice(*end) for end in window)].reshape(-1)
        for window in itertools.product(*ends)
    ]
    width = max(len(row) for row in rows)
    return np.stack([np.concatenate([row, np.repeat(row[:1], width - len(row))]) for row in rows])
