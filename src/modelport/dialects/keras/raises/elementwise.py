"""Arithmetic of one element at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from modelport.dialects.keras.raises.call import Call, raises
from modelport.dialects.keras.raises.value import Held, plain

_BINARY = {"Add": "Add", "Sub": "Subtract", "Mul": "Multiply", "Div": "Divide", "Pow": "Power"}


@raises(*_BINARY)
def binary(call: Call) -> Held:
    """An operation on two values, or on a value and a constant."""
    a, b = operands(call)
    both = isinstance(a, Held) and isinstance(b, Held)
    if both and call.node.op_type in ("Add", "Mul") and _alike(call):
        return call.layer("Add" if call.node.op_type == "Add" else "Multiply", {}, [a, b])
    return call.op(_BINARY[call.node.op_type], a, b)


def _alike(call: Call) -> bool:
    shapes = [call.known(i).shape for i in (0, 1)]
    return shapes[0] is not None and shapes[0] == shapes[1] and len(shapes[0]) > 1


def operands(call: Call) -> tuple[Any, Any]:
    """Both operands with their axes in one order; constants as numbers or arrays."""
    values = [call.held(i) for i in (0, 1) if not call.is_constant(i)]
    if len(values) == 2:
        if values[0].order == values[1].order:
            return values[0], values[1]
        if values[0].rank == values[1].rank:
            return values[0], call.writer.ordered(values[1], values[0].order)
        return call.plain(0), call.plain(1)
    place = 0 if call.is_constant(0) else 1
    array = call.array(place)
    if array is None:
        raise call.refused("a large constant, where Keras takes a value")
    x = values[0]
    if array.ndim > x.rank:
        x = call.writer.ordered(x, plain(x.rank))
    if array.size == 1 and array.ndim <= x.rank:
        constant: Any = array.reshape(()).item()
    else:
        full = array.reshape((1,) * (x.rank - array.ndim) + array.shape)
        constant = np.transpose(full, x.order) if array.ndim <= x.rank else array
    return (constant, x) if place == 0 else (x, constant)
