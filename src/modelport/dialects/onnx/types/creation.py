"""Operators that make values: constants, ranges, random numbers, other types."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from modelport.dialects.onnx.types import fold
from modelport.dialects.onnx.types.call import FLOATS, NUMBERS, Call, rule
from modelport.dialects.onnx.types.dims import demand
from modelport.dialects.onnx.types.known import (
    MOST_ELEMENTS,
    Known,
    constant,
    made,
    of_tensor,
    vector,
)
from modelport.dialects.onnx.types.shaping import MOST_AXES
from modelport.model.dtype import FLOAT32, INT32, INT64, STRING, UINT8, DType
from modelport.model.graph import SparseTensor
from modelport.model.tensor import Tensor


@rule("Constant")
def _constant(call: Call) -> Sequence[Known]:
    for name, value in call.settings.items():
        if name == "value" and isinstance(value, Tensor):
            return [of_tensor(value)]
        if name == "sparse_value" and isinstance(value, SparseTensor):
            return [Known(value.values.dtype, value.shape)]
        if name in _PLAIN:
            return [_plain(call, name, value)]
    raise ValueError("a Constant without a value")


_PLAIN: dict[str, DType] = {
    "value_int": INT64,
    "value_ints": INT64,
    "value_float": FLOAT32,
    "value_floats": FLOAT32,
    "value_string": STRING,
    "value_strings": STRING,
}


def _plain(call: Call, name: str, value: Any) -> Known:
    dtype = _PLAIN[name]
    items = value if name.endswith("s") else [value]
    kinds: tuple[type, ...] = {INT64: (int,), FLOAT32: (int, float)}.get(dtype, (str, bytes))
    fine = isinstance(items, list | tuple) and all(isinstance(item, kinds) for item in items)
    demand(fine, f"Constant does not take {str(value)[:80]} as its {name}")
    shape = (len(items),) if name.endswith("s") else ()
    if dtype == STRING or len(items) > MOST_ELEMENTS:
        return Known(dtype, shape)
    if dtype == INT64:
        return vector(items, INT64, scalar=not shape)
    with np.errstate(over="ignore"):
        return constant(np.array(items, np.float64).astype(np.float32).reshape(shape), dtype)


@rule("ConstantOfShape")
def _filled(call: Call) -> Sequence[Known]:
    wanted = call.need(0)
    value = call.settings.get("value")
    dtype = value.dtype if isinstance(value, Tensor) else FLOAT32
    extents, count = wanted.extents, wanted.dim(0)
    if extents is None:
        fine = isinstance(count, int) and count <= MOST_AXES
        return [Known(dtype, (None,) * count if fine and isinstance(count, int) else None)]
    found = made(dtype, extents)
    if not fold.bounded(found.shape):
        return [found]
    number = (
        of_tensor(value)
        if isinstance(value, Tensor)
        else constant(np.zeros(1, np.float32), FLOAT32)
    )
    demand(number.shape in ((1,), ()), f"ConstantOfShape with a value of shape {number.shape}")
    return [
        fold.folded(found, [number], lambda a: np.broadcast_to(a.reshape(()), fold.fixed(found)))
    ]


@rule("EyeLike")
def _eye(call: Call) -> Sequence[Known]:
    x = call.need(0)
    return [Known(_typed(call, x.dtype), x.shape)]


def _typed(call: Call, default: DType | None) -> DType | None:
    return call.dtype("dtype") if call.settings.get("dtype") else default


@rule("RandomNormal", "RandomUniform")
def _random(call: Call) -> Sequence[Known]:
    shape = call.numbers("shape")
    return [made(_typed(call, FLOAT32), None if shape is None else tuple(shape))]


@rule("RandomNormalLike", "RandomUniformLike", "Bernoulli")
def _random_like(call: Call) -> Sequence[Known]:
    x = call.need(0)
    return [Known(_typed(call, x.dtype), x.shape)]


@rule("Multinomial", kinds=FLOATS)
def _multinomial(call: Call) -> Sequence[Known]:
    x = call.need(0)
    return [made(_typed(call, INT32), (x.dim(0), call.number("sample_size", 1)))]


@rule("Range", kinds=NUMBERS)
def _range(call: Call) -> Sequence[Known]:
    ends = [call.need(0), call.need(1), call.need(2)]
    dtype = next((item.dtype for item in ends if item.dtype is not None), None)
    given = fold.arrays(ends)
    if given is None or any(array.size != 1 for array in given) or dtype is None:
        start, limit, step = (item.extents for item in ends)
        # From 0 in steps of 1: as many as the limit says.
        plain = start == (0,) and step == (1,) and limit is not None and isinstance(limit[0], str)
        return [Known(dtype, (limit[0],) if plain and limit is not None else (None,))]
    start_at, stop, by = (array.reshape(()).item() for array in given)
    demand(by != 0, "a range in steps of 0")
    span = stop / by - start_at / by if isinstance(by, float) else 0.0
    demand(math.isfinite(span), f"a range from {start_at} to {stop} by {by}")
    ratio = (
        math.ceil((stop - start_at) / by) if isinstance(by, float) else -((start_at - stop) // by)
    )
    found = made(dtype, (max(ratio, 0),))
    if dtype not in (INT64, INT32) or not fold.bounded(found.shape):
        return [found]
    return [vector([start_at + i * by for i in range(max(ratio, 0))], dtype)]


@rule("Cast")
def _cast(call: Call) -> Sequence[Known]:
    return [cast(call.need(0), call.dtype("to"))]


@rule("CastLike")
def _cast_like(call: Call) -> Sequence[Known]:
    x, dtype = call.need(0), call.need(1).dtype
    return [Known(None, x.shape) if dtype is None else cast(x, dtype)]


def cast(x: Known, dtype: DType) -> Known:
    """The same numbers in another type."""
    found = Known(dtype, x.shape)
    if x.held is None:
        return found
    if isinstance(x.held, tuple):
        return vector(x.held, dtype, x.rank == 0)
    if dtype.kind in ("int", "uint"):
        # What does not fit is not the same on every machine.
        return fold.folded(found, [x], lambda a: _whole(a, dtype))
    return fold.folded(found, [x], lambda a: a.astype(dtype.numpy))


def _whole(a: fold.Array, dtype: DType) -> fold.Array | None:
    info = np.iinfo(dtype.numpy)
    if a.dtype.kind == "f":
        fine = bool(np.all(np.isfinite(a)) and np.all(np.abs(a) < float(info.max)))
        a = np.trunc(a)
        fine = fine and bool(np.all(a >= float(info.min)))
    else:
        numbers = a.reshape(-1).tolist()
        fine = all(info.min <= number <= info.max for number in numbers)
    return a.astype(dtype.numpy) if fine else None


@rule("BitCast")
def _bit_cast(call: Call) -> Sequence[Known]:
    x, dtype = call.need(0), call.dtype("to")
    fine = x.dtype is None or x.dtype.bits == dtype.bits
    demand(fine, f"the bits of {x.dtype} as {dtype}")
    return [Known(dtype, x.shape)]


@rule("QuantizeLinear")
def _quantize(call: Call) -> Sequence[Known]:
    x, zero = call.need(0), call.at(2).dtype
    default = zero if call.has(2) else UINT8
    if call.number("output_dtype", 0):
        default = call.dtype("output_dtype")
    return [Known(default, x.shape)]


@rule("DequantizeLinear")
def _dequantize(call: Call) -> Sequence[Known]:
    x, dtype = call.need(0), call.need(1).dtype
    if call.number("output_dtype", 0):
        dtype = call.dtype("output_dtype")
    return [Known(dtype, x.shape)]


@rule("DynamicQuantizeLinear", kinds=FLOATS)
def _quantize_alone(call: Call) -> Sequence[Known]:
    return [Known(UINT8, call.need(0).shape), Known(FLOAT32, ()), Known(UINT8, ())]
