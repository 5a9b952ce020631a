"""Arithmetic of two tensors or numbers, in the dtype that torch computes it in."""

from __future__ import annotations

import math
from typing import Any

from modelport.dialects.onnx import arithmetic, ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten, is_number
from modelport.dialects.torch.promote import (
    chosen,
    computed,
    floating,
    in_dtype,
    result_dtype,
    roomy,
    together,
    together_floating,
)
from modelport.model.dtype import BOOL, FLOAT64, INT64


@aten("add")
def add(call: Call, x: Any, other: Any, alpha: Any = 1) -> Edge:
    """``x + alpha * other``; of bools it is ``or``."""
    return _scaled(call, "Add", x, other, alpha)


@aten("sub", "subtract")
def subtract(call: Call, x: Any, other: Any, alpha: Any = 1) -> Edge:
    """``x - alpha * other``."""
    return _scaled(call, "Sub", x, other, alpha)


@aten("rsub")
def reverse_subtract(call: Call, x: Any, other: Any, alpha: Any = 1) -> Edge:
    """``other - alpha * x``."""
    dtype = result_dtype([x, other])
    left, right = in_dtype(call, other, dtype), in_dtype(call, x, dtype)
    return _scaled(call, "Sub", left, right, alpha)


def _scaled(call: Call, op_type: str, x: Any, other: Any, alpha: Any) -> Edge:
    left, right = together(call, x, other)
    if not is_number(alpha) or isinstance(alpha, Edge) or alpha != 1:
        right = computed(call, "Mul", right, in_dtype(call, alpha, right.dtype))
    if left.dtype == BOOL:
        return ops.binary(call.b, "Or", left, right)
    return computed(call, op_type, left, right)


@aten("mul", "multiply")
def multiply(call: Call, x: Any, other: Any) -> Edge:
    """The product; of bools it is ``and``."""
    left, right = together(call, x, other)
    if left.dtype == BOOL:
        return ops.binary(call.b, "And", left, right)
    return computed(call, "Mul", left, right)


@aten("div", "divide")
def divide(call: Call, x: Any, other: Any, rounding_mode: str | None = None) -> Edge:
    """The quotient; without a rounding mode always a float."""
    left, right = together(call, x, other)
    if rounding_mode == "floor":
        return floor_divide(call, left, right)
    if rounding_mode == "trunc":
        if left.dtype.kind == "float":
            return arithmetic.trunc(call.b, ops.divide(call.b, left, right))
        return computed(call, "Div", left, right)
    return ops.divide(call.b, *together_floating(call, x, other))


@aten("true_divide")
def true_divide(call: Call, x: Any, other: Any) -> Edge:
    """The quotient, a float."""
    return divide(call, x, other)


@aten("floor_divide")
def floor_divide(call: Call, x: Any, other: Any) -> Edge:
    """The quotient, rounded down; of floats as Python does it, from the exact remainder."""
    b = call.b
    left, right = together(call, x, other)
    if left.dtype.kind != "float":
        return _wide(call, arithmetic.floor_divide, left, right)
    # c10::div_floor_floating: the nearest whole number of (x - remainder) / y.
    rest = arithmetic.remainder(b, left, right)
    quotient = ops.divide(b, ops.subtract(b, left, rest), right)
    apart = ops.binary(b, "And", _nonzero(call, rest), _opposite(call, rest, right))
    quotient = ops.where(b, apart, ops.subtract(b, quotient, 1), quotient)
    floor = ops.unary(b, "Floor", quotient)
    more = ops.binary(b, "Greater", ops.subtract(b, quotient, floor), 0.5)
    whole = ops.where(b, more, ops.add(b, floor, 1), floor)
    by_zero = ops.binary(b, "Equal", right, 0)
    return ops.where(b, by_zero, ops.divide(b, left, right), whole)


def _nonzero(call: Call, x: Edge) -> Edge:
    return ops.unary(call.b, "Not", ops.binary(call.b, "Equal", x, 0))


def _opposite(call: Call, x: Edge, y: Edge) -> Edge:
    below = [ops.binary(call.b, "Less", edge, 0) for edge in (x, y)]
    return ops.unary(call.b, "Not", ops.binary(call.b, "Equal", *below))


