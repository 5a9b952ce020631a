"""Operations that move or copy elements: shapes, axes, repetition."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from modelport.dialects.keras.layer import Layer
from modelport.dialects.keras.operations.operands import Operand, axes_of, bounded, extents, tensor
from modelport.dialects.keras.operations.registry import operation
from modelport.dialects.keras.operations.unary import shape_extents
from modelport.dialects.onnx import layout, ops
from modelport.dialects.onnx.edge import Edge
from modelport.model.dtype import INT64
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
    names = [item.values[0] if isinstance(item, Edge) and item.values else item for item in listed]
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
        there = [extent for extent in left if isinstance(extent, int)]
        taken = [extent for extent in rest if isinstance(extent, int)]
        if len(there) == len(left) and len(taken) == len(rest) and all(taken):
            found[free[0]] = math.prod(there) // math.prod(taken)
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
        cut = ops.binary(b, "Mod", negative, size)
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
        counts = [*(1 for _ in range(edge.rank - len(counts))), *counts]
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
        total = int(counts.sum()) * (extent if counts.size == 1 else 1)
        bounded(layer, total, "the extent it repeats to")
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
