"""Elements chosen by index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.onnx.types.dims import broadcast
from modelport.dialects.torch.call import Call, aten
from modelport.dialects.torch.promote import roomy, truth
from modelport.model.dtype import BOOL, INT32, INT64, UINT8

_MOST = 1 << 24
"""The largest table of places that is written into a graph."""


def places_of(call: Call, index: Any) -> Edge:
    """Indices as int64 or int32."""
    edge = call.tensor(index)
    return edge if edge.dtype in (INT32, INT64) else ops.cast(call.b, edge, INT64)


@aten("index_select")
def index_select(call: Call, x: Any, dim: int, index: Any) -> Edge:
    """Entries along an axis by index."""
    edge, places = call.tensor(x), places_of(call, index)
    places = ops.reshape(call.b, places, [1]) if places.rank == 0 else places
    return ops.gather(call.b, edge, places, dim) if edge.rank else edge


@aten("gather")
def gather(call: Call, x: Any, dim: int, index: Any, sparse_grad: bool = False) -> Edge:
    """For every place of the indices, the element with the index along the axis."""
    edge, places = call.tensor(x), places_of(call, index)
    if edge.rank == 0:
        return edge
    inputs = [edge, places]
    return call.b.emit("GatherElements", inputs, edge.dtype, places.shape, axis=dim % edge.rank)


@aten("take")
def take(call: Call, x: Any, index: Any) -> Edge:
    """Elements by their number in C order."""
    flat = ops.reshape(call.b, call.tensor(x), [-1])
    return ops.gather(call.b, flat, places_of(call, index), 0)


@aten("take_along_dim")
def take_along(call: Call, x: Any, indices: Any, dim: int | None = None) -> Edge:
    """As ``gather``, broadcast along the other axes."""
    b, edge, places = call.b, call.tensor(x), places_of(call, indices)
    if dim is None:
        edge, places = (ops.reshape(b, item, [-1]) for item in (edge, places))
        return gather(call, edge, 0, places)
    axis = dim % edge.rank
    sides = [_spread(call, edge, places, axis), _spread(call, places, edge, axis)]
    return gather(call, sides[0], axis, sides[1])


def _spread(call: Call, x: Edge, other: Edge, axis: int) -> Edge:
    sizes = [1 if i == axis else ops.extent(call.b, other, i) for i in range(x.rank)]
    made = call.b.emit("Expand", [x, ops.vector(call.b, sizes)], x.dtype, x.shape)
    full = broadcast([x.shape, [1 if i == axis else d for i, d in enumerate(other.shape)]])
    return Edge(made.name, x.dtype, full)


# Indexing by several tensors


def spelled_out(call: Call, indices: Sequence[Any]) -> list[Edge | None]:
    """One index an axis; a mask becomes the places where it holds."""
    spelled: list[Edge | None] = []
    for item in indices:
        if item is None:
            spelled.append(None)
            continue
        edge = call.tensor(item)
        if edge.dtype not in (BOOL, UINT8):
            spelled.append(places_of(call, edge))
            continue
        places = nonzero_rows(call, edge)
        columns = [ops.slice_axis(call.b, places, 1, i, i + 1) for i in range(edge.rank)]
        spelled.extend(ops.squeeze(call.b, column, 1) for column in columns)
    return spelled


def together_first(call: Call, rank: int, indices: Sequence[Edge | None]) -> tuple[list[int], Edge]:
    """The order of axes with the indexed ones first, and their indices as rows of a last axis."""
    b = call.b
    used = [axis for axis, index in enumerate(indices) if index is not None]
    order = [*used, *(axis for axis in range(rank) if axis not in used)]
    given = [ops.cast(b, index, INT64) for index in indices if index is not None]
    shape = broadcast([edge.shape for edge in given])
    if any(edge.shape != shape for edge in given) or None in shape:
        blank = ops.multiply(b, given[0], 0)
        for other in given[1:]:
            blank = ops.add(b, blank, ops.multiply(b, other, 0))
        given = [Edge(b.name(ops.add(b, edge, blank)), INT64, shape) for edge in given]
    columns = [ops.unsqueeze(b, edge, edge.rank) for edge in given]
    rows = ops.concat(b, columns, -1) if len(columns) > 1 else columns[0]
    return order, rows


def side_by_side(indices: Sequence[Edge | None]) -> int:
    """The axis where the indexed ones' result stands: the first of a row of them, else 0."""
    used = [axis for axis, index in enumerate(indices) if index is not None]
    return used[0] if used == list(range(used[0], used[-1] + 1)) else 0


