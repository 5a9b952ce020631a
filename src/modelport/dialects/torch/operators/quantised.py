"""Quantised tensors: to whole numbers and back, and the operators that keep their scale.

A quantised tensor is ``(values - zero_point) * scale``. Torch multiplies by the reciprocal of the
scale where QuantizeLinear would divide by it, which rounds otherwise where a number lies between
two steps: so the product is written out, and QuantizeLinear, with a scale of one, only rounds half
to even, adds the zero point and stays in the range. Sums of whole numbers are sums of floats,
which hold them exactly up to 2**24.
Source: ``torch/aten/src/ATen/native/quantized`` and fbgemm's kernels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.builder import Builder
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, Parameter, Quantised, aten, lowering_of, run
from modelport.errors import ConversionError
from modelport.model.dtype import FLOAT32, FLOAT64, INT8, INT32, UINT8, DType

_DTYPES = {12: INT8, 13: UINT8, 14: INT32, "qint8": INT8, "quint8": UINT8, "qint32": INT32}
_INT32 = (-(2.0**31), 2.0**31 - 1)


def setting(b: Builder, value: Any, dtype: DType) -> Edge:
    """A scale or zero point, of rank 0 or a vector, in a dtype."""
    if isinstance(value, Parameter):
        value = b.weight(value.name, value.expression)
    if not isinstance(value, Edge):
        return b.constant(value, dtype)
    one = all(dim == 1 for dim in value.shape)
    return ops.cast(b, ops.reshape(b, value, []) if value.rank and one else value, dtype)


def quantised_weight(
    b: Builder, values: Parameter, scale: Any, zero_point: Any, axis: int | None
) -> Quantised:
    """A quantised weight of the file: its whole numbers stay as they are."""
    edge = b.weight(values.name, values.expression)
    fractions = isinstance(zero_point, Parameter) and zero_point.dtype.kind == "float"
    point = setting(b, zero_point, FLOAT32 if fractions else edge.dtype)
    settings = setting(b, scale, FLOAT32), point
    return Quantised(edge, *settings, axis if settings[0].rank else None)


def along(b: Builder, vector: Edge, axis: int | None, rank: int) -> Edge:
    """A scale or zero point in the shape that meets a tensor of that rank."""
    if axis is None or vector.rank == 0:
        return vector
    return ops.reshape(b, vector, [-1 if i == axis % rank else 1 for i in range(rank)])


def whole(call: Call, x: Quantised) -> Edge:
    """``values - zero_point`` as floats."""
    b = call.b
    zero = along(b, ops.cast(b, x.zero_point, FLOAT32), x.axis, x.rank)
    return ops.subtract(b, ops.cast(b, x.values, FLOAT32), zero)


def dequantised(call: Call, value: Any) -> Any:
    """The numbers that a quantised tensor stands for; other values as they are, lists in parts."""
    if isinstance(value, list | tuple):
        return [dequantised(call, item) for item in value]
    if not isinstance(value, Quantised):
        return value
    if value.dtype == INT32:  # of which DequantizeLinear has no zero point
        scale = along(call.b, value.scale, value.axis, value.rank)
        return ops.multiply(call.b, whole(call, value), scale)
    inputs = [value.values, value.scale, value.zero_point]
    return call.b.emit("DequantizeLinear", inputs, FLOAT32, value.shape, axis=value.axis)


def rounded(call: Call, x: Edge, scale: Any, zero_point: Any, dtype: DType) -> Quantised:
    """Numbers of steps as whole numbers with one scale."""
    b = call.b
    step, zero = setting(b, scale, FLOAT32), setting(b, zero_point, dtype)
    if dtype == INT32:  # which QuantizeLinear does not give
        wide = ops.cast(b, ops.unary(b, "Round", x), FLOAT64)
        wide = ops.clip(b, ops.add(b, wide, ops.cast(b, zero, FLOAT64)), *_INT32)
        return Quantised(ops.cast(b, wide, INT32), step, zero)
    values = b.emit("QuantizeLinear", [x, b.constant(1.0, FLOAT32), zero], dtype, x.shape)
    return Quantised(values, step, zero)


def reciprocal(b: Builder, scale: Any) -> Edge:
    """``1 / scale`` in float32."""
    if isinstance(scale, int | float):
        return b.constant(np.float32(1) / np.float32(scale), FLOAT32)
    return ops.divide(b, b.constant(1.0, FLOAT32), setting(b, scale, FLOAT32))


def quantised(call: Call, x: Edge, scale: Any, zero_point: Any, dtype: DType) -> Quantised:
    """A tensor of floats in whole numbers with one scale."""
    steps = ops.multiply(call.b, x, reciprocal(call.b, scale))
    return rounded(call, steps, scale, zero_point, dtype)


def activated(call: Call, made: Edge, x: Any, scale: Any, zero_point: Any) -> Quantised:
    """Floats, after relu where the operator's name says so, in whole numbers like ``x``'s."""
    return quantised(call, rectified(call, made), scale, zero_point, needed(call, x).dtype)


def rectified(call: Call, x: Edge) -> Edge:
    """A result, after relu where the operator's name says so."""
    return ops.unary(call.b, "Relu", x) if call.op_type.endswith("_relu") else x


