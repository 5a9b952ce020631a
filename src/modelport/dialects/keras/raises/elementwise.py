"""Arithmetic, comparisons and functions of one element at a time."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from modelport.dialects.keras.raises.addition import added
from modelport.dialects.keras.raises.call import Call, raises
from modelport.dialects.keras.raises.value import Held, plain
from modelport.dialects.onnx.types.dims import broadcast

_UNARY = {
    "Abs": "Absolute", "Acos": "Arccos", "Acosh": "Arccosh", "Asin": "Arcsin", "Asinh": "Arcsinh",
    "Atan": "Arctan", "Atanh": "Arctanh", "Ceil": "Ceil", "Cos": "Cos", "Cosh": "Cosh",
    "Erf": "Erf", "Exp": "Exp", "Floor": "Floor", "IsNaN": "Isnan", "Log": "Log",
    "Neg": "Negative", "Not": "LogicalNot", "Reciprocal": "Reciprocal", "Round": "Round",
    "Sign": "Sign", "Sin": "Sin", "Sinh": "Sinh", "Sqrt": "Sqrt", "Tan": "Tan",
    "BitwiseNot": "BitwiseNot",
}  # fmt: skip
_BINARY = {
    "Add": "Add", "Sub": "Subtract", "Mul": "Multiply", "Pow": "Power", "Equal": "Equal",
    "Less": "Less", "LessOrEqual": "LessEqual", "Greater": "Greater",
    "GreaterOrEqual": "GreaterEqual", "And": "LogicalAnd", "Or": "LogicalOr",
    "Xor": "LogicalXor", "BitwiseAnd": "BitwiseAnd", "BitwiseOr": "BitwiseOr",
    "BitwiseXor": "BitwiseXor",
}  # fmt: skip
_VARIADIC = {"Max": "Maximum", "Min": "Minimum", "Sum": "Add", "Mean": "Add"}


@raises(*_UNARY)
def unary(call: Call) -> Held:
    """A function that Keras has, too."""
    return call.op(_UNARY[call.node.op_type], call.held())


@raises(*_BINARY)
def binary(call: Call) -> Held:
    """An operation on two values, or on a value and a constant."""
    _check(call)
    a, b = call.operands(0, 1)
    both = isinstance(a, Held) and isinstance(b, Held)
    if both and call.node.op_type in ("Add", "Mul") and _alike(call):
        kind = "Add" if call.node.op_type == "Add" else "Multiply"
        return call.layer(kind, call.computes(0), [a, b])
    if call.node.op_type == "Add":
        return added(call, a, b, [call.known(i).shape for i in (0, 1)])
    found = call.op(_BINARY[call.node.op_type], a, b)
    if call.node.op_type == "Pow" and call.known(0).dtype != call.known(1).dtype:
        return call.cast(found, call.output().dtype)
    return found


def _check(call: Call) -> None:
    dtype = call.known(0).dtype
    if dtype is not None and dtype.name == "uint64":
        raise call.refused("Keras computes unsigned numbers of 64 bits with 32")


def _alike(call: Call) -> bool:
    """Whether both operands have one shape and begin with a batch, as layers want it."""
    shapes = [call.known(i).shape for i in (0, 1)]
    dtype = call.known(0).dtype
    floats = dtype is not None and dtype.kind == "float"
    return floats and shapes[0] is not None and shapes[0] == shapes[1] and len(shapes[0]) > 1


@raises("Div")
def div(call: Call) -> Held:
    """Whole numbers are divided towards zero."""
    _check(call)
    a, b = call.operands(0, 1)
    dtype = call.known(0).dtype
    if dtype is None or dtype.kind not in ("int", "uint"):
        return call.op("Divide", a, b)
    if dtype.kind == "uint":
        return call.op("FloorDivide", a, b)
    size = call.op("FloorDivide", call.op("Absolute", a), call.op("Absolute", b))
    sign = call.op("Multiply", call.op("Sign", a), call.op("Sign", b))
    return call.op("Multiply", size, sign)


@raises("Mod")
def mod(call: Call) -> Held:
    """The rest of a division, with the sign of the divisor (or, with ``fmod``, the dividend)."""
    _check(call)
    a, b = call.operands(0, 1)
    if not call.attribute("fmod", 0):
        return call.op("Mod", a, b)
    rest = call.op("Mod", call.op("Absolute", a), call.op("Absolute", b))
    return call.op("Multiply", rest, call.op("Sign", a))


@raises(*_VARIADIC)
def variadic(call: Call) -> Held:
    """An operation over any number of values."""
    _check(call)
    if len(call) == 1:
        return call.held()
    name = _VARIADIC[call.node.op_type]
    parts = call.operands(*range(len(call)))
    if name != "Add":
        largest: Held = reduce(lambda a, b: call.op(name, a, b), parts)
        return largest
    found = _sum(call, parts)
    if call.node.op_type == "Mean":
        return call.op("Divide", found, float(len(call)))
    return found


def _sum(call: Call, parts: list[Any]) -> Held:
    total, shape = parts[0], call.known(0).shape
    for place, part in enumerate(parts[1:], 1):
        other = call.known(place).shape
        total = added(call, total, part, [shape, other])
        shape = None if shape is None or other is None else broadcast([shape, other])
    return Held(total.name, total.order)


@raises("Where")
def where(call: Call) -> Held:
    """One value or the other, by a truth value."""
    condition, yes, no = call.operands(0, 1, 2)
    dtype = call.output().dtype
    if not isinstance(yes, Held) and not isinstance(no, Held) and dtype is not None:
        yes, no = (np.asarray(item, dtype.numpy) for item in (yes, no))
    found = call.op("Where", condition, yes, no)
    rank = call.output().rank or 0
    orders = [x.order for x in (condition, yes, no) if isinstance(x, Held)]
    return Held(found.name, next((o for o in orders if len(o) == rank), plain(rank)))


@raises("Clip")
def clip(call: Call) -> Held:
    """Between two limits, of which either may be missing."""
    x, limits = call.held(), [call.array(i) for i in (1, 2)]
    if any(call.has(i) and limits[i - 1] is None for i in (1, 2)):
        for place, name in ((1, "Maximum"), (2, "Minimum")):
            if call.has(place):
                x = call.op(name, *(x, call.operands(0, place)[1]))
        return x
    low, high = (None if limit is None else limit.reshape(()).item() for limit in limits)
    if low is not None and high is not None:
        return call.op("Clip", x, x_min=low, x_max=high)
    if low is not None:
        return call.op("Maximum", x, low)
    return x if high is None else call.op("Minimum", x, high)


@raises("Cast", "CastLike")
def cast(call: Call) -> Held:
    """Another data type; what is no longer a number is cut towards zero."""
    return call.cast(call.held(), call.output().dtype)


@raises("IsInf")
def is_inf(call: Call) -> Held:
    """Whether it is infinite, on either side or on one."""
    x = call.held()
    found = call.op("Isinf", x)
    up, down = call.attribute("detect_positive", 1), call.attribute("detect_negative", 1)
    if up and down:
        return found
    if not up and not down:
        return call.op("LogicalAnd", found, False)
    return call.op("LogicalAnd", found, call.op("Greater" if up else "Less", x, 0.0))


@raises("BitShift")
def bit_shift(call: Call) -> Held:
    """Bits moved to one side."""
    _check(call)
    dtype, by = call.known(0).dtype, call.array(1)
    safe = by is not None and dtype is not None and ((by >= 0) & (by < dtype.bits)).all()
    if not safe and (dtype is None or dtype.kind != "uint"):
        raise call.refused("how far it moves is computed, and may be more than there are bits")
    left = call.attribute("direction", "LEFT") == "LEFT"
    name = "BitwiseLeftShift" if left else "BitwiseRightShift"
    return call.op(name, *call.operands(0, 1))
