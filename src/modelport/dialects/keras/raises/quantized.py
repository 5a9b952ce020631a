"""Numbers of few bits: what quantises, and what computes with quantised operands."""

from __future__ import annotations

from typing import Any

from modelport.dialects.keras.raises.call import Call, raises
from modelport.dialects.keras.raises.value import Held, plain
from modelport.dialects.onnx.types.known import DTYPE_OF
from modelport.model.dtype import DTYPES, DType

_HELD = ("int8", "uint8", "int16", "uint16", "int32")


def _parameter(call: Call, index: int, dtype: DType) -> Any:
    """A scale or zero point beside the first operand, of some data type."""
    known, rank = call.known(index), call.known(0).rank or 0
    axis, size = int(call.attribute("axis", 1)), int(call.attribute("block_size", 0))
    if known.array is not None and known.array.size == 1:
        return known.array.reshape(-1)[0].item()
    found = call.cast(call.plain(index), dtype)
    if size and found.rank > 1:
        extent, parts = call.known(0).dim(axis), known.dim(axis)
        if not isinstance(extent, int) or not isinstance(parts, int) or parts * size != extent:
            raise call.refused("blocks that do not fill its axis")
        return call.op("Repeat", found, repeats=size, axis=axis % rank)
    if found.rank == 1 and known.dim(0) != 1:
        shape = [1] * rank
        shape[axis % rank] = -1
        return call.op("Reshape", found, newshape=shape, order=plain(rank))
    return found if found.rank == 0 else call.op("Reshape", found, newshape=[], order=())


def _has_zero(call: Call, index: int) -> bool:
    known = call.array(index)
    return call.has(index) and (known is None or bool(known.any()))


def _saturated(call: Call, x: Held, dtype: DType) -> Held:
    least = -(1 << (dtype.bits - 1)) if dtype.kind == "int" else 0
    return call.cast(call.op("Clip", x, x_min=least, x_max=least + (1 << dtype.bits) - 1), dtype)


@raises("QuantizeLinear")
def quantize(call: Call) -> Held:
    """round(x / scale) + zero, within the limits of the result's data type."""
    dtype, x = call.output().dtype, call.plain(0)
    stated, own, scales = call.attribute("precision", 0), call.known(0).dtype, call.known(1).dtype
    if dtype is None or dtype.name not in _HELD:
        raise call.refused(f"Keras has no data type {dtype}")
    same = own is scales and own is not None and own.kind == "float"
    computed = DTYPE_OF[int(stated)] if stated else (own if same else None)
    computed = computed or DTYPES["float32"]
    x = x if own is computed else call.cast(x, computed)
    found = call.op("Round", call.op("Divide", x, _parameter(call, 1, computed)))
    if computed.bits < 32:
        found = call.cast(found, DTYPES["float32"])
    if _has_zero(call, 2):
        wide = DTYPES["float32"] if computed.bits < 32 else computed
        found = call.op("Add", found, _parameter(call, 2, wide))
    return _saturated(call, found, dtype)


@raises("DequantizeLinear")
def dequantize(call: Call) -> Held:
    """(x - zero) times the scale."""
    single, dtype = DTYPES["float32"], call.output().dtype
    known = call.known(0).dtype
    if known is None or known.name not in _HELD:
        raise call.refused(f"Keras has no data type {known}")
    x = call.cast(call.plain(0), single)
    if _has_zero(call, 2):
        x = call.op("Subtract", x, _parameter(call, 2, single))
    found = call.op("Multiply", x, _parameter(call, 1, single))
    return found if dtype is single else call.cast(found, dtype)


@raises("DynamicQuantizeLinear")
def dynamic_quantize(call: Call) -> list[Held]:
    """Bytes between the least and the largest element, and 0."""
    x, byte = call.plain(0), DTYPES["uint8"]
    least = call.op("Minimum", call.op("Min", x, axis=None, keepdims=False, order=()), 0.0)
    most = call.op("Maximum", call.op("Max", x, axis=None, keepdims=False, order=()), 0.0)
    width = call.op("Subtract", most, least)
    width = call.op("Where", call.op("Equal", width, 0.0), 1.0, width, order=())
    scale = call.op("Divide", width, 255.0)
    zero = call.op("Divide", call.op("Negative", least), scale)
    zero = call.op("Round", call.op("Clip", zero, x_min=0.0, x_max=255.0))
    found = call.op("Add", call.op("Round", call.op("Divide", x, scale)), zero)
    return [_saturated(call, found, byte), scale, call.cast(zero, byte)]


@raises("MatMulInteger")
def matmul_integer(call: Call) -> Held:
    """A product of whole numbers without their zero points."""
    wide, sides = DTYPES["int32"], []
    for place in (0, 1):
        x = call.cast(call.plain(place), wide)
        if _has_zero(call, place + 2):
            zero = call.cast(call.plain(place + 2), wide)
            if zero.rank == 1 and place == 0 and call.known(2).dim(0) != 1:
                zero = call.op("ExpandDims", zero, axis=1, order=plain(2))
            x = call.op("Subtract", x, zero)
        sides.append(x)
    return call.op("Matmul", *sides, order=plain(call.output().rank or 0))
