"""Sums, means, products, variances, norms and truths over axes."""

from __future__ import annotations

import math
from typing import Any

from modelport.dialects.onnx import arithmetic, ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten, torch_dtype
from modelport.dialects.torch.promote import floating, truth, whole
from modelport.model.dtype import INT32, INT64, UINT8, DType


def axes(dim: Any) -> list[int] | None:
    """The axes an argument ``dim`` names; none given and an empty list mean all."""
    if dim is None or (isinstance(dim, list | tuple) and not dim):
        return None
    return list(dim) if isinstance(dim, list | tuple) else [dim]


def reduced(call: Call, op_type: str, x: Edge, dim: Any, keepdim: bool = False) -> Edge:
    """A reduction over the axes of ``dim``; a tensor without axes has one for torch."""
    wanted = axes(dim) if x.rank else None
    if x.rank == 0 and op_type in ("ReduceMax", "ReduceMin", "ReduceMean", "ReduceSum"):
        return x
    return ops.reduce(call.b, op_type, x, wanted, keepdim)


def _in(call: Call, x: Any, dtype: Any) -> Edge:
    wanted = torch_dtype(dtype)
    return whole(call, x) if wanted is None else ops.cast(call.b, call.tensor(x), wanted)


@aten("sum")
def total(call: Call, x: Any, dtype: Any = None) -> Edge:
    """The sum of all elements; of bools and whole numbers in int64."""
    return total_of_axes(call, x, None, False, dtype)


