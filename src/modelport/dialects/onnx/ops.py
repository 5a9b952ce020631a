"""Functions that add one ONNX operator each, over edges, with the shape that results.

Shapes hold integers, names or None; whatever depends on an unknown extent is computed in the graph.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from modelport.dialects.onnx import layout
from modelport.dialects.onnx.builder import Builder
from modelport.dialects.onnx.edge import Edge, Twin
from modelport.dialects.onnx.types.dims import broadcast
from modelport.dialects.onnx.types.known import ONNX_DTYPES
from modelport.model.dtype import BOOL, INT64, DType
from modelport.model.graph import Dim

Extent = int | Edge
"""A known extent, or an int64 edge of shape (1,) that holds it."""


def unary(b: Builder, op_type: str, x: Edge, **attributes: Any) -> Edge:
    """An elementwise operator of one tensor: Relu, Exp, Neg ... (layout kept)."""
    return layout.unary(b, op_type, x, **attributes)


def binary(b: Builder, op_type: str, x: Edge, y: Edge | float | int) -> Edge:
    """A broadcasting operator of two tensors, or of a tensor and a number of its dtype."""
    other = y if isinstance(y, Edge) else b.constant(y, x.dtype)
    compares = op_type in ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or")
    return layout.elementwise(b, op_type, [x, other], BOOL if compares else None)


def add(b: Builder, x: Edge, y: Edge | float | int) -> Edge:
    """The sum, broadcast."""
    return binary(b, "Add", x, y)


def subtract(b: Builder, x: Edge, y: Edge | float | int) -> Edge:
    """The difference, broadcast."""
    return binary(b, "Sub", x, y)


def multiply(b: Builder, x: Edge, y: Edge | float | int) -> Edge:
    """The product, broadcast."""
    return binary(b, "Mul", x, y)


def divide(b: Builder, x: Edge, y: Edge | float | int) -> Edge:
    """The quotient, broadcast."""
    return binary(b, "Div", x, y)


def where(b: Builder, condition: Edge, x: Edge, y: Edge) -> Edge:
    """``x`` where ``condition`` holds, else ``y``, broadcast."""
    return layout.elementwise(b, "Where", [condition, x, y], x.dtype)


def cast(b: Builder, x: Edge, dtype: DType) -> Edge:
    """The values in another dtype; nothing is emitted where it is that already."""
    if x.dtype == dtype:
        return x
    return layout.unary(b, "Cast", x, dtype, to=ONNX_DTYPES[dtype.name])


def clip(b: Builder, x: Edge, low: float | None, high: float | None) -> Edge:
    """Values held between two numbers; None leaves a side open."""
    ends = [b.constant(end, x.dtype) if end is not None else None for end in (low, high)]
    return layout.unary(b, "Clip", x, extra=ends if high is not None else ends[:1])


def matmul(b: Builder, x: Edge, y: Edge) -> Edge:
    """The matrix product over the last two axes, batched and broadcast before them.

    Rows times one matrix: the layout is kept where the last axis has its place in it.
    """
    value, order = layout.carried(b, x)
    if y.rank == 2 and order[-1] == x.rank - 1:
        given = Edge(value, x.dtype, tuple(x.shape[axis] for axis in order))
        extents = (*given.shape[:-1], y.shape[-1])
        found = b.emit("MatMul", [given, y], x.dtype, extents)
        return layout.moved(b.name(found), order, x.dtype, (*x.shape[:-1], y.shape[-1]))
    lead = broadcast([x.shape[:-2], y.shape[:-2]]) if x.rank > 2 or y.rank > 2 else ()
    return b.emit("MatMul", [x, y], x.dtype, (*lead, x.shape[-2], y.shape[-1]))


def transpose(b: Builder, x: Edge, permutation: Sequence[int]) -> Edge:
    """The axes in another order; free where the twin happens to have it."""
    order = tuple(permutation)
    if order == tuple(range(x.rank)):
        return x
    shape = tuple(x.shape[axis] for axis in order)
    if x.twin is not None and not x.twin.flat and x.twin.permutation == order:
        return Edge(x.twin.name, x.dtype, shape)
    return Edge(layout.transposed(b, b.name(x), x.dtype, order), x.dtype, shape)


def extent(b: Builder, x: Edge, axis: int) -> Extent:
    """The extent of an axis: an int where it is known, else an int64 edge of shape (1,)."""
    known = x.shape[axis]
    if isinstance(known, int):
        return known
    value, order = layout.carried(b, x)
    place = order.index(axis % x.rank)
    given = Edge(value, x.dtype, tuple(x.shape[place] for place in order))
    return b.emit("Shape", [given], INT64, (1,), start=place, end=place + 1)


def shape_of(b: Builder, x: Edge) -> Edge:
    """The whole shape as an int64 edge."""
    return b.emit("Shape", [x], INT64, (x.rank,))


def vector(b: Builder, extents: Sequence[Extent]) -> Edge:
    """Extents as one int64 edge of shape (n,)."""
    if all(isinstance(item, int) for item in extents):
        return b.constant(list(extents), INT64)
    parts = [item if isinstance(item, Edge) else b.constant([item]) for item in extents]
    return parts[0] if len(parts) == 1 else concat(b, parts, 0)


def reshape(b: Builder, x: Edge, extents: Sequence[Extent | Dim]) -> Edge:
    """The elements in C order under another shape.

    An extent is an int, an edge of shape (1,), or a name/None, which is kept from the same axis
    of ``x``; one may be -1 and takes what is left (and gets its number where it can be told).
    """
    wanted: list[Extent] = []
    shape: list[Dim] = []
    for axis, item in enumerate(extents):
        if isinstance(item, Edge):
            wanted.append(item)
            shape.append(None)
        elif isinstance(item, int):
            wanted.append(item)
            shape.append(item)
        else:
            wanted.append(0)
            shape.append(x.shape[axis] if axis < x.rank else None)
    if -1 in shape:
        shape[shape.index(-1)] = _left_over(x.shape, shape)
    if tuple(shape) == x.shape and None not in shape:
        return x
    allow_zero = 1 if any(item == 0 for item in shape) else None
    if allow_zero:
        wanted = [extent(b, x, i) if w == 0 and shape[i] != 0 else w for i, w in enumerate(wanted)]
    source = layout.in_any_order(x) or b.name(x)
    name = b.node("Reshape", [source, b.name(vector(b, wanted))], allowzero=allow_zero)[0]
    return Edge(name, x.dtype, tuple(shape))


def _left_over(source: Sequence[Dim], target: Sequence[Dim]) -> Dim:
    left: list[Dim] = list(source)
    fixed = 1
    for item in target:
        if isinstance(item, str) and item in left:
            left.remove(item)
        elif isinstance(item, int) and item != -1:
            fixed *= item
        elif item != -1:
            return None
    numbers = [item for item in left if isinstance(item, int)]
    if len(numbers) != len(left) or fixed == 0:
        return left[0] if len(left) == 1 and fixed == 1 else None
    return math.prod(numbers) // fixed


def concat(b: Builder, parts: Sequence[Edge], axis: int) -> Edge:
    """The parts one after another along an axis; channels-first where one of them is."""
    axis %= parts[0].rank
    shape = list(parts[0].shape)
    extents = [part.shape[axis] for part in parts]
    known = [item for item in extents if isinstance(item, int)]
    shape[axis] = sum(known) if len(known) == len(extents) else None
    lead = next((part.twin for part in parts if part.prefers_twin and part.twin), None)
    if lead is not None and not lead.flat:
        order = lead.permutation
        names = [layout.in_layout(b, part, order) for part in parts]
        name = b.node("Concat", names, axis=order.index(axis))[0]
        return layout.moved(name, order, parts[0].dtype, shape)
    return b.emit("Concat", parts, parts[0].dtype, shape, axis=axis)


def slice_axis(
    b: Builder,
    x: Edge,
    axis: int,
    start: int | Edge | None,
    stop: int | Edge | None,
    step: int = 1,
) -> Edge:
    """Python's ``start:stop:step`` along one axis; edges of shape (1,) for unknown ends.

    The layout is kept.
    """
    axis %= x.rank
    shape = list(x.shape)
    known = shape[axis]
    if isinstance(known, int) and not isinstance(start, Edge) and not isinstance(stop, Edge):
        shape[axis] = len(range(known)[slice(start, stop, step)])
    else:
        shape[axis] = None
    far = (1 << 63) - 1
    begin = start if start is not None else (0 if step > 0 else far)
    end = stop if stop is not None else (far if step > 0 else -far)
    value, order = layout.carried(b, x)
    given = [b.name(vector(b, [item])) for item in (begin, end, order.index(axis), step)]
    return layout.moved(b.node("Slice", [value, *given])[0], order, x.dtype, shape)


def split(b: Builder, x: Edge, axis: int, parts: int) -> list[Edge]:
    """Equal parts along an axis of known extent (layout kept)."""
    axis %= x.rank
    known = x.shape[axis]
    part = known // parts if isinstance(known, int) else None
    shape = (*x.shape[:axis], part, *x.shape[axis + 1 :])
    value, order = layout.carried(b, x)
    names = b.node("Split", [value], parts, axis=order.index(axis), num_outputs=parts)
    return [layout.moved(name, order, x.dtype, shape) for name in names]


def pad(b: Builder, x: Edge, pads: Mapping[int, tuple[int, int]], value: float = 0) -> Edge:
    """A number before and after the elements of the axes in ``pads`` (layout kept)."""
    ends = {axis % x.rank: amounts for axis, amounts in pads.items() if any(amounts)}
    if not ends:
        return x
    shape = [
        item + sum(ends.get(axis, (0, 0))) if isinstance(item, int) else _unless(axis, ends, item)
        for axis, item in enumerate(x.shape)
    ]
    source, order = layout.carried(b, x)
    amounts = [ends.get(axis, (0, 0)) for axis in order]
    given = [before for before, _ in amounts] + [after for _, after in amounts]
    inputs = [source, b.name(b.constant(given))]
    if value:
        inputs.append(b.name(b.constant(value, x.dtype)))
    return layout.moved(b.node("Pad", inputs)[0], order, x.dtype, shape)


def _unless(axis: int, changed: Mapping[int, Any], item: Dim) -> Dim:
    return None if axis in changed else item


def flip(b: Builder, x: Edge, axis: int) -> Edge:
    """The entries along an axis in reverse order."""
    flipped = slice_axis(b, x, axis, None, None, -1)
    flipped.shape = x.shape
    return flipped


def zeros(b: Builder, dims: Sequence[Dim], extents: Sequence[Extent], dtype: DType) -> Edge:
    """Zeros of a shape: ``dims`` as it is known, ``extents`` as it is computed."""
    name = b.node("Expand", [b.name(b.constant(0, dtype)), b.name(vector(b, extents))])[0]
    return Edge(name, dtype, tuple(dims))


def arange(b: Builder, count: Extent) -> Edge:
    """The int64 numbers from 0 up to ``count``."""
    end = count if isinstance(count, Edge) else b.constant([count])
    known = count if isinstance(count, int) else None
    ends = [b.constant(0, INT64), squeeze(b, end, 0), b.constant(1, INT64)]
    return b.emit("Range", ends, INT64, (known,))


def unsqueeze(b: Builder, x: Edge, *axes: int) -> Edge:
    """New axes of extent 1 at the given positions of the result."""
    rank = x.rank + len(axes)
    places = sorted(axis % rank for axis in axes)
    shape = list(x.shape)
    for place in places:
        shape.insert(place, 1)
    return b.emit("Unsqueeze", [x, b.constant(places, INT64)], x.dtype, shape)


def squeeze(b: Builder, x: Edge, *axes: int) -> Edge:
    """Without the given axes of extent 1."""
    gone = sorted(axis % x.rank for axis in axes)
    shape = [item for axis, item in enumerate(x.shape) if axis not in gone]
    return b.emit("Squeeze", [x, b.constant(gone, INT64)], x.dtype, shape)


def reduce(
    b: Builder, op_type: str, x: Edge, axes: Sequence[int] | None, keepdims: bool = False
) -> Edge:
    """ReduceSum, ReduceMean, ReduceMax ... over axes (None: all); the twin is used where it is."""
    gone = sorted(axis % x.rank for axis in axes) if axes is not None else list(range(x.rank))
    keep = int(keepdims)
    if keepdims:
        shape: list[Dim] = [1 if axis in gone else item for axis, item in enumerate(x.shape)]
    else:
        shape = [item for axis, item in enumerate(x.shape) if axis not in gone]
    twin = x.twin
    if x.prefers_twin and twin is not None and not twin.flat:
        places = b.constant(sorted(twin.permutation.index(axis) for axis in gone), INT64)
        name = b.node(op_type, [twin.name, b.name(places)], keepdims=keep)[0]
        if keepdims:
            moved = Twin(name, twin.permutation, tuple(shape))
            return Edge(None, x.dtype, tuple(shape), moved)
        left = [axis for axis in twin.permutation if axis not in gone]
        if left == sorted(left):
            return Edge(name, x.dtype, tuple(shape))
        order = [left.index(axis) for axis in sorted(left)]
        return Edge(layout.transposed(b, name, x.dtype, order), x.dtype, tuple(shape))
    return b.emit(op_type, [x, b.constant(gone, INT64)], x.dtype, shape, keepdims=keep)


def gather(b: Builder, x: Edge, indices: Edge, axis: int = 0) -> Edge:
    """Entries of ``x`` along an axis, by index."""
    axis %= x.rank
    shape = (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])
    return b.emit("Gather", [x, indices], x.dtype, shape, axis=axis)


def expand(b: Builder, x: Edge, extents: Sequence[Extent]) -> Edge:
    """``x`` broadcast to a shape."""
    shape = [item if isinstance(item, int) else None for item in extents]
    return b.emit("Expand", [x, vector(b, extents)], x.dtype, broadcast([x.shape, shape]))


def softmax(b: Builder, x: Edge, axis: int = -1) -> Edge:
    """exp(x) over its sum along one axis (layout kept)."""
    axis %= x.rank
    if x.prefers_twin and x.twin is not None and not x.twin.flat:
        return layout.unary(b, "Softmax", x, axis=x.twin.permutation.index(axis))
    return b.emit("Softmax", [x], x.dtype, x.shape, axis=axis)
