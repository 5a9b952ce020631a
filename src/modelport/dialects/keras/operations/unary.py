"""Operations of one tensor, element by element."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from modelport.dialects.keras.layer import Layer
from modelport.dialects.keras.operations.operands import Operand, boolean, floating, tensor
from modelport.dialects.keras.operations.registry import Single, operation
from modelport.dialects.onnx import arithmetic, ops
from modelport.dialects.onnx.edge import Edge
from modelport.model.dtype import BOOL, INT32, DType, dtype

_FLOAT: Mapping[str, str] = {
    "Arccos": "Acos",
    "Arccosh": "Acosh",
    "Arcsin": "Asin",
    "Arcsinh": "Asinh",
    "Arctan": "Atan",
    "Arctanh": "Atanh",
    "Cos": "Cos",
    "Cosh": "Cosh",
    "Erf": "Erf",
    "Exp": "Exp",
    "Fabs": "Abs",
    "Log": "Log",
    "Reciprocal": "Reciprocal",
    "Sin": "Sin",
    "Sinh": "Sinh",
    "Sqrt": "Sqrt",
    "Tan": "Tan",
    "Tanh": "Tanh",
}
"""Operations that have an operator of their own, and make whole numbers float first."""

_ANY: Mapping[str, str] = {"Absolute": "Abs", "Abs": "Abs", "Negative": "Neg", "Sign": "Sign"}
"""Operations that have an operator of their own, for whole numbers too."""

_FLOATS_ONLY: Mapping[str, str] = {"Ceil": "Ceil", "Floor": "Floor"}


def _operator(op_type: str, makes_float: bool) -> Single:
    def apply(layer: Layer, x: Operand) -> Edge:
        edge = floating(layer, x) if makes_float else tensor(layer, x)
        return ops.unary(layer.b, op_type, edge)

    return apply


for _name, _op_type in _FLOAT.items():
    operation(_name)(_operator(_op_type, True))
for _name, _op_type in _ANY.items():
    operation(_name)(_operator(_op_type, False))
for _name, _op_type in _FLOATS_ONLY.items():
    operation(_name)(_operator(_op_type, True))


@operation("Copy", "Conjugate", "Conj", "Real", "StopGradient")
def same(layer: Layer, x: Operand = None, variable: Operand = None) -> Edge:
    """The tensor as it is (complex numbers have no ONNX form)."""
    return tensor(layer, variable if x is None else x)


@operation("Imag")
def imaginary(layer: Layer, x: Operand) -> Edge:
    """0: there are no complex numbers."""
    edge = floating(layer, x)
    return zeros_of(layer, edge)


def zeros_of(layer: Layer, x: Edge) -> Edge:
    """Zeros of the same shape and dtype, whatever the elements (not 0 times NaN)."""
    return filled_like(layer, x, 0)


def filled_like(layer: Layer, x: Edge, value: float) -> Edge:
    """One number in the shape and dtype of an edge."""
    filled = ops.expand(layer.b, layer.b.constant(value, x.dtype), shape_extents(layer, x))
    return Edge(filled.name, x.dtype, x.shape)


def shape_extents(layer: Layer, x: Edge) -> list[int | Edge]:
    """The extents of a shape, computed where they are unknown."""
    return [ops.extent(layer.b, x, axis) for axis in range(x.rank)]


@operation("Square")
def square(layer: Layer, x: Operand) -> Edge:
    """x²; truth values count as 0 and 1."""
    edge = tensor(layer, x)
    edge = ops.cast(layer.b, edge, INT32) if edge.dtype == BOOL else edge
    return ops.multiply(layer.b, edge, edge)


@operation("Rsqrt")
def rsqrt(layer: Layer, x: Operand) -> Edge:
    """1 / √x."""
    return arithmetic.rsqrt(layer.b, floating(layer, x))


@operation("Cbrt")
def cube_root(layer: Layer, x: Operand) -> Edge:
    """The cube root, of negative numbers too."""
    b, edge = layer.b, floating(layer, x)
    root = ops.binary(b, "Pow", ops.unary(b, "Abs", edge), 1 / 3)
    return ops.multiply(b, ops.unary(b, "Sign", edge), root)


@operation("Exp2")
def exp2(layer: Layer, x: Operand) -> Edge:
    """2 to the power of x."""
    return arithmetic.exp2(layer.b, floating(layer, x))


@operation("Expm1")
def expm1(layer: Layer, x: Operand) -> Edge:
    """exp(x) - 1, without cancellation below 0."""
    return arithmetic.expm1(layer.b, floating(layer, x))


@operation("Log1p")
def log1p(layer: Layer, x: Operand) -> Edge:
    """log(1 + x)."""
    return ops.unary(layer.b, "Log", ops.add(layer.b, floating(layer, x), 1))


def _logarithm(base: float) -> Single:
    def apply(layer: Layer, x: Operand) -> Edge:
        return arithmetic.logarithm(layer.b, floating(layer, x), base)

    return apply


operation("Log2")(_logarithm(2))
operation("Log10")(_logarithm(10))


def _scaled(factor: float) -> Single:
    def apply(layer: Layer, x: Operand) -> Edge:
        return ops.multiply(layer.b, floating(layer, x), factor)

    return apply


operation("Deg2rad")(_scaled(math.pi / 180))
operation("Rad2deg")(_scaled(180 / math.pi))


@operation("Sinc")
def sinc(layer: Layer, x: Operand) -> Edge:
    """sin(πx) / πx, 1 at 0."""
    return arithmetic.sinc(layer.b, floating(layer, x))


@operation("Round")
def rounded(layer: Layer, x: Operand, decimals: int = 0) -> Edge:
    """The nearest number of so many decimals, the even one of two as near."""
    b, edge = layer.b, tensor(layer, x)
    if edge.dtype.kind != "float" and decimals >= 0:
        return ops.cast(b, edge, INT32) if edge.dtype == BOOL else edge
    scale = 10.0**decimals
    wide = floating(layer, edge)
    scaled = ops.multiply(b, wide, scale) if decimals else wide
    whole = ops.unary(b, "Round", scaled)
    whole = ops.divide(b, whole, scale) if decimals else whole
    return ops.cast(b, whole, edge.dtype)


@operation("Trunc")
def truncated(layer: Layer, x: Operand) -> Edge:
    """The whole number next towards 0."""
    b, edge = layer.b, tensor(layer, x)
    if edge.dtype.kind != "float":
        return ops.cast(b, edge, INT32) if edge.dtype == BOOL else edge
    return arithmetic.trunc(b, edge)


@operation("Erfc")
def erfc(layer: Layer, x: Operand) -> Edge:
    """1 - erf(x)."""
    wide = ops.unary(layer.b, "Erf", floating(layer, x))
    return ops.subtract(layer.b, layer.b.constant(1, wide.dtype), wide)


@operation("Angle")
def angle(layer: Layer, x: Operand) -> Edge:
    """The angle of a real number: 0, or π below 0."""
    b, edge = layer.b, floating(layer, x)
    below = ops.binary(b, "Less", edge, 0)
    return ops.where(b, below, b.constant(math.pi, edge.dtype), b.constant(0, edge.dtype))


# Questions


@operation("Isnan")
def is_nan(layer: Layer, x: Operand) -> Edge:
    """Whether an element is not a number."""
    return arithmetic.is_nan(layer.b, floating(layer, x))


@operation("Isinf")
def is_infinite(layer: Layer, x: Operand) -> Edge:
    """Whether an element is infinite."""
    return arithmetic.is_infinite(layer.b, floating(layer, x))


@operation("Isposinf")
def is_plus_infinite(layer: Layer, x: Operand) -> Edge:
    """Whether an element is +∞."""
    return arithmetic.is_infinite(layer.b, floating(layer, x), minus=False)


@operation("Isneginf")
def is_minus_infinite(layer: Layer, x: Operand) -> Edge:
    """Whether an element is -∞."""
    return arithmetic.is_infinite(layer.b, floating(layer, x), plus=False)


@operation("Isfinite")
def is_finite(layer: Layer, x: Operand) -> Edge:
    """Whether an element is a number and finite."""
    return arithmetic.is_finite(layer.b, floating(layer, x))


@operation("Isreal")
def is_real(layer: Layer, x: Operand) -> Edge:
    """True: there are no complex numbers."""
    return ops.cast(layer.b, filled_like(layer, tensor(layer, x), 1), BOOL)


@operation("Signbit")
def sign_bit(layer: Layer, x: Operand) -> Edge:
    """Whether an element is below 0, or is -0."""
    return arithmetic.sign_bit(layer.b, floating(layer, x))


@operation("LogicalNot")
def logical_not(layer: Layer, x: Operand) -> Edge:
    """Whether an element is 0."""
    return ops.unary(layer.b, "Not", boolean(layer, x))


@operation("BitwiseNot", "BitwiseInvert")
def bitwise_not(layer: Layer, x: Operand) -> Edge:
    """Every bit turned over."""
    edge = tensor(layer, x)
    return ops.unary(layer.b, "Not" if edge.dtype == BOOL else "BitwiseNot", edge)


# Bounds and dtypes


@operation("Clip")
def clip(layer: Layer, x: Operand, x_min: Operand = None, x_max: Operand = None) -> Edge:
    """The elements held between two bounds, which broadcast."""
    b, edge = layer.b, tensor(layer, x)
    edge = ops.cast(b, edge, INT32) if edge.dtype == BOOL else edge
    for bound, op_type in ((x_min, "Max"), (x_max, "Min")):
        if bound is not None:
            edge = ops.binary(b, op_type, edge, tensor(layer, bound, edge.dtype))
    return edge


@operation("NanToNum")
def nan_to_num(
    layer: Layer, x: Operand, nan: float = 0.0, posinf: Any = None, neginf: Any = None
) -> Edge:
    """Numbers in place of NaN and the infinities (the dtype's largest unless given)."""
    edge = tensor(layer, x)
    if edge.dtype.kind != "float":
        return edge
    return arithmetic.nan_to_num(layer.b, edge, nan, posinf, neginf)


@operation("Cast")
def cast(layer: Layer, x: Operand, dtype: Any) -> Edge:
    """The elements in another dtype."""
    edge = tensor(layer, x)
    made = ops.cast(layer.b, edge, named(dtype))
    made.values = edge.values
    return made


def named(name: Any) -> DType:
    """The dtype of a name in a config (also ``float``, ``int`` and ``tf.float32``)."""
    plain = str(name).removeprefix("tf.").removeprefix("<dtype: '").removesuffix("'>")
    plain = {"float": "float32", "int": "int32", "half": "float16", "double": "float64"}.get(
        plain, plain
    )
    return dtype(plain)


@operation("ConvertToTensor", "Array")
def converted(layer: Layer, x: Operand, dtype: Any = None) -> Edge:
    """The operand as a tensor, in a dtype if one is given."""
    return tensor(layer, x) if dtype is None else cast(layer, x, dtype)


@operation("SaturateCast")
def saturated(layer: Layer, x: Operand, dtype: Any) -> Edge:
    """The elements in another dtype, held within its range."""
    edge, wanted = tensor(layer, x), named(dtype)
    if wanted.kind in ("int", "uint"):
        info = np.iinfo(wanted.numpy)
        edge = clip(layer, edge, *_representable(info.min, info.max, edge))
    elif wanted.kind == "float" and edge.dtype.kind == "float" and wanted.bits < edge.dtype.bits:
        largest = 65504.0 if wanted.name == "float16" else 3.3895313892515355e38
        edge = clip(layer, edge, -largest, largest)
    return ops.cast(layer.b, edge, wanted)


def _representable(low: int, high: int, edge: Edge) -> tuple[Any, Any]:
    if edge.dtype.kind == "float":
        below = np.nextafter(np.array(high, edge.dtype.numpy), np.array(0, edge.dtype.numpy))
        exact = int(np.array(high, edge.dtype.numpy)) == high
        return float(low), float(high if exact else below)
    if edge.dtype.kind not in ("int", "uint"):
        return None, None
    info = np.iinfo(edge.dtype.numpy)
    return max(low, int(info.min)), min(high, int(info.max))
