"""Operations that choose elements: indexing, gathering, scattering, sorting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from modelport.dialects.keras.layer import Layer
from modelport.dialects.keras.operations.operands import (
    Operand,
    axes_of,
    bounded,
    extents,
    kind,
    tensor,
)
from modelport.dialects.keras.operations.registry import operation
from modelport.dialects.keras.operations.unary import named, shape_extents
from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.model.dtype import BOOL, FLOAT32, INT32, INT64, DType
from modelport.model.graph import Dim


@operation("GetItem")
def get_item(layer: Layer, x: Operand, key: Any) -> Edge:
    """Python's indexing by numbers, slices, None, Ellipsis, and at most one list or tensor."""
    edge = tensor(layer, x)
    keys = key if isinstance(key, list) else [key]
    if sum(1 for item in keys if item is Ellipsis) > 1:
        raise layer.error("it has several Ellipsis")
    found = _indexed(layer, edge, _spelled_out(layer, keys, edge.rank))
    if edge.values is not None and len(keys) == 1:
        found.values = _chosen(edge.values, keys[0])
    return found


def _chosen(values: tuple[Dim, ...], key: Any) -> tuple[Dim, ...] | None:
    if isinstance(key, slice):
        ends = (key.start, key.stop, key.step)
        return values[key] if all(end is None or type(end) is int for end in ends) else None
    return (values[key],) if type(key) is int and -len(values) <= key < len(values) else None


def _spelled_out(layer: Layer, keys: Sequence[Any], rank: int) -> list[Any]:
    """One key an axis (None adds one), full slices for the Ellipsis and the axes at the end."""
    used = sum(1 for key in keys if key is not None and key is not Ellipsis)
    if used > rank:
        raise layer.error(f"it indexes {used} axes of {rank}")
    full = [slice(None)] * (rank - used)
    spelled: list[Any] = []
    seen = False
    for key in keys:
        if key is Ellipsis:
            spelled += full if not seen else []
            seen = True
        else:
            spelled.append(key)
    return spelled if seen else [*spelled, *full]


def _indexed(layer: Layer, x: Edge, keys: Sequence[Any]) -> Edge:
    b, axis = layer.b, 0
    gone: list[int] = []
    added: list[int] = []
    lists: list[int] = []
    place = 0
    for key in keys:
        if key is None:
            added.append(place)
            place += 1
            continue
        if isinstance(key, slice):
            x = _sliced(layer, x, axis, key)
        elif _is_number(key):
            x = _entry(layer, x, axis, key)
            gone.append(axis)
            place -= 1
        else:
            lists.append(axis)
            x = _gathered(layer, x, axis, key)
        axis += 1
        place += 1
    if len(lists) > 1 or (lists and gone):
        raise layer.error("it indexes by several lists or tensors at once")
    x = ops.squeeze(b, x, *gone) if gone else x
    return ops.unsqueeze(b, x, *added) if added else x


def _is_number(key: Any) -> bool:
    if isinstance(key, Edge):
        return key.rank == 0
    return isinstance(key, int | np.integer) and not isinstance(key, bool)


def _sliced(layer: Layer, x: Edge, axis: int, key: slice) -> Edge:
    step = 1 if key.step is None else key.step
    if not isinstance(step, int):
        raise layer.error("it slices by a step that is computed")
    if key.start is None and key.stop is None and step == 1:
        return x
    ends = [_end(layer, item) for item in (key.start, key.stop)]
    return ops.slice_axis(layer.b, x, axis, ends[0], ends[1], step)


def _end(layer: Layer, item: Operand) -> int | Edge | None:
    if item is None or isinstance(item, int):
        return item
    if not isinstance(item, Edge):
        return int(item)
    if item.values and isinstance(item.values[0], int):
        return item.values[0]
    return ops.reshape(layer.b, ops.cast(layer.b, item, INT64), [1])


