"""Functions of one tensor, element by element."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from modelport.dialects.onnx import arithmetic, ops
from modelport.dialects.onnx.builder import Builder
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten
from modelport.dialects.torch.promote import computed, floating, roomy, truth
from modelport.model.dtype import BOOL

_FLOAT = {
    **{"acos": "Acos", "arccos": "Acos", "acosh": "Acosh", "arccosh": "Acosh", "asin": "Asin"},
    **{"arcsin": "Asin", "asinh": "Asinh", "arcsinh": "Asinh", "atan": "Atan", "arctan": "Atan"},
    **{"atanh": "Atanh", "arctanh": "Atanh", "cos": "Cos", "cosh": "Cosh", "erf": "Erf"},
    **{"special_erf": "Erf", "exp": "Exp", "log": "Log", "reciprocal": "Reciprocal"},
    **{"sigmoid": "Sigmoid", "special_expit": "Sigmoid", "sin": "Sin", "sinh": "Sinh"},
    **{"sqrt": "Sqrt", "tan": "Tan", "tanh": "Tanh"},
}
"""Operators that ONNX has too; of whole numbers they take float32."""

_BUILT: dict[tuple[str, ...], Callable[[Builder, Edge], Edge]] = {
    ("rsqrt",): arithmetic.rsqrt,
    ("expm1", "special_expm1"): arithmetic.expm1,
    ("exp2", "special_exp2"): arithmetic.exp2,
    ("log2",): lambda b, x: arithmetic.logarithm(b, x, 2),
    ("log10",): lambda b, x: arithmetic.logarithm(b, x, 10),
    ("sinc", "special_sinc"): arithmetic.sinc,
    ("erfc", "special_erfc"): lambda b, x: ops.subtract(
        b, b.constant(1, x.dtype), ops.unary(b, "Erf", x)
    ),
    ("deg2rad",): lambda b, x: ops.multiply(b, x, math.pi / 180),
    ("rad2deg",): lambda b, x: ops.multiply(b, x, 180 / math.pi),
}
"""Functions that are built of several operators; of whole numbers they take float32."""


def _operator(op_type: str) -> Any:
    def lower(call: Call, x: Any) -> Edge:
        return ops.unary(call.b, op_type, floating(call, x))

    return lower


def _built(function: Callable[[Builder, Edge], Edge]) -> Any:
    def lower(call: Call, x: Any) -> Edge:
        return function(call.b, floating(call, x))

    return lower


for _name, _op_type in _FLOAT.items():
    aten(_name)(_operator(_op_type))
for _names, _function in _BUILT.items():
    aten(*_names)(_built(_function))


def _rounding(op_type: str) -> Any:
    def lower(call: Call, x: Any) -> Edge:
        edge = call.tensor(x)
        if edge.dtype.kind != "float":
            return edge
        if op_type == "Trunc":
            return arithmetic.trunc(call.b, edge)
        return ops.unary(call.b, op_type, edge)

    return lower


for _name, _op_type in {"ceil": "Ceil", "floor": "Floor", "trunc": "Trunc", "fix": "Trunc"}.items():
    aten(_name)(_rounding(_op_type))


@aten("round", "special_round")
def rounded(call: Call, x: Any, decimals: int = 0) -> Edge:
    """The nearest number of so many decimals; halves go to the even one."""
    edge = call.tensor(x)
    if edge.dtype.kind != "float":
        return edge
    return arithmetic.rounded(call.b, edge, call.fixed(decimals, "the number of decimals"))


@aten("log1p", "special_log1p")
def log1p(call: Call, x: Any) -> Edge:
    """log(1 + x), exact near 0: log(u) x / (u - 1) with u = 1 + x, after W. Kahan."""
    b, edge = call.b, floating(call, x)
    sum_ = ops.add(b, edge, 1)
    apart = ops.subtract(b, sum_, 1)
    logarithm = ops.unary(b, "Log", sum_)
    near = ops.binary(b, "Equal", apart, 0)
    plain = ops.binary(b, "Or", near, arithmetic.is_infinite(b, edge))
    safe = ops.where(b, plain, b.constant(1, edge.dtype), apart)
    scaled = ops.multiply(b, logarithm, ops.divide(b, edge, safe))
    beyond = ops.where(b, near, edge, logarithm)
    return ops.where(b, plain, beyond, scaled)


@aten("abs", "absolute")
def absolute(call: Call, x: Any) -> Edge:
    """|x|."""
    return ops.unary(call.b, "Abs", call.tensor(x))


@aten("neg", "negative")
def negative(call: Call, x: Any) -> Edge:
    """-x; unsigned numbers wrap around."""
    edge = call.tensor(x)
    wide = ops.cast(call.b, edge, roomy(edge.dtype))
    return ops.cast(call.b, ops.unary(call.b, "Neg", wide), edge.dtype)


@aten("sign", "sgn")
def sign(call: Call, x: Any) -> Edge:
    """-1, 0 or 1."""
    edge = call.tensor(x)
    if edge.dtype == BOOL:
        return edge
    found = ops.unary(call.b, "Sign", edge)
    if edge.dtype.kind == "float":
        # ONNX leaves open what the sign of NaN is; torch makes it 0.
        nan = arithmetic.is_nan(call.b, edge)
        return ops.where(call.b, nan, call.b.constant(0, edge.dtype), found)
    return found


@aten("positive", "real", "conj", "conj_physical", "_conj", "resolve_conj", "resolve_neg")
def same(call: Call, x: Any) -> Edge:
    """The tensor as it is."""
    return call.tensor(x)


@aten("square")
def square(call: Call, x: Any) -> Edge:
    """x²."""
    edge = call.tensor(x)
    if edge.dtype == BOOL:
        return ops.cast(call.b, edge, call.b.constant(0).dtype)
    return computed(call, "Mul", edge, edge)


@aten("frac")
def fraction(call: Call, x: Any) -> Edge:
    """What trunc leaves."""
    edge = call.tensor(x)
    return ops.subtract(call.b, edge, arithmetic.trunc(call.b, edge))


@aten("logit", "special_logit")
def logit(call: Call, x: Any, eps: float | None = None) -> Edge:
    """log(x / (1 - x)), of x held between eps and 1 - eps where that is given."""
    b, edge = call.b, floating(call, x)
    edge = edge if eps is None else ops.clip(b, edge, eps, 1 - eps)
    rest = ops.subtract(b, b.constant(1, edge.dtype), edge)
    return ops.unary(b, "Log", ops.divide(b, edge, rest))


@aten("special_entr")
def entropy(call: Call, x: Any) -> Edge:
    """-x log(x); 0 at 0 and -∞ below."""
    b, edge = call.b, floating(call, x)
    product = ops.unary(b, "Neg", ops.multiply(b, edge, ops.unary(b, "Log", edge)))
    nought = ops.binary(b, "Equal", edge, 0)
    found = ops.where(b, nought, b.constant(0, edge.dtype), product)
    below = ops.binary(b, "Less", edge, 0)
    return ops.where(b, below, b.constant(-math.inf, edge.dtype), found)


@aten("special_ndtr")
def normal_distribution(call: Call, x: Any) -> Edge:
    """(1 + erf(x / √2)) / 2."""
    b, edge = call.b, floating(call, x)
    error = ops.unary(b, "Erf", ops.multiply(b, edge, math.sqrt(0.5)))
    return ops.multiply(b, ops.add(b, error, 1), 0.5)


@aten("angle")
def angle(call: Call, x: Any) -> Edge:
    """The angle of a real number: 0, or π below 0; NaN stays."""
    b, edge = call.b, floating(call, x)
    below = ops.binary(b, "Less", edge, 0)
    found = ops.where(b, below, b.constant(math.pi, edge.dtype), b.constant(0, edge.dtype))
    return ops.where(b, arithmetic.is_nan(b, edge), edge, found)


# Questions


def _asked(of_floats: Callable[[Builder, Edge], Edge], otherwise: bool) -> Any:
    def lower(call: Call, x: Any) -> Edge:
        edge = call.tensor(x)
        if edge.dtype.kind == "float":
            return of_floats(call.b, edge)
        answer = call.b.constant(otherwise, BOOL)
        made = call.b.emit("Expand", [answer, ops.shape_of(call.b, edge)], BOOL, edge.shape)
        return Edge(made.name, BOOL, edge.shape)

    return lower


aten("isnan")(_asked(arithmetic.is_nan, False))
aten("isinf")(_asked(arithmetic.is_infinite, False))
aten("isposinf")(_asked(lambda b, x: arithmetic.is_infinite(b, x, minus=False), False))
aten("isneginf")(_asked(lambda b, x: arithmetic.is_infinite(b, x, plus=False), False))
aten("isfinite")(_asked(arithmetic.is_finite, True))


@aten("isreal")
def is_real(call: Call, x: Any) -> Edge:
    """True: there is no imaginary part."""
    edge = call.tensor(x)
    inputs = [call.b.constant(True, BOOL), ops.shape_of(call.b, edge)]
    return call.b.emit("Expand", inputs, BOOL, edge.shape)


@aten("signbit")
def sign_bit(call: Call, x: Any) -> Edge:
    """Whether an element is below 0, or is -0."""
    edge = call.tensor(x)
    if edge.dtype.kind == "float":
        return arithmetic.sign_bit(call.b, edge)
    wide = ops.cast(call.b, edge, roomy(edge.dtype))
    return ops.binary(call.b, "Less", wide, 0)


@aten("logical_not")
def logical_not(call: Call, x: Any) -> Edge:
    """Whether an element is 0."""
    return ops.unary(call.b, "Not", truth(call, x))


@aten("bitwise_not")
def bitwise_not(call: Call, x: Any) -> Edge:
    """Every bit turned over."""
    edge = call.tensor(x)
    return ops.unary(call.b, "Not" if edge.dtype == BOOL else "BitwiseNot", edge)


@aten("nan_to_num")
def nan_to_num(
    call: Call,
    x: Any,
    nan: float | None = None,
    posinf: float | None = None,
    neginf: float | None = None,
) -> Edge:
    """Numbers in place of NaN and the infinities (the dtype's largest unless given)."""
    edge = call.tensor(x)
    if edge.dtype.kind != "float":
        return edge
    return arithmetic.nan_to_num(call.b, edge, 0.0 if nan is None else nan, posinf, neginf)
