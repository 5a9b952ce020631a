"""Layers with packed quantised weights: sums of whole numbers, scaled once.

Source: ``torch/aten/src/ATen/native/quantized/cpu/q{linear,conv}*.cpp`` and
``fbgemm/OutputProcessing-inl.h``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, Parameter, Quantised, aten
from modelport.dialects.torch.operators.quantised import (
    along,
    needed,
    rectified,
    rounded,
    through,
    whole,
)
from modelport.errors import ConversionError
from modelport.model.dtype import BOOL, FLOAT32, FLOAT64, UINT8

_SMALLEST_STEP = 6.1e-5


@aten("quantized::linear", "quantized::linear_relu")
def linear(call: Call, x: Any, packed: Any, scale: Any, zero_point: Any) -> Quantised:
    """A linear layer over packed (weight, bias), then perhaps relu."""
    given, (weight, bias) = needed(call, x), packed
    sums = _sums(call, "linear", given, weight, [])
    return _scaled(call, sums, given, weight, bias, -1, scale, zero_point)


_ENDS = ("", "_relu", ".new", "_relu.new")


@aten(*(f"quantized::conv{rank}d{end}" for rank in (1, 2, 3) for end in _ENDS))
def convolution(call: Call, x: Any, packed: Any, scale: Any, zero_point: Any) -> Quantised:
    """A convolution over packed (weight, bias, stride, padding, dilation, groups)."""
    given, name = needed(call, x), call.op_type.removesuffix("_relu")
    weight, bias, *settings = _unpacked(call, packed, given.rank)
    sums = _sums(call, name, given, weight, settings)
    return _scaled(call, sums, given, weight, bias, 1, scale, zero_point)


@aten(*(f"quantized::conv_transpose{rank}d" for rank in (1, 2, 3)))
def transposed(call: Call, x: Any, packed: Any, scale: Any, zero_point: Any) -> Quantised:
    """A transposed convolution, packed with its output padding before dilation and groups."""
    given = needed(call, x)
    parts = _unpacked(call, packed, given.rank)
    weight, bias, stride, padding, output_padding, dilation, groups = parts
    settings = [stride, padding, output_padding, groups, dilation]
    call.overload = "input"
    sums = _sums(call, call.op_type, given, weight, settings)
    return _scaled(call, sums, given, weight, bias, 1, scale, zero_point)


def _unpacked(call: Call, packed: Any, rank: int) -> list[Any]:
    """Weight, bias and settings; as they were given, or as a file keeps them packed.

    That is ``("2", [settings, weight], [bias])``: the settings are the number of spatial axes,
    then stride, padding, dilation and output padding for each, groups, and whether it is
    transposed. In one dimension a second axis, of one element, stands before.
    Source: ``torch/aten/src/ATen/native/quantized/cpu/conv_serialization.h``.
    """
    if not isinstance(packed[0], str):
        return list(packed)
    if packed[0] != "2" or not isinstance(packed[1][0], Parameter):
        raise ConversionError(call.where, f"its weights are packed in a form {packed[0]!r}")
    (settings, weight), (bias, *_) = packed[1], packed[2]
    numbers = [int(item) for item in settings.tensor.numpy().reshape(-1)]
    axes = numbers[0]
    *lists, _ = (numbers[1 + axes * i : 1 + axes * (i + 1)] for i in range(5))
    groups, flags = numbers[1 + 4 * axes : 3 + 4 * axes]
    if axes > rank - 2:
        lists = [item[1:] for item in lists]
        values = ops.squeeze(call.b, weight.values, 2)
        weight = Quantised(values, weight.scale, weight.zero_point, weight.axis)
    stride, padding, dilation, output_padding = lists
    if flags & 1:
        return [weight, bias, stride, padding, output_padding, dilation, groups]
    return [weight, bias, stride, padding, dilation, groups]


def _sums(call: Call, name: str, x: Quantised, weight: Quantised, rest: Sequence[Any]) -> Edge:
    """What the layer sums, of whole numbers: rounding keeps factors from being drawn into it."""
    made = through(call, name, [whole(call, x), whole(call, weight), None, *rest], {})
    return ops.unary(call.b, "Round", made)


def _product(call: Call, x: Quantised, weight: Quantised) -> Edge:
    """What one step of a sum is worth."""
    return ops.multiply(call.b, weight.scale, x.scale)


def _scaled(
    call: Call,
    sums: Edge,
    x: Quantised,
    weight: Quantised,
    bias: Any,
    axis: int,
    scale: Any,
    zero_point: Any,
) -> Quantised:
    """Sums with their bias, in steps of the output."""
    b = call.b
    worth = _product(call, x, weight)
    if bias is not None:
        edge = call.tensor(bias)
        if worth.rank:
            steps = ops.divide(b, edge, worth)
        else:
            wide = ops.divide(b, b.constant(1.0, FLOAT64), ops.cast(b, worth, FLOAT64))
            steps = ops.multiply(b, edge, ops.cast(b, wide, FLOAT32))
        sums = ops.add(b, sums, along(b, steps, axis, sums.rank))
    factor = ops.divide(
        b, worth, b.constant(scale, FLOAT32) if _number(scale) else _rank0(call, scale)
    )
    made = ops.multiply(b, sums, along(b, factor, axis, sums.rank))
    return rounded(call, rectified(call, made), scale, zero_point, x.dtype)


def _number(value: Any) -> bool:
    return isinstance(value, int | float)


def _rank0(call: Call, value: Any) -> Edge:
    return ops.reshape(call.b, call.tensor(value), [])


# Dynamically quantised


@aten("quantized::linear_dynamic", "quantized::linear_relu_dynamic")
def linear_dynamic(call: Call, x: Any, packed: Any, reduce_range: bool = False) -> Edge:
    """A linear layer over floats, which are quantised as widely as they reach."""
    made = linear_over_range(call, call.tensor(x), packed, 127 if reduce_range else 255)
    return ops.unary(call.b, "Relu", made) if "_relu_" in call.op_type else made


def linear_over_range(call: Call, x: Edge, packed: Any, top: int) -> Edge:
    """A linear layer over floats that are quantised from 0 to ``top``."""
    b, (weight, bias) = call.b, packed[:2]
    given = quantised_dynamically(call, x, top)
    sums = _sums(call, "linear", given, weight, [])
    made = ops.multiply(b, sums, _product(call, given, weight))
    return made if bias is None else ops.add(b, made, call.tensor(bias))


def quantised_dynamically(call: Call, x: Edge, top: int) -> Quantised:
    """A tensor in whole numbers from 0 to ``top``, as widely as it and zero reach.

    Source: ``ChooseQuantizationParams`` in ``torch/aten/src/ATen/native/quantized/cpu``, and
    ``QuantizeAvx2`` of fbgemm, which rounds after it added the zero point.
    """
    b = call.b
    zero = b.constant(0.0, FLOAT32)
    low = b.emit("Min", [ops.reduce(b, "ReduceMin", x, None), zero], FLOAT32, ())
    high = b.emit("Max", [ops.reduce(b, "ReduceMax", x, None), zero], FLOAT32, ())
    low, high = ops.cast(b, low, FLOAT64), ops.cast(b, high, FLOAT64)
    step = ops.divide(b, ops.subtract(b, high, low), float(top))
    flat = b.emit("Equal", [ops.cast(b, step, FLOAT32), zero], BOOL, ())
    step = ops.where(b, flat, b.constant(0.1, FLOAT64), step)
    point = ops.unary(b, "Round", ops.unary(b, "Neg", ops.divide(b, low, step)))
    point = ops.cast(b, ops.clip(b, point, 0.0, float(top)), FLOAT32)
    # Of a narrower tensor the scale grows, and the zero point stays.
    step = b.emit("Max", [step, b.constant(_SMALLEST_STEP, FLOAT64)], FLOAT64, ())
    scale = ops.cast(b, step, FLOAT32)
    inverse = ops.divide(b, b.constant(1.0, FLOAT32), scale)
    steps = ops.add(b, ops.multiply(b, x, inverse), point)
    steps = ops.clip(b, ops.unary(b, "Round", steps), 0.0, float(255))
    return Quantised(ops.cast(b, steps, UINT8), scale, ops.cast(b, point, UINT8))