def _entry(layer: Layer, x: Edge, axis: int, key: Operand) -> Edge:
    """One entry of an axis, which stays with extent 1."""
    if not isinstance(key, Edge):
        number = int(key)
        extent = x.shape[axis]
        if isinstance(extent, int) and not -extent <= number < extent:
            raise ValueError(f"index {number} of {extent}")
        return ops.slice_axis(layer.b, x, axis, number, number + 1 if number != -1 else None)
    index = ops.reshape(layer.b, ops.cast(layer.b, key, INT64), [1])
    return ops.gather(layer.b, x, index, axis)


def _gathered(layer: Layer, x: Edge, axis: int, key: Operand) -> Edge:
    if kind(key) == BOOL or (isinstance(key, list) and any(type(item) is bool for item in key)):
        raise layer.error("it chooses by a condition, so that its result has no fixed size")
    index = tensor(layer, key)
    if index.rank != 1:
        raise layer.error("it indexes by a list or tensor of several axes")
    return ops.gather(layer.b, x, index, axis)


@operation("Take")
def take(layer: Layer, x: Operand, indices: Operand, axis: Any = None) -> Edge:
    """Entries along an axis by index, negative ones counted from the end."""
    b, edge, index = layer.b, tensor(layer, x), tensor(layer, indices)
    if axis is None:
        edge, axis = ops.reshape(b, edge, [-1]), 0
    if index.dtype not in (INT32, INT64):
        index = ops.cast(b, index, INT32)
    return ops.gather(b, edge, index, axes_of(axis, edge.rank)[0])


@operation("TakeAlongAxis")
def take_along_axis(layer: Layer, x: Operand, indices: Operand, axis: Any = None) -> Edge:
    """For every place of the indices, the element of ``x`` there, with the index along the axis."""
    b, edge, index = layer.b, tensor(layer, x), tensor(layer, indices)
    if axis is None:
        edge, index = (ops.reshape(b, item, [-1]) for item in (edge, index))
        axis = 0
    place = axes_of(axis, edge.rank)[0]
    if index.dtype not in (INT32, INT64):
        index = ops.cast(b, index, INT64)
    edge = _spread(layer, edge, index, place)
    index = _spread(layer, index, edge, place)
    return b.emit("GatherElements", [edge, index], edge.dtype, index.shape, axis=place)


def _spread(layer: Layer, x: Edge, other: Edge, axis: int) -> Edge:
    """``x`` broadcast to the other's extents, but along the axis."""
    wide = [i for i in range(x.rank) if i != axis and x.shape[i] == 1 and other.shape[i] != 1]
    if not wide:
        return x
    sizes = [ops.extent(layer.b, other, i) if i in wide else 1 for i in range(x.rank)]
    made = ops.expand(layer.b, x, sizes)
    shape = tuple(other.shape[i] if i in wide else x.shape[i] for i in range(x.rank))
    return Edge(made.name, x.dtype, shape)


@operation("OneHot")
def one_hot(layer: Layer, x: Operand, num_classes: int, axis: int = -1, dtype: Any = None) -> Edge:
    """1 at the index, 0 elsewhere; an index outside gives zeros."""
    wanted = FLOAT32 if dtype is None else named(dtype)
    return hot(layer, tensor(layer, x), num_classes, axis, wanted)


def hot(layer: Layer, x: Edge, count: int, axis: int, dtype: DType) -> Edge:
    """An axis of ``count`` entries that are 1 where they equal the index."""
    b = layer.b
    index = x if x.dtype in (INT32, INT64) else ops.cast(b, x, INT64)
    bounded(layer, count, "the number of its classes")
    place = axes_of(axis, x.rank + 1)[0]
    classes = np.arange(count).reshape([-1 if i == place else 1 for i in range(x.rank + 1)])
    wide = ops.unsqueeze(b, index, place)
    return ops.cast(b, ops.binary(b, "Equal", wide, b.constant(classes, index.dtype)), dtype)


