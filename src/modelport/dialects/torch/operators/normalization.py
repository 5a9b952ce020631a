"""Normalisation over batches, layers, groups and instances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from modelport.dialects.onnx import arithmetic, ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, Parameter, aten
from modelport.dialects.torch.operators.reduce import moments
from modelport.model.dtype import DType
from modelport.model.expression import fill


@aten("batch_norm")
def batch_norm(
    call: Call,
    input: Any,
    weight: Any = None,
    bias: Any = None,
    running_mean: Any = None,
    running_var: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Edge:
    """With the running statistics; without any, with the batch's own."""
    x = call.tensor(input)
    if running_mean is None or running_var is None:
        axes = [axis for axis in range(x.rank) if axis != 1]
        return _affine(call, _by_moments(call, x, axes, eps), weight, bias)
    if training:
        raise ValueError("it normalises by the batch and changes its statistics, as in training")
    mean, variance = call.tensor(running_mean), call.tensor(running_var)
    scale = _or_filled(call, weight, "weight", mean, 1.0)
    shift = _or_filled(call, bias, "bias", mean, 0.0)
    inputs = [x, scale, shift, mean, variance]
    return call.b.emit("BatchNormalization", inputs, x.dtype, x.shape, epsilon=eps)


@aten("_native_batch_norm_legit_no_training")
def batch_norm_of_evaluation(
    call: Call,
    input: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    momentum: float,
    eps: float,
) -> Edge:
    """With the running statistics."""
    return batch_norm(call, input, weight, bias, running_mean, running_var, False, momentum, eps)


@aten("_native_batch_norm_legit.no_stats")
def batch_norm_of_batch(
    call: Call, input: Any, weight: Any, bias: Any, training: bool, momentum: float, eps: float
) -> Edge:
    """With the batch's own statistics."""
    return batch_norm(call, input, weight, bias, None, None, True, momentum, eps)


@aten("native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_functional")
def batch_norm_with_statistics(
    call: Call,
    input: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    training: bool,
    momentum: float,
    eps: float,
) -> Edge:
    """As ``batch_norm``."""
    options = (training, momentum, eps)
    return batch_norm(call, input, weight, bias, running_mean, running_var, *options)


def _or_filled(call: Call, given: Any, role: str, like: Edge, value: float) -> Edge:
    """What ONNX demands and the module may not have."""
    if given is not None:
        return call.tensor(given)
    size = [extent for extent in like.shape if isinstance(extent, int)]
    return _filled(call, role, size, value, like.dtype)


def _filled(call: Call, role: str, size: Sequence[int], value: float, dtype: DType) -> Edge:
    path = call.b.path
    return call.b.weight(f"{path}/{role}" if path else role, fill(tuple(size), value, dtype))


def _by_moments(call: Call, x: Edge, axes: list[int], eps: float) -> Edge:
    b = call.b
    variance, mean = moments(call, x, axes, 0, True)
    root = arithmetic.rsqrt(b, ops.add(b, variance, eps))
    return ops.multiply(b, ops.subtract(b, x, mean), root)


def _affine(call: Call, x: Edge, weight: Any, bias: Any) -> Edge:
    """Times a weight and plus a bias, one a channel."""
    b, wide = call.b, [1] * (x.rank - 2)
    for given, op_type in ((weight, "Mul"), (bias, "Add")):
        if given is None:
            continue
        if isinstance(given, Parameter):
            data = given.expression
            edge = call.weight(given, data.reshape(*data.shape, *wide))
        else:
            edge = ops.reshape(b, call.tensor(given), [-1, *wide])
        x = ops.binary(b, op_type, x, edge)
    return x