@aten("index", "_unsafe_index", "index.Tensor_hacked_twin")
def index(call: Call, x: Any, indices: Sequence[Any]) -> Edge:
    """Elements by tensors of indices, one an axis (None: the whole axis)."""
    b, edge = call.b, call.tensor(x)
    if _one_mask(indices) and call.tensor(indices[0]).rank == edge.rank:
        return masked_select(call, edge, indices[0])
    spelled = spelled_out(call, indices)
    used = [axis for axis, item in enumerate(spelled) if item is not None]
    if not used:
        return edge
    if len(used) == 1:
        found = spelled[used[0]]
        return ops.gather(b, edge, found, used[0]) if found is not None else edge
    order, rows = together_first(call, edge.rank, spelled)
    moved = ops.transpose(b, edge, order)
    rest = moved.shape[len(used) :]
    shape = (*rows.shape[:-1], *rest)
    made = b.emit("GatherND", [moved, rows], edge.dtype, shape)
    first, width = side_by_side(spelled), rows.rank - 1
    back = list(range(width, len(shape)))
    return ops.transpose(b, made, [*back[:first], *range(width), *back[first:]])


def _one_mask(indices: Sequence[Any]) -> bool:
    held = [item for item in indices if item is not None]
    return len(held) == 1 == len(indices) and held[0].dtype in (BOOL, UINT8)


# Results of unknown size


def nonzero_rows(call: Call, x: Any) -> Edge:
    """The places of the elements other than 0, one a row."""
    b, edge = call.b, truth(call, x)
    edge = ops.reshape(b, edge, [1]) if edge.rank == 0 else edge
    found = b.emit("NonZero", [edge], INT64, (edge.rank, None))
    return ops.transpose(b, found, (1, 0))


@aten("nonzero", "argwhere")
def nonzero(call: Call, x: Any) -> Edge:
    """The places of the elements other than 0, one a row."""
    edge, rows = call.tensor(x), nonzero_rows(call, x)
    return rows if edge.rank else ops.slice_axis(call.b, rows, 1, 0, 0)


@aten("where")
def places_where(call: Call, condition: Any) -> list[Edge]:
    """The places where a condition holds, one vector an axis."""
    return nonzero_columns(call, condition)


@aten("nonzero_numpy")
def nonzero_columns(call: Call, x: Any) -> list[Edge]:
    """The places of the elements other than 0, one vector an axis."""
    rows = nonzero_rows(call, x)
    count = max(call.tensor(x).rank, 1)
    parts = [ops.slice_axis(call.b, rows, 1, i, i + 1) for i in range(count)]
    return [ops.squeeze(call.b, part, 1) for part in parts]


@aten("masked_select")
def masked_select(call: Call, x: Any, mask: Any) -> Edge:
    """The elements where the mask holds, in one axis."""
    b, edge, where = call.b, call.tensor(x), truth(call, mask)
    shape = broadcast([edge.shape, where.shape])
    if edge.shape != shape:
        edge = _as(call, edge, where, shape)
    if where.shape != shape:
        where = _as(call, where, edge, shape)
    flat = [ops.reshape(b, item, [-1]) for item in (edge, where)]
    return b.emit("Compress", flat, edge.dtype, (None,), axis=0)


