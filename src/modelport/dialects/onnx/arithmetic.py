"""Arithmetic that ONNX has no single operator for, over edges of one dtype.

What vocabularies differ in (which dtypes meet in which) is settled before.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.builder import Builder
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.onnx.types.dims import broadcast
from modelport.model.dtype import BOOL, INT32, INT64


def floor_divide(b: Builder, x: Edge, y: Edge) -> Edge:
    """The quotient, rounded down."""
    if x.dtype.kind == "float":
        return ops.unary(b, "Floor", ops.divide(b, x, y))
    # ONNX rounds whole quotients towards 0; without the remainder nothing is left to round.
    return ops.divide(b, ops.subtract(b, x, ops.binary(b, "Mod", x, y)), y)


def modulo(b: Builder, x: Edge, y: Edge) -> Edge:
    """The remainder, with the sign of the divisor."""
    if x.dtype.kind != "float":
        return ops.binary(b, "Mod", x, y)
    rest = remainder(b, x, y)
    other = ops.binary(b, "Less", ops.multiply(b, rest, y), 0)
    return ops.where(b, other, ops.add(b, rest, y), rest)


def remainder(b: Builder, x: Edge, y: Edge) -> Edge:
    """The remainder, with the sign of the dividend."""
    return b.emit("Mod", [x, y], x.dtype, broadcast([x.shape, y.shape]), fmod=1)


def trunc(b: Builder, x: Edge) -> Edge:
    """The whole number next towards 0, of floats."""
    below = ops.binary(b, "Less", x, 0)
    return ops.where(b, below, ops.unary(b, "Ceil", x), ops.unary(b, "Floor", x))


def rounded(b: Builder, x: Edge, decimals: int = 0) -> Edge:
    """The nearest number of so many decimals, the even one of two as near, of floats."""
    scale = 10.0 ** abs(decimals)
    if decimals > 0:
        return ops.divide(b, ops.unary(b, "Round", ops.multiply(b, x, scale)), scale)
    if decimals < 0:
        return ops.multiply(b, ops.unary(b, "Round", ops.divide(b, x, scale)), scale)
    return ops.unary(b, "Round", x)


def expm1(b: Builder, x: Edge) -> Edge:
    """exp(x) - 1, without cancellation below 0 (Elu is that function there)."""
    above = ops.subtract(b, ops.unary(b, "Exp", x), 1)
    return ops.where(b, ops.binary(b, "Greater", x, 0), above, ops.unary(b, "Elu", x))


def rsqrt(b: Builder, x: Edge) -> Edge:
    """1 / √x."""
    return ops.unary(b, "Reciprocal", ops.unary(b, "Sqrt", x))


def logarithm(b: Builder, x: Edge, base: float) -> Edge:
    """The logarithm to another base than e."""
    return ops.multiply(b, ops.unary(b, "Log", x), 1 / math.log(base))


def exp2(b: Builder, x: Edge) -> Edge:
    """2 to the power of x."""
    return ops.unary(b, "Exp", ops.multiply(b, x, math.log(2)))


def sinc(b: Builder, x: Edge) -> Edge:
    """sin(πx) / πx, 1 at 0."""
    angle = ops.multiply(b, x, math.pi)
    nought = ops.binary(b, "Equal", angle, 0)
    one = b.constant(1, angle.dtype)
    safe = ops.where(b, nought, one, angle)
    return ops.where(b, nought, one, ops.divide(b, ops.unary(b, "Sin", safe), safe))


def is_nan(b: Builder, x: Edge) -> Edge:
    """Whether an element is not a number, of floats."""
    return ops.unary(b, "IsNaN", x, dtype=BOOL)


def is_infinite(b: Builder, x: Edge, plus: bool = True, minus: bool = True) -> Edge:
    """Whether an element is +∞ or -∞, of floats."""
    given = {"detect_positive": int(plus), "detect_negative": int(minus)}
    return ops.unary(b, "IsInf", x, dtype=BOOL, **{k: v for k, v in given.items() if not v})


def is_finite(b: Builder, x: Edge) -> Edge:
    """Whether an element is a number and finite, of floats."""
    return ops.unary(b, "Not", ops.binary(b, "Or", is_nan(b, x), is_infinite(b, x)))


def sign_bit(b: Builder, x: Edge) -> Edge:
    """Whether an element is below 0, or is -0, of floats."""
    inverse = ops.unary(b, "Reciprocal", x)
    return ops.binary(b, "Or", ops.binary(b, "Less", x, 0), ops.binary(b, "Less", inverse, 0))


def largest(x: Edge) -> float:
    """The largest finite number of a float dtype."""
    import ml_dtypes

    limits: Any = ml_dtypes
    return float(limits.finfo(x.dtype.numpy).max)


def nan_to_num(
    b: Builder, x: Edge, nan: float = 0.0, high: float | None = None, low: float | None = None
) -> Edge:
    """Numbers in place of NaN and the infinities (the dtype's largest unless given)."""
    most = largest(x)
    above, below = most if high is None else high, -most if low is None else low
    x = ops.where(b, is_nan(b, x), b.constant(nan, x.dtype), x)
    x = ops.where(b, is_infinite(b, x, minus=False), b.constant(above, x.dtype), x)
    return ops.where(b, is_infinite(b, x, plus=False), b.constant(below, x.dtype), x)


def is_close(
    b: Builder, x: Edge, y: Edge, rtol: float, atol: float, equal_nan: bool = False
) -> Edge:
    """Whether |x - y| ≤ atol + rtol |y|, of floats; infinities are close to themselves."""
    bound = ops.add(b, ops.multiply(b, ops.unary(b, "Abs", y), rtol), atol)
    distance = ops.unary(b, "Abs", ops.subtract(b, x, y))
    finite = ops.unary(b, "Not", is_infinite(b, y))
    near = ops.binary(b, "And", ops.binary(b, "LessOrEqual", distance, bound), finite)
    close = ops.binary(b, "Or", near, ops.binary(b, "Equal", x, y))
    if equal_nan:
        close = ops.binary(b, "Or", close, ops.binary(b, "And", is_nan(b, x), is_nan(b, y)))
    return close


def ordered(
    b: Builder, x: Edge, axis: int, largest: bool, count: ops.Extent | None = None
) -> list[Edge]:
    """The elements along an axis in order (the first ``count``), and where they were (int64)."""
    axis %= x.rank
    size = ops.extent(b, x, axis) if count is None else count
    shape = list(x.shape)
    if count is not None:
        shape[axis] = count if isinstance(count, int) else None
    inputs = [b.name(x), b.name(ops.vector(b, [size]))]
    names = b.node("TopK", inputs, 2, axis=axis, largest=int(largest), sorted=1)
    return [Edge(names[0], x.dtype, tuple(shape)), Edge(names[1], INT64, tuple(shape))]


def power_of_two(b: Builder, y: Edge) -> Edge:
    """2 to the power of whole numbers, exactly."""
    one = b.constant(np.array(2), y.dtype)
    return ops.binary(b, "Pow", one, y)


def triangle(b: Builder, x: Edge, k: int | Edge, upper: int) -> Edge:
    """The last two axes with zeros below (or above) a diagonal."""
    wide = ops.cast(b, x, INT32) if x.dtype == BOOL else x
    place = k if isinstance(k, Edge) else b.constant(k, INT64)
    made = b.emit("Trilu", [wide, place], wide.dtype, wide.shape, upper=upper)
    return ops.cast(b, made, x.dtype)