@aten("instance_norm")
def instance_norm(
    call: Call,
    input: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = True,
) -> Edge:
    """Each channel of each sample by its own statistics, or by the running ones."""
    x = call.tensor(input)
    if not use_input_stats:
        return batch_norm(call, x, weight, bias, running_mean, running_var, False, momentum, eps)
    channels = x.shape[1]
    if not isinstance(channels, int):
        return _affine(call, _by_moments(call, x, list(range(2, x.rank)), eps), weight, bias)
    scale = weight if weight is not None else _filled(call, "weight", [channels], 1.0, x.dtype)
    shift = bias if bias is not None else _filled(call, "bias", [channels], 0.0, x.dtype)
    inputs = [x, call.tensor(scale), call.tensor(shift)]
    return call.b.emit("InstanceNormalization", inputs, x.dtype, x.shape, epsilon=eps)


@aten("group_norm")
def group_norm(
    call: Call,
    input: Any,
    num_groups: int,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Edge:
    """Groups of channels by their own statistics, as instances of as many channels."""
    b, x = call.b, call.tensor(input)
    grouped = ops.reshape(b, x, [ops.extent(b, x, 0), num_groups, -1])
    ends = [b.constant(np.full(num_groups, value), x.dtype) for value in (1.0, 0.0)]
    inputs = [grouped, *ends]
    made = b.emit("InstanceNormalization", inputs, x.dtype, grouped.shape, epsilon=eps)
    back = b.emit("Reshape", [made, ops.shape_of(b, x)], x.dtype, x.shape)
    return _affine(call, Edge(back.name, x.dtype, x.shape), weight, bias)


@aten("native_group_norm")
def native_group_norm(
    call: Call,
    input: Any,
    weight: Any,
    bias: Any,
    N: Any,  # noqa: N803 - the schema's names
    C: Any,  # noqa: N803
    HxW: Any,  # noqa: N803
    group: int,
    eps: float,
) -> list[Edge]:
    """As ``group_norm``, with the means and one over the deviations."""
    edge = call.tensor(input)
    made = group_norm(call, edge, group, weight, bias, eps)
    grouped = ops.reshape(call.b, edge, [ops.extent(call.b, edge, 0), group, -1])
    return [made, *_statistics(call, grouped, [2], eps, False)]


@aten("layer_norm")
def layer_norm(
    call: Call,
    input: Any,
    normalized_shape: Sequence[Any],
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Edge:
    """The last axes by their own statistics."""
    x, count = call.tensor(input), len(normalized_shape)
    size = [call.fixed(extent, "a normalised extent") for extent in normalized_shape]
    scale = weight if weight is not None else _filled(call, "weight", size, 1.0, x.dtype)
    inputs = [x, call.tensor(scale)] + ([call.tensor(bias)] if bias is not None else [])
    return call.b.emit("LayerNormalization", inputs, x.dtype, x.shape, axis=-count, epsilon=eps)


@aten("native_layer_norm")
def native_layer_norm(
    call: Call, input: Any, normalized_shape: Any, weight: Any, bias: Any, eps: float
) -> list[Edge]:
    """As ``layer_norm``, with the means and one over the deviations."""
    edge = call.tensor(input)
    axes = list(range(-len(normalized_shape), 0))
    made = layer_norm(call, edge, normalized_shape, weight, bias, eps)
    return [made, *_statistics(call, edge, axes, eps, True)]


def _statistics(call: Call, x: Edge, axes: list[int], eps: float, keepdim: bool) -> list[Edge]:
    variance, mean = moments(call, x, axes, 0, keepdim)
    return [mean, arithmetic.rsqrt(call.b, ops.add(call.b, variance, eps))]


@aten("rms_norm", "_fused_rms_norm")
def rms_norm(
    call: Call,
    input: Any,
    normalized_shape: Sequence[Any],
    weight: Any = None,
    eps: float | None = None,
) -> Edge:
    """The last axes over the root of their mean square."""
    b, x = call.b, call.tensor(input)
    small = float(np.finfo(x.dtype.numpy).eps) if eps is None else eps
    axes = list(range(-len(normalized_shape), 0))
    mean = ops.reduce(b, "ReduceMean", ops.multiply(b, x, x), axes, True)
    made = ops.multiply(b, x, arithmetic.rsqrt(b, ops.add(b, mean, small)))
    return made if weight is None else ops.multiply(b, made, call.tensor(weight))
