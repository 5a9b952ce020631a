"""Diagonals and triangles."""

from __future__ import annotations

from typing import Any

import numpy as np

from modelport.dialects.onnx import arithmetic, layout, ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten, torch_dtype
from modelport.dialects.torch.promote import chosen, roomy, whole
from modelport.model.dtype import INT64


def _triangle(upper: int) -> Any:
    def lower(call: Call, x: Any, diagonal: Any = 0) -> Edge:
        b, edge = call.b, call.tensor(x)
        k = call.tensor(diagonal) if isinstance(diagonal, Edge) else diagonal
        if edge.dtype.kind == "float":
            return arithmetic.triangle(b, edge, k, upper)
        wide = ops.cast(b, edge, INT64)
        return ops.cast(b, arithmetic.triangle(b, wide, k, upper), edge.dtype)

    return lower


aten("tril")(_triangle(0))
aten("triu")(_triangle(1))


def _indices(upper: bool) -> Any:
    def lower(
        call: Call,
        row: int,
        col: int,
        offset: int = 0,
        dtype: Any = None,
        layout: Any = None,
        device: Any = None,
        pin_memory: Any = None,
    ) -> Edge:
        find = np.triu_indices if upper else np.tril_indices
        found = np.stack(find(row, offset, col))
        return call.b.constant(found, torch_dtype(dtype, INT64))

    return lower


aten("tril_indices")(_indices(False))
aten("triu_indices")(_indices(True))


@aten("linalg_diagonal")
def linalg_diagonal(
    call: Call,
    A: Any,  # noqa: N803 - the schema's name
    offset: int = 0,
    dim1: int = -2,
    dim2: int = -1,
) -> Edge:
    """The elements whose indices along two axes differ by an offset, as a new last axis."""
    return diagonal(call, A, offset, dim1, dim2)


@aten("diagonal")
def diagonal(call: Call, x: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Edge:
    """The elements whose indices along two axes differ by an offset, as a new last axis."""
    b, edge = call.b, call.tensor(x)
    rows, columns = dim1 % edge.rank, dim2 % edge.rank
    order = [i for i in range(edge.rank) if i not in (rows, columns)]
    moved = ops.transpose(b, edge, [*order, rows, columns])
    count = _length(call, moved, offset)
    steps = ops.arange(b, count)
    places = [ops.add(b, steps, at) if at else steps for at in (max(0, -offset), max(0, offset))]
    # One element a row: rows chosen first, then in each its own column.
    chosen_rows = ops.gather(b, moved, places[0], -2)
    column = ops.unsqueeze(b, places[1], 1)
    sizes = [ops.extent(b, chosen_rows, i) for i in range(chosen_rows.rank - 1)]
    shape = (*chosen_rows.shape[:-1], 1)
    spread = b.emit("Expand", [column, ops.vector(b, [*sizes, 1])], INT64, shape)
    found = b.emit("GatherElements", [chosen_rows, spread], edge.dtype, shape, axis=-1)
    return ops.squeeze(b, found, -1)


def _length(call: Call, x: Edge, offset: int) -> ops.Extent:
    b = call.b
    sides = [ops.extent(b, x, -2), ops.extent(b, x, -1)]
    cut = [max(0, -offset), max(0, offset)]
    if all(isinstance(side, int) for side in sides):
        return max(0, min(int(side) - by for side, by in zip(sides, cut, strict=True)))  # type: ignore[arg-type]
    ends = [
        ops.subtract(b, b.constant([side]) if isinstance(side, int) else side, by)
        for side, by in zip(sides, cut, strict=True)
    ]
    return ops.binary(b, "Max", ops.binary(b, "Min", *ends), 0)


diagonal_of = diagonal


@aten("diag_embed")
def diag_embed(call: Call, x: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Edge:
    """The last axis as a diagonal of matrices of zeros."""
    b, edge = call.b, call.tensor(x)
    before = ops.pad(b, ops.cast(b, edge, roomy(edge.dtype)), {-1: (max(0, offset), 0)})
    if offset < 0:
        before = ops.pad(b, before, {-1: (0, -offset)})
    rows = ops.unsqueeze(b, before, before.rank - 1)
    size = ops.extent(b, before, -1)
    steps = ops.arange(b, size)
    apart = ops.subtract(b, ops.unsqueeze(b, steps, 0), ops.unsqueeze(b, steps, 1))
    on = ops.binary(b, "Equal", apart, offset)
    side = rows
    if offset < 0:
        side = ops.unsqueeze(b, before, before.rank)
        side = _shifted(call, side, -offset)
    made = chosen(call, on, side, b.constant(0, side.dtype))
    made = ops.cast(b, made, edge.dtype)
    rank = made.rank
    places = [dim1 % rank, dim2 % rank]
    order = [i for i in range(rank) if i not in places]
    return ops.transpose(b, made, layout.inverse([*order, *places]))


def _shifted(call: Call, x: Edge, by: int) -> Edge:
    """A column moved down: diagonals below the main one start at row ``by``."""
    b = call.b
    kept = ops.slice_axis(b, x, -2, 0, -by)
    moved = ops.pad(b, kept, {-2: (by, 0)})
    return Edge(b.name(moved), x.dtype, x.shape)


@aten("diagflat")
def diag_flat(call: Call, x: Any, offset: int = 0) -> Edge:
    """All elements as a diagonal of a matrix of zeros."""
    return diag_embed(call, ops.reshape(call.b, call.tensor(x), [-1]), offset)


@aten("diag")
def diag(call: Call, x: Any, diagonal: int = 0) -> Edge:
    """The diagonal of a matrix, or a matrix of a diagonal."""
    edge = call.tensor(x)
    return (diag_embed if edge.rank == 1 else diagonal_of)(call, edge, diagonal)


@aten("trace")
def trace(call: Call, x: Any) -> Edge:
    """The sum of the main diagonal."""
    return ops.reduce(call.b, "ReduceSum", whole(call, diagonal(call, x)), None)


@aten("diagonal_scatter")
def diagonal_scatter(
    call: Call, x: Any, src: Any, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Edge:
    """A diagonal replaced."""
    b, edge = call.b, call.tensor(x)
    rows, columns = dim1 % edge.rank, dim2 % edge.rank
    order = [*(i for i in range(edge.rank) if i not in (rows, columns)), rows, columns]
    moved = ops.transpose(b, edge, order)
    height, width = moved.shape[-2:]
    if not isinstance(height, int) or not isinstance(width, int):
        raise ValueError("a diagonal of unknown extents")
    column = ops.cast(b, call.tensor(src), edge.dtype)
    first, start = max(0, -offset), max(0, offset)
    count = max(0, min(height - first, width - start))
    # Every row holds at most one element of the diagonal: one value a row, broadcast.
    rowwise = ops.pad(b, column, {-1: (first, height - first - count)})
    on = np.eye(height, width, offset, dtype=bool)
    made = chosen(call, b.constant(on), ops.unsqueeze(b, rowwise, rowwise.rank), moved)
    return ops.transpose(b, made, layout.inverse(order))
