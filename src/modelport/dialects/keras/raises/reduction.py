"""Reductions along axes."""

from __future__ import annotations

from modelport.dialects.keras.raises.call import Call, raises
from modelport.dialects.keras.raises.value import Held

_REDUCTIONS = {
    "ReduceMean": "Mean",
    "ReduceSum": "Sum",
    "ReduceMax": "Max",
    "ReduceMin": "Min",
    "ReduceProd": "Prod",
}


@raises(*_REDUCTIONS)
def reduction(call: Call) -> Held:
    """A reduction along axes; along all where none are given."""
    x, keep = call.held(), bool(call.attribute("keepdims", 1))
    if call.has(1) and call.whole(1) is None:
        raise call.refused("its axes are computed, where Keras takes numbers")
    axes = [axis % x.rank for axis in call.whole(1) or range(x.rank)]
    if call.attribute("noop_with_empty_axes", 0) and not call.whole(1):
        return x
    places = sorted(x.axis(axis) for axis in axes)
    name = _REDUCTIONS[call.node.op_type]
    kept = [axis for axis in x.order if keep or axis not in axes]
    order = tuple(sorted(kept).index(axis) for axis in kept)
    return call.op(name, x, order=order, axis=places, keepdims=keep)