def _wide(call: Call, function: Any, x: Edge, y: Edge) -> Edge:
    """A function of whole numbers, computed where runtimes can."""
    wide = [ops.cast(call.b, edge, roomy(x.dtype)) for edge in (x, y)]
    return ops.cast(call.b, function(call.b, *wide), x.dtype)


@aten("remainder")
def remainder(call: Call, x: Any, other: Any) -> Edge:
    """The remainder, with the sign of the divisor."""
    b = call.b
    left, right = together(call, x, other)
    if left.dtype.kind != "float":
        return _wide(call, arithmetic.modulo, left, right)
    rest = arithmetic.remainder(b, left, right)
    apart = ops.binary(b, "And", _nonzero(call, rest), _opposite(call, rest, right))
    return ops.where(b, apart, ops.add(b, rest, right), rest)


@aten("fmod")
def fmod(call: Call, x: Any, other: Any) -> Edge:
    """The remainder, with the sign of the dividend."""
    left, right = together(call, x, other)
    return _wide(call, arithmetic.remainder, left, right)


@aten("pow")
def power(call: Call, x: Any, exponent: Any) -> Edge:
    """``x`` to a power."""
    if isinstance(exponent, int | float) and not is_number(x):
        edge = call.tensor(x)
        if (
            exponent == 2
            and edge.dtype != BOOL
            and not (isinstance(exponent, float) and edge.dtype.kind != "float")
        ):
            return computed(call, "Mul", edge, edge)
        if exponent == 0.5:
            return ops.unary(call.b, "Sqrt", floating(call, edge))
        if exponent == -0.5:
            return arithmetic.rsqrt(call.b, floating(call, edge))
    left, right = together(call, x, exponent)
    if left.dtype == BOOL:
        wide = [ops.cast(call.b, edge, INT64) for edge in (left, right)]
        return ops.cast(call.b, computed(call, "Pow", *wide), BOOL)
    return computed(call, "Pow", left, right)


@aten("float_power")
def float_power(call: Call, x: Any, exponent: Any) -> Edge:
    """``x`` to a power, in float64."""
    return ops.binary(call.b, "Pow", *together(call, x, exponent, dtype=FLOAT64))


@aten("atan2", "arctan2")
def atan2(call: Call, x: Any, other: Any) -> Edge:
    """The angle of the point (other, x); IEEE's rules for signed zeros and infinities."""
    b = call.b
    rise, run = together_floating(call, x, other)
    infinite = [arithmetic.is_infinite(b, edge) for edge in (rise, run)]
    both = ops.binary(b, "And", *infinite)
    nought = ops.binary(b, "And", *(ops.binary(b, "Equal", edge, 0) for edge in (rise, run)))
    # The quotient is only undefined at the origin and where both are infinite.
    one = b.constant(1, rise.dtype)
    up = ops.where(b, both, ops.unary(b, "Sign", rise), rise)
    along = ops.where(b, both, ops.unary(b, "Sign", run), run)
    along = ops.where(b, nought, one, along)
    slope = ops.unary(b, "Atan", ops.divide(b, up, along))
    left = arithmetic.sign_bit(b, run)
    half = ops.where(
        b,
        arithmetic.sign_bit(b, rise),
        b.constant(-math.pi, rise.dtype),
        b.constant(math.pi, rise.dtype),
    )
    flat = ops.where(b, nought, ops.multiply(b, rise, b.constant(1, rise.dtype)), slope)
    return ops.where(b, left, ops.add(b, flat, half), flat)


@aten("hypot")
def hypotenuse(call: Call, x: Any, other: Any) -> Edge:
    """√(x² + other²), scaled so that nothing overflows."""
    b = call.b
    left, right = (ops.unary(b, "Abs", edge) for edge in together_floating(call, x, other))
    long, short = ops.binary(b, "Max", left, right), ops.binary(b, "Min", left, right)
    nought = ops.binary(b, "Equal", long, 0)
    ratio = ops.divide(b, short, ops.where(b, nought, b.constant(1, long.dtype), long))
    root = ops.unary(b, "Sqrt", ops.add(b, ops.multiply(b, ratio, ratio), 1))
    return ops.multiply(b, long, root)


