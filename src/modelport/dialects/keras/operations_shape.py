"""Operations that move or copy elements: shapes, axes, joining and splitting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from modelport.dialects.keras.layer import Layer
from modelport.dialects.keras.operands import Operand, axes_of, extents, tensor, together
from modelport.dialects.keras.operation import operation
from modelport.dialects.keras.operations_unary import named, shape_extents
from modelport.dialects.onnx import layout, ops
from modelport.dialects.onnx.edge import Edge
from modelport.model.dtype import INT32, INT64
from modelport.model.graph import Dim


@operation("Reshape")
def reshape(layer: Layer, x: Operand, newshape: Operand) -> Edge:
    """The elements in C order under another shape."""
    edge = tensor(layer, x)
    wanted = extents(layer, newshape)
    made = ops.reshape(layer.b, edge, wanted)
    made.shape = _known(edge, newshape, made.shape)
    return made


def _known(x: Edge, asked: Operand, shape: tuple[Dim, ...]) -> tuple[Dim, ...]:
    """The shape with the names of extents that were asked for by name, and what is left over."""
    if isinstance(asked, Edge):
        asked = asked.values or [None] * len(shape)
    listed = list(asked) if isinstance(asked, list | tuple) else [asked]
    names = [
        item.values[0] if isinstance(item, Edge) and item.values else item for item in listed
    ]
    found = [
        name if isinstance(name, str) and extent is None else extent
        for name, extent in zip(names, shape, strict=True)
    ]
    free = [i for i, name in enumerate(names) if name == -1]
    if len(free) == 1 and found[free[0]] is None:
        left = list(x.shape)
        rest = [extent for i, extent in enumerate(found) if i != free[0]]
        for name in [extent for extent in rest if isinstance(extent, str) and extent in left]:
            left.remove(name)
            rest.remove(name)
        sizes = [extent for extent in (*left, *rest) if isinstance(extent, int)]
        if len(sizes) == len(left) + len(rest) and all(rest):
            found[free[0]] = int(np.prod(left)) // int(np.prod(rest))
    return tuple(found)


@operation("Ravel")
def ravel(layer: Layer, x: Operand) -> Edge:
    """All elements in one axis."""
    return ops.reshape(layer.b, tensor(layer, x), [-1])


@operation("ExpandDims")
def expand_dims(layer: Layer, x: Operand, axis: Any) -> Edge:
    """New axes of extent 1."""
    edge = tensor(layer, x)
    listed = np.asarray(axis).reshape(-1).tolist()
    axes = axes_of(listed, edge.rank + len(listed))
    return ops.unsqueeze(layer.b, edge, *axes)


@operation("Squeeze")
def squeeze(layer: Layer, x: Operand, axis: Any = None) -> Edge:
    """Without axes of extent 1 (all of them, unless some are given)."""
    edge = tensor(layer, x)
    given = axis is not None and np.asarray(axis).size
    axes = axes_of(axis, edge.rank) if given else [i for i, n in enumerate(edge.shape) if n == 1]
    return ops.squeeze(layer.b, edge, *axes) if axes else edge


@operation("Transpose")
def transpose(layer: Layer, x: Operand, axes: Any = None) -> Edge:
    """The axes in another order (reversed unless one is given)."""
    edge = tensor(layer, x)
    order = list(reversed(range(edge.rank))) if axes is None else axes_of(axes, edge.rank)
    if sorted(order) != list(range(edge.rank)):
        raise ValueError(f"axes {order} of {edge.rank}")
    value, held = layout.carried(layer.b, edge)
    shape = [edge.shape[axis] for axis in order]
    # Only who needs the new layout itself pays for a Transpose.
    return layout.moved(value, [order.index(axis) for axis in held], edge.dtype, shape)


@operation("Swapaxes")
def swap_axes(layer: Layer, x: Operand, axis1: int, axis2: int) -> Edge:
    """Two axes in each other's place."""
    edge = tensor(layer, x)
    order = list(range(edge.rank))
    first, second = axes_of([axis1, axis2], edge.rank)
    order[first], order[second] = second, first
    return transpose(layer, edge, order)


