"""Elements put at indices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelport.dialects.onnx import layout, ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten
from modelport.dialects.torch.operators.index import (
    places_of,
    side_by_side,
    spelled_out,
    together_first,
)
from modelport.dialects.torch.promote import chosen, in_dtype, truth
from modelport.model.dtype import BOOL, INT64, UINT8

_REDUCTIONS = {
    **{"add": "add", "sum": "add", "multiply": "mul", "prod": "mul"},
    **{"amax": "max", "amin": "min"},
}


def _elements(
    call: Call, x: Any, dim: int, index: Any, source: Any, reduction: str | None = None
) -> Edge:
    b, edge, places = call.b, call.tensor(x), places_of(call, index)
    given = in_dtype(call, source, edge.dtype)
    if edge.rank == 0:
        edge, places = (ops.reshape(b, item, [1]) for item in (edge, places))
        given = ops.reshape(b, given, [1])
        made = _elements(call, edge, 0, places, given, reduction)
        return ops.reshape(b, made, [])
    given = _box(call, given, places)
    inputs = [edge, places, given]
    axis = dim % edge.rank
    return b.emit("ScatterElements", inputs, edge.dtype, edge.shape, axis=axis, reduction=reduction)


def _box(call: Call, source: Edge, places: Edge) -> Edge:
    """A number spread over the indices; of a tensor, the part that they cover."""
    b = call.b
    if source.rank == 0:
        made = b.emit("Expand", [source, ops.shape_of(b, places)], source.dtype, places.shape)
        return Edge(made.name, source.dtype, places.shape)
    for axis, (own, wanted) in enumerate(zip(source.shape, places.shape, strict=True)):
        if own != wanted or own is None:
            end = ops.extent(b, places, axis)
            source = ops.slice_axis(b, source, axis, 0, end)
    return Edge(b.name(source), source.dtype, places.shape)


@aten("scatter.src", "scatter")
def scatter(call: Call, x: Any, dim: int, index: Any, src: Any) -> Edge:
    """Elements put where the indices say along an axis."""
    return _elements(call, x, dim, index, src)


@aten("scatter.value")
def scatter_number(call: Call, x: Any, dim: int, index: Any, value: Any) -> Edge:
    """A number put where the indices say along an axis."""
    return _elements(call, x, dim, index, value)


@aten("scatter.reduce")
def scatter_joined(call: Call, x: Any, dim: int, index: Any, src: Any, reduce: str) -> Edge:
    """Elements added to, or multiplied with, those at the indices."""
    return _elements(call, x, dim, index, src, _REDUCTIONS[reduce])


@aten("scatter.value_reduce")
def scatter_number_joined(
    call: Call, x: Any, dim: int, index: Any, value: Any, reduce: str
) -> Edge:
    """A number added to, or multiplied with, the elements at the indices."""
    return _elements(call, x, dim, index, value, _REDUCTIONS[reduce])


@aten("scatter_add")
def scatter_add(call: Call, x: Any, dim: int, index: Any, src: Any) -> Edge:
    """Elements added to those at the indices."""
    return _elements(call, x, dim, index, src, "add")


@aten("scatter_reduce.two", "scatter_reduce")
def scatter_reduce(
    call: Call, x: Any, dim: int, index: Any, src: Any, reduce: str, include_self: bool = True
) -> Edge:
    """Elements joined with those at the indices; without these where they do not count."""
    b, edge = call.b, call.tensor(x)
    begin = edge
    kind = edge.dtype.kind
    if not include_self:
        import numpy as np

        limits = np.iinfo(edge.dtype.numpy) if kind in ("int", "uint") else None
        low, high = (limits.min, limits.max) if limits else (-np.inf, np.inf)
        neutral = {"sum": 0, "mean": 0, "prod": 1, "amax": low, "amin": high}[reduce]
        begin = _elements(call, edge, dim, index, float(neutral) if kind == "float" else neutral)
    if reduce != "mean":
        return _elements(call, begin, dim, index, src, _REDUCTIONS[reduce])
    total = _elements(call, begin, dim, index, src, "add")
    count = b.emit(
        "Expand", [b.constant(1, edge.dtype), ops.shape_of(b, edge)], edge.dtype, edge.shape
    )
    if not include_self:
        count = _elements(call, count, dim, index, 0)
    count = _elements(call, count, dim, index, 1, "add")
    count = ops.binary(b, "Max", count, 1)
    if kind == "float":
        return ops.divide(b, total, count)
    from modelport.dialects.torch.operators.arithmetic import floor_divide

    return floor_divide(call, total, count)


@aten("index_add")
def index_add(call: Call, x: Any, dim: int, index: Any, source: Any, alpha: Any = 1) -> Edge:
    """Entries added to those at the indices of an axis."""
    given = in_dtype(call, source, call.tensor(x).dtype)
    if alpha != 1:
        given = ops.multiply(call.b, given, in_dtype(call, alpha, given.dtype))
    return _entries(call, x, dim, index, given, "add")


@aten("index_copy")
def index_copy(call: Call, x: Any, dim: int, index: Any, source: Any) -> Edge:
    """Entries put at the indices of an axis."""
    return _entries(call, x, dim, index, source, None)


@aten("index_reduce")
def index_reduce(
    call: Call, x: Any, dim: int, index: Any, source: Any, reduce: str, include_self: bool = True
) -> Edge:
    """Entries joined with those at the indices of an axis."""
    _b, edge = call.b, call.tensor(x)
    places = _spread_places(call, edge, dim, index, call.tensor(source))
    return scatter_reduce(call, edge, dim % max(edge.rank, 1), places, source, reduce, include_self)


def _spread_places(call: Call, x: Edge, dim: int, index: Any, source: Edge) -> Edge:
    b, axis = call.b, dim % max(x.rank, 1)
    places = places_of(call, index)
    places = ops.reshape(b, places, [-1])
    wide = ops.unsqueeze(b, places, *(i for i in range(x.rank) if i != axis))
    made = b.emit("Expand", [wide, ops.shape_of(b, source)], places.dtype, source.shape)
    return Edge(made.name, places.dtype, source.shape)


def _entries(call: Call, x: Any, dim: int, index: Any, source: Any, reduction: str | None) -> Edge:
    edge, given = call.tensor(x), call.tensor(source)
    if edge.rank == 0:
        return _elements(call, edge, 0, ops.reshape(call.b, places_of(call, index), []), given)
    places = _spread_places(call, edge, dim, index, given)
    return _elements(call, edge, dim, places, given, reduction)


@aten("index_fill.int_Scalar", "index_fill.int_Tensor", "index_fill")
def index_fill(call: Call, x: Any, dim: int, index: Any, value: Any) -> Edge:
    """A number put at the indices of an axis."""
    b, edge = call.b, call.tensor(x)
    if edge.rank == 0:
        return in_dtype(call, value, edge.dtype)
    places = ops.reshape(b, places_of(call, index), [-1])
    axis = dim % edge.rank
    sizes = [
        ops.extent(b, edge if i != axis else places, i if i != axis else 0)
        for i in range(edge.rank)
    ]
    shape = tuple(places.shape[0] if i == axis else d for i, d in enumerate(edge.shape))
    filled = b.emit(
        "Expand", [in_dtype(call, value, edge.dtype), ops.vector(b, sizes)], edge.dtype, shape
    )
    return _entries(call, edge, dim, places, Edge(filled.name, edge.dtype, shape), None)


# Several indices


@aten("index_put", "_unsafe_index_put", "_index_put_impl", "index_put.hacked_twin")
def index_put(
    call: Call,
    x: Any,
    indices: Sequence[Any],
    values: Any,
    accumulate: bool = False,
    unsafe: bool = False,
) -> Edge:
    """Elements put at, or added to, the places that tensors of indices name."""
    b, edge = call.b, call.tensor(x)
    given = in_dtype(call, values, edge.dtype)
    held = [item for item in indices if item is not None]
    first = call.tensor(held[0])
    if len(held) == 1 and first.dtype in (BOOL, UINT8) and given.rank == 0:
        before = list(indices).index(held[0])
        mask = truth(call, first)
        after = edge.rank - before - mask.rank
        wide = ops.unsqueeze(b, mask, *range(mask.rank, mask.rank + after)) if after else mask
        put = ops.add(b, edge, given) if accumulate else given
        return chosen(call, wide, put, edge)
    spelled = spelled_out(call, indices)
    order, rows = together_first(call, edge.rank, spelled)
    moved = ops.transpose(b, edge, order)
    width, count = rows.rank - 1, len([item for item in spelled if item is not None])
    rest = moved.shape[count:]
    shape = (*rows.shape[:-1], *rest)
    sizes = [ops.extent(b, rows, i) for i in range(width)]
    sizes += [ops.extent(b, moved, count + i) for i in range(len(rest))]
    at = side_by_side(spelled)
    # Values broadcast to the shape of the result of indexing, then come indexed axes first.
    places = list(range(width, len(shape)))
    result = [*places[:at], *range(width), *places[at:]]
    asked = [sizes[i] for i in result]
    spread = b.emit("Expand", [given, ops.vector(b, asked)], edge.dtype, [shape[i] for i in result])
    spread = Edge(spread.name, edge.dtype, tuple(shape[i] for i in result))
    update = ops.transpose(b, spread, layout.inverse(result))
    made = b.emit(
        "ScatterND",
        [moved, rows, update],
        edge.dtype,
        moved.shape,
        reduction="add" if accumulate else None,
    )
    return ops.transpose(b, made, layout.inverse(order))


@aten("put")
def put(call: Call, x: Any, index: Any, source: Any, accumulate: bool = False) -> Edge:
    """Elements put at, or added to, places by their number in C order."""
    b, edge = call.b, call.tensor(x)
    flat, places, given = (
        ops.reshape(b, item, [-1])
        for item in (edge, places_of(call, index), in_dtype(call, source, edge.dtype))
    )
    made = _elements(call, flat, 0, places, given, "add" if accumulate else None)
    back = b.emit("Reshape", [made, ops.shape_of(b, edge)], edge.dtype, edge.shape)
    return Edge(back.name, edge.dtype, edge.shape)


@aten("masked_scatter")
def masked_scatter(call: Call, x: Any, mask: Any, source: Any) -> Edge:
    """The first elements of ``source``, in order, put where the mask holds."""
    b, edge = call.b, call.tensor(x)
    where = truth(call, mask)
    wide = b.emit("Expand", [where, ops.shape_of(b, edge)], BOOL, edge.shape)
    wide = Edge(wide.name, BOOL, edge.shape)
    flat = ops.cast(b, ops.reshape(b, wide, [-1]), INT64)
    order = b.emit("CumSum", [flat, b.constant(0, INT64)], INT64, flat.shape, exclusive=1)
    given = ops.reshape(b, in_dtype(call, source, edge.dtype), [-1])
    # Places beyond the end of the source are never chosen, but have to exist.
    last = ops.subtract(b, ops.shape_of(b, given), 1)
    taken = ops.gather(b, given, ops.binary(b, "Min", order, last), 0)
    back = b.emit("Reshape", [taken, ops.shape_of(b, edge)], edge.dtype, edge.shape)
    return chosen(call, wide, Edge(back.name, edge.dtype, edge.shape), edge)


# Parts put back


@aten("select_scatter")
def select_scatter(call: Call, x: Any, src: Any, dim: int, index: Any) -> Edge:
    """One entry of an axis replaced."""
    b, edge = call.b, call.tensor(x)
    places = b.constant([index], INT64) if isinstance(index, int) else call.extent(index)
    source = ops.unsqueeze(b, in_dtype(call, src, edge.dtype), dim % edge.rank)
    return _entries(call, edge, dim, call.tensor(places), source, None)


@aten("narrow_scatter")
def narrow_scatter(call: Call, x: Any, src: Any, dim: int, start: int, length: int) -> Edge:
    """Consecutive entries of an axis replaced."""
    return slice_scatter(call, x, src, dim, start, start + length)


@aten("slice_scatter")
def slice_scatter(
    call: Call,
    x: Any,
    src: Any,
    dim: int = 0,
    start: Any = None,
    end: Any = None,
    step: Any = 1,
) -> Edge:
    """Every ``step``-th entry from ``start`` up to ``end`` replaced."""
    b, edge = call.b, call.tensor(x)
    axis = dim % edge.rank
    count = ops.arange(b, ops.extent(b, edge, axis))
    ends = [None if item is None else call.extent(item) for item in (start, end)]
    places = ops.slice_axis(b, count, 0, ends[0], ends[1], call.fixed(step, "the step"))
    source = in_dtype(call, src, edge.dtype)
    places = Edge(places.name, INT64, (source.shape[axis],))
    return _entries(call, edge, axis, places, source, None)
