"""Numbers of few bits: what quantises, and what computes with quantised operands."""

from __future__ import annotations

from modelport.dialects.torch.raises.call import Call, pair, raises
from modelport.dialects.torch.raises.cast import casted
from modelport.dialects.torch.raises.dtypes import is_whole, to
from modelport.dialects.torch.raises.window import window
from modelport.model.dtype import FLOAT32, FLOAT64, INT32, DType

_DYNAMIC = '''
def _dynamic_quantize(x):
    """Bytes, and the scale and zero point that make the most of them."""
    least, most = x.amin().clamp(max=0), x.amax().clamp(min=0)
    scale = torch.where(most == least, 1, most - least) / 255
    zero = torch.round((-least / scale).clamp(0, 255))
    y = (torch.round(x / scale) + zero).clamp(0, 255)
    return y.to(torch.uint8), scale, zero.to(torch.uint8)
'''


def _spread(call: Call, index: int, axis: int, rank: int | None) -> str:
    """A scale or zero point as a number, or lying along an axis of an operand."""
    known = call.known(index)
    if known.rank is None or known.rank > 1 or known.dim(0) == 1 or known.rank == 0:
        return call.number(index) if known.rank != 1 else _single(call, index)
    if rank is None:
        raise call.refused("the rank of what is quantised is not known")
    behind = rank - 1 - axis % rank
    return f"{call[index]}.reshape(-1{', 1' * behind})" if behind else call[index]


def _single(call: Call, index: int) -> str:
    """The only element of a vector; a plain number where it is known."""
    text = call.number(index)
    return text if text != call[index] else f"{text}[0]"


def _blocked(call: Call, index: int, axis: int, size: int) -> str:
    """A scale or zero point that stands for ``size`` elements along an axis each."""
    text = f"{call[index]}.repeat_interleave({size}, dim={axis})"
    parts, extent = call.known(index).dim(axis), call.known(0).dim(axis)
    if isinstance(parts, int) and isinstance(extent, int) and parts * size == extent:
        return text
    return f"{text}.narrow({axis}, 0, {call[0]}.shape[{axis}])"


def _parameter(call: Call, index: int) -> str:
    """A scale or zero point of the first operand."""
    axis, size = int(call.attribute("axis", 1)), int(call.attribute("block_size", 0))
    if size and (call.known(index).rank or 0) > 1:
        text = _blocked(call, index, axis, size)
    else:
        text = _spread(call, index, axis, call.known(0).rank)
    return to(text, FLOAT32) if call.dtype(index).name == "float8_e8m0fnu" else text


def _has_zero(call: Call, index: int) -> bool:
    """Whether there is a zero point other than zero."""
    if not call.has(index) or not is_whole(call.dtype(index)):
        return False
    known = call.array(index)
    return known is None or bool(known.any())


def _rounded(call: Call, text: str, zero: str, dtype: DType) -> str:
    """The nearest elements of a data type, its limits for what is beyond."""
    if not is_whole(dtype):
        return casted(call, f"({text})", dtype)
    least = -(1 << (dtype.bits - 1)) if dtype.kind == "int" else 0
    moved = f"(torch.round({text}) + {zero})" if zero else f"torch.round({text})"
    return to(f"{moved}.clamp({least}, {least + (1 << dtype.bits) - 1})", dtype)


@raises("QuantizeLinear")
def quantize(call: Call) -> str:
    """round(x / scale) + zero, within the limits of the result's data type."""
    dtype, x, scale = call.output().dtype, call[0], _parameter(call, 1)
    if dtype is None:
        raise call.refused("its data type is not known")
    computed = _precision(call)
    if call.dtype(0) is not computed:
        x = to(x, computed)
    if computed is not call.dtype(1) and scale.startswith(call[1]) and call.dtype(1).bits > 8:
        scale = to(scale, computed)
    zero = _parameter(call, 2) if _has_zero(call, 2) else ""
    if zero and computed.bits < 32:
        return _rounded(call, f"({x} / {scale}).float()", zero, dtype)
    return _rounded(call, f"{x} / {scale}", zero, dtype)


