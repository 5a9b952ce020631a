"""Activations."""

from __future__ import annotations

from typing import Any

from modelport.dialects.onnx import arithmetic, ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.assumptions import DROPS
from modelport.dialects.torch.call import Call, Parameter, aten, torch_dtype
from modelport.dialects.torch.promote import computed, floating
from modelport.model.dtype import FLOAT32, FLOAT64


def _soft(op_type: str) -> Any:
    def lower(call: Call, x: Any, dim: Any, dtype: Any = None) -> Edge:
        edge = call.tensor(x)
        wanted = torch_dtype(dtype) if not isinstance(dtype, bool) else None
        edge = floating(call, ops.cast(call.b, edge, wanted or edge.dtype))
        if edge.rank == 0:
            wide = ops.unsqueeze(call.b, edge, 0)
            return ops.squeeze(call.b, call.b.emit(op_type, [wide], edge.dtype, (1,), axis=0), 0)
        return call.b.emit(op_type, [edge], edge.dtype, edge.shape, axis=dim % edge.rank)

    return lower


aten("softmax", "special_softmax")(_soft("Softmax"))
aten("log_softmax", "special_log_softmax")(_soft("LogSoftmax"))


def _soft_plain(op_type: str) -> Any:
    inner = _soft(op_type)

    def lower(call: Call, x: Any, dim: int, half_to_float: bool = False) -> Any:
        return inner(call, x, dim, FLOAT32 if half_to_float else None)

    return lower


aten("_softmax")(_soft_plain("Softmax"))
aten("_log_softmax")(_soft_plain("LogSoftmax"))


@aten("_safe_softmax")
def safe_softmax(call: Call, x: Any, dim: int, dtype: Any = None) -> Edge:
    """The softmax; 0 along an axis of minus infinity alone."""
    b, made = call.b, _soft("Softmax")(call, x, dim, dtype)
    most = ops.reduce(b, "ReduceMax", floating(call, x), [dim], True)
    nothing = arithmetic.is_infinite(b, most, plus=False)
    return ops.where(b, nothing, b.constant(0, made.dtype), made)


@aten("relu")
def relu(call: Call, x: Any) -> Edge:
    """max(x, 0)."""
    edge = call.tensor(x)
    if edge.dtype.kind == "float":
        return ops.unary(call.b, "Relu", edge)
    return computed(call, "Max", edge, call.b.constant(0, edge.dtype))


@aten("relu6")
def relu6(call: Call, x: Any) -> Edge:
    """The elements held between 0 and 6."""
    return ops.clip(call.b, call.tensor(x), 0, 6)


@aten("hardtanh")
def hard_tanh(call: Call, x: Any, min_val: float = -1, max_val: float = 1) -> Edge:
    """The elements held between two numbers."""
    return ops.clip(call.b, call.tensor(x), min_val, max_val)


@aten("gelu")
def gelu(call: Call, x: Any, approximate: str = "none") -> Edge:
    """X times the normal distribution's integral."""
    return ops.unary(call.b, "Gelu", call.tensor(x), approximate=approximate)


@aten("silu")
def silu(call: Call, x: Any) -> Edge:
    """X sigmoid(x)."""
    edge = call.tensor(x)
    return ops.multiply(call.b, edge, ops.unary(call.b, "Sigmoid", edge))


@aten("mish")
def mish(call: Call, x: Any) -> Edge:
    """X tanh(log(1 + exp(x)))."""
    return ops.unary(call.b, "Mish", call.tensor(x))


