"""``quantized_decomposed``: quantisation of exported programs, over plain whole numbers.

Source: ``torch/ao/quantization/fx/_decomposed.py`` and ``determine_qparams`` beside it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten, torch_dtype
from modelport.dialects.torch.operators.quantised import along
from modelport.dialects.torch.promote import wider
from modelport.errors import ConversionError
from modelport.model.dtype import BOOL, FLOAT32, FLOAT64, INT8, INT64, UINT8, DType

_OF = "quantized_decomposed::"
_RANGES = {INT8: (-128, 127), UINT8: (0, 255)}


@aten(f"{_OF}quantize_per_tensor")
def quantize(
    call: Call, input: Any, scale: Any, zero_point: Any, quant_min: Any, quant_max: Any, dtype: Any
) -> Edge:
    """Floats as whole numbers between two bounds."""
    return _to_whole(call, input, scale, zero_point, (quant_min, quant_max), dtype, None)


@aten(f"{_OF}quantize_per_channel")
def quantize_by_channel(
    call: Call,
    input: Any,
    scales: Any,
    zero_points: Any,
    axis: int,
    quant_min: int,
    quant_max: int,
    dtype: Any,
) -> Edge:
    """Floats as whole numbers, with a scale for each index of an axis."""
    return _to_whole(call, input, scales, zero_points, (quant_min, quant_max), dtype, axis)


@aten(f"{_OF}quantize_per_token")
def quantize_by_token(
    call: Call,
    input: Any,
    scales: Any,
    zero_points: Any,
    quant_min: int,
    quant_max: int,
    dtype: Any,
) -> Edge:
    """Floats as whole numbers, with a scale for each row: rounded after the zero point is added."""
    b = call.b
    scale, edge = call.tensor(scales), call.tensor(input)
    inverse = ops.divide(b, b.constant(1.0, scale.dtype), scale)
    kind = wider(edge.dtype, scale.dtype)
    steps = ops.multiply(b, ops.cast(b, edge, kind), ops.cast(b, inverse, kind))
    steps = ops.add(b, steps, ops.cast(b, call.tensor(zero_points), kind))
    held = ops.clip(b, ops.unary(b, "Round", steps), float(quant_min), float(quant_max))
    return ops.cast(b, held, _dtype(dtype))


@aten(f"{_OF}dequantize_per_tensor")
def dequantize(
    call: Call,
    input: Any,
    scale: Any,
    zero_point: Any,
    quant_min: Any,
    quant_max: Any,
    dtype: Any,
    out_dtype: Any = None,
) -> Edge:
    """What whole numbers stand for."""
    return _from_whole(call, input, scale, zero_point, torch_dtype(out_dtype) or FLOAT32, None)


@aten(f"{_OF}dequantize_per_channel")
def dequantize_by_channel(
    call: Call,
    input: Any,
    scales: Any,
    zero_points: Any,
    axis: int,
    quant_min: int,
    quant_max: int,
    dtype: Any,
    out_dtype: Any = None,
) -> Edge:
    """What whole numbers stand for, with a scale for each index of an axis."""
    return _from_whole(call, input, scales, zero_points, torch_dtype(out_dtype) or FLOAT32, axis)


@aten(f"{_OF}dequantize_per_token")
def dequantize_by_token(
    call: Call,
    input: Any,
    scales: Any,
    zero_points: Any,
    quant_min: int,
    quant_max: int,
    dtype: Any,
    output_dtype: Any = None,
) -> Edge:
    """What whole numbers stand for, with a scale for each row."""
    b = call.b
    scale, zero = call.tensor(scales), call.tensor(zero_points)
    kind = FLOAT64 if FLOAT64 in (scale.dtype, zero.dtype) else FLOAT32
    number = ops.subtract(b, ops.cast(b, call.tensor(input), kind), ops.cast(b, zero, kind))
    made = ops.multiply(b, number, ops.cast(b, scale, kind))
    return ops.cast(b, made, torch_dtype(output_dtype) or FLOAT32)


def _to_whole(
    call: Call,
    x: Any,
    scale: Any,
    zero_point: Any,
    bounds: tuple[Any, Any],
    dtype: Any,
    axis: int | None,
) -> Edge:
    """Rounded half to even; with QuantizeLinear where it has the dtype."""
    b, wanted = call.b, _dtype(dtype)
    edge = ops.cast(b, call.tensor(x), FLOAT32)
    if any(isinstance(bound, Edge) for bound in bounds):
        raise ConversionError(call.where, "its bounds are computed by the model")
    if isinstance(scale, float):
        inverse = b.constant(np.float32(1.0 / scale), FLOAT32)
    else:
        held = call.tensor(scale)
        inverse = ops.divide(b, b.constant(1.0, held.dtype), held)
        inverse = _meeting(call, inverse, axis, edge.rank)
    wide = ops.cast(b, edge, inverse.dtype if inverse.rank else FLOAT32)
    steps = ops.multiply(b, wide, ops.cast(b, inverse, wide.dtype))
    zero = _meeting(call, call.tensor(zero_point), axis, edge.rank)
    if wanted in _RANGES and zero.rank == 0 and steps.dtype == FLOAT32:
        settings = [b.constant(1.0, FLOAT32), ops.cast(b, zero, wanted)]
        made = b.emit("QuantizeLinear", [steps, *settings], wanted, edge.shape)
        if tuple(bounds) == _RANGES[wanted]:
            return made
        limits = [b.constant(bound, wanted) for bound in bounds]
        return b.emit("Clip", [made, *limits], wanted, made.shape)
    steps = ops.add(b, ops.unary(b, "Round", steps), ops.cast(b, zero, steps.dtype))
    return ops.cast(b, ops.clip(b, steps, float(bounds[0]), float(bounds[1])), wanted)


def _from_whole(
    call: Call, x: Any, scale: Any, zero_point: Any, dtype: DType, axis: int | None
) -> Edge:
    """DequantizeLinear, where its types are those that torch computes in."""
    b, edge = call.b, call.tensor(x)
    step = b.constant(scale, FLOAT32) if isinstance(scale, float) else call.tensor(scale)
    step = step if axis is not None else _meeting(call, step, None, edge.rank)
    zero = call.tensor(0 if zero_point is None else zero_point)
    zero = zero if axis is not None and zero.rank else _meeting(call, zero, None, edge.rank)
    if edge.dtype in _RANGES and dtype == FLOAT32 and (step.dtype == FLOAT32 or axis is None):
        point = ops.cast(b, zero, edge.dtype)
        if step.rank and not zero.rank:
            point = ops.expand(b, point, [ops.extent(b, step, 0)])
        inputs = [edge, ops.cast(b, step, FLOAT32), point]
        return b.emit("DequantizeLinear", inputs, FLOAT32, edge.shape, axis=axis)
    kind = step.dtype if axis is not None else dtype
    number = ops.subtract(
        b, ops.cast(b, edge, kind), along(b, ops.cast(b, zero, kind), axis, edge.rank)
    )
    made = ops.multiply(b, number, along(b, ops.cast(b, step, kind), axis, edge.rank))
    return ops.cast(b, made, dtype)


def _dtype(dtype: Any) -> DType:
    return torch_dtype(dtype) or INT8


def _meeting(call: Call, setting: Edge, axis: int | None, rank: int) -> Edge:
    """A scale or zero point, of rank 0 or beside the axis that it is for."""
    if axis is None:
        return ops.reshape(call.b, setting, []) if setting.rank else setting
    return along(call.b, setting, axis, rank)


# Scales that follow from the tensor


@aten(f"{_OF}choose_qparams.tensor", f"{_OF}choose_qparams_symmetric.tensor")
def chosen(
    call: Call, input: Any, quant_min: int, quant_max: int, eps: float, dtype: Any
) -> list[Edge]:
    """The scale (float64) and zero point (int64) that a tensor reaches as widely as."""
    b, edge = call.b, ops.cast(call.b, call.tensor(input), FLOAT32)
    zero, steps = b.constant(0.0, FLOAT32), float(quant_max - quant_min)
    low = b.emit("Min", [ops.reduce(b, "ReduceMin", edge, None), zero], FLOAT32, ())
    high = b.emit("Max", [ops.reduce(b, "ReduceMax", edge, None), zero], FLOAT32, ())
    least = b.constant(eps, FLOAT32)
    if "symmetric" in call.op_type:
        high = b.emit("Max", [ops.unary(b, "Neg", low), high], FLOAT32, ())
        scale = b.emit("Max", [ops.divide(b, high, steps / 2), least], FLOAT32, ())
        point = b.constant(128 if _dtype(dtype) == UINT8 else 0, INT64)
    else:
        scale = ops.divide(b, ops.subtract(b, high, low), steps)
        scale = b.emit("Max", [scale, least], FLOAT32, ())
        point = ops.unary(b, "Neg", ops.unary(b, "Round", ops.divide(b, low, scale)))
        point = ops.add(b, point, float(quant_min))
        point = ops.cast(b, ops.clip(b, point, float(quant_min), float(quant_max)), INT64)
    return [ops.reshape(b, ops.cast(b, scale, FLOAT64), [1]), ops.reshape(b, point, [1])]


@aten(f"{_OF}choose_qparams_per_token")
def chosen_by_token(call: Call, input: Any, dtype: Any) -> list[Edge]:
    """The scale of each row, symmetric about zero."""
    b, edge = call.b, call.tensor(input)
    reach = ops.reduce(b, "ReduceMax", ops.unary(b, "Abs", edge), [-1], keepdims=True)
    scale = ops.divide(b, ops.clip(b, reach, 1e-5, None), 127.0)
    return [scale, ops.multiply(b, scale, 0.0)]


@aten(
    f"{_OF}choose_qparams_per_token_asymmetric",
    f"{_OF}_choose_qparams_per_token_asymmetric_impl",
)
def chosen_by_token_asymmetric(call: Call, input: Any, dtype: Any) -> list[Edge]:
    """The scale (float64) and zero point (int64) of each row, for int8."""
    b, edge = call.b, call.tensor(input)
    low = ops.clip(b, ops.reduce(b, "ReduceMin", edge, [-1], keepdims=True), None, 0.0)
    high = ops.clip(b, ops.reduce(b, "ReduceMax", edge, [-1], keepdims=True), 0.0, None)
    scale = ops.divide(b, ops.subtract(b, high, low), 255.0)
    scale = ops.clip(b, scale, float(np.finfo(np.float32).eps), None)
    down, up = ops.divide(b, low, scale), ops.divide(b, high, scale)
    error = ops.add(b, ops.add(b, down, -128.0), ops.add(b, up, 127.0))
    from_low = ops.add(b, ops.unary(b, "Neg", down), -128.0)
    from_high = ops.add(b, ops.unary(b, "Neg", up), 127.0)
    above = b.emit("Greater", [error, b.constant(0.0, FLOAT32)], BOOL, error.shape)
    point = ops.clip(b, ops.where(b, above, from_low, from_high), -128.0, 127.0)
    point = ops.unary(b, "Round", point)
    return [ops.cast(b, scale, FLOAT64), ops.cast(b, point, INT64)]
