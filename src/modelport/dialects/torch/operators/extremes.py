"""The largest, smallest and middle elements, and where they are."""

from __future__ import annotations

from typing import Any

from modelport.dialects.onnx import arithmetic, ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten
from modelport.dialects.torch.operators.reduce import reduced
from modelport.dialects.torch.promote import chosen, roomy
from modelport.model.dtype import INT64
from modelport.model.graph import Dim


def extreme(call: Call, x: Any, largest: bool, dim: Any, keepdim: bool = False) -> Edge:
    """The largest or smallest element over axes, of any dtype; NaN is both."""
    edge = call.tensor(x)
    wide = ops.cast(call.b, edge, roomy(edge.dtype))
    op_type = "ReduceMax" if largest else "ReduceMin"
    return ops.cast(call.b, reduced(call, op_type, wide, dim, keepdim), edge.dtype)


@aten("amax")
def largest_of(call: Call, x: Any, dim: Any = (), keepdim: bool = False) -> Edge:
    """The largest value over axes."""
    return extreme(call, x, True, dim, keepdim)


@aten("amin")
def smallest_of(call: Call, x: Any, dim: Any = (), keepdim: bool = False) -> Edge:
    """The smallest value over axes."""
    return extreme(call, x, False, dim, keepdim)


@aten("aminmax")
def ends_of(call: Call, x: Any, dim: Any = None, keepdim: bool = False) -> list[Edge]:
    """The smallest and the largest value."""
    return [extreme(call, x, largest, dim, keepdim) for largest in (False, True)]


@aten("max")
def largest_of_all(call: Call, x: Any) -> Edge:
    """The largest element."""
    return extreme(call, x, True, None)


@aten("min")
def smallest_of_all(call: Call, x: Any) -> Edge:
    """The smallest element."""
    return extreme(call, x, False, None)


def place_of(call: Call, x: Any, largest: bool, dim: Any, keepdim: bool) -> Edge:
    """Where the first of the largest (smallest) elements is, as int64."""
    b, edge = call.b, call.tensor(x)
    if edge.rank == 0:
        return b.constant(0, INT64)
    rank = edge.rank
    edge = ops.cast(b, edge, roomy(edge.dtype))
    if dim is None:
        edge, dim = ops.reshape(b, edge, [-1]), 0
        shape: list[Dim] = [1] * rank if keepdim else []
        keep = 0
    else:
        axis, keep = dim % rank, int(keepdim)
        kept = [1] if keepdim else []
        shape = [*edge.shape[:axis], *kept, *edge.shape[axis + 1 :]]
    if edge.dtype == INT64:
        found = arithmetic.ordered(b, edge, dim, largest, 1)[1]
        made = found if keep else ops.squeeze(b, found, dim)
    else:
        op_type = "ArgMax" if largest else "ArgMin"
        out = shape if keep or edge.rank > 1 else []
        made = b.emit(op_type, [edge], INT64, out, axis=dim, keepdims=keep)
    return ops.reshape(b, made, [1] * rank) if keepdim and not keep else made


@aten("argmax")
def place_of_largest(call: Call, x: Any, dim: Any = None, keepdim: bool = False) -> Edge:
    """Where the largest element is."""
    return place_of(call, x, True, dim, keepdim)


@aten("argmin")
def place_of_smallest(call: Call, x: Any, dim: Any = None, keepdim: bool = False) -> Edge:
    """Where the smallest element is."""
    return place_of(call, x, False, dim, keepdim)


@aten("max.dim")
def largest_with_place(call: Call, x: Any, dim: int, keepdim: bool = False) -> list[Edge]:
    """The largest element along an axis, and where it is."""
    return [extreme(call, x, True, dim, keepdim), place_of(call, x, True, dim, keepdim)]


@aten("min.dim")
def smallest_with_place(call: Call, x: Any, dim: int, keepdim: bool = False) -> list[Edge]:
    """The smallest element along an axis, and where it is."""
    return [extreme(call, x, False, dim, keepdim), place_of(call, x, False, dim, keepdim)]


# Order


def sorted_along(
    call: Call, x: Any, dim: int, descending: bool, count: ops.Extent | None = None
) -> list[Edge]:
    """The elements along an axis in order, and where they were; of any dtype."""
    edge = call.tensor(x)
    if edge.rank == 0:
        return [edge, call.b.constant(0, INT64)]
    wide = ops.cast(call.b, edge, roomy(edge.dtype))
    values, places = arithmetic.ordered(call.b, wide, dim, descending, count)
    return [ops.cast(call.b, values, edge.dtype), places]


