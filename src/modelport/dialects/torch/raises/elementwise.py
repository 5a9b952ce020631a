"""Arithmetic, comparisons and functions of one element at a time."""

from __future__ import annotations

from modelport.dialects.torch.raises.call import Call, raises, torch_dtype

_INFIX = {
    "Add": "+", "Sub": "-", "Mul": "*", "Equal": "==", "Less": "<", "LessOrEqual": "<=",
    "Greater": ">", "GreaterOrEqual": ">=", "And": "&", "Or": "|", "Xor": "^",
    "BitwiseAnd": "&", "BitwiseOr": "|", "BitwiseXor": "^",
}  # fmt: skip
_PLAIN = {
    name: f"torch.{name.lower()}"
    for name in "Abs Acos Acosh Asin Asinh Atan Atanh Ceil Cos Cosh Erf Exp Floor Log Round "
    "Sin Sinh Sqrt Tan Reciprocal IsNaN IsInf Det".split()
} | {"Sign": "torch.sign"}


@raises(*_INFIX)
def infix(call: Call) -> str:
    """An operator between two tensors, or a tensor and a number."""
    return f"{call.number(0)} {_INFIX[call.node.op_type]} {call.number(1)}"


@raises("Div")
def div(call: Call) -> str:
    """Whole numbers are divided towards zero."""
    if call.dtype(0).kind in ("int", "uint"):
        return f'torch.div({call[0]}, {call.number(1)}, rounding_mode="trunc")'
    return f"{call.number(0)} / {call.number(1)}"


@raises("Neg")
def neg(call: Call) -> str:
    """The other sign."""
    return f"-{call[0]}"


@raises("Not", "BitwiseNot")
def invert(call: Call) -> str:
    """Every bit (or truth value) turned."""
    return f"~{call[0]}"


@raises(*_PLAIN)
def plain(call: Call) -> str:
    """A function that torch has by the same name."""
    return f"{_PLAIN[call.node.op_type]}({call[0]})"


@raises("Identity")
def identity(call: Call) -> str:
    """The same value."""
    return call[0]


@raises("Cast")
def cast(call: Call) -> str:
    """Another data type."""
    dtype = call.output().dtype
    if dtype is None:
        raise call.refused("its data type is not known")
    return f"{call[0]}.to({torch_dtype(dtype)})"
