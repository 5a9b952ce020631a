"""Values held between bounds, and the larger and smaller of two."""

from __future__ import annotations

from typing import Any

from modelport.dialects.onnx import arithmetic, ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten
from modelport.dialects.torch.promote import chosen, computed, in_dtype, result_dtype, together


@aten("clamp", "clip")
def clamp(call: Call, x: Any, min: Any = None, max: Any = None) -> Edge:
    """The elements held between two bounds, the upper one first among them."""
    return _held(call, x, min, max)


@aten("clamp_min")
def clamp_min(call: Call, x: Any, min: Any) -> Edge:
    """The elements, at least so large."""
    return _held(call, x, min, None)


@aten("clamp_max")
def clamp_max(call: Call, x: Any, max: Any) -> Edge:
    """The elements, at most so large."""
    return _held(call, x, None, max)


def _held(call: Call, x: Any, low: Any, high: Any) -> Edge:
    dtype = result_dtype([x, low, high])
    edge = in_dtype(call, x, dtype)
    numbers = all(end is None or isinstance(end, int | float) for end in (low, high))
    if numbers and dtype.kind == "float" and None not in (low, high):
        return ops.clip(call.b, edge, low, high)
    # A Clip that is open at one end keeps infinities and NaN in some runtimes only.
    if low is not None:
        edge = computed(call, "Max", edge, in_dtype(call, low, dtype))
    return edge if high is None else computed(call, "Min", edge, in_dtype(call, high, dtype))


def _extreme(op_type: str) -> Any:
    def lower(call: Call, x: Any, other: Any) -> Edge:
        left, right = together(call, x, other)
        return computed(call, op_type, left, right)

    return lower


aten("maximum", "max.other")(_extreme("Max"))
aten("minimum", "min.other")(_extreme("Min"))


def _extreme_number(op_type: str) -> Any:
    """The larger (smaller) one, a NaN giving way to the other."""

    def lower(call: Call, x: Any, other: Any) -> Edge:
        left, right = together(call, x, other)
        found = computed(call, op_type, left, right)
        if left.dtype.kind != "float":
            return found
        found = chosen(call, arithmetic.is_nan(call.b, left), right, found)
        return chosen(call, arithmetic.is_nan(call.b, right), left, found)

    return lower


aten("fmax")(_extreme_number("Max"))
aten("fmin")(_extreme_number("Min"))
