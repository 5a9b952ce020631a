"""Sums of two values, so that Keras does not take one of them for a bias.

``keras.ops.add`` on TensorFlow (3.15) makes a ``bias_add`` of a sum whose second operand has one
axis longer than 1, as long as the last axis or axis 1 of the first one, wherever that axis stands:
(3, 4, 4) and (1, 4, 1) are added along the last axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from modelport.dialects.keras.raises.call import Call
from modelport.dialects.keras.raises.value import Held
from modelport.model.graph import Dim, Shape


def added(call: Call, a: Any, b: Any, shapes: Sequence[Shape]) -> Held:
    """The sum of two operands that lie alike; ``shapes`` are those of ONNX."""
    lies = [_laid(value, shape) for value, shape in zip((a, b), shapes, strict=True)]
    if is_safe(*lies):
        return call.op("Add", a, b)
    if is_safe(*reversed(lies)):
        found = call.op("Add", b, a)
    else:
        found = call.op("Subtract", a, call.op("Negative", b) if isinstance(b, Held) else -b)
    wide = next((x for x in (a, b) if isinstance(x, Held) and x.rank >= found.rank), found)
    return Held(found.name, wide.order)


def _laid(value: Any, shape: Shape) -> Shape:
    """The extents of an operand as they lie."""
    if not isinstance(value, Held):
        return tuple(np.shape(value))
    if shape is None:
        return None
    if len(shape) == value.rank:
        return tuple(shape[axis] for axis in value.order)
    return None


def is_safe(a: Shape, b: Shape) -> bool:
    """Whether the sum of values of these shapes is what it should be."""
    if b == () or a == b is not None:
        return True
    if a is None or b is None:
        return False
    for place, extent in enumerate(b):
        others = [*b[:place], *b[place + 1 :]]
        if extent == 1 or any(isinstance(other, int) and other != 1 for other in others):
            continue  # this axis is never the only long one
        if not _right(a, b, place, extent):
            return False
    return True


def _right(a: Sequence[Dim], b: Sequence[Dim], place: int, extent: Dim) -> bool:
    """Whether a vector along an axis of ``b`` is added where it belongs."""
    if len(a) < 2:
        return True
    fits = len(b) <= len(a)
    at = place - len(b)  # from the end
    if _may_be(a[-1], extent) and not (fits and at == -1):
        return False
    if a[-1] == extent and at == -1:
        return fits
    return not _may_be(a[1], extent) or (fits and at == 1 - len(a))


def _may_be(a: Dim, b: Dim) -> bool:
    return a == b or not isinstance(a, int) or not isinstance(b, int)
