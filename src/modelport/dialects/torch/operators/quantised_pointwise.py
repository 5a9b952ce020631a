"""Sums, products, activations and normalisations of quantised tensors.

Source: ``torch/aten/src/ATen/native/quantized/cpu/kernels/QuantizedOpKernels.cpp``.
"""

from __future__ import annotations

from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, Quantised, aten
from modelport.dialects.torch.operators.quantised import (
    activated,
    along,
    needed,
    over_floats,
    quantised,
    reciprocal,
    rectified,
    rounded,
    setting,
    whole,
)
from modelport.errors import ConversionError
from modelport.model.dtype import FLOAT32, INT8, UINT8

_NORMS = ("batch_norm", "batch_norm1d", "batch_norm2d", "batch_norm3d")


@aten("quantized::add", "quantized::add_relu")
def add(call: Call, x: Any, y: Any, scale: Any, zero_point: Any) -> Quantised:
    """A sum of two quantised tensors."""
    return activated(call, over_floats(call, "add", x, y), x, scale, zero_point)


@aten("quantized::mul", "quantized::mul_relu")
def mul(call: Call, x: Any, y: Any, scale: Any, zero_point: Any) -> Quantised:
    """A product of two quantised tensors: of their whole numbers, scaled once."""
    one, two = needed(call, x), needed(call, y)
    b = call.b
    product = ops.unary(b, "Round", ops.multiply(b, whole(call, one), whole(call, two)))
    factor = ops.multiply(b, ops.multiply(b, one.scale, two.scale), reciprocal(b, scale))
    made = rectified(call, ops.multiply(b, product, factor))
    return rounded(call, made, scale, zero_point, one.dtype)


@aten("quantized::cat", "quantized::cat_relu")
def cat(call: Call, tensors: Any, dim: int, scale: Any = None, zero_point: Any = None) -> Quantised:
    """Tensors after one another, in the scale of the first where none is given."""
    first = needed(call, tensors[0])
    scale = first.scale if scale is None else scale
    zero_point = first.zero_point if zero_point is None else zero_point
    return activated(call, over_floats(call, "cat", tensors, dim), first, scale, zero_point)


@aten("quantised::cat")
def cat_alike(call: Call, tensors: Any, dim: int = 0) -> Quantised:
    """Tensors after one another, in the scale of the first."""
    return cat(call, tensors, dim)


# Activations


@aten("quantized::hardswish")
def hardswish(call: Call, x: Any, scale: Any, zero_point: Any) -> Quantised:
    """``x * relu6(x + 3) / 6``."""
    return activated(call, over_floats(call, "hardswish", x), x, scale, zero_point)


@aten("quantized::sigmoid")
def sigmoid(call: Call, x: Any, scale: Any, zero_point: Any) -> Quantised:
    """A sigmoid in a scale of its own."""
    return activated(call, over_floats(call, "sigmoid", x), x, scale, zero_point)


@aten("quantised::sigmoid", "quantised::hardsigmoid")
def from_zero_to_one(call: Call, x: Any) -> Quantised:
    """What lies between 0 and 1, in 256 steps."""
    made = over_floats(call, call.op_type.removesuffix("_"), x)
    return activated(call, made, x, 1 / 256, _lowest(call, x, 0))


@aten("quantised::tanh")
def tanh(call: Call, x: Any) -> Quantised:
    """What lies between -1 and 1, in 256 steps."""
    return activated(call, over_floats(call, "tanh", x), x, 2 / 256, _lowest(call, x, 128))


def _lowest(call: Call, x: Any, zero_point: int) -> int:
    """A zero point of uint8, or the same of int8."""
    points = {UINT8: zero_point, INT8: zero_point - 128}
    dtype = needed(call, x).dtype
    if dtype not in points:
        raise ConversionError(call.where, f"modelport knows no form of it for {dtype}")
    return points[dtype]


