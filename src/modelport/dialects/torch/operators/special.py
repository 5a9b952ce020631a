"""Differences, integrals and covariances."""

from __future__ import annotations

from typing import Any

import numpy as np

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten
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
