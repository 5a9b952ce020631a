"""Operators that pick, place and join elements."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np

from modelport.dialects.onnx.types import fold
from modelport.dialects.onnx.types.call import Call, rule, within
from modelport.dialects.onnx.types.dims import demand, fits, plus, times
from modelport.dialects.onnx.types.known import MOST_ELEMENTS, Known, made, vector
from modelport.model.dtype import INT64
from modelport.model.graph import Dim


@rule("Gather")
def _gather(call: Call) -> Sequence[Known]:
    x, where = call.need(0), call.need(1)
    if x.shape is None:
        return [Known(x.dtype, None)]
    demand(bool(x.shape), "a single number has no entries to gather")
    axis = call.axis("axis", len(x.shape), 0)
    if where.shape is None:
        return [Known(x.dtype, None)]
    found = made(x.dtype, (*x.shape[:axis], *where.shape, *x.shape[axis + 1 :]))
    items, places = x.extents, where.array
    if items is None or places is None or found.rank not in (0, 1) or x.dtype is None:
        return [fold.folded(found, [x, where], lambda a, i: _taken(a, i, axis))]
    chosen = places.reshape(-1).tolist()
    demand(all(-len(items) <= i < len(items) for i in chosen), f"no element {chosen[:8]}")
    return [vector([items[i] for i in chosen], x.dtype, found.rank == 0)]


def _taken(a: fold.Array, places: fold.Array, axis: int) -> fold.Array | None:
    extent = a.shape[axis]
    fine = places.size == 0 or (int(places.min()) >= -extent and int(places.max()) < extent)
    return np.asarray(np.take(a, places, axis=axis)) if fine else None


@rule("GatherElements")
def _gather_elements(call: Call) -> Sequence[Known]:
    return [Known(call.need(0).dtype, call.need(1).shape)]


@rule("GatherND")
def _gather_nd(call: Call) -> Sequence[Known]:
    x, where = call.need(0), call.need(1)
    lead = call.number("batch_dims", 0)
    if x.shape is None or where.shape is None or not where.shape:
        return [Known(x.dtype, None)]
    depth = where.shape[-1]
    if not isinstance(depth, int):
        return [Known(x.dtype, None)]
    fine = 0 <= lead < len(where.shape) and lead + depth <= len(x.shape)
    demand(fine, f"indices {list(where.shape)} for {list(x.shape)}")
    return [Known(x.dtype, (*where.shape[:-1], *x.shape[lead + depth :]))]


@rule("Scatter", "ScatterElements", "ScatterND", "TensorScatter")
def _scatter(call: Call) -> Sequence[Known]:
    return [call.need(0).bare()]


@rule("Slice")
def _slice(call: Call) -> Sequence[Known]:
    x = call.need(0)
    starts, stops = call.need(1).extents, call.need(2).extents
    axes = call.at(3).extents if call.has(3) else None
    if x.shape is None:
        return [Known(x.dtype, None)]
    rank = len(x.shape)
    if call.has(3) and (axes is None or None in axes):
        return [Known(x.dtype, (None,) * rank)]
    if axes is None:
        counted = starts or stops
        count = len(counted) if counted is not None else call.at(1).dim(0)
        axes = tuple(range(count if isinstance(count, int) and count <= rank else rank))
    places = [within(axis, rank) for axis in axes if isinstance(axis, int)]
    unknown = (None,) * len(places)
    steps = call.at(4).extents if call.has(4) else (1,) * len(places)
    given = [starts or unknown, stops or unknown, unknown if steps is None else steps]
    fine = all(len(item) == len(places) for item in given)
    demand(fine, f"{[len(item) for item in given]} numbers for {len(places)} axes")
    shape: list[Dim] = list(x.shape)
    for axis, start, stop, step in zip(places, *given, strict=True):
        shape[axis] = cut(x.shape[axis], start, stop, step)
    found = Known(x.dtype, tuple(shape))
    return [_sliced(x, found, places, given)]


def _sliced(x: Known, found: Known, places: list[int], given: Sequence[Sequence[Dim]]) -> Known:
    numbers = [item for part in given for item in part if isinstance(item, int)]
    if x.held is None or x.dtype is None or len(numbers) < 3 * len(places):
        return found
    picked = {
        axis: indices(int(x.dim(axis) or 0), int(start or 0), int(stop or 0), int(step or 0))
        for axis, start, stop, step in zip(places, *given, strict=True)
    }
    items = x.extents
    if items is not None and found.rank == 1 and len(items) == x.dim(0):
        return vector([items[i] for i in picked.get(0, range(len(items)))], x.dtype)
    return fold.folded(found, [x], lambda a: _picked(a, picked))


def _picked(a: fold.Array, picked: dict[int, range]) -> fold.Array:
    for axis, indices in picked.items():
        a = np.take(a, np.array(indices, np.int64), axis=axis)
    return a


def cut(extent: Dim, start: Dim, stop: Dim, step: Dim) -> Dim:
    """How many elements a slice of an axis has.

    Raises:
        ValueError: a step of 0.
    """
    demand(step != 0, "a slice in steps of 0")
    if isinstance(start, int) and isinstance(stop, int) and isinstance(step, int):
        if isinstance(extent, int):
            return len(indices(extent, start, stop, step))
        if start == 0 and step == 1 and stop >= (1 << 31) - 1:
            return extent
        if step == -1 and start == -1 and stop < -((1 << 31) - 1):
            return extent
        return 0 if stop == 0 and start == 0 and step > 0 else None
    if start == 0 and step == 1 and extent is not None and stop == extent:
        return extent
    return None


def indices(extent: int, start: int, stop: int, step: int) -> range:
    """The indices of a slice: a start is clamped to the elements, a stop to one beyond."""
    low, high = (0, extent) if step > 0 else (-1, extent - 1)
    first = min(max(start + extent if start < 0 else start, 0), high)
    last = min(max(stop + extent if stop < 0 else stop, low), high)
    return range(first, last, step)


@rule("Concat")
def _concat(call: Call) -> Sequence[Known]:
    items = call.given()
    demand(len(items) == len(call.inputs), "Concat needs all of its inputs")
    dtype = next((item.dtype for item in items if item.dtype is not None), None)
    for other in items:
        fine = other.dtype is None or other.dtype == dtype
        demand(fine, f"{dtype} and {other.dtype} do not join")
    shapes = [item.shape for item in items if item.shape is not None]
    if not shapes:
        return [Known(dtype, None)]
    first, rank = shapes[0], len(shapes[0])
    axis = call.axis("axis", rank)
    kept: tuple[Dim, ...] = (*first[:axis], *first[axis + 1 :])
    for shape in shapes[1:]:
        shown = f"{list(first)} and {list(shape)} do not join along axis {axis}"
        demand(len(shape) == rank, shown)
        other_kept = shape[:axis] + shape[axis + 1 :]
        demand(fits(kept, other_kept), shown)
        kept = tuple(
            x if isinstance(x, int) else y if isinstance(y, int) or x is None else x
            for x, y in zip(kept, other_kept, strict=True)
        )
    total = plus([shape[axis] for shape in shapes]) if len(shapes) == len(items) else None
    found = made(dtype, (*kept[:axis], total, *kept[axis:]))
    return [_concatenated(items, found, axis)]


def _concatenated(items: Sequence[Known], found: Known, axis: int) -> Known:
    if (
        found.rank == 1
        and found.dtype is not None
        and all(item.held is not None or item.shape == (1,) for item in items)
    ):
        total = found.dim(0)
        if not isinstance(total, int) or total > MOST_ELEMENTS:
            return found
        result = fold.folded(found, items, lambda *a: np.concatenate(a, axis=axis))
        if result.held is not None:
            return result
        parts = [item.extents or (None,) * int(item.dim(0) or 0) for item in items]
        return vector([extent for part in parts for extent in part], found.dtype)
    if any(item.held is None for item in items):
        return found
    return fold.folded(found, items, lambda *a: np.concatenate(a, axis=axis))


@rule("Split")
def _split(call: Call) -> Sequence[Known]:
    x = call.need(0)
    parts = call.number("num_outputs", call.outputs)
    demand(parts > 0, f"{parts} parts")
    if x.shape is None:
        return [Known(x.dtype, None)] * call.outputs
    axis = call.axis("axis", len(x.shape), 0)
    extent = x.shape[axis]
    sizes: Sequence[Dim] | None = call.at(1).extents
    if not call.has(1):
        sizes = [None] * call.outputs
        if isinstance(extent, int):
            each = -(-extent // parts)
            sizes = [max(min(each, extent - i * each), 0) for i in range(call.outputs)]
    if sizes is None or len(sizes) < call.outputs:
        sizes = [None] * call.outputs
    numbers = [size for size in sizes if isinstance(size, int)]
    fine = not isinstance(extent, int) or len(numbers) < len(sizes) or sum(numbers) == extent
    demand(fine or len(sizes) > call.outputs, f"{numbers[:64]} are not {extent} elements together")
    results = [
        made(x.dtype, (*x.shape[:axis], size, *x.shape[axis + 1 :]))
        for size in sizes[: call.outputs]
    ]
    items = x.extents
    if items is None or x.dtype is None or len(x.shape) != 1 or len(numbers) < len(sizes):
        return results
    ends = accumulate(numbers, initial=0)
    return [vector(items[start:stop], x.dtype) for start, stop in pairwise(ends)][: call.outputs]


@rule("Compress")
def _compress(call: Call) -> Sequence[Known]:
    x, chosen = call.need(0), call.need(1).array
    count = None if chosen is None else int(np.count_nonzero(chosen))
    if call.settings.get("axis") is None:
        return [Known(x.dtype, (count if chosen is not None and _all(x, chosen) else None,))]
    if x.shape is None:
        return [Known(x.dtype, None)]
    axis = call.axis("axis", len(x.shape))
    extent = x.shape[axis]
    fine = chosen is not None and isinstance(extent, int) and chosen.size <= extent
    return [Known(x.dtype, (*x.shape[:axis], count if fine else None, *x.shape[axis + 1 :]))]


def _all(x: Known, chosen: fold.Array) -> bool:
    total = None if x.shape is None else times(x.shape)
    return isinstance(total, int) and chosen.size <= total


@rule("NonZero")
def _nonzero(call: Call) -> Sequence[Known]:
    x = call.need(0)
    # A single number counts as a vector of one.
    rank = None if x.rank is None else x.rank
    array = x.array
    count = None if array is None or array.ndim == 0 else int(np.count_nonzero(array))
    found = Known(INT64, (rank if rank else None, count))
    if array is None or array.ndim == 0:
        return [found]
    return [fold.folded(found, [x], lambda a: np.array(np.nonzero(a), np.int64))]


@rule("OneHot")
def _one_hot(call: Call) -> Sequence[Known]:
    where, depth, values = call.need(0), call.need(1), call.need(2)
    if where.shape is None:
        return [Known(values.dtype, None)]
    axis = call.axis("axis", len(where.shape) + 1, -1)
    known = depth.extents
    count = known[0] if known is not None and len(known) == 1 else None
    return [made(values.dtype, (*where.shape[:axis], count, *where.shape[axis:]))]


@rule("TopK", kinds=("float", "int", "uint"))
def _top_k(call: Call) -> Sequence[Known]:
    x, k = call.need(0), call.need(1).extents
    if x.shape is None:
        return [Known(x.dtype, None), Known(INT64, None)]
    axis = call.axis("axis", len(x.shape), -1)
    count = k[0] if k is not None and len(k) == 1 else None
    found = made(x.dtype, (*x.shape[:axis], count, *x.shape[axis + 1 :]))
    return [found, Known(INT64, found.shape)]


@rule("Unique")
def _unique(call: Call) -> Sequence[Known]:
    x = call.need(0)
    listed = Known(INT64, (None,))
    if call.settings.get("axis") is None:
        return [Known(x.dtype, (None,)), listed, listed, listed]
    if x.shape is None:
        return [Known(x.dtype, None), listed, listed, listed]
    axis = call.axis("axis", len(x.shape))
    found = Known(x.dtype, (*x.shape[:axis], None, *x.shape[axis + 1 :]))
    return [found, listed, Known(INT64, (x.shape[axis],)), listed]


@rule("NonMaxSuppression")
def _suppressed(call: Call) -> Sequence[Known]:
    return [Known(INT64, (None, 3))]