def _as(call: Call, x: Edge, other: Edge, shape: Sequence[Any]) -> Edge:
    made = call.b.emit("Expand", [x, ops.shape_of(call.b, other)], x.dtype, shape)
    return Edge(made.name, x.dtype, tuple(shape))


@aten("bincount")
def bincount(call: Call, x: Any, weights: Any = None, minlength: Any = 0) -> Edge:
    """How often each number from 0 on occurs, or the sum of its weights."""
    b, edge = call.b, places_of(call, x)
    wide = ops.cast(b, edge, INT64)
    one = b.constant([0], INT64)
    most = ops.reduce(b, "ReduceMax", ops.concat(b, [wide, ops.subtract(b, one, 1)], 0), [0], True)
    count = ops.add(b, most, 1)
    least = call.extent(minlength)
    floor = least if isinstance(least, Edge) else b.constant([least], INT64)
    count = ops.binary(b, "Max", count, floor)
    added = b.constant(1, INT64) if weights is None else call.tensor(weights)
    blank = b.emit("Expand", [b.constant(0, added.dtype), count], added.dtype, (None,))
    blank = Edge(blank.name, added.dtype, (None,))
    spread = b.emit("Expand", [added, ops.shape_of(b, wide)], added.dtype, wide.shape)
    inputs = [blank, wide, Edge(spread.name, added.dtype, wide.shape)]
    return b.emit("ScatterElements", inputs, added.dtype, (None,), axis=0, reduction="add")


@aten("searchsorted.Tensor", "searchsorted.Scalar")
def search_sorted(
    call: Call,
    sorted_sequence: Any,
    x: Any,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Any = None,
) -> Edge:
    """How many elements of a sorted sequence lie before each value."""
    b, sequence, values = call.b, call.tensor(sorted_sequence), call.tensor(x)
    if sorter is not None:
        sequence = gather(call, sequence, -1, sorter)
    dtype = sequence.dtype if sequence.dtype.kind == "float" else values.dtype
    pair = [ops.cast(b, item, roomy(dtype)) for item in (sequence, values)]
    wide = ops.unsqueeze(b, pair[1], values.rank)
    row = ops.unsqueeze(b, pair[0], sequence.rank - 1) if sequence.rank > 1 else pair[0]
    op_type = "GreaterOrEqual" if right or side == "right" else "Greater"
    before = ops.cast(b, ops.binary(b, op_type, wide, row), INT64)
    count = ops.reduce(b, "ReduceSum", before, [-1])
    return ops.cast(b, count, INT32 if out_int32 else INT64)


@aten("bucketize.Tensor", "bucketize.Scalar")
def bucketize(
    call: Call, x: Any, boundaries: Any, out_int32: bool = False, right: bool = False
) -> Edge:
    """How many boundaries lie before each value."""
    return search_sorted(call, boundaries, x, out_int32, right)


@aten("one_hot")
def one_hot(call: Call, x: Any, num_classes: int = -1) -> Edge:
    """1 at the index along a new last axis, 0 elsewhere."""
    b, edge = call.b, places_of(call, x)
    if num_classes < 0:
        flat = ops.reshape(b, edge, [-1])
        count = ops.add(b, ops.reduce(b, "ReduceMax", flat, [0], True), 1)
        classes = ops.cast(b, ops.arange(b, ops.cast(b, count, INT64)), edge.dtype)
    else:
        classes = ops.cast(b, ops.arange(b, num_classes), edge.dtype)
    same = ops.binary(b, "Equal", ops.unsqueeze(b, edge, edge.rank), classes)
    return ops.cast(b, same, INT64)