@aten("sum.dim_IntList")
def total_of_axes(
    call: Call, x: Any, dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Edge:
    """The sum over axes."""
    return _narrowed(call, "ReduceSum", _in(call, x, dtype), dim, keepdim)


def _narrowed(call: Call, op_type: str, x: Edge, dim: Any, keepdim: bool) -> Edge:
    """A reduction in a dtype that runtimes know, the result in that of ``x``."""
    narrow = x.dtype.kind in ("int", "uint", "bool") and x.dtype not in (INT32, INT64)
    wide = ops.cast(call.b, x, INT64) if narrow else x
    return ops.cast(call.b, reduced(call, op_type, wide, dim, keepdim), x.dtype)


@aten("nansum")
def nan_sum(call: Call, x: Any, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Edge:
    """The sum of what is a number."""
    edge = _in(call, x, dtype)
    if edge.dtype.kind == "float":
        nan = arithmetic.is_nan(call.b, edge)
        edge = ops.where(call.b, nan, call.b.constant(0, edge.dtype), edge)
    return reduced(call, "ReduceSum", edge, dim, keepdim)


@aten("mean")
def mean(call: Call, x: Any, dtype: Any = None) -> Edge:
    """The mean of all elements."""
    return mean_of_axes(call, x, None, False, dtype)


@aten("mean.dim")
def mean_of_axes(
    call: Call, x: Any, dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Edge:
    """The mean over axes (none given: all)."""
    edge = call.tensor(x)
    edge = ops.cast(call.b, edge, torch_dtype(dtype, edge.dtype) or edge.dtype)
    return reduced(call, "ReduceMean", edge, dim, keepdim)


@aten("nanmean")
def nan_mean(call: Call, x: Any, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Edge:
    """The mean of what is a number."""
    edge = call.tensor(x)
    edge = ops.cast(call.b, edge, torch_dtype(dtype, edge.dtype) or edge.dtype)
    there = ops.unary(call.b, "Not", arithmetic.is_nan(call.b, edge))
    count = reduced(call, "ReduceSum", ops.cast(call.b, there, edge.dtype), dim, keepdim)
    return ops.divide(call.b, nan_sum(call, edge, dim, keepdim), count)


@aten("prod")
def product(call: Call, x: Any, dtype: Any = None) -> Edge:
    """The product of all elements."""
    return _narrowed(call, "ReduceProd", _in(call, x, dtype), None, False)


@aten("prod.dim_int")
def product_of_axis(call: Call, x: Any, dim: int, keepdim: bool = False, dtype: Any = None) -> Edge:
    """The product along an axis."""
    return _narrowed(call, "ReduceProd", _in(call, x, dtype), dim, keepdim)


@aten("logsumexp", "special_logsumexp")
def log_sum_exp(call: Call, x: Any, dim: Any, keepdim: bool = False) -> Edge:
    """log(sum(exp(x)))."""
    edge = floating(call, x)
    return reduced(call, "ReduceLogSumExp", edge, dim, keepdim) if edge.rank else edge


# Truths


def reduce_bool(call: Call, x: Edge, dim: Any, keepdim: bool, every: bool) -> Edge:
    """Whether any, or every, element over axes is other than 0."""
    numbers = ops.cast(call.b, truth(call, x), INT32)
    op_type = "ReduceMin" if every else "ReduceMax"
    if isinstance(dim, list) and not dim:
        found = numbers
    else:
        found = reduced(call, op_type, numbers, dim, keepdim)
    # Of no elements the largest is the smallest number there is.
    answer = ops.binary(call.b, "Greater", found, 0)
    return ops.cast(call.b, answer, UINT8) if x.dtype == UINT8 else answer


@aten("any")
def any_of_all(call: Call, x: Any) -> Edge:
    """Whether an element is other than 0."""
    return reduce_bool(call, call.tensor(x), None, False, every=False)


@aten("any.dim", "any.dims")
def any_of(call: Call, x: Any, dim: Any = None, keepdim: bool = False) -> Edge:
    """Whether an element over the axes is other than 0."""
    return reduce_bool(call, call.tensor(x), dim, keepdim, every=False)


@aten("all")
def all_of_all(call: Call, x: Any) -> Edge:
    """Whether all elements are other than 0."""
    return reduce_bool(call, call.tensor(x), None, False, every=True)


@aten("all.dim", "all.dims")
def all_of(call: Call, x: Any, dim: Any = None, keepdim: bool = False) -> Edge:
    """Whether all elements over the axes are other than 0."""
    return reduce_bool(call, call.tensor(x), dim, keepdim, every=True)


@aten("count_nonzero", "count_nonzero.dim_IntList")
def count_nonzero(call: Call, x: Any, dim: Any = None) -> Edge:
    """How many elements are other than 0."""
    return reduced(call, "ReduceSum", ops.cast(call.b, truth(call, x), INT64), dim)


@aten("is_nonzero")
def is_nonzero(call: Call, x: Any) -> Edge:
    """Whether the one element is other than 0."""
    return ops.reshape(call.b, truth(call, x), [])


# Variances


def count_of(call: Call, x: Edge, dim: Any, dtype: DType) -> Edge | float:
    """How many elements are reduced over axes: a number, or an edge without axes."""
    gone = axes(dim) if x.rank else []
    places = range(x.rank) if gone is None else sorted(axis % x.rank for axis in gone)
    extents = [ops.extent(call.b, x, axis) for axis in places]
    known = [item for item in extents if isinstance(item, int)]
    if len(known) == len(extents):
        return float(math.prod(known))
    many = ops.cast(call.b, ops.vector(call.b, extents), dtype)
    return ops.reduce(call.b, "ReduceProd", many, None)


def moments(
    call: Call, x: Any, dim: Any, correction: float = 1, keepdim: bool = False
) -> tuple[Edge, Edge]:
    """Variance and mean over axes; the sum of squares is divided by the count - correction."""
    b, edge = call.b, floating(call, x)
    centre = reduced(call, "ReduceMean", edge, dim, True)
    apart = ops.subtract(b, edge, centre)
    squares = ops.multiply(b, apart, apart)
    mean_ = centre if keepdim else reduced(call, "ReduceMean", edge, dim, False)
    if correction == 0:
        return reduced(call, "ReduceMean", squares, dim, keepdim), mean_
    sums = reduced(call, "ReduceSum", squares, dim, keepdim)
    count = count_of(call, edge, dim, edge.dtype)
    if isinstance(count, Edge):
        rest = ops.binary(b, "Max", ops.subtract(b, count, correction), 0)
        return ops.divide(b, sums, rest), mean_
    return ops.divide(b, sums, max(count - correction, 0.0)), mean_


def _spread(root: bool, both: bool) -> Any:
    """var, std, var_mean, std_mean: the three forms of each."""

    def give(call: Call, x: Any, dim: Any, correction: float, keepdim: bool) -> Any:
        variance, centre = moments(call, x, dim, correction, keepdim)
        found = ops.unary(call.b, "Sqrt", variance) if root else variance
        return [found, centre] if both else found

    def plain(call: Call, x: Any, unbiased: bool = True) -> Any:
        return give(call, x, None, int(unbiased), False)

    def of_axes(
        call: Call, x: Any, dim: Any = None, unbiased: bool = True, keepdim: bool = False
    ) -> Any:
        return give(call, x, dim, int(unbiased), keepdim)

    def corrected(
        call: Call, x: Any, dim: Any = None, correction: Any = None, keepdim: bool = False
    ) -> Any:
        return give(call, x, dim, 1 if correction is None else correction, keepdim)

    return plain, of_axes, corrected


for _name, _options in {
    "var": (False, False),
    "std": (True, False),
    "var_mean": (False, True),
    "std_mean": (True, True),
}.items():
    _plain, _of_axes, _corrected = _spread(*_options)
    aten(_name)(_plain)
    aten(f"{_name}.dim")(_of_axes)
    aten(f"{_name}.correction")(_corrected)


# Norms


def norm_of(call: Call, x: Edge, p: float | None, dim: Any, keepdim: bool) -> Edge:
    """The p-norm over axes: the largest size for ∞, the smallest for -∞, the count for 0."""
    b, edge = call.b, floating(call, x)
    order = 2.0 if p is None else float(p)
    if order == 2:
        return reduced(call, "ReduceL2", edge, dim, keepdim)
    if order == 1:
        return reduced(call, "ReduceL1", edge, dim, keepdim)
    size = ops.unary(b, "Abs", edge)
    if math.isinf(order):
        op_type = "ReduceMax" if order > 0 else "ReduceMin"
        return reduced(call, op_type, size, dim, keepdim)
    if order == 0:
        there = ops.cast(b, truth(call, edge), edge.dtype)
        return reduced(call, "ReduceSum", there, dim, keepdim)
    sums = reduced(call, "ReduceSum", ops.binary(b, "Pow", size, order), dim, keepdim)
    return ops.binary(b, "Pow", sums, 1 / order)


@aten("norm", "norm.Scalar")
def norm(call: Call, x: Any, p: float | None = 2) -> Edge:
    """The norm of all elements."""
    return norm_of(call, call.tensor(x), p, None, False)


@aten("norm.ScalarOpt_dim", "norm.ScalarOpt_dim_dtype")
def norm_of_axes(
    call: Call,
    x: Any,
    p: float | None,
    dim: Any,
    keepdim: bool = False,
    dtype: Any = None,
) -> Edge:
    """The norm over axes."""
    return vector_norm(call, x, 2 if p is None else p, dim, keepdim, dtype)


@aten("norm.ScalarOpt_dtype")
def norm_in_dtype(call: Call, x: Any, p: float | None, dtype: Any = None) -> Edge:
    """The norm of all elements, in a dtype."""
    return vector_norm(call, x, 2 if p is None else p, None, False, dtype)


@aten("linalg_vector_norm")
def vector_norm(
    call: Call, x: Any, ord: float = 2, dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Edge:
    """The norm over axes."""
    edge = call.tensor(x)
    wanted = torch_dtype(dtype)
    edge = edge if wanted is None else ops.cast(call.b, edge, wanted)
    return norm_of(call, edge, ord, dim, keepdim)


@aten("frobenius_norm.dim")
def frobenius_norm(call: Call, x: Any, dim: Any, keepdim: bool = False) -> Edge:
    """The root of the sum of squares."""
    return norm_of(call, call.tensor(x), 2, dim, keepdim)