@operation("MultiHot")
def multi_hot(
    layer: Layer,
    inputs: Operand,
    num_classes: int | None = None,
    axis: int = -1,
    dtype: Any = None,
    num_tokens: int | None = None,
) -> Edge:
    """1 at every index along the second axis (the first, of a vector)."""
    edge = tensor(layer, inputs)
    wanted = FLOAT32 if dtype is None else named(dtype)
    count = num_classes if num_classes is not None else num_tokens
    if count is None:
        raise layer.error("it does not state the number of classes")
    many = hot(layer, edge, count, axis, wanted)
    return ops.reduce(layer.b, "ReduceMax", many, [1 if edge.rank > 1 else 0])


# Scattering


@operation("Scatter")
def scatter(layer: Layer, indices: Operand, values: Operand, shape: Operand) -> Edge:
    """Zeros with values added at indices."""
    b, update = layer.b, tensor(layer, values)
    blank = ops.expand(b, b.constant(0, update.dtype), extents(layer, shape))
    return _scattered(layer, blank, indices, update, "add")


@operation("ScatterUpdate")
def scatter_update(
    layer: Layer, inputs: Operand, indices: Operand, updates: Operand, reduction: Any = None
) -> Edge:
    """A tensor with other values at some indices."""
    edge = tensor(layer, inputs)
    return _scattered(layer, edge, indices, tensor(layer, updates, edge.dtype), reduction)


def _scattered(layer: Layer, x: Edge, indices: Operand, update: Edge, reduction: Any) -> Edge:
    index = ops.cast(layer.b, tensor(layer, indices), INT64)
    given = None if reduction is None else str(reduction)
    return layer.b.emit("ScatterND", [x, index, update], x.dtype, x.shape, reduction=given)


@operation("Slice")
def sliced(layer: Layer, inputs: Operand, start_indices: Operand, shape: Any) -> Edge:
    """A box of a shape from a start on."""
    edge = tensor(layer, inputs)
    for axis, count in enumerate(np.asarray(shape).reshape(-1).tolist()):
        edge = _box(layer, edge, axis, _start(layer, start_indices, axis), count)
    return edge


def _start(layer: Layer, starts: Operand, axis: int) -> int | Edge:
    if isinstance(starts, Edge):
        wide = ops.cast(layer.b, starts, INT64)
        return ops.slice_axis(layer.b, wide, 0, axis, axis + 1)
    begin = _end(layer, starts[axis])
    return 0 if begin is None else begin


def _box(layer: Layer, x: Edge, axis: int, begin: int | Edge, count: int) -> Edge:
    if isinstance(begin, Edge):
        stop: int | Edge | None = ops.add(layer.b, begin, count) if count != -1 else None
    else:
        stop = begin + count if count != -1 else None
        if begin == 0 and (count == -1 or x.shape[axis] == count):
            return x
    made = ops.slice_axis(layer.b, x, axis, begin, stop)
    if count != -1:
        made.shape = (*made.shape[:axis], count, *made.shape[axis + 1 :])
    return made


@operation("SliceUpdate")
def slice_update(layer: Layer, inputs: Operand, start_indices: Operand, updates: Operand) -> Edge:
    """A tensor with another box of values from a start on."""
    b, edge = layer.b, tensor(layer, inputs)
    update = tensor(layer, updates, edge.dtype)
    places = []
    for axis in range(edge.rank):
        count = ops.arange(b, ops.extent(b, update, axis))
        begin = _start(layer, start_indices, axis)
        moved = ops.add(b, count, begin)
        spread = ops.unsqueeze(b, moved, *(i for i in range(edge.rank) if i != axis))
        wide = ops.expand(b, spread, shape_extents(layer, update))
        places.append(ops.unsqueeze(b, wide, -1))
    index = ops.concat(b, places, -1)
    return b.emit("ScatterND", [edge, index, update], edge.dtype, edge.shape)
