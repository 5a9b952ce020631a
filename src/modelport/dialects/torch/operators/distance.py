"""Distances between vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten
from modelport.dialects.torch.operators.reduce import norm_of
from modelport.dialects.torch.promote import floating, together
from modelport.model.dtype import INT64


@aten("pairwise_distance")
def pairwise_distance(
    call: Call, x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Edge:
    """The norm of ``x1 - x2 + eps`` over the last axis."""
    apart = ops.subtract(call.b, *together(call, x1, x2))
    return norm_of(call, ops.add(call.b, apart, eps), p, -1, keepdim)


@aten("cosine_similarity")
def cosine_similarity(call: Call, x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Edge:
    """The product of vectors over that of their norms, none of which is below eps."""
    b = call.b
    edges = [floating(call, edge) for edge in together(call, x1, x2)]
    rank = max(edge.rank for edge in edges)
    axis = dim % rank - rank
    norms = [
        ops.binary(b, "Max", ops.reduce(b, "ReduceL2", edge, [axis], True), eps) for edge in edges
    ]
    unit = [ops.divide(b, edge, norm) for edge, norm in zip(edges, norms, strict=True)]
    return ops.reduce(b, "ReduceSum", ops.multiply(b, *unit), [axis])


@aten("cdist")
def all_distances(
    call: Call, x1: Any, x2: Any, p: float = 2.0, compute_mode: int | None = None
) -> Edge:
    """The distance of every row of the first to every row of the second."""
    b, left, right = call.b, call.tensor(x1), call.tensor(x2)
    wide = ops.unsqueeze(b, left, left.rank - 1), ops.unsqueeze(b, right, right.rank - 2)
    return norm_of(call, ops.subtract(b, *wide), p, -1, False)


@aten("pdist", "_pdist_forward")
def distances(call: Call, x: Any, p: float = 2.0) -> Edge:
    """The distances of all pairs of rows."""
    b, edge = call.b, call.tensor(x)
    count = edge.shape[0]
    if not isinstance(count, int):
        raise ValueError("the pairs of an unknown number of rows")
    sides = [ops.gather(b, edge, b.constant(side, INT64), 0) for side in np.triu_indices(count, 1)]
    return norm_of(call, ops.subtract(b, *sides), p, -1, False)


@aten("dist")
def distance(call: Call, x: Any, other: Any, p: float = 2) -> Edge:
    """The norm of the difference of two tensors."""
    return norm_of(call, ops.subtract(call.b, *together(call, x, other)), p, None, False)
