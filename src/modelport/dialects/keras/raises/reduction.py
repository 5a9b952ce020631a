"""Reductions along axes."""

from __future__ import annotations

from collections.abc import Callable

from modelport.dialects.keras.raises.call import Call, raises
from modelport.dialects.keras.raises.value import Held
from modelport.model.dtype import DTYPES, DType

_REDUCTIONS = {
    "ReduceMean": "Mean", "ReduceSum": "Sum", "ReduceMax": "Max", "ReduceMin": "Min",
    "ReduceProd": "Prod", "ReduceLogSumExp": "Logsumexp", "ReduceL1": "Sum", "ReduceL2": "Sum",
    "ReduceLogSum": "Sum", "ReduceSumSquare": "Sum",
}  # fmt: skip
_BEFORE = {"ReduceL1": "Absolute", "ReduceL2": "Square", "ReduceSumSquare": "Square"}
_AFTER = {"ReduceL2": "Sqrt", "ReduceLogSum": "Log"}


@raises(*_REDUCTIONS)
def reduction(call: Call) -> Held:
    """A reduction along axes; along all where none are given."""
    kind = call.node.op_type
    x, keep = call.held(), bool(call.attribute("keepdims", 1))
    if call.has(1) and call.whole(1) is None:
        raise call.refused("its axes are computed, where Keras takes numbers")
    dtype = call.known(0).dtype
    if dtype is not None and dtype.name == "uint64":
        raise call.refused("Keras computes unsigned numbers of 64 bits with 32")
    if kind in _BEFORE:
        x = call.op(_BEFORE[kind], x)
    if not (call.attribute("noop_with_empty_axes", 0) and not call.whole(1)):
        axes = [axis % x.rank for axis in call.whole(1) or range(x.rank)]
        x = reduced(call, _REDUCTIONS[kind], x, axes, keep)
    elif kind == "ReduceLogSumExp":
        return x
    x = call.op(_AFTER[kind], x) if kind in _AFTER else x
    narrow = dtype is not None and dtype.kind in ("int", "uint") and dtype.bits < 64
    return call.cast(x, dtype) if narrow or (kind == "ReduceMean" and _is_whole(dtype)) else x


def _is_whole(dtype: DType | None) -> bool:
    return dtype is not None and dtype.kind in ("int", "uint")


def reduced(call: Call, name: str, x: Held, axes: list[int], keep: bool) -> Held:
    """An operation that takes ``axis`` and ``keepdims``, along axes of the ONNX value."""
    places = sorted(x.axis(axis) for axis in axes)
    return call.op(name, x, order=without(x, axes, keep), axis=places, keepdims=keep)


def without(x: Held, axes: list[int], keep: bool) -> tuple[int, ...]:
    """How the axes lie that a reduction leaves."""
    kept = [axis for axis in x.order if keep or axis not in axes]
    return tuple(sorted(kept).index(axis) for axis in kept)


@raises("ArgMax", "ArgMin")
def extreme(call: Call) -> Held:
    """Where the largest or smallest element is, the first of several."""
    last = bool(call.attribute("select_last_index", 0))
    x, keep = call.held(), bool(call.attribute("keepdims", 1))
    axis = int(call.attribute("axis", 0)) % x.rank
    name = "Argmax" if call.node.op_type == "ArgMax" else "Argmin"
    order = without(x, [axis], keep)
    if last:
        x = call.op("Flip", x, axis=x.axis(axis))
    found = call.op(name, x, order=order, axis=x.axis(axis), keepdims=keep)
    if last:
        extent = call.known(0).dim(axis)
        end = extent if isinstance(extent, int) else call.writer.extents.number(extent)
        found = call.cast(found, DTYPES["int64"])
        return call.op("Subtract", call.op("Subtract", end, found, order=order), 1)
    return call.cast(found, call.output().dtype)


@raises("CumSum", "CumProd")
def cumulative(call: Call) -> Held:
    """The sum or product of all elements so far."""
    axis = call.whole(1)
    if axis is None:
        raise call.refused("its axis is computed, where Keras takes a number")
    x = call.held()
    place = x.axis(axis[0])
    flip: Callable[[Held], Held] = lambda value: call.op("Flip", value, axis=place)  # noqa: E731
    turned = bool(call.attribute("reverse", 0))
    start = flip(x) if turned else x
    name = "Cumsum" if call.node.op_type == "CumSum" else "Cumprod"
    found = call.op(name, start, axis=place)
    if call.attribute("exclusive", 0):
        if name != "Cumsum":
            raise call.refused("a product without the element itself")
        found = call.op("Subtract", found, start)
    return flip(found) if turned else found