@operation("Moveaxis")
def move_axes(layer: Layer, x: Operand, source: Any, destination: Any) -> Edge:
    """Some axes to other places, the rest in their order."""
    edge = tensor(layer, x)
    before, after = axes_of(source, edge.rank), axes_of(destination, edge.rank)
    order = [axis for axis in range(edge.rank) if axis not in before]
    for place, axis in sorted(zip(after, before, strict=True)):
        order.insert(place, axis)
    return transpose(layer, edge, order)


@operation("BroadcastTo")
def broadcast_to(layer: Layer, x: Operand, shape: Operand) -> Edge:
    """The tensor in a larger shape."""
    edge = tensor(layer, x)
    wanted = extents(layer, shape)
    # -1 keeps an extent, as 1 does for Expand.
    return ops.expand(layer.b, edge, [1 if item == -1 else item for item in wanted])


@operation("Flip")
def flip(layer: Layer, x: Operand, axis: Any = None) -> Edge:
    """The elements along axes in reverse order."""
    edge = tensor(layer, x)
    for place in axes_of(axis, edge.rank):
        edge = ops.flip(layer.b, edge, place)
    return edge


@operation("Flipud")
def flip_rows(layer: Layer, x: Operand) -> Edge:
    """The first axis in reverse order."""
    return flip(layer, x, 0)


@operation("Fliplr")
def flip_columns(layer: Layer, x: Operand) -> Edge:
    """The second axis in reverse order."""
    return flip(layer, x, 1)


@operation("Rot90")
def rotate(layer: Layer, array: Operand, k: int = 1, axes: Sequence[int] = (0, 1)) -> Edge:
    """The plane of two axes turned by quarters."""
    edge = tensor(layer, array)
    first, second = axes_of(axes, edge.rank)
    turns = k % 4
    if turns == 2:
        return flip(layer, edge, [first, second])
    if turns == 1:
        return swap_axes(layer, flip(layer, edge, second), first, second)
    return flip(layer, swap_axes(layer, edge, first, second), second) if turns else edge


@operation("Roll")
def roll(layer: Layer, x: Operand, shift: Any, axis: Any = None) -> Edge:
    """The elements along axes moved on, the last ones to the front."""
    edge = tensor(layer, x)
    if axis is None:
        flat = _rolled(layer, ops.reshape(layer.b, edge, [-1]), int(np.sum(shift)), 0)
        made = ops.reshape(layer.b, flat, shape_extents(layer, edge))
        return Edge(made.name, edge.dtype, edge.shape)
    axes = axes_of(axis, edge.rank)
    shifts = np.broadcast_to(np.asarray(shift), (len(axes),)).tolist()
    for place, amount in zip(axes, shifts, strict=True):
        edge = _rolled(layer, edge, int(amount), place)
    return edge


def _rolled(layer: Layer, x: Edge, amount: int, axis: int) -> Edge:
    b, extent = layer.b, x.shape[axis]
    if isinstance(extent, int):
        cut: int | Edge = (-amount) % extent if extent else 0
        if cut == 0:
            return x
    else:
        size = ops.extent(b, x, axis)
        negative = b.constant([-amount], INT64)
        cut = ops.binary(b, "Mod", negative, size if isinstance(size, Edge) else size)
    back = ops.slice_axis(b, x, axis, cut, None)
    joined = ops.concat(b, [back, ops.slice_axis(b, x, axis, 0, cut)], axis)
    joined.shape = x.shape
    return joined


# Copies


@operation("Tile")
def tile(layer: Layer, x: Operand, repeats: Operand) -> Edge:
    """The whole tensor several times along each axis."""
    b, edge = layer.b, tensor(layer, x)
    counts = extents(layer, repeats)
    if len(counts) < edge.rank:
        counts = [1] * (edge.rank - len(counts)) + counts
    if len(counts) > edge.rank:
        edge = ops.unsqueeze(b, edge, *range(len(counts) - edge.rank))
    shape = [
        extent if count == 1 else _product(extent, count)
        for extent, count in zip(edge.shape, counts, strict=True)
    ]
    return b.emit("Tile", [edge, ops.vector(b, counts)], edge.dtype, shape)


def _product(extent: Dim, count: int | Edge) -> Dim:
    return extent * count if isinstance(extent, int) and isinstance(count, int) else None


