"""Casts from one data type to another."""

from __future__ import annotations

from modelport.dialects.torch.raises.call import CARRIERS, Call, raises, torch_dtype
from modelport.dialects.torch.raises.dtypes import to
from modelport.dialects.torch.raises.whole import counts
from modelport.dialects.torch.source.sizes import Sizes
from modelport.model.dtype import DTYPES, FLOAT4_E2M1FN, FLOAT8_E4M3FN, FLOAT32, INT32, INT64, DType

_MOST = {
    "float8_e4m3fn": 448, "float8_e4m3fnuz": 240, "float8_e5m2": 57344, "float8_e5m2fnuz": 57344,
}  # fmt: skip
_HALFWAY = 464
"""What float8_e4m3fn rounds to no number."""

_POWER = '''
def _power_of_two(x, mode="up", saturate=True):
    """The power of two next to each number, as float8_e8m0fnu."""
    bits = x.float().view(torch.int32)
    exponent, rest = (bits >> 23) & 0xFF, bits & 0x7FFFFF
    if mode == "up":
        more = rest > 0
    elif mode == "nearest":
        more = (rest > 0x400000) | ((rest == 0x400000) & (exponent > 0))
    else:
        more = torch.zeros_like(rest, dtype=torch.bool)
    most = 0xFE if saturate else 0xFF
    rounded = (exponent + more).clamp(max=most)
    exponent = torch.where(exponent == 0xFF, 0xFF, rounded)
    return exponent.to(torch.uint8).view(torch.float8_e8m0fnu)
'''
_FLOAT4 = '''
def _float4(x):
    """The nearest of 0, 0.5, 1, 1.5, 2, 3, 4 and 6 with the sign of each number."""
    size = x.float().abs()
    step = torch.where(size < 2, 0.5, torch.where(size < 4, 1.0, 2.0))
    size = (torch.round(size / step) * step).clamp(max=6).nan_to_num()
    return torch.copysign(size, x.float()).half()
'''


@raises("Cast", "CastLike")
def cast(call: Call) -> str | Sizes:
    """The same values in another data type."""
    dtype = call.output().dtype
    if dtype is None:
        raise call.refused("its data type is not known")
    if dtype in (INT64, INT32) and counts(call, 0):
        return call.sizes(0)
    if counts(call, 0) and (dtype.kind == "float" and dtype.bits > 8):
        found = call.sizes(0)
        items = found.items[0] if found.scalar else f"[{', '.join(found.items)}]"
        device = f", device={found.like}.device" if found.like else ""
        return f"torch.tensor({items}, dtype={torch_dtype(dtype)}{device})"
    if call.dtype(0) is dtype:
        return call[0]
    if "string" in (dtype.kind, call.dtype(0).kind):
        raise call.refused("torch has no tensors of text")
    eight = dtype.kind == "float" and dtype.bits == 8
    computes = call.dtype(0).kind == "float" and call.dtype(0).bits > 8
    return casted(call, to(call[0], FLOAT32) if eight and not computes else call[0], dtype)


def casted(call: Call, text: str, dtype: DType) -> str:
    """An operand (a name or an expression in brackets) in a data type, by the rules of ONNX."""
    saturate = bool(call.attribute("saturate", 1))
    if dtype is FLOAT4_E2M1FN:
        return f"{call.helper(_FLOAT4)}({text})"
    if dtype.name in CARRIERS:
        return _packed(text, dtype)
    if dtype.name == "float8_e8m0fnu":
        mode = call.attribute("round_mode", "up")
        settings = "" if mode == "up" else f', "{mode}"'
        return f"{call.helper(_POWER)}({text}{settings}{'' if saturate else ', saturate=False'})"
    if dtype.name in _MOST and saturate:
        most = _MOST[dtype.name]
        return to(f"torch.clamp({text}, -{most}, {most})", dtype)
    if dtype is FLOAT8_E4M3FN:
        return to(f"torch.where({text}.abs() > {_HALFWAY}, math.nan, {text})", dtype)
    return to(text, dtype)


def _packed(text: str, dtype: DType) -> str:
    """The low bits, one element in a byte."""
    span, half = 1 << dtype.bits, 1 << (dtype.bits - 1)
    whole = f"{text}.int()"
    if dtype.kind == "uint":
        return to(f"({whole} & {span - 1})", DTYPES["uint8"])
    return to(f"((({whole} + {half}) & {span - 1}) - {half})", DTYPES["int8"])


@raises("BitCast")
def bit_cast(call: Call) -> str:
    """The same bits read as another data type."""
    dtype = call.output().dtype
    if dtype is None or dtype.bits < 8:
        raise call.refused(f"torch does not pack elements of {dtype}")
    return f"{call[0]}.view({torch_dtype(dtype)})"
