"""Tensors joined, taken apart and rearranged along axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.onnx.types.dims import broadcast
from modelport.dialects.torch.call import Call, aten
from modelport.dialects.torch.operators.shape import expand_as
from modelport.dialects.torch.promote import in_dtype, result_dtype
from modelport.model.dtype import INT64


def alike(call: Call, tensors: Sequence[Any]) -> list[Edge]:
    """Tensors in the dtype that they meet in."""
    edges = [call.tensor(item) for item in tensors]
    dtype = result_dtype(edges)
    return [in_dtype(call, edge, dtype) for edge in edges]


@aten("cat", "concat", "concatenate")
def concatenate(call: Call, tensors: Sequence[Any], dim: int = 0) -> Edge:
    """Tensors one after another; an empty vector goes with any shape."""
    edges = alike(call, tensors)
    rank = max(edge.rank for edge in edges)
    kept = [edge for edge in edges if edge.rank == rank]
    return kept[0] if len(kept) == 1 else ops.concat(call.b, kept, dim)


@aten("stack")
def stack(call: Call, tensors: Sequence[Any], dim: int = 0) -> Edge:
    """Tensors one after another along a new axis."""
    edges = alike(call, tensors)
    return ops.concat(call.b, [ops.unsqueeze(call.b, edge, dim) for edge in edges], dim)


def _at_least(call: Call, x: Edge, rank: int) -> Edge:
    while x.rank < rank:
        x = ops.unsqueeze(call.b, x, 2 if x.rank == 2 else 0)
    return x


def _of_rank(rank: int) -> tuple[Any, Any]:
    def one(call: Call, x: Any) -> Edge:
        return _at_least(call, call.tensor(x), rank)

    def each(call: Call, tensors: Sequence[Any]) -> list[Edge]:
        return [_at_least(call, call.tensor(item), rank) for item in tensors]

    return one, each


for _rank in (1, 2, 3):
    _one, _each = _of_rank(_rank)
    aten(f"atleast_{_rank}d")(_one)
    aten(f"atleast_{_rank}d.Sequence")(_each)


@aten("pad_sequence")
def pad_sequence(
    call: Call,
    sequences: Sequence[Any],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Edge:
    """Sequences of several lengths side by side, the shorter ones filled up."""
    edges = alike(call, sequences)
    lengths = [edge.shape[0] for edge in edges if isinstance(edge.shape[0], int)]
    if len(lengths) < len(edges):
        raise ValueError("sequences of unknown length")
    most = max(lengths)
    padded = [
        ops.pad(
            call.b,
            edge,
            {0: (0, most - n) if padding_side == "right" else (most - n, 0)},
            padding_value,
        )
        for edge, n in zip(edges, lengths, strict=True)
    ]
    return stack(call, padded, 0 if batch_first else 1)


def _stacked(rank: int, dim: int) -> Any:
    def lower(call: Call, tensors: Sequence[Any]) -> Edge:
        edges = [_at_least(call, edge, rank) for edge in alike(call, tensors)]
        axis = 0 if dim == 1 and edges[0].rank == 1 else dim
        return ops.concat(call.b, edges, axis)

    return lower


aten("hstack")(_stacked(1, 1))
aten("vstack", "row_stack")(_stacked(2, 0))
aten("dstack")(_stacked(3, 2))


@aten("column_stack")
def column_stack(call: Call, tensors: Sequence[Any]) -> Edge:
    """Vectors as the columns of a matrix."""
    edges = [
        ops.reshape(call.b, edge, [-1, 1]) if edge.rank < 2 else edge
        for edge in alike(call, tensors)
    ]
    return ops.concat(call.b, edges, 1)


# Places exchanged


@aten("flip")
def flip(call: Call, x: Any, dims: Sequence[int]) -> Edge:
    """The entries along axes in reverse order."""
    edge = call.tensor(x)
    for axis in dims:
        edge = ops.flip(call.b, edge, axis) if edge.rank else edge
    return edge


@aten("fliplr")
def flip_columns(call: Call, x: Any) -> Edge:
    """The second axis in reverse order."""
    return flip(call, x, [1])


@aten("flipud")
def flip_rows(call: Call, x: Any) -> Edge:
    """The first axis in reverse order."""
    return flip(call, x, [0])


@aten("rot90")
def rotate(call: Call, x: Any, k: int = 1, dims: Sequence[int] = (0, 1)) -> Edge:
    """Turned by quarters in the plane of two axes."""
    edge = call.tensor(x)
    first, second = (axis % edge.rank for axis in dims)
    order = list(range(edge.rank))
    order[first], order[second] = order[second], order[first]
    if k % 4 == 2:
        return flip(call, edge, [first, second])
    if k % 4 == 1:
        return ops.transpose(call.b, flip(call, edge, [second]), order)
    return flip(call, ops.transpose(call.b, edge, order), [second]) if k % 4 else edge


@aten("roll")
def roll(call: Call, x: Any, shifts: Any, dims: Any = ()) -> Edge:
    """The entries moved on along axes, those beyond the end to the start."""
    b, edge = call.b, call.tensor(x)
    amounts = shifts if isinstance(shifts, list) else [shifts]
    axes = list(dims) if isinstance(dims, list | tuple) else [dims]
    if not axes:
        flat = roll(call, ops.reshape(b, edge, [-1]), amounts, [0])
        made = b.emit("Reshape", [flat, ops.shape_of(b, edge)], edge.dtype, edge.shape)
        return Edge(made.name, edge.dtype, edge.shape)
    for amount, axis in zip(amounts, axes, strict=True):
        shape = edge.shape
        extent, by = ops.extent(b, edge, axis), call.extent(amount)
        if isinstance(extent, int) and isinstance(by, int):
            start: ops.Extent = -by % extent if extent else 0
        else:
            ends = [b.constant([i]) if isinstance(i, int) else i for i in (by, extent)]
            start = ops.binary(b, "Mod", ops.unary(b, "Neg", ends[0]), ends[1])
        if not isinstance(start, int) or start:
            parts = [(start, None), (0, start)]
            edge = ops.concat(b, [ops.slice_axis(b, edge, axis, *part) for part in parts], axis)
            edge = Edge(b.name(edge), edge.dtype, shape)
    return edge


@aten("repeat_interleave.self_int")
def repeat_each(
    call: Call, x: Any, repeats: Any, dim: int | None = None, output_size: Any = None
) -> Edge:
    """Every entry along an axis several times."""
    b, edge = call.b, call.tensor(x)
    if dim is None:
        edge, dim = ops.reshape(b, edge, [-1]), 0
    axis, times = dim % edge.rank, call.extent(repeats)
    if isinstance(times, int):
        index = ops.divide(b, ops.arange(b, _times(call, edge, axis, times)), times)
    else:
        many = ops.multiply(b, call.tensor(ops.vector(b, [ops.extent(b, edge, axis)])), times)
        index = ops.divide(b, ops.arange(b, many), times)
    return ops.gather(b, edge, index, axis)


def _times(call: Call, x: Edge, axis: int, times: int) -> ops.Extent:
    extent = ops.extent(call.b, x, axis)
    return extent * times if isinstance(extent, int) else ops.multiply(call.b, extent, times)


@aten("repeat_interleave.Tensor")
def repeated_places(call: Call, repeats: Any, output_size: Any = None) -> Edge:
    """Every index so many times as its number says."""
    b, counts = call.b, ops.cast(call.b, call.tensor(repeats), INT64)
    ends = b.emit("CumSum", [counts, b.constant(0, INT64)], INT64, counts.shape)
    total = ops.reduce(b, "ReduceSum", counts, [0], True)
    places = ops.unsqueeze(b, ops.arange(b, total), 1)
    passed = ops.binary(b, "GreaterOrEqual", places, ops.unsqueeze(b, ends, 0))
    return ops.reduce(b, "ReduceSum", ops.cast(b, passed, INT64), [1])


@aten("repeat_interleave.self_Tensor")
def repeat_each_by(
    call: Call, x: Any, repeats: Any, dim: int | None = None, output_size: Any = None
) -> Edge:
    """Every entry along an axis so many times as its number says."""
    b, edge, counts = call.b, call.tensor(x), call.tensor(repeats)
    if dim is None:
        edge, dim = ops.reshape(b, edge, [-1]), 0
    if counts.rank == 0 or counts.shape == (1,):
        wide = [ops.extent(b, edge, dim)]
        flat = ops.reshape(b, counts, [1])
        counts = b.emit("Expand", [flat, ops.vector(b, wide)], counts.dtype, (edge.shape[dim],))
    return ops.gather(b, edge, repeated_places(call, counts), dim)


# Broadcasting


@aten("broadcast_tensors")
def broadcast_tensors(call: Call, tensors: Sequence[Any]) -> list[Edge]:
    """All tensors in the shape they broadcast to."""
    b, edges = call.b, [call.tensor(item) for item in tensors]
    shape = broadcast([edge.shape for edge in edges])
    blank = ops.cast(b, edges[0], INT64)
    for edge in edges[1:]:
        blank = ops.add(b, blank, ops.cast(b, edge, INT64))
    like = Edge(blank.name, INT64, shape)
    return [edge if edge.shape == shape else expand_as(call, edge, like) for edge in edges]


@aten("meshgrid", "meshgrid.indexing")
def mesh(call: Call, tensors: Sequence[Any], indexing: str = "ij") -> list[Edge]:
    """Vectors spread over the axes of a grid."""
    b, edges = call.b, [call.tensor(item) for item in tensors]
    edges = [ops.reshape(b, edge, [1]) if edge.rank == 0 else edge for edge in edges]
    extents = [ops.extent(b, edge, 0) for edge in edges]
    dims = [edge.shape[0] for edge in edges]
    places = list(range(len(edges)))
    if indexing == "xy" and len(edges) > 1:
        for row in list[list[Any]]([extents, dims, places]):
            row[0], row[1] = row[1], row[0]
    made = []
    for i, edge in enumerate(edges):
        axis = places.index(i)
        wide = ops.unsqueeze(b, edge, *(j for j in places if j != axis))
        grid = b.emit("Expand", [wide, ops.vector(b, extents)], edge.dtype, dims)
        made.append(Edge(grid.name, edge.dtype, tuple(dims)))
    return made


@aten("cartesian_prod")
def cartesian_product(call: Call, tensors: Sequence[Any]) -> Edge:
    """All combinations of the elements of vectors, one a row."""
    if len(tensors) == 1:
        return call.tensor(tensors[0])
    grids = [ops.reshape(call.b, grid, [-1]) for grid in mesh(call, tensors)]
    return stack(call, grids, 1)


@aten("block_diag")
def block_diagonal(call: Call, tensors: Sequence[Any]) -> Edge:
    """Matrices along the diagonal of a larger one."""
    edges = [_at_least(call, edge, 2) for edge in alike(call, tensors)]
    widths = [edge.shape[1] for edge in edges]
    known = [width for width in widths if isinstance(width, int)]
    if len(known) < len(widths):
        raise ValueError("it joins matrices of unknown extents")
    rows = [
        ops.pad(call.b, edge, {1: (sum(known[:i]), sum(known[i + 1 :]))})
        for i, edge in enumerate(edges)
    ]
    return ops.concat(call.b, rows, 0)
