"""Operators that take values together along axes."""

from __future__ import annotations

from collections.abc import Sequence

from modelport.dialects.onnx.types import fold
from modelport.dialects.onnx.types.call import NUMBERS, Call, distinct, rule
from modelport.dialects.onnx.types.dims import times
from modelport.dialects.onnx.types.known import Known, vector
from modelport.model.dtype import INT64
from modelport.model.graph import Dim, Shape

_REDUCTIONS = "L1 L2 LogSum LogSumExp Mean Prod Sum SumSquare"


@rule(*(f"Reduce{name}" for name in _REDUCTIONS.split()), kinds=NUMBERS)
def _reduce(call: Call) -> Sequence[Known]:
    return [_reduced(call)]


@rule("ReduceMax", "ReduceMin", kinds=(*NUMBERS, "bool"))
def _extreme(call: Call) -> Sequence[Known]:
    return [_reduced(call)]


def _reduced(call: Call) -> Known:
    x = call.need(0)
    keep = call.number("keepdims", 1) != 0
    axes = call.at(1).extents if call.has(1) else ()
    if axes == ():
        if call.number("noop_with_empty_axes", 0):
            return x.bare()
        axes = None if x.rank is None else tuple(range(x.rank))
        if axes is None:
            return Known(x.dtype, None if keep else ())
    if x.shape is None:
        return Known(x.dtype, None)
    numbers = [axis for axis in axes or () if isinstance(axis, int)]
    if axes is None or len(numbers) < len(axes):
        return Known(x.dtype, _somewhere(call, x.shape, keep))
    gone = set(distinct(numbers, len(x.shape)))
    shape = without(x.shape, gone, keep)
    found = Known(x.dtype, shape)
    function = fold.REDUCTIONS.get(call.op_type)
    if function is None or x.held is None or x.dtype is None:
        return found
    places = tuple(sorted(gone))
    if 0 not in x.shape:
        found = fold.folded(
            found, [x], lambda a: function(a, axis=places, keepdims=keep).astype(a.dtype)
        )
    extents = x.extents
    if found.held is None and extents is not None and call.op_type == "ReduceProd" and gone:
        return vector([times(extents)], x.dtype, not keep)
    return found


def _somewhere(call: Call, shape: tuple[Dim, ...], keep: bool) -> Shape:
    """The shape where the axes are not known, but perhaps how many."""
    if keep:
        return (None,) * len(shape)
    count = call.at(1).dim(0)
    fine = isinstance(count, int) and 0 < count <= len(shape)
    return (None,) * (len(shape) - count) if fine and isinstance(count, int) else None


def without(shape: tuple[Dim, ...], gone: set[int], keep: bool) -> tuple[Dim, ...]:
    """A shape whose axes ``gone`` are taken together: kept as 1, or left out."""
    if keep:
        return tuple(1 if axis in gone else extent for axis, extent in enumerate(shape))
    return tuple(extent for axis, extent in enumerate(shape) if axis not in gone)


@rule("ArgMax", "ArgMin", kinds=NUMBERS)
def _place(call: Call) -> Sequence[Known]:
    x = call.need(0)
    if x.shape is None:
        return [Known(INT64, None)]
    axis = call.axis("axis", len(x.shape), 0)
    return [Known(INT64, without(x.shape, {axis}, call.number("keepdims", 1) != 0))]
