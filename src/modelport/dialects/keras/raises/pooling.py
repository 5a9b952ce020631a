"""Pooling: one number for each window."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from itertools import product
from math import prod
from typing import Any

from modelport.dialects.keras.raises.call import Call, raises
from modelport.dialects.keras.raises.padding import Window, around, filled, lowest, window
from modelport.dialects.keras.raises.value import Held
from modelport.dialects.keras.stock.chain import slices

_MOST_PARTS = 64
"""Elements of a window that is written out one by one."""


@raises("MaxPool")
def max_pool(call: Call) -> Held:
    """The largest element of each window."""
    moved = _window(call)
    if max(moved.dilations) == 1 and (moved.is_bare or moved.same) and _is_float(call):
        return _layer(call, moved, "Max", call.spatial(0), "same" if moved.same else "valid")
    x = call.spatial(0)
    if not moved.is_bare:
        x = filled(call, x, moved.known_ends(), lowest(call))
    if max(moved.dilations) == 1 and _is_float(call):
        return _layer(call, moved, "Max", x, "valid")
    return _one_by_one(call, moved, x, lambda a, b: call.op("Maximum", a, b))


@raises("AveragePool")
def average_pool(call: Call) -> Held:
    """The mean of each window; what is put around counts only with ``count_include_pad``."""
    moved = _window(call)
    counts = bool(call.attribute("count_include_pad", 0))
    x = call.spatial(0)
    if moved.is_bare or (moved.same and not counts and max(moved.dilations) == 1):
        return _mean(call, moved, x, "same" if moved.same else "valid")
    found = _mean(call, moved, around(call, x, moved.known_ends()), "valid")
    if counts and not any(moved.beyond):
        return found
    one = [slices(0, 1) if axis == 1 else slices() for axis in x.order]
    ones = call.op("OnesLike", call.op("GetItem", x, one))
    if counts:
        ones = filled(call, ones, moved.around, 1.0)
        ones = around(call, ones, [(0, more) for more in moved.beyond])
    else:
        ones = around(call, ones, moved.known_ends())
    return call.op("Divide", found, _mean(call, moved, ones, "valid"))


@raises("LpPool")
def lp_pool(call: Call) -> Held:
    """The p-th root of the sum of the p-th powers of each window."""
    moved, p = _window(call), float(call.attribute("p", 2))
    x = call.spatial(0)
    if not moved.is_bare:
        x = around(call, x, moved.known_ends())
    powers = call.op("Power", call.op("Absolute", x), p)
    total = call.op("Multiply", _mean(call, moved, powers, "valid"), float(prod(moved.kernel)))
    return call.op("Power", total, 1 / p)


@raises("GlobalLpPool")
def global_lp_pool(call: Call) -> Held:
    """The p-th root of the sum of the p-th powers over all but batch and channels."""
    x, p = call.held(), float(call.attribute("p", 2))
    axes = sorted(x.axis(axis) for axis in range(2, x.rank))
    powers = call.op("Power", call.op("Absolute", x), p)
    return call.op("Power", call.op("Sum", powers, axis=axes, keepdims=True), 1 / p)


def _window(call: Call) -> Window:
    kernel = call.ints("kernel_shape")
    if not 1 <= len(kernel) <= 3:
        raise call.refused("Keras moves windows over one to three axes")
    if len(call.node.outputs) > 1 and call.writer.is_used(call.node.outputs[1]):
        raise call.refused("it tells where the largest elements were, Keras does not")
    return window(call, kernel)


def _is_float(call: Call) -> bool:
    dtype = call.known(0).dtype
    return dtype is not None and dtype.kind == "float"


def _mean(call: Call, moved: Window, x: Held, padding: str) -> Held:
    if max(moved.dilations) == 1:
        return _layer(call, moved, "Average", x, padding)
    total = _one_by_one(call, moved, x, lambda a, b: call.op("Add", a, b))
    return call.op("Divide", total, float(prod(moved.kernel)))


def _layer(call: Call, moved: Window, kind: str, x: Held, padding: str) -> Held:
    config: dict[str, Any] = {"pool_size": moved.kernel, "strides": moved.strides}
    config |= {"padding": padding, "data_format": call.data_format}
    return call.layer(f"{kind}Pooling{moved.spatial}D", config, x)


def _one_by_one(call: Call, moved: Window, x: Held, join: Callable[[Held, Held], Held]) -> Held:
    """Windows with gaps: all first elements, all second ones and so on, joined."""
    if prod(moved.kernel) > _MOST_PARTS:
        raise call.refused("its windows have gaps, and are too large to be written out")
    parts = []
    for place in product(*map(range, moved.kernel)):
        chosen: list[Any] = []
        for axis, step in enumerate(place):
            begin = step * moved.dilations[axis]
            left = moved.reach[axis] - 1 - begin
            chosen.append(slices(begin, -left if left else None, moved.strides[axis]))
        parts.append(call.op("GetItem", x, x.laid(chosen, slices())))
    return reduce(join, parts)