@aten("as_strided")
def as_strided(call: Call, x: Any, size: Any, stride: Any, storage_offset: Any = None) -> Edge:
    """Elements by the steps between them in memory."""
    x, order = call.tensor(x), call.memory
    if order is None:
        why = "its elements are taken to lie in C order, as the file does not state it"
        call.b.note(call.name, why)
    elif len(order) != x.rank:
        raise ValueError("steps through elements that lie with gaps or in overlap")
    else:
        x = ops.transpose(call.b, x, order)
    sizes = [call.fixed(item, "an extent") for item in size]
    steps = [call.fixed(item, "a step") for item in stride]
    if int(np.prod(sizes)) > _MOST:
        raise ValueError("too large a table of places")
    places = np.full((), storage_offset or 0, np.int64)
    for extent, step in zip(sizes, steps, strict=True):
        places = places[..., None] + np.arange(extent, dtype=np.int64) * step
    return take(call, x, call.b.constant(places, INT64))


@aten("unique_dim")
def unique_rows(call: Call, rest: Sequence[Any]) -> list[Edge]:
    """Distinct entries of an axis: refused."""
    raise ValueError("distinct rows have no operator in ONNX that runtimes agree on")


@aten("unique_consecutive")
def runs(
    call: Call,
    x: Any,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> list[Edge]:
    """The first element of each run of equal ones; which run each is in; how long they are."""
    b, edge = call.b, call.tensor(x)
    if dim is not None and edge.rank != 1:
        raise ValueError("runs of equal rows")
    flat = ops.reshape(b, edge, [-1])
    wide = ops.cast(b, flat, roomy(flat.dtype))
    pair = [ops.slice_axis(b, wide, 0, *ends) for ends in ((1, None), (0, -1))]
    changes = ops.unary(b, "Not", ops.binary(b, "Equal", *pair))
    # The first element, where there is one, begins a run.
    first = ops.slice_axis(b, ops.binary(b, "Equal", wide, wide), 0, 0, 1)
    first = ops.binary(b, "Or", first, b.constant(True, BOOL))
    begins = ops.concat(b, [first, changes], 0)
    values = b.emit("Compress", [flat, begins], flat.dtype, (None,), axis=0)
    steps = ops.cast(b, begins, INT64)
    number = b.emit("CumSum", [steps, b.constant(0, INT64)], INT64, flat.shape)
    number = ops.subtract(b, number, 1)
    places = b.emit("Reshape", [number, ops.shape_of(b, edge)], INT64, edge.shape)
    return [values, places, bincount(call, number)]


@aten("_unique2", "_unique")
def unique(call: Call, rest: Sequence[Any]) -> list[Edge]:
    """The distinct elements, sorted; where each went; how often each occurs."""
    b, edge = call.b, call.tensor(rest[0])
    names = b.node("Unique", [b.name(edge)], 4, sorted=1)
    values = Edge(names[0], edge.dtype, (None,))
    places = [Edge(names[2], INT64, (None,)), ops.shape_of(b, edge)]
    back = b.emit("Reshape", places, INT64, edge.shape)
    return [values, back, Edge(names[3], INT64, (None,))]


@aten("histc")
def histogram(call: Call, x: Any, bins: int = 100, min: float = 0, max: float = 0) -> Edge:
    """How many elements lie in each of equal bins; the last one has its upper end."""
    b, edge = call.b, ops.reshape(call.b, call.tensor(x), [-1])
    if min == max:
        raise ValueError("the ends of its bins are computed by the model")
    inside = ops.binary(
        b,
        "And",
        ops.binary(b, "GreaterOrEqual", edge, min),
        ops.binary(b, "LessOrEqual", edge, max),
    )
    place = ops.divide(b, ops.multiply(b, ops.subtract(b, edge, min), bins), max - min)
    held = ops.clip(b, ops.unary(b, "Floor", place), 0, bins - 1)
    number = ops.where(b, inside, held, b.constant(-1, edge.dtype))
    same = ops.binary(
        b, "Equal", ops.unsqueeze(b, number, 1), b.constant(np.arange(bins)[None], edge.dtype)
    )
    return ops.reduce(b, "ReduceSum", ops.cast(b, same, edge.dtype), [0])
