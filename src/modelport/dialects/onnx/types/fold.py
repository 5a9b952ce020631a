"""Constants on their way: the arithmetic of shapes, on arrays and on partly known vectors.

Only what few elements take part in is computed, and only where all of the result is bounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelport.dialects.onnx.types.dims import plus, quotient, times
from modelport.dialects.onnx.types.known import (
    MOST_ELEMENTS,
    Known,
    constant,
    vector,
)
from modelport.model.dtype import INT32, INT64
from modelport.model.graph import Dim, Shape

Array = NDArray[Any]
_NATIVE = frozenset(
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64".split()
)


def bounded(shape: Shape) -> bool:
    """Whether a result of that shape is small enough to be computed."""
    return (
        shape is not None
        and all(isinstance(extent, int) for extent in shape)
        and math.prod(extent for extent in shape if isinstance(extent, int)) <= MOST_ELEMENTS
    )


def fixed(known: Known) -> tuple[int, ...]:
    """The shape of a value whose extents are all numbers."""
    return tuple(extent for extent in known.shape or () if isinstance(extent, int))


def arrays(items: Sequence[Known]) -> list[Array] | None:
    """The elements of all, where all are known and of a type that numpy computes with."""
    found = []
    for item in items:
        if item.held is None or item.dtype is None or item.dtype.name not in _NATIVE:
            return None
        array = item.array
        if array is None:
            return None
        found.append(array)
    return found


def folded(result: Known, items: Sequence[Known], function: Callable[..., Array | None]) -> Known:
    """``result`` with its elements, where those of ``items`` are known."""
    if result.dtype is None or result.dtype.name not in _NATIVE or not bounded(result.shape):
        return result
    given = arrays(items)
    if given is None:
        return result
    with np.errstate(all="ignore"):
        found = function(*given)
    if found is None or found.shape != result.shape:
        return result
    return constant(np.asarray(found).astype(result.dtype.numpy, copy=False), result.dtype)


def _divided(a: Array, b: Array) -> Array | None:
    if a.dtype.kind == "f":
        return np.asarray(np.divide(a, b))
    if not np.all(b):
        return None
    # ONNX rounds whole quotients towards 0, numpy rounds them down.
    down = np.asarray(a // b)
    return np.asarray(down + ((down < 0) & (down * b != a)).astype(a.dtype))


def _powered(a: Array, b: Array) -> Array | None:
    if a.dtype.kind in "iu" and (b.dtype.kind not in "iu" or np.any(b < 0)):
        return None
    return np.asarray(np.power(a, b))


def _remainder(a: Array, b: Array) -> Array | None:
    return np.asarray(np.mod(a, b)) if a.dtype.kind in "iu" and np.all(b) else None


BINARY: dict[str, Callable[..., Any]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": _divided,
    "Mod": _remainder,
    "Pow": _powered,
    "Max": np.maximum,
    "Min": np.minimum,
    "And": np.logical_and,
    "Or": np.logical_or,
    "Xor": np.logical_xor,
    "Equal": np.equal,
    "Less": np.less,
    "Greater": np.greater,
    "LessOrEqual": np.less_equal,
    "GreaterOrEqual": np.greater_equal,
}
"""Of operators over two inputs that broadcast, what computes them."""

UNARY: dict[str, Callable[..., Any]] = {
    "Abs": np.abs,
    "Neg": np.negative,
    "Not": np.logical_not,
    "Floor": np.floor,
    "Ceil": np.ceil,
    "Round": np.rint,
    "Sign": np.sign,
    "Sqrt": np.sqrt,
}
"""The same of operators over one input."""

REDUCTIONS: dict[str, Callable[..., Any]] = {
    "ReduceSum": np.sum,
    "ReduceProd": np.prod,
    "ReduceMax": np.max,
    "ReduceMin": np.min,
}
"""The same of reductions."""


def _add(a: Dim, b: Dim) -> Dim:
    return None if a is None or b is None else plus([a, b])


def _subtract(a: Dim, b: Dim) -> Dim:
    if a is not None and a == b:
        return 0
    if isinstance(a, int) and isinstance(b, int):
        return a - b
    return a if b == 0 else None


def _divide(a: Dim, b: Dim) -> Dim:
    if isinstance(a, int) and isinstance(b, int):
        return None if b == 0 else int(abs(a) // abs(b)) * (-1 if (a < 0) != (b < 0) else 1)
    return quotient([a], [b]) if isinstance(b, int) and b > 0 else None


def _multiply(a: Dim, b: Dim) -> Dim:
    return times([a, b])


def _largest(a: Dim, b: Dim) -> Dim:
    if isinstance(a, int) and isinstance(b, int):
        return max(a, b)
    if isinstance(a, int) and a <= 0 and b is not None:
        return b
    if isinstance(b, int) and b <= 0 and a is not None:
        return a
    return a if a == b else None


def _smallest(a: Dim, b: Dim) -> Dim:
    if isinstance(a, int) and isinstance(b, int):
        return min(a, b)
    return a if a == b else None


_EXTENTS: dict[str, Callable[[Dim, Dim], Dim]] = {
    "Add": _add,
    "Sub": _subtract,
    "Mul": _multiply,
    "Div": _divide,
    "Max": _largest,
    "Min": _smallest,
}


def _same(a: Dim, b: Dim) -> bool | None:
    if isinstance(a, int) and isinstance(b, int):
        return a == b
    if a is not None and a == b:
        return True
    negative = any(isinstance(item, int) and item < 0 for item in (a, b))
    # A name is an extent, which is never below 0.
    return False if negative and None not in (a, b) else None


def paired(a: Known, b: Known) -> list[tuple[Dim, Dim]] | None:
    """The elements of two vectors or scalars, one beside the other."""
    if a.dtype not in (INT64, INT32) or a.dtype != b.dtype:
        return None
    xs, ys = a.extents, b.extents
    if xs is None or ys is None:
        return None
    length = len(ys) if len(xs) == 1 else len(xs)
    if len(ys) not in (1, length):
        return None
    xs = xs * length if len(xs) == 1 else xs
    ys = ys * length if len(ys) == 1 else ys
    return list(zip(xs, ys, strict=True))


def combined(op_type: str, result: Known, a: Known, b: Known) -> Known:
    """``result`` with its elements as far as they are known, of vectors of extents."""
    if a.held is None or b.held is None or result.rank is None or result.rank > 1:
        return result
    if op_type == "Equal":
        pairs = paired(a, b)
        same = [] if pairs is None else [_same(x, y) for x, y in pairs]
        if pairs is None or None in same or result.dtype is None:
            return result
        return constant(np.array(same, np.bool_).reshape(_own(result)), result.dtype)
    function = _EXTENTS.get(op_type)
    pairs = paired(a, b) if function is not None else None
    if pairs is None or function is None or result.dtype is None:
        return result
    return vector([function(x, y) for x, y in pairs], result.dtype, result.rank == 0)


def _own(result: Known) -> tuple[int, ...]:
    return () if result.rank == 0 else (-1,)