@aten("topk")
def top_k(
    call: Call, x: Any, k: Any, dim: int = -1, largest: bool = True, sorted: bool = True
) -> list[Edge]:
    """The largest or smallest elements along an axis."""
    return sorted_along(call, x, dim, largest, call.extent(k))


@aten("sort")
def sort(call: Call, x: Any, dim: int = -1, descending: bool = False) -> list[Edge]:
    """The elements along an axis in order."""
    return sorted_along(call, x, dim, descending)


@aten("sort.stable")
def stable_sort(
    call: Call, x: Any, stable: Any = None, dim: int = -1, descending: bool = False
) -> list[Edge]:
    """The elements along an axis in order; equal ones stay in theirs."""
    return sorted_along(call, x, dim, descending)


@aten("argsort")
def argsort(call: Call, x: Any, dim: int = -1, descending: bool = False) -> Edge:
    """Where the elements along an axis are, in order."""
    return sorted_along(call, x, dim, descending)[1]


@aten("argsort.stable")
def stable_argsort(
    call: Call, x: Any, stable: Any = None, dim: int = -1, descending: bool = False
) -> Edge:
    """Where the elements along an axis are, in order."""
    return sorted_along(call, x, dim, descending)[1]


@aten("msort")
def sort_first_axis(call: Call, x: Any) -> Edge:
    """The elements along the first axis in order."""
    return sorted_along(call, x, 0, False)[0]


@aten("kthvalue")
def kth_value(call: Call, x: Any, k: Any, dim: int = -1, keepdim: bool = False) -> list[Edge]:
    """The k-th smallest element along an axis, and where it is."""
    number = call.fixed(k, "the rank of the wanted element")
    found = sorted_along(call, x, dim, False, number)
    last = [ops.slice_axis(call.b, edge, dim, number - 1, number) for edge in found]
    return last if keepdim else [ops.squeeze(call.b, edge, dim) for edge in last]


@aten("median.dim")
def median_along(call: Call, x: Any, dim: int, keepdim: bool = False) -> list[Edge]:
    """The lower of the two middle elements along an axis, and where it is."""
    b, edge = call.b, call.tensor(x)
    if edge.rank == 0:
        return [edge, b.constant(0, INT64)]
    extent = ops.extent(b, edge, dim)
    if isinstance(extent, int):
        middle: ops.Extent = (extent - 1) // 2 + 1
        index = b.constant([(extent - 1) // 2], INT64)
    else:
        index = ops.divide(b, ops.subtract(b, extent, 1), 2)
        middle = ops.add(b, index, 1)
    found = sorted_along(call, edge, dim, False, middle)
    last = [ops.gather(b, item, index, dim) for item in found]
    return last if keepdim else [ops.squeeze(b, item, dim) for item in last]


@aten("median")
def median(call: Call, x: Any) -> Edge:
    """The lower of the two middle elements."""
    flat = ops.reshape(call.b, call.tensor(x), [-1])
    return median_along(call, flat, 0)[0]


@aten("mode")
def mode(call: Call, x: Any, dim: int = -1, keepdim: bool = False) -> list[Edge]:
    """The most frequent element along an axis (the smallest of several), and its last place."""
    b, edge = call.b, call.tensor(x)
    wide = ops.cast(b, edge, roomy(edge.dtype))
    axis = dim % edge.rank
    same = ops.binary(b, "Equal", ops.unsqueeze(b, wide, axis), ops.unsqueeze(b, wide, axis + 1))
    counts = ops.reduce(b, "ReduceSum", ops.cast(b, same, INT64), [axis + 1])
    most = ops.binary(b, "Equal", counts, ops.reduce(b, "ReduceMax", counts, [axis], True))
    high = ops.reduce(b, "ReduceMax", wide, [axis], True)
    value = ops.reduce(b, "ReduceMin", chosen(call, most, wide, high), [axis], True)
    here = ops.cast(b, ops.binary(b, "Equal", wide, value), call.b.constant(1).dtype)
    length = ops.arange(b, ops.extent(b, edge, axis))
    places = ops.unsqueeze(b, length, *(i for i in range(edge.rank) if i != axis))
    last = ops.reduce(b, "ReduceMax", ops.multiply(b, here, places), [axis], True)
    found = [ops.cast(b, value, edge.dtype), last]
    return found if keepdim else [ops.squeeze(b, item, axis) for item in found]
