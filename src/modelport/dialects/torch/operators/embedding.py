"""Look-ups of rows by index."""

from __future__ import annotations

import math
from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten
from modelport.dialects.torch.operators.index import places_of
from modelport.dialects.torch.operators.reduce import norm_of
from modelport.dialects.torch.operators.scatter import index_copy
from modelport.model.dtype import BOOL, INT64


@aten("embedding")
def embedding(
    call: Call,
    weight: Any,
    indices: Any,
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Edge:
    """Rows of ``weight``; the padding index matters for gradients alone."""
    return ops.gather(call.b, call.tensor(weight), places_of(call, indices), 0)


@aten("embedding_renorm")
def embedding_renorm(call: Call, x: Any, indices: Any, max_norm: float, norm_type: float) -> Edge:
    """The rows that are looked up, no longer than a norm."""
    b, edge = call.b, call.tensor(x)
    norm = norm_of(call, edge, norm_type, [1], True)
    longer = ops.binary(b, "Greater", norm, max_norm)
    scale = ops.divide(b, b.constant(max_norm, edge.dtype), ops.add(b, norm, 1e-7))
    places = ops.reshape(b, places_of(call, indices), [-1])
    shortened = ops.where(b, longer, ops.multiply(b, edge, scale), edge)
    rows = ops.gather(b, shortened, places, 0)
    return index_copy(call, edge, 0, places, rows)


@aten("embedding_bag")
def embedding_bag(
    call: Call,
    weight: Any,
    indices: Any,
    offsets: Any,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Edge:
    """Sums, means or largest of the rows of each bag, which begin at offsets; none give zeros."""
    b = call.b
    places = ops.cast(b, places_of(call, indices), INT64)
    starts = ops.cast(b, call.tensor(offsets), INT64)
    if include_last_offset:
        starts = ops.slice_axis(b, starts, 0, 0, -1)
    rows = ops.gather(b, call.tensor(weight), places, 0)
    number = ops.unsqueeze(b, ops.arange(b, ops.extent(b, places, 0)), 0)
    begins = ops.unsqueeze(b, starts, 1)
    far = ops.unsqueeze(b, ops.reshape(b, ops.shape_of(b, places), [1]), 1)
    ends = ops.concat(b, [ops.slice_axis(b, begins, 0, 1, None), far], 0)
    ends = Edge(b.name(ends), INT64, begins.shape)
    inside = ops.binary(
        b,
        "And",
        ops.binary(b, "GreaterOrEqual", number, begins),
        ops.binary(b, "Less", number, ends),
    )
    if padding_idx is not None and padding_idx >= 0:
        counts = ops.unary(b, "Not", ops.binary(b, "Equal", places, padding_idx))
        inside = ops.binary(b, "And", inside, ops.unsqueeze(b, counts, 0))
    return _joined(call, rows, inside, mode, per_sample_weights)


def _joined(call: Call, rows: Edge, inside: Edge, mode: int, weights: Any) -> Edge:
    """The rows of each bag in one; ``inside`` is (bags, rows)."""
    b = call.b
    if mode == 2:
        wide = ops.unsqueeze(b, inside, 2)
        low = b.constant(-math.inf, rows.dtype)
        held = ops.where(b, wide, ops.unsqueeze(b, rows, 0), low)
        most = ops.reduce(b, "ReduceMax", held, [1])
        some = ops.reduce(b, "ReduceMax", ops.cast(b, wide, INT64), [1])
        return ops.where(b, ops.cast(b, some, BOOL), most, b.constant(0, most.dtype))
    share = ops.cast(b, inside, rows.dtype)
    if weights is not None:
        share = ops.multiply(b, share, ops.unsqueeze(b, call.tensor(weights), 0))
    sums = ops.matmul(b, share, rows)
    if mode == 0:
        return sums
    count = ops.reduce(b, "ReduceSum", share, [1], True)
    return ops.divide(b, sums, ops.binary(b, "Max", count, 1))


aten("_embedding_bag", "_embedding_bag_forward_only")(embedding_bag)
