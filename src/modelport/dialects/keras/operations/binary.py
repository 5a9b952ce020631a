"""Operations of two tensors, element by element: arithmetic, comparisons, logic."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from modelport.dialects.keras.layer import Layer
from modelport.dialects.keras.operations.operands import (
    Operand,
    boolean,
    common,
    kind,
    tensor,
    together,
)
from modelport.dialects.keras.operations.registry import Single, operation
from modelport.dialects.keras.operations.unary import is_nan
from modelport.dialects.onnx import arithmetic, layout, ops
from modelport.dialects.onnx.edge import Edge
from modelport.model.dtype import BOOL, INT32, INT64


def _numbers(layer: Layer, *values: Operand) -> list[Edge]:
    """Operands of one dtype, truth values as 0 and 1."""
    wanted = common([kind(value) for value in values])
    if wanted == BOOL:
        return [tensor(layer, value, INT32) for value in values]
    return together(layer, *values)


def _joined(op_type: str, logical: str | None = None) -> Single:
    def apply(layer: Layer, x1: Operand, x2: Operand) -> Edge:
        x, y = together(layer, x1, x2)
        if x.dtype == BOOL and logical:
            return ops.binary(layer.b, logical, x, y)
        x, y = (x, y) if x.dtype != BOOL else _numbers(layer, x, y)
        return ops.binary(layer.b, op_type, x, y)

    return apply


operation("Add")(_joined("Add", "Or"))
operation("Subtract")(_joined("Sub"))
operation("Multiply")(_joined("Mul", "And"))
operation("Maximum")(_joined("Max", "Or"))
operation("Minimum")(_joined("Min", "And"))


@operation("Power")
def power(layer: Layer, x1: Operand, x2: Operand) -> Edge:
    """X to the power of y; onnxruntime raises whole numbers of 32 and 64 bits alone."""
    x, y = _numbers(layer, x1, x2)
    if x.dtype.kind == "float" or x.dtype in (INT32, INT64):
        return ops.binary(layer.b, "Pow", x, y)
    made = ops.binary(layer.b, "Pow", ops.cast(layer.b, x, INT64), ops.cast(layer.b, y, INT64))
    return ops.cast(layer.b, made, x.dtype)


@operation("Divide", "TrueDivide")
def divide(layer: Layer, x1: Operand, x2: Operand) -> Edge:
    """The quotient, in floats."""
    return ops.divide(layer.b, *together(layer, x1, x2, least=float))


@operation("DivideNoNan")
def divide_no_nan(layer: Layer, x1: Operand, x2: Operand) -> Edge:
    """The quotient, 0 where the divisor is 0."""
    b = layer.b
    x, y = together(layer, x1, x2, least=float)
    nought = ops.binary(b, "Equal", y, 0)
    safe = ops.where(b, nought, b.constant(1, y.dtype), y)
    return ops.where(b, nought, b.constant(0, x.dtype), ops.divide(b, x, safe))


@operation("FloorDivide")
def floor_divide(layer: Layer, x1: Operand, x2: Operand) -> Edge:
    """The quotient, rounded down."""
    return arithmetic.floor_divide(layer.b, *_numbers(layer, x1, x2))


@operation("Mod")
def modulo(layer: Layer, x1: Operand, x2: Operand) -> Edge:
    """The remainder, with the sign of the divisor."""
    return arithmetic.modulo(layer.b, *_numbers(layer, x1, x2))


@operation("Fmod")
def fmod(layer: Layer, x1: Operand, x2: Operand) -> Edge:
    """The remainder, with the sign of the dividend."""
    return arithmetic.remainder(layer.b, *_numbers(layer, x1, x2))


def _extreme_number(op_type: str) -> Single:
    """The larger (smaller) one, a NaN giving way to the other."""

    def apply(layer: Layer, x1: Operand, x2: Operand) -> Edge:
        b = layer.b
        x, y = _numbers(layer, x1, x2)
        if x.dtype.kind != "float":
            return ops.binary(b, op_type, x, y)
        first = ops.where(b, is_nan(layer, x), y, x)
        return ops.binary(b, op_type, first, ops.where(b, is_nan(layer, y), first, y))

    return apply


operation("Fmax")(_extreme_number("Max"))
operation("Fmin")(_extreme_number("Min"))


@operation("Hypot")
def hypotenuse(layer: Layer, x1: Operand, x2: Operand) -> Edge:
    """√(x² + y²)."""
    b = layer.b
    x, y = together(layer, x1, x2, least=float)
    return ops.unary(b, "Sqrt", ops.add(b, ops.multiply(b, x, x), ops.multiply(b, y, y)))


@operation("Arctan2")
def arctan2(layer: Layer, x1: Operand, x2: Operand) -> Edge:
    """The angle of the point (x2, x1)."""
    b = layer.b
    y, x = together(layer, x1, x2, least=float)
    pi, zero, one = (b.constant(value, x.dtype) for value in (math.pi, 0, 1))
    upright = ops.binary(b, "Equal", x, 0)
    slope = ops.unary(b, "Atan", ops.divide(b, y, ops.where(b, upright, one, x)))
    behind = ops.multiply(
        b, ops.where(b, ops.binary(b, "Less", y, 0), ops.unary(b, "Neg", one), one), pi
    )
    turned = ops.add(b, slope, ops.where(b, ops.binary(b, "Less", x, 0), behind, zero))
    quarter = ops.multiply(b, ops.unary(b, "Sign", y), math.pi / 2)
    return ops.where(b, upright, quarter, turned)


def _log_sum(base: float) -> Single:
    def apply(layer: Layer, x1: Operand, x2: Operand) -> Edge:
        b = layer.b
        x, y = together(layer, x1, x2, least=float)
        largest = ops.binary(b, "Max", x, y)
        distance = ops.unary(b, "Abs", ops.subtract(b, x, y))
        # softplus(-d) = log(1 + exp(-d))
        rest = ops.unary(b, "Softplus", ops.multiply(b, distance, -math.log(base)))
        return ops.add(b, largest, ops.multiply(b, rest, 1 / math.log(base)))

    return apply


operation("Logaddexp")(_log_sum(math.e))
operation("Logaddexp2")(_log_sum(2))


@operation("Heaviside")
def heaviside(layer: Layer, x1: Operand, x2: Operand) -> Edge:
    """0 below 0, 1 above it, the second operand at 0."""
    b = layer.b
    x, y = together(layer, x1, x2, least=float)
    step = ops.cast(b, ops.binary(b, "Greater", x, 0), x.dtype)
    return ops.where(b, ops.binary(b, "Equal", x, 0), y, step)


@operation("Ldexp")
def ldexp(layer: Layer, x1: Operand, x2: Operand) -> Edge:
    """x1 times 2 to the power of x2."""
    b = layer.b
    x, y = together(layer, x1, x2, least=float)
    return ops.multiply(b, x, ops.binary(b, "Pow", b.constant(2, x.dtype), y))


# Comparisons and logic

_COMPARISONS: Mapping[str, str] = {
    "Greater": "Greater",
    "GreaterEqual": "GreaterOrEqual",
    "Less": "Less",
    "LessEqual": "LessOrEqual",
}


def _compared(op_type: str) -> Single:
    def apply(layer: Layer, x1: Operand, x2: Operand) -> Edge:
        return ops.binary(layer.b, op_type, *_numbers(layer, x1, x2))

    return apply


for _name, _op_type in _COMPARISONS.items():
    operation(_name)(_compared(_op_type))


@operation("Equal")
def equal(layer: Layer, x1: Operand, x2: Operand) -> Edge:
    """Whether two elements are the same."""
    return ops.binary(layer.b, "Equal", *together(layer, x1, x2))


@operation("NotEqual")
def not_equal(layer: Layer, x1: Operand, x2: Operand) -> Edge:
    """Whether two elements differ."""
    return ops.unary(layer.b, "Not", equal(layer, x1, x2))


def _logical(op_type: str) -> Single:
    def apply(layer: Layer, x1: Operand, x2: Operand) -> Edge:
        x, y = boolean(layer, x1), boolean(layer, x2)
        return layout.elementwise(layer.b, op_type, [x, y], BOOL)

    return apply


operation("LogicalAnd")(_logical("And"))
operation("LogicalOr")(_logical("Or"))
operation("LogicalXor")(_logical("Xor"))


def _bitwise(op_type: str) -> Single:
    def apply(layer: Layer, x: Operand, y: Operand) -> Edge:
        first, second = together(layer, x, y)
        operator = op_type if first.dtype == BOOL else f"Bitwise{op_type}"
        return layout.elementwise(layer.b, operator, [first, second], first.dtype)

    return apply


operation("BitwiseAnd")(_bitwise("And"))
operation("BitwiseOr")(_bitwise("Or"))
operation("BitwiseXor")(_bitwise("Xor"))


@operation("BitwiseLeftShift", "LeftShift")
def shift_left(layer: Layer, x: Operand, y: Operand) -> Edge:
    """X times 2 to the power of y."""
    first, second = _numbers(layer, x, y)
    two = layer.b.constant(2, first.dtype)
    return ops.multiply(layer.b, first, ops.binary(layer.b, "Pow", two, second))


@operation("BitwiseRightShift", "RightShift")
def shift_right(layer: Layer, x: Operand, y: Operand) -> Edge:
    """X by 2 to the power of y, rounded down."""
    first, second = _numbers(layer, x, y)
    two = layer.b.constant(2, first.dtype)
    return floor_divide(layer, first, ops.binary(layer.b, "Pow", two, second))


@operation("Isclose")
def is_close(
    layer: Layer,
    x1: Operand,
    x2: Operand,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    equal_nan: bool = False,
) -> Edge:
    """Whether |x - y| ≤ atol + rtol |y|; infinities are close to themselves."""
    x, y = together(layer, x1, x2, least=float)
    return arithmetic.is_close(layer.b, x, y, rtol, atol, equal_nan)


@operation("AllClose")
def all_close(
    layer: Layer,
    x1: Operand,
    x2: Operand,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    equal_nan: bool = False,
) -> Edge:
    """Whether all elements are close."""
    b, close = layer.b, is_close(layer, x1, x2, rtol, atol, equal_nan)
    numbers = ops.cast(b, close, INT32)
    return ops.cast(b, ops.reduce(b, "ReduceMin", numbers, None), BOOL)


@operation("Where")
def where(layer: Layer, condition: Operand, x1: Operand = None, x2: Operand = None) -> Edge:
    """The first operand where the condition holds, else the second."""
    if x1 is None or x2 is None:
        raise layer.error("the places where a condition holds are a result of unknown size")
    x, y = together(layer, x1, x2)
    return ops.where(layer.b, boolean(layer, condition), x, y)


@operation("Select")
def select(
    layer: Layer, condlist: Sequence[Operand], choicelist: Sequence[Operand], default: Any = 0
) -> Edge:
    """The first choice whose condition holds, else the default."""
    *choices, chosen = together(layer, *choicelist, default)
    for condition, choice in zip(reversed(condlist), reversed(choices), strict=True):
        chosen = ops.where(layer.b, boolean(layer, condition), choice, chosen)
    return chosen
