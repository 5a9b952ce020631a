"""Differences, integrals and covariances."""

from __future__ import annotations

from typing import Any

import numpy as np

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten
from modelport.dialects.torch.operators.cumulative import running_sum
from modelport.dialects.torch.operators.reduce import norm_of
from modelport.dialects.torch.promote import computed, floating
from modelport.model.dtype import BOOL


@aten("diff")
def difference(
    call: Call, x: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None
) -> Edge:
    """Each element minus the one before, n times."""
    b, edge = call.b, call.tensor(x)
    ends = [call.tensor(item) for item in (prepend, append) if item is not None]
    if ends:
        parts = [*ends[: prepend is not None], edge, *ends[prepend is not None :]]
        edge = ops.concat(b, parts, dim)
    for _ in range(n):
        later = ops.slice_axis(b, edge, dim, 1, None)
        earlier = ops.slice_axis(b, edge, dim, 0, -1)
        earlier = Edge(b.name(earlier), edge.dtype, later.shape)
        if edge.dtype == BOOL:
            edge = ops.binary(b, "Xor", later, earlier)
        else:
            edge = computed(call, "Sub", later, earlier)
    return edge


@aten("trapezoid.dx", "trapz.dx")
def trapezoid(call: Call, y: Any, dx: float = 1, dim: int = -1) -> Edge:
    """The integral of a broken line at equal distances."""
    b, edge = call.b, floating(call, y)
    middle = ops.add(b, ops.slice_axis(b, edge, dim, 1, None), ops.slice_axis(b, edge, dim, 0, -1))
    return ops.multiply(b, ops.reduce(b, "ReduceSum", middle, [dim]), dx / 2)


def _middles(call: Call, y: Any, dim: int) -> Edge:
    """Twice the heights between two points along an axis."""
    b, edge = call.b, floating(call, y)
    return ops.add(b, ops.slice_axis(b, edge, dim, 1, None), ops.slice_axis(b, edge, dim, 0, -1))


def _widths(call: Call, x: Any, like: Edge, dim: int) -> Edge:
    """The distances of points, along the axis of ``like``."""
    apart = difference(call, floating(call, x), 1, dim if call.tensor(x).rank > 1 else -1)
    after = like.rank - 1 - dim % like.rank
    return (
        ops.unsqueeze(call.b, apart, *range(1, after + 1)) if apart.rank == 1 and after else apart
    )


@aten("trapezoid.x", "trapz.x")
def trapezoid_at(call: Call, y: Any, x: Any, dim: int = -1) -> Edge:
    """The integral of a broken line through given points."""
    b, middle = call.b, _middles(call, y, dim)
    parts = ops.multiply(b, middle, _widths(call, x, middle, dim))
    return ops.multiply(b, ops.reduce(b, "ReduceSum", parts, [dim]), 0.5)


@aten("cumulative_trapezoid.dx")
def running_trapezoid(call: Call, y: Any, dx: float = 1, dim: int = -1) -> Edge:
    """The integral of a broken line up to each of its points."""
    return ops.multiply(call.b, running_sum(call, _middles(call, y, dim), dim), dx / 2)


@aten("cumulative_trapezoid.x")
def running_trapezoid_at(call: Call, y: Any, x: Any, dim: int = -1) -> Edge:
    """The integral of a broken line through given points, up to each of them."""
    b, middle = call.b, _middles(call, y, dim)
    parts = ops.multiply(b, middle, _widths(call, x, middle, dim))
    return ops.multiply(b, running_sum(call, parts, dim), 0.5)


@aten("gradient.scalarint", "gradient.scalararray", "gradient.array", "gradient.scalarrayint")
def gradient(
    call: Call, x: Any, spacing: Any = None, dim: Any = None, edge_order: int = 1
) -> list[Edge]:
    """Central differences along axes, one-sided at the ends."""
    b, edge = call.b, floating(call, x)
    if edge_order != 1:
        raise ValueError("differences of second order at the ends")
    dims = list(range(edge.rank)) if dim is None else dim if isinstance(dim, list) else [dim]
    steps = (
        spacing if isinstance(spacing, list) else [1 if spacing is None else spacing] * len(dims)
    )
    found = []
    for axis, step in zip(dims, steps, strict=True):
        apart = difference(call, edge, 1, axis)
        first, last = (ops.slice_axis(b, apart, axis, *ends) for ends in ((0, 1), (-1, None)))
        far = [ops.slice_axis(b, edge, axis, *ends) for ends in ((2, None), (0, -2))]
        middle = ops.multiply(b, ops.subtract(b, *far), 0.5)
        made = ops.concat(b, [first, middle, last], axis)
        made = Edge(b.name(ops.divide(b, made, float(step))), edge.dtype, edge.shape)
        found.append(made)
    return found


@aten("renorm")
def shortened(call: Call, x: Any, p: float, dim: int, maxnorm: float) -> Edge:
    """The entries along an axis, none longer than a norm."""
    b, edge = call.b, call.tensor(x)
    others = [axis for axis in range(edge.rank) if axis != dim % edge.rank]
    norm = norm_of(call, edge, p, others, True)
    scale = ops.divide(b, b.constant(maxnorm, edge.dtype), ops.add(b, norm, 1e-7))
    longer = ops.binary(b, "Greater", norm, maxnorm)
    return ops.where(b, longer, ops.multiply(b, edge, scale), edge)


@aten("sum_to_size")
def sum_to_size(call: Call, x: Any, size: Any) -> Edge:
    """Summed over the axes along which a shape was broadcast to this one."""
    edge, sizes = call.tensor(x), call.extents(size)
    lead = edge.rank - len(sizes)
    gone = [i + lead for i, n in enumerate(sizes) if n == 1 and edge.shape[i + lead] != 1]
    made = ops.reduce(call.b, "ReduceSum", edge, gone, True) if gone else edge
    return ops.reduce(call.b, "ReduceSum", made, list(range(lead))) if lead else made


@aten("cov")
def covariance(
    call: Call, x: Any, correction: int = 1, fweights: Any = None, aweights: Any = None
) -> Edge:
    """The covariances of rows."""
    b, edge = call.b, floating(call, x)
    count = edge.shape[-1]
    if fweights is not None or aweights is not None or not isinstance(count, int):
        raise ValueError("covariances with weights, or of an unknown number of observations")
    rows = ops.reshape(b, edge, [1, count]) if edge.rank == 1 else edge
    apart = ops.subtract(b, rows, ops.reduce(b, "ReduceMean", rows, [1], True))
    product = ops.matmul(b, apart, ops.transpose(b, apart, (1, 0)))
    made = ops.multiply(b, product, 1 / max(count - correction, 0))
    return ops.reshape(b, made, []) if edge.rank == 1 else made


@aten("vander", "linalg_vander")
def vandermonde(call: Call, x: Any, N: int | None = None, increasing: bool = False) -> Edge:  # noqa: N803
    """The powers of the elements, along a new axis."""
    b, edge = call.b, floating(call, x)
    count = N if N is not None else edge.shape[-1]
    if not isinstance(count, int):
        raise ValueError("an unknown number of powers")
    powers = np.arange(count)
    if not increasing and call.op_type == "vander":
        powers = powers[::-1]
    wide = ops.unsqueeze(b, edge, edge.rank)
    return ops.binary(b, "Pow", wide, b.constant(powers.copy(), edge.dtype))