@aten("elu")
def elu(call: Call, x: Any, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Edge:
    """Scale times x above 0, alpha (exp(input_scale x) - 1) below."""
    b, edge = call.b, call.tensor(x)
    if scale == 1 and input_scale == 1 and edge.dtype != FLOAT64:  # which runtimes have no Elu of
        return ops.unary(b, "Elu", edge, alpha=float(alpha))
    inner = ops.multiply(b, edge, input_scale)
    below = ops.multiply(b, ops.subtract(b, ops.unary(b, "Exp", inner), 1), alpha)
    above = ops.binary(b, "Greater", edge, 0)
    return ops.multiply(b, ops.where(b, above, edge, below), scale)


@aten("celu")
def celu(call: Call, x: Any, alpha: float = 1.0) -> Edge:
    """max(x, 0) + min(alpha (exp(x / alpha) - 1), 0)."""
    b, edge = call.b, call.tensor(x)
    if edge.dtype is FLOAT32:
        return ops.unary(b, "Celu", edge, alpha=float(alpha))
    return elu(call, edge, alpha, 1, 1 / alpha)  # Celu is of float32 alone


@aten("selu")
def selu(call: Call, x: Any) -> Edge:
    """The self-normalising Elu."""
    return ops.unary(call.b, "Selu", call.tensor(x))


@aten("leaky_relu")
def leaky_relu(call: Call, x: Any, negative_slope: float = 0.01) -> Edge:
    """X above 0, a part of it below."""
    return ops.unary(call.b, "LeakyRelu", call.tensor(x), alpha=float(negative_slope))


@aten("rrelu")
def rrelu(
    call: Call,
    x: Any,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    generator: Any = None,
) -> Edge:
    """In evaluation: a LeakyRelu with the mean of the bounds."""
    if training:
        raise ValueError("its slope is random, as in training")
    return leaky_relu(call, x, (lower + upper) / 2)


@aten("rrelu_with_noise", "rrelu_with_noise_functional")
def rrelu_with_noise(
    call: Call,
    x: Any,
    noise: Any,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    generator: Any = None,
) -> list[Any]:
    """As ``rrelu``; the noise is not used in evaluation."""
    return [rrelu(call, x, lower, upper, training), noise]


@aten("prelu", "_prelu_kernel")
def prelu(call: Call, x: Any, weight: Any) -> Edge:
    """X above 0, a learnt part of it below, one a channel."""
    edge = call.tensor(x)
    wide = [1] * max(edge.rank - 2, 0)
    if isinstance(weight, Parameter):
        data = weight.expression
        shape = [*data.shape, *wide] if data.shape != (1,) and len(data.shape) == 1 else data.shape
        slope = call.weight(weight, data.reshape(*shape))
    else:
        slope = call.tensor(weight)
        if slope.rank == 1 and slope.shape != (1,) and wide:
            slope = ops.reshape(call.b, slope, [-1, *wide])
    if edge.rank == 0:
        slope = ops.reshape(call.b, slope, [])
    return call.b.emit("PRelu", [edge, slope], edge.dtype, edge.shape)


@aten("hardsigmoid")
def hard_sigmoid(call: Call, x: Any) -> Edge:
    """X / 6 + 1/2, held between 0 and 1."""
    return ops.unary(call.b, "HardSigmoid", call.tensor(x), alpha=1 / 6, beta=0.5)


@aten("hardswish")
def hard_swish(call: Call, x: Any) -> Edge:
    """X times its hard sigmoid."""
    return ops.unary(call.b, "HardSwish", call.tensor(x))


@aten("softplus")
def softplus(call: Call, x: Any, beta: float = 1, threshold: float = 20) -> Edge:
    """log(1 + exp(beta x)) / beta, x itself where beta x is above the threshold."""
    b, edge = call.b, call.tensor(x)
    scaled = ops.multiply(b, edge, beta) if beta != 1 else edge
    soft = ops.unary(b, "Softplus", scaled)
    soft = ops.divide(b, soft, beta) if beta != 1 else soft
    return ops.where(b, ops.binary(b, "Greater", scaled, threshold), edge, soft)


@aten("log_sigmoid", "log_sigmoid_forward")
def log_sigmoid(call: Call, x: Any) -> Edge:
    """-log(1 + exp(-x))."""
    b, edge = call.b, call.tensor(x)
    return ops.unary(b, "Neg", ops.unary(b, "Softplus", ops.unary(b, "Neg", edge)))


@aten("softshrink")
def soft_shrink(call: Call, x: Any, lambd: float = 0.5) -> Edge:
    """Nearer to 0 by a number, 0 within it."""
    given = {"lambd": float(lambd), "bias": float(lambd)}
    return ops.unary(call.b, "Shrink", call.tensor(x), **given)


@aten("hardshrink")
def hard_shrink(call: Call, x: Any, lambd: float = 0.5) -> Edge:
    """0 within a distance of 0."""
    return ops.unary(call.b, "Shrink", call.tensor(x), lambd=float(lambd), bias=0.0)


@aten("threshold")
def threshold(call: Call, x: Any, threshold: float, value: float) -> Edge:
    """X above a threshold, else a number."""
    b, edge = call.b, call.tensor(x)
    above = ops.binary(b, "Greater", edge, threshold)
    return ops.where(b, above, edge, b.constant(value, edge.dtype))


@aten("glu")
def glu(call: Call, x: Any, dim: int = -1) -> Edge:
    """One half times the sigmoid of the other."""
    first, second = ops.split(call.b, call.tensor(x), dim, 2)
    return ops.multiply(call.b, first, ops.unary(call.b, "Sigmoid", second))


def _dropping(call: Call, input: Any, p: float, train: bool) -> Edge:
    if train and p > 0:
        call.b.note(call.name, DROPS)
    return call.tensor(input)


aten("alpha_dropout", "feature_alpha_dropout", "native_dropout")(_dropping)


@aten("dropout", "feature_dropout")
def dropout(call: Call, input: Any, p: float, train: bool) -> Edge:
    """Dropout in its inference form, with the rate kept."""
    x = _dropping(call, input, p, train)
    if not 0 < p < 1 or x.dtype.kind != "float":
        return x
    ratio = call.b.constant(float(p), FLOAT32)
    return call.b.emit("Dropout", [x, ratio], x.dtype, x.shape)


@aten("fake_quantize_per_tensor_affine")
def fake_quantize(
    call: Call, x: Any, scale: Any, zero_point: Any, quant_min: int, quant_max: int
) -> Edge:
    """Rounded to steps of a scale, as quantisation does."""
    b, edge = call.b, call.tensor(x)
    step = b.constant(scale, FLOAT32) if isinstance(scale, float) else call.tensor(scale)
    zero = ops.cast(b, call.tensor(zero_point), edge.dtype)
    inverse = ops.divide(b, b.constant(1.0, step.dtype), step)  # as torch: halves round otherwise
    whole = ops.unary(b, "Round", ops.multiply(b, edge, inverse))
    held = ops.clip(b, ops.add(b, whole, zero), quant_min, quant_max)
    return ops.multiply(b, ops.subtract(b, held, zero), step)


@aten("fake_quantize_per_channel_affine")
def fake_quantize_channels(
    call: Call, x: Any, scale: Any, zero_point: Any, axis: int, quant_min: int, quant_max: int
) -> Edge:
    """Rounded to steps of a scale, one a channel."""
    edge = call.tensor(x)
    shape = [-1 if i == axis % edge.rank else 1 for i in range(edge.rank)]
    wide = [ops.reshape(call.b, call.tensor(item), shape) for item in (scale, zero_point)]
    return fake_quantize(call, edge, wide[0], wide[1], quant_min, quant_max)


@aten("fake_quantize_per_tensor_affine_cachemask")
def fake_quantize_with_mask(
    call: Call, x: Any, scale: Any, zero_point: Any, quant_min: int, quant_max: int
) -> list[Edge]:
    """As ``fake_quantize_per_tensor_affine``; the mask is for gradients alone."""
    return [fake_quantize(call, x, scale, zero_point, quant_min, quant_max)]


@aten("_weight_norm")
def weight_norm(call: Call, v: Any, g: Any, dim: int = 0) -> Edge:
    """``g v / |v|``, the norm over all axes but one."""
    b, edge = call.b, call.tensor(v)
    axes = [i for i in range(edge.rank) if i != dim % edge.rank] if dim != -1 else None
    norm = ops.reduce(b, "ReduceL2", edge, axes, True)
    return ops.multiply(b, edge, ops.divide(b, call.tensor(g), norm))
