"""Quantiles: the elements that given parts of all lie below."""

from __future__ import annotations

import math
from typing import Any

from modelport.dialects.onnx import arithmetic, ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten
from modelport.dialects.torch.operators.extremes import sorted_along
from modelport.dialects.torch.promote import floating, in_dtype
from modelport.model.dtype import INT64


@aten("quantile.scalar", "quantile")
def quantile(
    call: Call,
    x: Any,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    interpolation: str = "linear",
) -> Edge:
    """The elements that given parts of all lie below, between those that are there; NaN is one."""
    b = call.b
    edge, rank, axis = _last(call, x, dim)
    count = ops.cast(b, ops.vector(b, [ops.extent(b, edge, -1)]), edge.dtype)
    found = _between(call, edge, q, count, interpolation)
    nan = ops.cast(b, arithmetic.is_nan(b, edge), edge.dtype)
    some = ops.binary(b, "Greater", ops.reduce(b, "ReduceMax", nan, [-1], True), 0)
    found = ops.where(b, some, b.constant(math.nan, edge.dtype), found)
    return _placed(call, found, q, rank, axis, keepdim)


@aten("nanquantile.scalar", "nanquantile")
def nan_quantile(
    call: Call,
    x: Any,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    interpolation: str = "linear",
) -> Edge:
    """As ``quantile``, of what is a number."""
    b = call.b
    edge, rank, axis = _last(call, x, dim)
    nan = arithmetic.is_nan(b, edge)
    there = ops.cast(b, ops.unary(b, "Not", nan), edge.dtype)
    count = ops.reduce(b, "ReduceSum", there, [-1], True)
    held = ops.where(b, nan, b.constant(math.inf, edge.dtype), edge)
    found = _between(call, held, q, count, interpolation)
    nothing = ops.binary(b, "Equal", count, 0)
    found = ops.where(b, nothing, b.constant(math.nan, edge.dtype), found)
    return _placed(call, found, q, rank, axis, keepdim)


def _last(call: Call, x: Any, dim: int | None) -> tuple[Edge, int, int | None]:
    """The tensor with the axis last, its rank, and which axis that was."""
    edge = floating(call, x)
    rank = edge.rank
    if dim is None:
        return ops.reshape(call.b, edge, [-1]), rank, None
    axis = dim % max(rank, 1)
    if rank == 0:
        return ops.reshape(call.b, edge, [1]), rank, None
    order = [*(i for i in range(rank) if i != axis), axis]
    return ops.transpose(call.b, edge, order), rank, axis


def _between(call: Call, x: Edge, q: Any, count: Edge, interpolation: str) -> Edge:
    """Along the last axis, of so many elements in each row; one result for each part."""
    b = call.b
    values = sorted_along(call, x, -1, False)[0]
    parts = ops.reshape(b, in_dtype(call, q, x.dtype), [-1])
    place = ops.multiply(b, parts, ops.subtract(b, count, 1))
    place = ops.binary(b, "Max", place, 0)
    below = ops.unary(b, "Floor", place)
    if interpolation == "nearest":
        return _at(call, values, ops.unary(b, "Round", place))
    if interpolation == "lower":
        return _at(call, values, below)
    above = ops.unary(b, "Ceil", place)
    if interpolation == "higher":
        return _at(call, values, above)
    low, high = _at(call, values, below), _at(call, values, above)
    if interpolation == "midpoint":
        return ops.multiply(b, ops.add(b, low, high), 0.5)
    weight = ops.subtract(b, place, below)
    between = ops.add(b, low, ops.multiply(b, ops.subtract(b, high, low), weight))
    return ops.where(b, ops.binary(b, "Equal", weight, 0), low, between)


def _at(call: Call, values: Edge, places: Edge) -> Edge:
    """The elements of the last axis at places, the same in each row or one for each."""
    b, whole = call.b, ops.cast(call.b, places, INT64)
    if whole.rank == 1:
        return ops.gather(b, values, whole, -1)
    shape = whole.shape
    return b.emit("GatherElements", [values, whole], values.dtype, shape, axis=-1)


def _placed(call: Call, x: Edge, q: Any, rank: int, axis: int | None, keepdim: bool) -> Edge:
    """The results of each part along the first axis; of a single part none."""
    b = call.b
    single = not isinstance(q, Edge) and getattr(q, "rank", 0) == 0
    single = single or (isinstance(q, Edge) and (q.rank == 0 or q.values is not None))
    last = x.rank - 1
    made = ops.transpose(b, x, [last, *range(last)])
    if keepdim:
        ones = range(1, rank + 1) if axis is None else [axis + 1]
        made = ops.unsqueeze(b, made, *ones)
    return ops.squeeze(b, made, 0) if single else made
