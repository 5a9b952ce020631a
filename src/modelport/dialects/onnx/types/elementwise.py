"""Operators that work element by element, one value or several broadcast against each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelport.dialects.onnx.types import fold
from modelport.dialects.onnx.types.call import BOOLS, FLOATS, NUMBERS, WHOLE, Call, rule
from modelport.dialects.onnx.types.dims import broadcast, demand
from modelport.dialects.onnx.types.known import Known, vector
from modelport.model.dtype import BOOL, INT32, INT64, DType

_NUMBERS_TO_SAME = "Abs Clip CumProd CumSum Hardmax Neg Relu Shrink Sign"
_FLOATS_TO_SAME = (
    "Acos Acosh Asin Asinh Atan Atanh Ceil Celu Cos Cosh Elu Erf Exp Floor Gelu HardSigmoid "
    "HardSwish LeakyRelu Log LogSoftmax Mish Reciprocal Round Selu Sigmoid "
    "Sin Sinh Softmax Softplus Softsign Sqrt SwiGLU Swish Tan Tanh ThresholdedRelu"
)
_SHIFTS = "BitShift BitwiseAnd BitwiseOr BitwiseXor"


@rule(*_NUMBERS_TO_SAME.split(), kinds=NUMBERS)
@rule(*_FLOATS_TO_SAME.split(), kinds=FLOATS)
@rule("Not", kinds=BOOLS)
def _same(call: Call) -> Sequence[Known]:
    return [_computed(call)]


@rule("PRelu", kinds=NUMBERS)
@rule("BitwiseNot", kinds=WHOLE)
@rule("ReverseSequence", "Trilu")
def _first(call: Call) -> Sequence[Known]:
    return [call.need(0).bare()]


def _computed(call: Call) -> Known:
    x = call.need(0)
    function = fold.UNARY.get(call.op_type)
    if function is None or x.held is None:
        return x.bare()
    return fold.folded(x.bare(), [x], function)


@rule("Identity")
def _identity(call: Call) -> Sequence[Known]:
    return [call.need(0)]


@rule("IsNaN", "IsInf")
def _tested(call: Call) -> Sequence[Known]:
    return [Known(BOOL, call.need(0).shape)]


@rule("Dropout")
def _dropout(call: Call) -> Sequence[Known]:
    x = call.need(0).bare()
    return [x, Known(BOOL, x.shape)]


@rule("Add", "Sub", "Mul", "Div", "Max", "Min", kinds=NUMBERS)
def _arithmetic(call: Call) -> Sequence[Known]:
    return [broadcasting(call)]


@rule("Mod")
def _mod(call: Call) -> Sequence[Known]:
    if call.number("fmod", 0):
        return [_typed(call.given())]
    return [broadcasting(call)]


@rule("Sum", "Mean", kinds=FLOATS)
def _total(call: Call) -> Sequence[Known]:
    return [_typed(call.given())]


@rule("And", "Or", "Xor", kinds=BOOLS)
def _logic(call: Call) -> Sequence[Known]:
    return [broadcasting(call)]


@rule(*_SHIFTS.split(), kinds=WHOLE)
def _bits(call: Call) -> Sequence[Known]:
    return [_typed(call.given())]


@rule("StringConcat", kinds=("string",))
def _joined(call: Call) -> Sequence[Known]:
    return [_typed(call.given())]


@rule("Pow", kinds=NUMBERS)
def _pow(call: Call) -> Sequence[Known]:
    items = [call.need(0), call.need(1)]
    found = Known(items[0].dtype, spread(items))
    return [fold.folded(found, items, fold.BINARY["Pow"])]


@rule("Less", "Greater", "LessOrEqual", "GreaterOrEqual", kinds=NUMBERS)
def _ordering(call: Call) -> Sequence[Known]:
    return [broadcasting(call, BOOL)]


@rule("Equal")
def _equal(call: Call) -> Sequence[Known]:
    return [broadcasting(call, BOOL)]


def broadcasting(call: Call, dtype: DType | None = None) -> Known:
    """The result of inputs of one type, of that type unless another is given."""
    items = call.given()
    found = _typed(items)
    if dtype is not None:
        found = Known(dtype, found.shape)
    if len(items) != 2 or items[0].held is None or items[1].held is None:
        return found
    result = fold.folded(found, items, fold.BINARY[call.op_type])
    return result if result.held is not None else fold.combined(call.op_type, found, *items)


def _typed(items: Sequence[Known]) -> Known:
    names = sorted({item.dtype.name for item in items if item.dtype is not None})
    demand(len(names) < 2, f"values of the types {' and '.join(names)} meet")
    dtype = next((item.dtype for item in items if item.dtype is not None), None)
    return Known(dtype, spread(items))


def spread(items: Sequence[Known]) -> tuple[int | str | None, ...] | None:
    """The shape that values broadcast to, None where one has no known rank."""
    shapes = [item.shape for item in items if item.shape is not None]
    return broadcast(shapes) if len(shapes) == len(items) else None


@rule("Where")
def _where(call: Call) -> Sequence[Known]:
    items = [call.need(0), call.need(1), call.need(2)]
    dtype = _typed(items[1:]).dtype
    found = Known(dtype, spread(items))
    result = fold.folded(found, items, np.where)
    chosen = items[0].array
    if result.held is not None or chosen is None or chosen.ndim > 1 or dtype not in (INT64, INT32):
        return [result]
    pairs = fold.paired(items[1], items[2])
    flat = chosen.reshape(-1).tolist()
    if pairs is None or found.rank is None or found.rank > 1:
        return [result]
    length = max(len(pairs), len(flat)) if pairs and flat else 0
    if len(pairs) not in (1, length) or len(flat) not in (1, length):
        return [result]
    pairs = pairs * length if len(pairs) == 1 else pairs
    flat = flat * length if len(flat) == 1 else flat
    extents = [x if yes else y for yes, (x, y) in zip(flat, pairs, strict=True)]
    return [vector(extents, dtype, found.rank == 0)]
