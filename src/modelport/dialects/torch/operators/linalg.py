"""Linear algebra that ONNX can express."""

from __future__ import annotations

from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten, torch_dtype
from modelport.dialects.torch.operators.extremes import extreme
from modelport.dialects.torch.operators.join import stack
from modelport.dialects.torch.operators.reduce import norm_of, reduced
from modelport.dialects.torch.promote import together


@aten("det")
def determinant(call: Call, x: Any) -> Edge:
    """The determinant of the last two axes."""
    edge = call.tensor(x)
    return call.b.emit("Det", [edge], edge.dtype, edge.shape[:-2])


@aten("linalg_det", "_linalg_det")
def linalg_determinant(call: Call, A: Any) -> Edge:  # noqa: N803 - the schema's name
    """The determinant of the last two axes."""
    return determinant(call, A)


@aten("logdet")
def log_determinant(call: Call, x: Any) -> Edge:
    """The logarithm of the determinant."""
    return ops.unary(call.b, "Log", determinant(call, x))


@aten("slogdet", "linalg_slogdet", "_linalg_slogdet")
def sign_and_log_determinant(call: Call, A: Any) -> list[Edge]:  # noqa: N803
    """The sign of the determinant, and the logarithm of its size."""
    made = determinant(call, A)
    size = ops.unary(call.b, "Log", ops.unary(call.b, "Abs", made))
    return [ops.unary(call.b, "Sign", made), size]


def _cross(call: Call, x: Any, other: Any, dim: int) -> Edge:
    b = call.b
    left, right = together(call, x, other)
    rank = max(left.rank, right.rank)
    axis = dim % rank - rank
    parts = [
        [ops.squeeze(b, ops.slice_axis(b, edge, axis, i, i + 1), axis) for i in range(3)]
        for edge in (left, right)
    ]
    (a0, a1, a2), (b0, b1, b2) = parts
    found = [
        ops.subtract(b, ops.multiply(b, p, q), ops.multiply(b, r, s))
        for p, q, r, s in ((a1, b2, a2, b1), (a2, b0, a0, b2), (a0, b1, a1, b0))
    ]
    return stack(call, found, axis)


@aten("cross")
def cross(call: Call, x: Any, other: Any, dim: int | None = None) -> Edge:
    """The cross product along an axis of extent 3 (not given: the first one)."""
    edge = call.tensor(x)
    return _cross(call, edge, other, edge.shape.index(3) if dim is None else dim)


@aten("linalg_cross")
def linalg_cross(call: Call, x: Any, other: Any, dim: int = -1) -> Edge:
    """The cross product along an axis of extent 3."""
    return _cross(call, x, other, dim)


@aten("linalg_vecdot")
def vecdot(call: Call, x: Any, y: Any, dim: int = -1) -> Edge:
    """The sums of products along an axis."""
    left, right = together(call, x, y)
    return ops.reduce(call.b, "ReduceSum", ops.multiply(call.b, left, right), [dim])


@aten("linalg_norm")
def linalg_norm(
    call: Call,
    x: Any,
    ord: Any = None,
    dim: Any = None,
    keepdim: bool = False,
    dtype: Any = None,
) -> Edge:
    """The norm of vectors, or of matrices where two axes are given."""
    edge = call.tensor(x)
    edge = ops.cast(call.b, edge, torch_dtype(dtype, edge.dtype) or edge.dtype)
    axes = dim if isinstance(dim, list | None) else [dim]
    if ord is None or len(axes or range(edge.rank)) == 1:
        return norm_of(call, edge, ord, axes, keepdim)
    return _matrix_norm(call, edge, ord, axes or [-2, -1], keepdim)


@aten("linalg_matrix_norm")
def matrix_norm_in_order(
    call: Call, x: Any, ord: Any, dim: Any = (-2, -1), keepdim: bool = False, dtype: Any = None
) -> Edge:
    """The norm of matrices."""
    return matrix_norm(call, x, ord, dim, keepdim, dtype)


@aten("linalg_matrix_norm.str_ord")
def matrix_norm(
    call: Call,
    x: Any,
    ord: Any = "fro",
    dim: Any = (-2, -1),
    keepdim: bool = False,
    dtype: Any = None,
) -> Edge:
    """The norm of matrices."""
    edge = call.tensor(x)
    edge = ops.cast(call.b, edge, torch_dtype(dtype, edge.dtype) or edge.dtype)
    return _matrix_norm(call, edge, ord, list(dim), keepdim)


def _matrix_norm(call: Call, x: Edge, ord: Any, dim: list[int], keepdim: bool) -> Edge:
    if ord == "fro":
        return norm_of(call, x, 2, dim, keepdim)
    if ord == "nuc" or abs(ord) not in (1, float("inf")):
        raise ValueError("ONNX has no singular values")
    rows, columns = (axis % x.rank for axis in dim)
    first, second = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = reduced(call, "ReduceSum", ops.unary(call.b, "Abs", x), first, True)
    made = extreme(call, sums, ord > 0, second, True)
    return made if keepdim else ops.squeeze(call.b, made, rows, columns)