def _precision(call: Call) -> DType:
    """The data type that x and its scale are divided in."""
    from modelport.dialects.onnx.types.known import DTYPE_OF

    stated = call.attribute("precision", 0)
    if stated:
        return DTYPE_OF[int(stated)]
    x, scale = call.dtype(0), call.dtype(1)
    return x if x is scale and not is_whole(x) else FLOAT32


@raises("DequantizeLinear")
def dequantize(call: Call) -> str:
    """(x - zero) times the scale."""
    dtype, x = call.output().dtype, to(call[0], FLOAT32)
    if _has_zero(call, 2):
        x = f"({x} - {_parameter(call, 2)})"
    text = f"{x} * {_parameter(call, 1)}"
    return text if dtype is FLOAT32 or dtype is None else to(f"({text})", dtype)


@raises("DynamicQuantizeLinear")
def dynamic_quantize(call: Call) -> None:
    """Bytes between the least and the largest element."""
    call.several(f"{call.helper(_DYNAMIC)}({call[0]})")


def _centered(call: Call, index: int, zero: int, axis: int, dtype: DType) -> str:
    """An operand without its zero point, which may lie along an axis."""
    text = to(call[index], dtype)
    if not _has_zero(call, zero):
        return text
    return f"({text} - {_spread(call, zero, axis, call.known(index).rank)})"


@raises("MatMulInteger")
def matmul_integer(call: Call) -> str:
    """A product of whole numbers: 32 bits of it."""
    a = _centered(call, 0, 2, -2, INT32)
    return f"{a} @ {_centered(call, 1, 3, -1, INT32)}"


@raises("QLinearMatMul")
def quantized_matmul(call: Call) -> str:
    """A product of quantised matrices, quantised again; exact in between."""
    rank = call.known(0).rank
    a, b = _centered(call, 0, 2, -2, FLOAT64), _centered(call, 3, 5, -1, FLOAT64)
    scales = [_spread(call, i, axis, rank) for i, axis in ((1, -2), (4, -1), (6, -2))]
    text = f"{a} @ {b} * ({scales[0]} * {scales[1]} / {scales[2]})"
    zero = _spread(call, 7, -2, rank) if _has_zero(call, 7) else ""
    return _rounded(call, text, zero, call.output().dtype or call.dtype(0))


def _convolved(call: Call, weight: int, zeros: tuple[int, int], bias: str = "") -> str:
    """A convolution of whole numbers, exact in doubles."""
    shape = call.known(weight).shape
    kernel = call.ints("kernel_shape") or [n for n in (shape or ())[2:] if isinstance(n, int)]
    found = window(call, kernel)
    x = found.padded(call, _centered(call, 0, zeros[0], 1, FLOAT64))
    settings = [x, _centered(call, weight, zeros[1], 0, FLOAT64), *([bias] if bias else [])]
    if set(found.stride) != {1}:
        settings.append(f"stride={pair(found.stride)}")
    if set(found.dilation) != {1}:
        settings.append(f"dilation={pair(found.dilation)}")
    if call.attribute("group", 1) != 1:
        settings.append(f"groups={call.attribute('group')}")
    return f"F.conv{found.axes}d({', '.join(settings)})"


@raises("ConvInteger")
def conv_integer(call: Call) -> str:
    """A convolution of whole numbers."""
    return to(_convolved(call, 1, (2, 3)), INT32)


@raises("QLinearConv")
def quantized_conv(call: Call) -> str:
    """A convolution of quantised operands, quantised again; exact in between."""
    rank = call.known(0).rank
    text = _convolved(call, 3, (2, 5), to(call[8], FLOAT64) if call.has(8) else "")
    scales = [call.number(1), _spread(call, 4, 1, rank), call.number(6)]
    zero = call.number(7) if _has_zero(call, 7) else ""
    text = f"{text} * ({scales[0]} * {scales[1]} / {scales[2]})"
    return _rounded(call, text, zero, call.output().dtype or call.dtype(0))
