"""Operations that join tensors, split them, or make constants of a shape."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from modelport.dialects.keras.layer import Layer
from modelport.dialects.keras.operations.operands import (
    MOST_PARTS,
    Operand,
    axes_of,
    bounded,
    extents,
    tensor,
    together,
)
from modelport.dialects.keras.operations.registry import operation
from modelport.dialects.keras.operations.unary import named, shape_extents
from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.model.dtype import INT32, INT64

# Joining and splitting


@operation("Concatenate")
def concatenate(layer: Layer, xs: Sequence[Operand], axis: Any = 0) -> Edge:
    """Tensors one after another along an axis (None: all of them flat)."""
    edges = together(layer, *xs)
    if axis is None:
        edges, axis = [ops.reshape(layer.b, edge, [-1]) for edge in edges], 0
    return edges[0] if len(edges) == 1 else ops.concat(layer.b, edges, axis)


@operation("Append")
def append(layer: Layer, x1: Operand, x2: Operand, axis: Any = None) -> Edge:
    """Two tensors one after another."""
    return concatenate(layer, [x1, x2], axis)


@operation("Stack")
def stack(layer: Layer, x: Sequence[Operand], axis: Any = 0) -> Edge:
    """Tensors along a new axis."""
    edges = together(layer, *x)
    place = axes_of(axis, edges[0].rank + 1)[0]
    made = ops.concat(layer.b, [ops.unsqueeze(layer.b, edge, place) for edge in edges], place)
    if edges[0].rank == 0:
        made.values = tuple(edge.values[0] if edge.values else None for edge in edges)
    return made


@operation("Vstack")
def stack_rows(layer: Layer, xs: Sequence[Operand]) -> Edge:
    """Tensors one after another along the first axis."""
    return concatenate(layer, [_at_least(layer, x, 2) for x in xs], 0)


@operation("Hstack")
def stack_columns(layer: Layer, xs: Sequence[Operand]) -> Edge:
    """Tensors one after another along the second axis (the first, of vectors)."""
    edges = [_at_least(layer, x, 1) for x in xs]
    return concatenate(layer, edges, 0 if edges[0].rank == 1 else 1)


@operation("Dstack")
def stack_depth(layer: Layer, xs: Sequence[Operand]) -> Edge:
    """Tensors one after another along the third axis."""
    return concatenate(layer, [_at_least(layer, x, 3) for x in xs], 2)


def _at_least(layer: Layer, x: Operand, rank: int) -> Edge:
    edge = tensor(layer, x)
    if edge.rank < rank and rank > 1 and edge.rank <= 1:
        edge = (
            ops.unsqueeze(layer.b, edge, 0)
            if edge.rank == 1
            else ops.unsqueeze(layer.b, edge, 0, 1)
        )
    elif edge.rank < rank:
        edge = ops.unsqueeze(layer.b, edge, edge.rank)
    return ops.unsqueeze(layer.b, edge, edge.rank) if edge.rank < rank else edge


@operation("Split", "ArraySplit")
def split(layer: Layer, x: Operand, indices_or_sections: Any, axis: Any = 0) -> list[Edge]:
    """Parts along an axis: so many, or cut at given places."""
    edge = tensor(layer, x)
    place = axes_of(axis, edge.rank)[0]
    if isinstance(indices_or_sections, int):
        bounded(layer, indices_or_sections, "the number of its parts", MOST_PARTS)
    if not isinstance(indices_or_sections, int):
        cuts = [int(item) for item in np.asarray(indices_or_sections).reshape(-1)]
    else:
        extent = edge.shape[place]
        if not isinstance(extent, int):
            return ops.split(layer.b, edge, place, indices_or_sections)
        if extent % indices_or_sections == 0:
            return ops.split(layer.b, edge, place, indices_or_sections)
        size, more = divmod(extent, indices_or_sections)
        sizes = [size + (i < more) for i in range(indices_or_sections)]
        cuts = np.cumsum(sizes)[:-1].tolist()
    ends: list[int | None] = [0, *cuts, None]
    return [ops.slice_axis(layer.b, edge, place, begin, end) for begin, end in pairwise(ends)]


@operation("Vsplit")
def split_rows(layer: Layer, x: Operand, indices_or_sections: Any) -> list[Edge]:
    """Parts along the first axis."""
    return split(layer, x, indices_or_sections, 0)


@operation("Hsplit")
def split_columns(layer: Layer, x: Operand, indices_or_sections: Any) -> list[Edge]:
    """Parts along the second axis (the first, of a vector)."""
    edge = tensor(layer, x)
    return split(layer, edge, indices_or_sections, min(1, edge.rank - 1))


@operation("Dsplit")
def split_depth(layer: Layer, x: Operand, indices_or_sections: Any) -> list[Edge]:
    """Parts along the third axis."""
    return split(layer, x, indices_or_sections, 2)


@operation("Unstack")
def unstack(layer: Layer, x: Operand, num: Any = None, axis: Any = 0) -> list[Edge]:
    """The entries along an axis, which is gone in them."""
    edge = tensor(layer, x)
    place = axes_of(axis, edge.rank)[0]
    count = edge.shape[place] if num is None else num
    if not isinstance(count, int):
        raise layer.error("it unstacks an axis whose extent is unknown")
    bounded(layer, count, "the number of its parts", MOST_PARTS)
    return [ops.squeeze(layer.b, part, place) for part in ops.split(layer.b, edge, place, count)]


@operation("Meshgrid")
def mesh_grid(layer: Layer, *x: Operand, indexing: str = "xy") -> list[Edge]:
    """Vectors spread over the grid they span."""
    b = layer.b
    edges = [ops.reshape(b, tensor(layer, item), [-1]) for item in x]
    places = list(range(len(edges)))
    if indexing == "xy" and len(edges) > 1:
        places[0], places[1] = 1, 0
    sizes: list[int | Edge] = [1] * len(edges)
    for edge, place in zip(edges, places, strict=True):
        sizes[place] = ops.extent(b, edge, 0)
    made = []
    for edge, place in zip(edges, places, strict=True):
        spread = ops.unsqueeze(b, edge, *(i for i in range(len(edges)) if i != place))
        made.append(ops.expand(b, spread, sizes))
    return made


# Constants of a shape


@operation("ZerosLike", "EmptyLike")
def zeros_like(layer: Layer, x: Operand, dtype: Any = None) -> Edge:
    """Zeros of the same shape."""
    return full_like(layer, x, 0, dtype)


@operation("OnesLike")
def ones_like(layer: Layer, x: Operand, dtype: Any = None) -> Edge:
    """Ones of the same shape."""
    return full_like(layer, x, 1, dtype)


@operation("FullLike")
def full_like(layer: Layer, x: Operand, fill_value: Operand, dtype: Any = None) -> Edge:
    """One value in the same shape."""
    edge = tensor(layer, x)
    wanted = edge.dtype if dtype is None else named(dtype)
    value = tensor(layer, fill_value, wanted)
    made = ops.expand(layer.b, value, shape_extents(layer, edge))
    return Edge(made.name, wanted, edge.shape)


@operation("Full")
def full(layer: Layer, fill_value: Operand, shape: Operand, dtype: Any = None) -> Edge:
    """One value in a shape."""
    value = tensor(layer, fill_value, None if dtype is None else named(dtype))
    return ops.expand(layer.b, value, extents(layer, shape))


@operation("Arange")
def arange(
    layer: Layer,
    start: Operand,
    stop: Operand = None,
    step: Operand = None,
    dtype: Any = None,
) -> Edge:
    """The numbers from start up to stop."""
    if stop is None:
        start, stop = 0, start
    ends = together(layer, start, stop, 1 if step is None else step)
    wanted = ends[0].dtype if dtype is None else named(dtype)
    scalars = [
        ops.reshape(layer.b, ops.cast(layer.b, end, wanted), []) if end.rank else end
        for end in (ops.cast(layer.b, end, wanted) for end in ends)
    ]
    return layer.b.emit("Range", scalars, wanted, (None,))


@operation("Size")
def size(layer: Layer, x: Operand) -> Edge:
    """How many elements there are."""
    edge = tensor(layer, x)
    return ops.cast(layer.b, layer.b.emit("Size", [edge], INT64, ()), INT32)


@operation("Ndim")
def rank(layer: Layer, x: Operand) -> Edge:
    """How many axes there are."""
    return layer.b.constant(tensor(layer, x).rank, INT32)