@aten("quantized::leaky_relu")
def leaky_relu(
    call: Call, x: Any, slope: Any, inplace: bool, scale: Any, zero_point: Any
) -> Quantised:
    """A leaky relu, whose negative part is the slope times as steep."""
    made = over_floats(call, "leaky_relu", x, slope)
    return quantised(call, made, scale, zero_point, needed(call, x).dtype)


@aten("quantised::leaky_relu")
def leaky_relu_alike(call: Call, x: Any, negative_slope: Any = 0.01) -> Quantised:
    """A leaky relu in the scale of its input."""
    like = needed(call, x)
    return leaky_relu(call, x, negative_slope, False, like.scale, like.zero_point)


@aten("quantized::elu")
def elu(
    call: Call,
    x: Any,
    scale: Any,
    zero_point: Any,
    alpha: Any = 1,
    factor: Any = 1,
    input_scale: Any = 1,
) -> Quantised:
    """An exponential linear unit."""
    made = over_floats(call, "elu", x, alpha, factor, input_scale)
    return activated(call, made, x, scale, zero_point)


@aten("quantized::celu")
def celu(call: Call, x: Any, scale: Any, zero_point: Any, alpha: Any = 1) -> Quantised:
    """A continuously differentiable exponential linear unit."""
    return activated(call, over_floats(call, "celu", x, alpha), x, scale, zero_point)


@aten("quantized::relu6")
def relu6(call: Call, x: Any, inplace: bool = False) -> Quantised:
    """Between 0 and 6."""
    like = needed(call, x)
    return activated(call, over_floats(call, "relu6", x), x, like.scale, like.zero_point)


# Normalisations


@aten(*(f"quantized::{name}{end}" for name in _NORMS for end in ("", "_relu")))
def batch_norm(
    call: Call,
    x: Any,
    weight: Any,
    bias: Any,
    mean: Any,
    var: Any,
    eps: float,
    scale: Any,
    zero_point: Any,
) -> Quantised:
    """A batch normalisation: whole numbers, scaled and moved once, then perhaps relu."""
    b, given = call.b, needed(call, x)
    deviation = ops.unary(b, "Sqrt", ops.add(b, call.tensor(var), eps))
    factor = ops.divide(b, b.constant(1.0, FLOAT32), deviation)
    factor = factor if weight is None else ops.multiply(b, factor, call.tensor(weight))
    step = setting(b, scale, FLOAT32)
    moved = ops.unary(b, "Neg", ops.multiply(b, call.tensor(mean), factor))
    moved = moved if bias is None else ops.add(b, call.tensor(bias), moved)
    alpha = along(b, ops.multiply(b, factor, ops.divide(b, given.scale, step)), 1, given.rank)
    beta = along(b, ops.divide(b, moved, step), 1, given.rank)
    made = ops.add(b, ops.multiply(b, whole(call, given), alpha), beta)
    return rounded(call, rectified(call, made), scale, zero_point, given.dtype)


@aten("quantized::layer_norm")
def layer_norm(
    call: Call, x: Any, shape: Any, weight: Any, bias: Any, eps: float, scale: Any, zero_point: Any
) -> Quantised:
    """A layer normalisation."""
    made = over_floats(call, "layer_norm", x, shape, weight, bias, eps)
    return activated(call, made, x, scale, zero_point)


@aten("quantized::group_norm")
def group_norm(
    call: Call, x: Any, groups: int, weight: Any, bias: Any, eps: float, scale: Any, zero_point: Any
) -> Quantised:
    """A group normalisation."""
    made = over_floats(call, "group_norm", x, groups, weight, bias, eps)
    return activated(call, made, x, scale, zero_point)


@aten("quantized::instance_norm")
def instance_norm(
    call: Call, x: Any, weight: Any, bias: Any, eps: float, scale: Any, zero_point: Any
) -> Quantised:
    """A normalisation of every channel of every example."""
    settings = (weight, bias, None, None, True, 0.0, eps, False)
    made: Edge = over_floats(call, "instance_norm", x, *settings)
    return activated(call, made, x, scale, zero_point)