@aten("logaddexp")
def log_add_exp(call: Call, x: Any, other: Any) -> Edge:
    """log(exp(x) + exp(other))."""
    return _log_sum(call, x, other, 1.0)


@aten("logaddexp2")
def log_add_exp2(call: Call, x: Any, other: Any) -> Edge:
    """log2(2^x + 2^other)."""
    return _log_sum(call, x, other, math.log(2))


def _log_sum(call: Call, x: Any, other: Any, base: float) -> Edge:
    b = call.b
    left, right = together_floating(call, x, other)
    high = ops.binary(b, "Max", left, right)
    apart = ops.unary(b, "Neg", ops.unary(b, "Abs", ops.subtract(b, left, right)))
    same = ops.binary(b, "Equal", left, right)
    apart = ops.where(b, same, b.constant(0, apart.dtype), apart)
    scaled = ops.multiply(b, apart, base) if base != 1 else apart
    rest = ops.unary(b, "Log", ops.add(b, ops.unary(b, "Exp", scaled), 1))
    rest = ops.divide(b, rest, base) if base != 1 else rest
    infinite = ops.binary(b, "And", same, arithmetic.is_infinite(b, left))
    return ops.where(b, infinite, left, ops.add(b, high, rest))


@aten("xlogy", "special_xlogy")
def x_log_y(call: Call, x: Any, other: Any) -> Edge:
    """X log(other), 0 where x is 0 unless the other is NaN."""
    return _x_log(call, x, other, 0)


@aten("special_xlog1py")
def x_log1p_y(call: Call, x: Any, other: Any) -> Edge:
    """X log(1 + other), 0 where x is 0 unless the other is NaN."""
    return _x_log(call, x, other, 1)


def _x_log(call: Call, x: Any, other: Any, plus: int) -> Edge:
    b = call.b
    left, right = together_floating(call, x, other)
    inner = ops.add(b, right, plus) if plus else right
    product = ops.multiply(b, left, ops.unary(b, "Log", inner))
    nought = ops.binary(b, "Equal", left, 0)
    found = ops.where(b, nought, b.constant(0, left.dtype), product)
    return ops.where(b, arithmetic.is_nan(b, right), right, found)


@aten("copysign")
def copy_sign(call: Call, x: Any, other: Any) -> Edge:
    """The size of the one with the sign of the other."""
    b = call.b
    left, right = together_floating(call, x, other)
    size = ops.unary(b, "Abs", left)
    return ops.where(b, arithmetic.sign_bit(b, right), ops.unary(b, "Neg", size), size)


@aten("heaviside")
def heaviside(call: Call, x: Any, values: Any) -> Edge:
    """0 below 0, 1 above, ``values`` at 0."""
    b = call.b
    left, right = together(call, x, values)
    wide = ops.cast(b, left, roomy(left.dtype))
    step = ops.cast(b, ops.binary(b, "Greater", wide, 0), left.dtype)
    return chosen(call, ops.binary(b, "Equal", wide, 0), right, step)


@aten("ldexp")
def ldexp(call: Call, x: Any, other: Any) -> Edge:
    """X times 2 to the power of other."""
    left, right = together_floating(call, x, other)
    two = call.b.constant(2, left.dtype)
    return ops.multiply(call.b, left, ops.binary(call.b, "Pow", two, right))


@aten("lerp")
def interpolate(call: Call, x: Any, end: Any, weight: Any) -> Edge:
    """``x + weight * (end - x)``."""
    b = call.b
    left, right = together(call, x, end)
    part = in_dtype(call, weight, left.dtype)
    return ops.add(b, left, ops.multiply(b, part, ops.subtract(b, right, left)))


@aten("addcmul")
def add_product(call: Call, x: Any, tensor1: Any, tensor2: Any, value: Any = 1) -> Edge:
    """``x + value * tensor1 * tensor2``."""
    product = multiply(call, tensor1, tensor2)
    return add(call, x, product, value)


@aten("addcdiv")
def add_quotient(call: Call, x: Any, tensor1: Any, tensor2: Any, value: Any = 1) -> Edge:
    """``x + value * tensor1 / tensor2``."""
    return add(call, x, divide(call, tensor1, tensor2), value)
