"""Operators that work element by element, on one tensor or on several that broadcast."""

from __future__ import annotations

from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten
from modelport.dialects.torch.promote import floating, in_dtype, together
from modelport.model.dtype import BOOL

_FLOAT = {
    "acos": "Acos",
    "acosh": "Acosh",
    "asin": "Asin",
    "asinh": "Asinh",
    "atan": "Atan",
    "atanh": "Atanh",
    "cos": "Cos",
    "cosh": "Cosh",
    "erf": "Erf",
    "exp": "Exp",
    "log": "Log",
    "reciprocal": "Reciprocal",
    "sigmoid": "Sigmoid",
    "sin": "Sin",
    "sinh": "Sinh",
    "sqrt": "Sqrt",
    "tan": "Tan",
    "tanh": "Tanh",
}
"""Operators that ONNX has too; of whole numbers they take float32."""

_SAME = {"abs": "Abs", "neg": "Neg", "sign": "Sign", "relu": "Relu"}
"""Operators that ONNX has too, for whole numbers as well."""


def _unary(op_type: str, makes_float: bool) -> Any:
    def lower(call: Call, x: Any) -> Edge:
        edge = floating(call, x) if makes_float else call.tensor(x)
        return ops.unary(call.b, op_type, edge)

    return lower


for _name, _op_type in _FLOAT.items():
    aten(_name, f"{_name}_")(_unary(_op_type, True))
for _name, _op_type in _SAME.items():
    aten(_name, f"{_name}_")(_unary(_op_type, False))


@aten("add", "add_")
def add(call: Call, x: Any, other: Any, alpha: Any = 1) -> Edge:
    """``x + alpha * other``."""
    return _scaled(call, "Add", x, other, alpha)


@aten("sub", "sub_", "subtract")
def subtract(call: Call, x: Any, other: Any, alpha: Any = 1) -> Edge:
    """``x - alpha * other``."""
    return _scaled(call, "Sub", x, other, alpha)


@aten("rsub")
def reverse_subtract(call: Call, x: Any, other: Any, alpha: Any = 1) -> Edge:
    """``other - alpha * x``."""
    return _scaled(call, "Sub", other, x, alpha)


def _scaled(call: Call, op_type: str, x: Any, other: Any, alpha: Any) -> Edge:
    left, right = together(call, x, other)
    if alpha != 1:
        right = ops.multiply(call.b, right, in_dtype(call, alpha, right.dtype))
    return ops.binary(call.b, op_type, left, right)


@aten("mul", "mul_", "multiply")
def multiply(call: Call, x: Any, other: Any) -> Edge:
    """The product; of bools it is ``and``."""
    left, right = together(call, x, other)
    return ops.binary(call.b, "And" if left.dtype == BOOL else "Mul", left, right)


@aten("div", "div_", "true_divide")
def divide(call: Call, x: Any, other: Any, rounding_mode: str | None = None) -> Edge:
    """The quotient; without a rounding mode always a float."""
    left, right = together(call, x, other)
    if rounding_mode is None:
        left, right = floating(call, left), floating(call, right)
    elif left.dtype.kind == "float" or rounding_mode == "floor":
        raise ValueError(f"rounding mode {rounding_mode!r}")
    return ops.binary(call.b, "Div", left, right)
