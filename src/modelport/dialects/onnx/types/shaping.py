"""Operators that give the same elements another shape, and those that tell the shape."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelport.dialects.onnx.types import fold
from modelport.dialects.onnx.types.call import Call, distinct, rule, within
from modelport.dialects.onnx.types.dims import broadcast, demand, quotient, times
from modelport.dialects.onnx.types.known import MOST_ELEMENTS, Known, made, vector
from modelport.model.dtype import INT64
from modelport.model.graph import Dim, Shape

MOST_AXES = 4096
"""Axes that a result may have here; no runtime takes nearly as many."""


@rule("Shape")
def _shape(call: Call) -> Sequence[Known]:
    x = call.need(0)
    if x.shape is None:
        return [Known(INT64, (None,))]
    stop = call.number("end", len(x.shape))
    return [vector(x.shape[slice(call.number("start", 0), stop)])]


@rule("Size")
def _size(call: Call) -> Sequence[Known]:
    x = call.need(0)
    count = None if x.shape is None else times(x.shape)
    return [vector([count], INT64, scalar=True)]


@rule("Reshape")
def _reshape(call: Call) -> Sequence[Known]:
    x, wanted = call.need(0), call.need(1)
    extents = wanted.extents
    if extents is None:
        count = wanted.dim(0)
        known = isinstance(count, int) and count <= MOST_AXES
        return [Known(x.dtype, (None,) * count if known and isinstance(count, int) else None)]
    found = made(x.dtype, reshaped(x.shape, extents, call.number("allowzero", 0) != 0))
    result = fold.folded(found, [x], lambda a: np.reshape(a, fold.fixed(found)))
    old = x.extents
    if result.held is None and old is not None and x.dtype is not None and found.rank in (0, 1):
        return [vector(old, x.dtype, found.rank == 0)]
    return [result]


def reshaped(shape: Shape, wanted: Sequence[Dim], zero: bool) -> tuple[Dim, ...]:
    """The shape that a Reshape to ``wanted`` gives.

    Raises:
        ValueError: the elements do not fill it.
    """
    extents: list[Dim] = list(wanted)
    open_axes = [axis for axis, extent in enumerate(extents) if extent == -1]
    demand(len(open_axes) < 2, f"{extents[:64]} leaves more than one axis open")
    for axis, extent in enumerate(extents):
        demand(not isinstance(extent, int) or extent >= -1, f"no axis of {extent} elements")
        if extent == 0 and not zero:
            fine = shape is None or axis < len(shape)
            demand(fine, f"{extents[:64]} keeps an axis {axis} that is not there")
            extents[axis] = None if shape is None else shape[axis]
    # What is not known may be -1 (or 0): then nothing can be told of the axis that is open.
    rest = [extent for extent in extents if extent != -1]
    if shape is not None and None not in rest and not open_axes:
        before, after = times(shape), times(rest)
        fine = not (isinstance(before, int) and isinstance(after, int)) or before == after
        demand(fine, f"{list(shape)[:64]} does not fill {rest[:64]}")
    if open_axes:
        extents[open_axes[0]] = None if shape is None else _left(shape, rest)
    elif shape is not None and rest.count(None) == 1 and None not in shape:
        extents[rest.index(None)] = _left(shape, [item for item in rest if item is not None])
    return tuple(extents)


def _left(shape: Sequence[Dim], rest: Sequence[Dim]) -> Dim:
    """What the axes ``rest`` leave for the one axis that is open."""
    before, taken = times(shape), times(rest)
    if taken == 0:
        return None
    if isinstance(before, int) and isinstance(taken, int):
        demand(before % taken == 0, f"{list(shape)[:64]} does not fill {list(rest)[:64]}")
    return quotient(shape, rest)


@rule("Flatten")
def _flatten(call: Call) -> Sequence[Known]:
    x = call.need(0)
    axis = call.number("axis", 1)
    if x.shape is None:
        return [Known(x.dtype, (None, None))]
    rank = len(x.shape)
    demand(-rank <= axis <= rank, f"no axis {axis} among {rank}")
    axis = axis + rank if axis < 0 else axis
    return [made(x.dtype, (times(x.shape[:axis]), times(x.shape[axis:])))]


@rule("Transpose")
def _transpose(call: Call) -> Sequence[Known]:
    x = call.need(0)
    order = call.numbers("perm")
    if x.shape is None:
        return [Known(x.dtype, None if order is None else (None,) * len(order))]
    order = list(range(len(x.shape))[::-1]) if order is None else order
    fine = sorted(order) == list(range(len(x.shape)))
    demand(fine, f"{list(order)} is no order of the axes of {list(x.shape)}")
    found = Known(x.dtype, tuple(x.shape[axis] for axis in order))
    if found.rank == 1:
        return [x]
    return [fold.folded(found, [x], lambda a: np.transpose(a, order))]


@rule("Squeeze")
def _squeeze(call: Call) -> Sequence[Known]:
    x = call.need(0)
    if x.shape is None:
        return [Known(x.dtype, None)]
    if call.has(1):
        axes = call.at(1).extents
        if axes is None or None in axes:
            count = call.at(1).dim(0)
            fine = isinstance(count, int) and count <= len(x.shape)
            left = len(x.shape) - count if isinstance(count, int) and fine else None
            return [Known(x.dtype, None if left is None else (None,) * left)]
        gone = distinct([axis for axis in axes if isinstance(axis, int)], len(x.shape))
    elif all(isinstance(extent, int) for extent in x.shape):
        gone = [axis for axis, extent in enumerate(x.shape) if extent == 1]
    else:
        return [Known(x.dtype, None)]
    wide = [x.shape[axis] for axis in gone if x.shape[axis] != 1]
    fine = not any(isinstance(extent, int) for extent in wide)
    demand(fine, f"axes {gone} of {list(x.shape)} are not all of extent 1")
    return [again(x, tuple(item for axis, item in enumerate(x.shape) if axis not in gone))]


@rule("Unsqueeze")
def _unsqueeze(call: Call) -> Sequence[Known]:
    x, places = call.need(0), call.need(1)
    axes, count = places.extents, places.dim(0)
    if x.shape is None:
        return [Known(x.dtype, None)]
    if axes is None or None in axes:
        fine = isinstance(count, int) and count <= MOST_AXES
        rank = len(x.shape) + count if fine and isinstance(count, int) else None
        return [Known(x.dtype, None if rank is None else (None,) * rank)]
    rank = len(x.shape) + len(axes)
    new = set(distinct([axis for axis in axes if isinstance(axis, int)], rank))
    old = iter(x.shape)
    return [again(x, tuple(1 if axis in new else next(old) for axis in range(rank)))]


def again(x: Known, shape: tuple[Dim, ...]) -> Known:
    """The same elements in another shape of as many."""
    found = Known(x.dtype, shape)
    if x.held is None or x.dtype is None:
        return found
    result = fold.folded(found, [x], lambda a: np.reshape(a, fold.fixed(found)))
    extents = x.extents
    if result.held is not None or extents is None or len(shape) > 1:
        return result
    return vector(extents, x.dtype, not shape)


@rule("Expand")
def _expand(call: Call) -> Sequence[Known]:
    x, wanted = call.need(0), call.need(1)
    extents = wanted.extents
    if x.shape is None:
        return [Known(x.dtype, None)]
    if extents is None:
        count = wanted.dim(0)
        if not isinstance(count, int) or count > MOST_AXES:
            return [Known(x.dtype, None)]
        extents = (None,) * count
    negative = [extent for extent in extents if isinstance(extent, int) and extent < 0]
    demand(not negative, f"no axis of {negative[:1]} elements")
    shape = made(x.dtype, broadcast([x.shape, extents])).shape
    found = Known(x.dtype, shape)
    result = fold.folded(found, [x], lambda a: np.broadcast_to(a, fold.fixed(found)))
    old = x.extents
    if result.held is None and old and len(old) == 1 and x.dtype and found.rank == 1:
        count = found.dim(0)
        if isinstance(count, int) and count <= MOST_ELEMENTS:
            return [vector(old * count, x.dtype)]
    return [result]


@rule("Tile")
def _tile(call: Call) -> Sequence[Known]:
    x, times_each = call.need(0), call.need(1)
    repeats = times_each.extents
    if x.shape is None:
        count = times_each.dim(0)
        known = isinstance(count, int) and count <= MOST_AXES
        return [Known(x.dtype, (None,) * count if known and isinstance(count, int) else None)]
    if repeats is None:
        return [Known(x.dtype, (None,) * len(x.shape))]
    demand(len(repeats) == len(x.shape), f"{len(repeats)} repeats for {len(x.shape)} axes")
    pairs = zip(x.shape, repeats, strict=True)
    found = made(x.dtype, tuple(times(pair) for pair in pairs))
    return [fold.folded(found, [x], lambda a: np.tile(a, [int(n or 0) for n in repeats]))]


@rule("DepthToSpace", "SpaceToDepth")
def _regroup(call: Call) -> Sequence[Known]:
    x, size = call.need(0), call.number("blocksize")
    demand(size > 0, f"no blocks of {size} x {size}")
    if x.shape is None:
        return [Known(x.dtype, (None,) * 4)]
    demand(len(x.shape) == 4, f"pictures have 4 axes, not {len(x.shape)}")
    batch, channels, height, width = x.shape
    square = [size, size]
    if call.op_type == "DepthToSpace":
        fine = not isinstance(channels, int) or channels % (size * size) == 0
        demand(fine, f"{channels} channels in blocks of {size} x {size}")
        moved = (quotient([channels], square), times([height, size]), times([width, size]))
    else:
        moved = (times([channels, *square]), quotient([height], [size]), quotient([width], [size]))
    return [made(x.dtype, (batch, *moved))]


@rule("CenterCropPad")
def _center(call: Call) -> Sequence[Known]:
    x, wanted = call.need(0), call.need(1)
    axes = call.numbers("axes")
    if x.shape is None:
        return [Known(x.dtype, None)]
    shape: list[Dim] = list(x.shape)
    places = list(range(len(shape))) if axes is None else distinct(axes, len(shape))
    extents = wanted.extents or (None,) * len(places)
    demand(len(extents) == len(places), f"{len(extents)} extents for {len(places)} axes")
    for axis, extent in zip(places, extents, strict=True):
        shape[axis] = extent
    return [made(x.dtype, tuple(shape))]


@rule("Pad")
def _pad(call: Call) -> Sequence[Known]:
    x, amounts = call.need(0), call.need(1).extents
    if x.shape is None:
        return [Known(x.dtype, None)]
    rank = len(x.shape)
    places: list[int] | None = list(range(rank))
    if call.has(3):
        axes = call.at(3).extents
        known = [axis for axis in axes or () if isinstance(axis, int)]
        places = [within(axis, rank) for axis in known] if axes is not None else None
    if amounts is None or places is None:
        return [Known(x.dtype, (None,) * rank)]
    demand(len(amounts) == 2 * len(places), f"{len(amounts)} amounts for {len(places)} axes")
    shape: list[Dim] = list(x.shape)
    for i, axis in enumerate(places):
        before, after, extent = amounts[i], amounts[i + len(places)], shape[axis]
        if isinstance(before, int) and isinstance(after, int):
            total = before + after
            whole = extent + total if isinstance(extent, int) else None
            shape[axis] = extent if total == 0 else whole
        else:
            shape[axis] = None
    return [made(x.dtype, tuple(shape))]


@rule("Col2Im")
def _col2im(call: Call) -> Sequence[Known]:
    x, image, block = call.need(0), call.need(1), call.need(2)
    extents, window = image.extents, block.extents
    if extents is None:
        count = image.dim(0)
        known = isinstance(count, int) and count <= MOST_AXES
        tail: Shape = (None,) * count if known and isinstance(count, int) else None
    else:
        tail = extents
    if tail is None:
        return [Known(x.dtype, None)]
    channels = None if window is None or x.dim(1) is None else quotient([x.dim(1)], window)
    return [made(x.dtype, (x.dim(0), channels, *tail))]