@operation("Repeat")
def repeat(layer: Layer, x: Operand, repeats: Any, axis: Any = None) -> Edge:
    """Every element several times along an axis."""
    b, edge = layer.b, tensor(layer, x)
    if axis is None:
        edge, axis = ops.reshape(b, edge, [-1]), 0
    place = axes_of(axis, edge.rank)[0]
    extent = edge.shape[place]
    counts = np.asarray(repeats).reshape(-1)
    if isinstance(extent, int):
        return ops.gather(b, edge, b.constant(np.repeat(np.arange(extent), counts)), place)
    if counts.size != 1:
        raise layer.error("different repeats need an extent that is known")
    count = int(counts[0])
    wide = ops.unsqueeze(b, edge, place + 1)
    spread = [1] * wide.rank
    spread[place + 1] = count
    wide = ops.expand(b, wide, spread)
    shape: list[Any] = shape_extents(layer, edge)
    shape[place] = -1
    made = ops.reshape(b, wide, shape)
    known = [None if i == place else item for i, item in enumerate(edge.shape)]
    return Edge(made.name, edge.dtype, tuple(known))


@operation("Pad")
def pad(
    layer: Layer,
    x: Operand,
    pad_width: Any,
    mode: str = "constant",
    constant_values: Any = None,
) -> Edge:
    """Elements before and after each axis: one number, or a reflection."""
    edge = tensor(layer, x)
    widths = np.broadcast_to(np.asarray(pad_width, np.int64), (edge.rank, 2)).tolist()
    amounts = {axis: (before, after) for axis, (before, after) in enumerate(widths)}
    kind = str(mode).lower()
    if kind == "constant":
        value = np.asarray(0 if constant_values is None else constant_values).reshape(-1)
        if value.size != 1:
            raise layer.error("it pads with different numbers at different ends")
        return ops.pad(layer.b, edge, amounts, value[0].item())
    if kind not in ("reflect", "symmetric"):
        raise layer.error(f"it pads by {mode!r}, which is not known")
    for axis, (before, after) in amounts.items():
        if before or after:
            edge = _mirrored(layer, edge, axis, before, after, int(kind == "reflect"))
    return edge


def _mirrored(layer: Layer, x: Edge, axis: int, before: int, after: int, skip: int) -> Edge:
    """The axis between its mirror images; ``skip`` leaves the outermost element out of them."""
    b = layer.b
    parts = [x]
    if before:
        head = ops.slice_axis(b, x, axis, skip, before + skip)
        parts.insert(0, ops.flip(b, head, axis))
    if after:
        tail = ops.slice_axis(b, x, axis, -after - skip, -skip if skip else None)
        parts.append(ops.flip(b, tail, axis))
    return ops.concat(b, parts, axis)


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
        edge = ops.unsqueeze(layer.b, edge, 0) if edge.rank == 1 else ops.unsqueeze(
            layer.b, edge, 0, 1
        )
    elif edge.rank < rank:
        edge = ops.unsqueeze(layer.b, edge, edge.rank)
    return ops.unsqueeze(layer.b, edge, edge.rank) if edge.rank < rank else edge


@operation("Split", "ArraySplit")
def split(layer: Layer, x: Operand, indices_or_sections: Any, axis: Any = 0) -> list[Edge]:
    """Parts along an axis: so many, or cut at given places."""
    edge = tensor(layer, x)
    place = axes_of(axis, edge.rank)[0]
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
    return [
        ops.slice_axis(layer.b, edge, place, begin, end)
        for begin, end in zip(ends[:-1], ends[1:], strict=True)
    ]


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
    wanted = edge.dtype if dtype is None else named(layer, dtype)
    value = tensor(layer, fill_value, wanted)
    made = ops.expand(layer.b, value, shape_extents(layer, edge))
    return Edge(made.name, wanted, edge.shape)


@operation("Full")
def full(layer: Layer, fill_value: Operand, shape: Operand, dtype: Any = None) -> Edge:
    """One value in a shape."""
    value = tensor(layer, fill_value, None if dtype is None else named(layer, dtype))
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
    wanted = ends[0].dtype if dtype is None else named(layer, dtype)
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
