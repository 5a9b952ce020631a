"""Pooling with windows of a given size."""

from __future__ import annotations

import math
from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten, pair
from modelport.dialects.torch.promote import roomy
from modelport.model.dtype import INT64
from modelport.model.graph import Dim


def batched(call: Call, x: Edge, rank: int) -> tuple[Edge, bool]:
    """The tensor with a batch axis, and whether it had one."""
    return (x, True) if x.rank == rank + 2 else (ops.unsqueeze(call.b, x, 0), False)


def plane(call: Call, x: Edge, rank: int) -> Edge:
    """The number of elements of one channel, as an int64 edge of shape (1,)."""
    extents = [ops.extent(call.b, x, axis) for axis in range(-rank, 0)]
    count = call.b.constant([1], INT64)
    for extent in extents:
        count = ops.multiply(call.b, count, extent)
    return count


def _rest(
    x: Edge, size: list[int], step: list[int], pad: list[int], dilate: list[int], ceil: bool
) -> tuple[list[int], list[Dim]]:
    """What has to be padded at each end beyond ``pad``, and the extents that result."""
    more, extents = [], list[Dim]()
    for extent, k, s, p, d in zip(x.shape[2:], size, step, pad, dilate, strict=True):
        if not isinstance(extent, int):
            more.append(0)
            extents.append(None)
            continue
        room = extent + 2 * p - d * (k - 1) - 1
        count = -(-room // s) + 1 if ceil else room // s + 1
        if ceil and (count - 1) * s >= extent + p:
            count -= 1  # the last window has to start within the tensor or before it
        more.append(max(0, (count - 1) * s - room))
        extents.append(count)
    return more, extents


def _max_pool(with_places: bool) -> Any:
    def lower(
        call: Call,
        x: Any,
        kernel_size: Any,
        stride: Any = (),
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
    ) -> list[Edge]:
        """The largest element of every window and, where asked for, its number in the channel."""
        b, rank = call.b, int(call.op_type.split("pool")[1][0])
        given = call.tensor(x)
        edge, had_batch = batched(call, ops.cast(b, given, roomy(given.dtype)), rank)
        size, pad, dilate = pair(kernel_size, rank), pair(padding, rank), pair(dilation, rank)
        step = pair(stride, rank) if stride not in (None, [], ()) else size
        if edge.dtype.kind != "float":
            raise ValueError("runtimes have no pooling of whole numbers")
        more, extents = _rest(edge, size, step, pad, dilate, ceil_mode)
        unknown = any(extent is None for extent in extents)
        shape = (*edge.shape[:2], *extents)
        names = b.node(
            "MaxPool",
            [b.name(edge)],
            2 if with_places else 1,
            kernel_shape=size,
            strides=step,
            pads=[*pad, *(p + m for p, m in zip(pad, more, strict=True))],
            dilations=dilate if max(dilate) > 1 else None,
            ceil_mode=int(ceil_mode) if unknown else None,
        )
        found = [ops.cast(b, Edge(names[0], edge.dtype, shape), given.dtype)]
        if with_places:
            places = Edge(names[1], INT64, shape)
            found.append(ops.binary(b, "Mod", places, plane(call, edge, rank)))
        return found if had_batch else [ops.squeeze(b, item, 0) for item in found]

    return lower


for _n in "123":
    aten(f"max_pool{_n}d")(_max_pool(False))
    aten(f"max_pool{_n}d_with_indices")(_max_pool(True))


@aten("avg_pool1d")
def average_pool_1(
    call: Call,
    x: Any,
    kernel_size: Any,
    stride: Any = (),
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Edge:
    """The mean of every window."""
    return average_pool(call, x, kernel_size, stride, padding, ceil_mode, count_include_pad)


@aten("avg_pool2d", "avg_pool3d")
def average_pool(
    call: Call,
    x: Any,
    kernel_size: Any,
    stride: Any = (),
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Edge:
    """The mean of every window, or its sum over another number.

    What lies beyond the padding, because the number of windows was rounded up, never counts.
    """
    b, rank = call.b, int(call.op_type.split("pool")[1][0])
    edge, had_batch = batched(call, call.tensor(x), rank)
    size, pad = pair(kernel_size, rank), pair(padding, rank)
    step = pair(stride, rank) if stride not in (None, [], ()) else size
    more, extents = _rest(edge, size, step, pad, [1] * rank, ceil_mode)
    shape = (*edge.shape[:2], *extents)
    if ceil_mode and None in extents:
        whole = divisor_override is None
        made = _rounded_up(call, edge, size, step, pad, count_include_pad, whole)
        if divisor_override is not None:
            made = ops.multiply(b, made, math.prod(size) / divisor_override)
        return made if had_batch else ops.squeeze(b, made, 0)
    counts = count_include_pad and any(pad)
    if counts or divisor_override is not None:
        edge = ops.pad(b, edge, {axis + 2: (p, p) for axis, p in enumerate(pad)})
        pad = [0] * rank
    whole = divisor_override is not None
    made = b.emit(
        "AveragePool",
        [edge],
        edge.dtype,
        shape,
        kernel_shape=size,
        strides=step,
        pads=[*pad, *(p + m for p, m in zip(pad, more, strict=True))],
        count_include_pad=1 if whole else None,
    )
    if divisor_override is not None:
        made = ops.multiply(b, made, math.prod(size) / divisor_override)
    return made if had_batch else ops.squeeze(b, made, 0)


def _rounded_up(
    call: Call,
    x: Edge,
    size: list[int],
    step: list[int],
    pad: list[int],
    counts: bool,
    mean: bool,
) -> Edge:
    """Means of windows whose number is rounded up, of unknown extents: padding is computed.

    Without ``mean``, sums over the size of a window. With ``counts``, padding counts, but what
    lies beyond it does not.
    """
    b, rank = call.b, len(size)
    shape = (*x.shape[:2], *(None,) * rank)
    sides = ops.vector(b, [ops.extent(b, x, axis) for axis in range(2, rank + 2)])
    widths, steps, pads = (b.constant(item, INT64) for item in (size, step, pad))
    room = ops.subtract(b, ops.add(b, sides, ops.multiply(b, pads, 2)), widths)
    last = ops.divide(b, ops.subtract(b, ops.add(b, room, steps), 1), steps)
    # The last window has to start within the tensor or before it.
    late = ops.binary(b, "GreaterOrEqual", ops.multiply(b, last, steps), ops.add(b, sides, pads))
    last = ops.subtract(b, last, ops.cast(b, late, INT64))
    beyond = ops.binary(b, "Max", ops.subtract(b, ops.multiply(b, last, steps), room), 0)
    none = b.constant([0, 0], INT64)

    def pooled(edge: Edge, before: Edge, after: Edge) -> Edge:
        ends = ops.concat(b, [none, before, none, after], 0)
        wide = b.emit("Pad", [edge, ends], edge.dtype, (*edge.shape[:2], *(None,) * rank))
        result = (*edge.shape[:2], *(None,) * rank)
        given = {"kernel_shape": size, "strides": step}
        return b.emit("AveragePool", [wide], edge.dtype, result, **given)

    made = pooled(x, pads, ops.add(b, pads, beyond))
    if not mean:
        return made
    inside = ops.add(b, sides, ops.multiply(b, pads, 2)) if counts else sides
    ones = b.emit(
        "Expand",
        [b.constant(1, x.dtype), ops.concat(b, [b.constant([1, 1], INT64), inside], 0)],
        x.dtype,
        (1, 1, *(None,) * rank),
    )
    nought = b.constant([0] * rank, INT64)
    edges = (nought, beyond) if counts else (pads, ops.add(b, pads, beyond))
    return Edge(b.name(ops.divide(b, made, pooled(ones, *edges))), x.dtype, shape)
