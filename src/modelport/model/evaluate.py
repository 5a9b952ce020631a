"""Evaluating derived tensor data, box by box."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelport.model.boxes import (
    READ_BYTES,
    Run,
    boxes_of_run,
    covering_run,
    extents,
    row_box,
    rows_at_once,
    sub_boxes,
    volume,
)
from modelport.model.derived import (
    Cast,
    Concatenate,
    Expression,
    Fill,
    Reshape,
    Scaled,
    Slice,
    Source,
    Transpose,
    children,
)
from modelport.model.regroup import axis_groups
from modelport.model.tensor import Box


def read_box(expression: Expression, box: Box, limit: int = READ_BYTES) -> NDArray[Any]:
    """The values of ``expression`` inside ``box``.

    Beside them at most about ``limit`` bytes are in memory for each nested reshape or slice.
    """
    if volume(box) == 0:
        return np.empty(extents(box), expression.dtype.numpy)
    if isinstance(expression, Source):
        return expression.tensor.data.read_box(box)
    if isinstance(expression, Fill):
        return np.full(extents(box), expression.value, expression.dtype.numpy)
    if isinstance(expression, Transpose):
        inner = [(0, 0)] * len(box)
        for place, axis in enumerate(expression.permutation):
            inner[axis] = box[place]
        moved = read_box(expression.child, tuple(inner), limit)
        return moved.transpose(expression.permutation)
    if isinstance(expression, Reshape):
        return _read_reshape(expression, box, limit)
    if isinstance(expression, Slice):
        return _read_slice(expression, box, limit)
    if isinstance(expression, Concatenate):
        return _read_concatenate(expression, box, limit)
    return _compute(expression, box, limit)


def _read_slice(expression: Slice, box: Box, limit: int) -> NDArray[Any]:
    axis, child = expression.axis, expression.child
    wanted = expression.indices[slice(*box[axis])]
    row_bytes = _bytes(expression, volume(box)) / len(wanted)
    at_once = max(1, int(limit / (row_bytes * abs(wanted.step))))
    if abs(wanted.step) == 1 or at_once >= len(wanted):
        return _read_indices(child, box, axis, wanted, limit)
    values = np.empty(extents(box), expression.dtype.numpy)
    for start in range(0, len(wanted), at_once):
        where = (slice(None),) * axis + (slice(start, start + at_once),)
        values[where] = _read_indices(child, box, axis, wanted[start : start + at_once], limit)
    return values


def _read_indices(
    child: Expression, box: Box, axis: int, wanted: range, limit: int
) -> NDArray[Any]:
    """The wanted indices of one axis, cut out of the shortest range that has them all."""
    first, last = min(wanted[0], wanted[-1]), max(wanted[0], wanted[-1])
    covering = read_box(child, (*box[:axis], (first, last + 1), *box[axis + 1 :]), limit)
    return covering[(slice(None),) * axis + (slice(None, None, wanted.step),)]


def _read_concatenate(expression: Concatenate, box: Box, limit: int) -> NDArray[Any]:
    axis = expression.axis
    start, stop = box[axis]
    values = np.empty(extents(box), expression.dtype.numpy)
    begin = 0
    for part in expression.children:
        low, high = max(start, begin), min(stop, begin + part.shape[axis])
        if low < high:
            inner = (*box[:axis], (low - begin, high - begin), *box[axis + 1 :])
            where = (slice(None),) * axis + (slice(low - start, high - start),)
            values[where] = read_box(part, inner, limit)
        begin += part.shape[axis]
    return values


def _compute(expression: Expression, box: Box, limit: int) -> NDArray[Any]:
    wanted = expression.dtype.numpy
    values = read_box(children(expression)[0], box, limit)
    if isinstance(expression, Scaled):
        values = values * expression.factor
    elif not isinstance(expression, Cast):
        for part in children(expression)[1:]:
            values = values + read_box(part, box, limit)
    return values.astype(wanted, copy=False)


def _read_reshape(expression: Reshape, box: Box, limit: int) -> NDArray[Any]:
    groups = axis_groups(expression.child.shape, expression.shape)
    runs = [_group_run(expression, box, after) for _, after in groups]
    covered = math.prod(run.length for run in runs)
    if covered > volume(box):
        cut = _cut(expression, box, groups, runs, limit)
        if cut is not None:
            axis, rows = cut
            values = np.empty(extents(box), expression.dtype.numpy)
            for part, where in sub_boxes(box, axis, rows):
                read = _read_reshape(expression, part, limit)
                values[(slice(None),) * axis + (where,)] = read
            return values
    read = _read_runs(expression.child, groups, runs, limit)
    shape: list[int] = []
    place: list[tuple[int, int]] = []
    for (_, after), run in zip(groups, runs, strict=True):
        outer, inner = _part(expression.shape, after), box[after.start : after.stop]
        rows_shape, rows_place = row_box(outer, inner, run.lead)
        shape.extend(rows_shape)
        place.extend(rows_place)
    return read.reshape(shape)[tuple(slice(start, stop) for start, stop in place)]


def _group_run(expression: Reshape, box: Box, after: range) -> Run:
    return covering_run(_part(expression.shape, after), box[after.start : after.stop])


def _cut(
    expression: Reshape,
    box: Box,
    groups: list[tuple[range, range]],
    runs: list[Run],
    limit: int,
) -> tuple[int, int] | None:
    """The axis to cut a box along that covers much more than it wants, and every how many rows."""
    excess, axis = max(
        (run.length / volume(box[after.start : after.stop]), after.start + run.lead)
        for (_, after), run in zip(groups, runs, strict=True)
    )
    rows = box[axis][1] - box[axis][0] if excess > 1 else 1
    covered = _bytes(expression, math.prod(run.length for run in runs))
    at_once = rows_at_once(rows, covered, _bytes(expression, volume(box)), limit)
    return (axis, at_once) if at_once < rows else None


def _read_runs(
    child: Expression, groups: list[tuple[range, range]], runs: list[Run], limit: int
) -> NDArray[Any]:
    """The child's values of a run in each group of axes, as an array with one axis a group."""
    parts = [
        list(boxes_of_run(_part(child.shape, before), run.start, run.stop))
        for (before, _), run in zip(groups, runs, strict=True)
    ]
    lengths = [run.length for run in runs]
    if all(len(boxes) == 1 for boxes in parts):
        whole: Box = tuple(pair for boxes in parts for pair in boxes[0])
        return read_box(child, whole, limit).reshape(lengths)
    values = np.empty(lengths, child.dtype.numpy)
    placed = [_placed(boxes) for boxes in parts]
    for choice in product(*placed):
        inner: Box = tuple(pair for box, _ in choice for pair in box)
        sizes = [where.stop - where.start for _, where in choice]
        where = tuple(where for _, where in choice)
        values[where] = read_box(child, inner, limit).reshape(sizes)
    return values


def _placed(boxes: list[Box]) -> list[tuple[Box, slice]]:
    """Boxes that follow each other in a run, with their place in it."""
    placed, begin = [], 0
    for box in boxes:
        placed.append((box, slice(begin, begin + volume(box))))
        begin += volume(box)
    return placed


def _part(shape: tuple[int, ...], axes: range) -> tuple[int, ...]:
    return shape[axes.start : axes.stop]


def _bytes(expression: Expression, count: int) -> float:
    return count * max(expression.dtype.bits, 8) / 8