def needed(call: Call, x: Any) -> Quantised:
    """A quantised tensor with one scale, which the operator is defined for.

    Raises:
        ConversionError: the tensor is another.
    """
    if not isinstance(x, Quantised):
        raise ConversionError(call.where, "it is given a tensor that is not quantised")
    if x.axis is not None:
        raise ConversionError(call.where, "it is given a tensor with a scale for each channel")
    return x


def over_floats(call: Call, name: str, *args: Any, **kwargs: Any) -> Any:
    """The first result of aten's operator of that name, over the numbers that are meant."""
    return through(call, name, dequantised(call, list(args)), kwargs)


def through(call: Call, name: str, args: Any, kwargs: Any) -> Any:
    """The first result of aten's operator of that name."""
    function = lowering_of("aten", name, call.overload)
    if function is None:
        raise ConversionError(call.where, "ONNX has no form of it that modelport knows")
    inner = Call(call.b, name, call.overload, call.name, types=call.types)
    made = run(inner, function, args, kwargs)
    return inner.tensor(made[0]) if len(made) == 1 else made


# To whole numbers and back


@aten("quantize_per_tensor")
def quantize_per_tensor(call: Call, x: Any, scale: Any, zero_point: Any, dtype: Any) -> Quantised:
    """Floats as whole numbers with one scale."""
    return quantised(call, call.tensor(x), scale, zero_point, _wanted(call, dtype))


@aten("quantize_per_channel")
def quantize_per_channel(
    call: Call, x: Any, scales: Any, zero_points: Any, axis: int, dtype: Any
) -> Quantised:
    """Floats as whole numbers, with a scale for each index of an axis."""
    b, wanted, edge = call.b, _wanted(call, dtype), call.tensor(x)
    axis %= edge.rank
    scale, zero = setting(b, scales, FLOAT32), setting(b, zero_points, wanted)
    if wanted == INT32:
        raise ConversionError(call.where, "ONNX quantises channels to int8 and uint8 only")
    steps = ops.multiply(b, edge, along(b, reciprocal(b, scale), axis, edge.rank))
    ones = ops.divide(b, scale, scale)
    values = b.emit("QuantizeLinear", [steps, ones, zero], wanted, edge.shape, axis=axis)
    return Quantised(values, scale, zero, axis)


def _wanted(call: Call, dtype: Any) -> DType:
    named = dtype["dtype"] if isinstance(dtype, dict) else getattr(dtype, "name", dtype)
    wanted = _DTYPES.get(named)
    if wanted is None:
        raise ConversionError(call.where, f"modelport does not know the quantised dtype {dtype!r}")
    return wanted


@aten("dequantize")
def dequantize_float(call: Call, x: Any) -> Edge:
    """Floats are what they stand for."""
    return call.tensor(x)


@aten("quantised::dequantize")
def dequantize(call: Call, x: Any) -> Any:
    """The numbers that whole numbers stand for."""
    return dequantised(call, x)


@aten("quantised::int_repr")
def int_repr(call: Call, x: Quantised) -> Edge:
    """The whole numbers themselves."""
    return x.values


@aten("quantised::q_scale")
def scale_of(call: Call, x: Any) -> Edge:
    """The scale of a tensor that has one."""
    return needed(call, x).scale


@aten("quantised::q_zero_point")
def zero_point_of(call: Call, x: Any) -> Edge:
    """The zero point of a tensor that has one."""
    return needed(call, x).zero_point


# Operators that keep the scale of what they are given


_MOVES = """
    reshape view flatten unflatten permute transpose t swapaxes movedim unsqueeze squeeze contiguous
    clone detach alias dropout slice select narrow split chunk unbind expand channel_shuffle
    pixel_shuffle to index index_select flip roll repeat
""".split()
_CHOICES = """
    relu relu6 hardtanh clamp clamp_min clamp_max threshold max_pool1d max_pool2d max_pool3d
    constant_pad_nd pad reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d
    replication_pad2d replication_pad3d upsample_nearest1d upsample_nearest2d upsample_nearest3d
""".split()
_MEANS = """
    avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d
    mean upsample_bilinear2d
""".split()


@aten(*(f"quantised::{name}" for name in _MOVES))
def moved(call: Call, args: Any, named: Any) -> list[Quantised]:
    """What only moves elements moves whole numbers."""
    x = needed(call, args[0])
    made = through(call, call.op_type.removesuffix("_"), [x.values, *args[1:]], named)
    parts = made if isinstance(made, list) else [made]
    return [Quantised(part, x.scale, x.zero_point) for part in parts]


@aten(*(f"quantised::{name}" for name in _CHOICES))
def chosen(call: Call, args: Any, named: Any) -> Quantised:
    """What gives elements or bounds: over the numbers that are meant, which are steps already."""
    x = needed(call, args[0])
    made = over_floats(call, call.op_type.removesuffix("_"), *args, **named)
    return quantised(call, made, x.scale, x.zero_point, x.dtype)


@aten(*(f"quantised::{name}" for name in _MEANS))
def averaged(call: Call, args: Any, named: Any) -> Quantised:
    """A mean of whole numbers, rounded half to even once the zero point is added."""
    x, b = needed(call, args[0]), call.b
    made = through(call, call.op_type, [whole(call, x), *args[1:]], named)
    made = ops.add(b, made, ops.cast(b, x.zero_point, FLOAT32))
    return Quantised(rounded(call, made, 1.0, 0, x.dtype).values, x.scale, x.zero_point)
