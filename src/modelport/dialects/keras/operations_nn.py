"""Operations of ``keras.ops.nn``: activations, convolution, pooling, normalisation, losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from modelport.dialects.keras import activations, pooling, spatial
from modelport.dialects.keras.convolution import convolve, convolve_transposed, window_of
from modelport.dialects.keras.layer import Layer
from modelport.dialects.keras.operands import Operand, axes_of, floating, tensor
from modelport.dialects.keras.operation import Function, operation
from modelport.dialects.keras.spatial import Window
from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge

_ACTIVATIONS: Mapping[str, str] = {
    "Celu": "celu",
    "Elu": "elu",
    "Glu": "glu",
    "HardShrink": "hard_shrink",
    "HardSigmoid": "hard_sigmoid",
    "HardSilu": "hard_silu",
    "HardTanh": "hard_tanh",
    "LeakyRelu": "leaky_relu",
    "LogSigmoid": "log_sigmoid",
    "Relu": "relu",
    "Relu6": "relu6",
    "Selu": "selu",
    "Sigmoid": "sigmoid",
    "Silu": "silu",
    "SoftShrink": "soft_shrink",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "SparsePlus": "sparse_plus",
    "SparseSigmoid": "sparse_sigmoid",
    "Sparsemax": "sparsemax",
    "Squareplus": "squareplus",
    "TanhShrink": "tanh_shrink",
    "Threshold": "threshold",
}
"""Activations by the class of the operation; the arguments have the same names."""


def _activation(name: str) -> Function:
    def apply(
        layer: Layer,
        x: Operand,
        alpha: float | None = None,
        axis: int | None = None,
        b: float | None = None,
        negative_slope: float | None = None,
        threshold: float | None = None,
        default_value: float | None = None,
    ) -> Edge:
        given = {
            "alpha": alpha,
            "axis": axis,
            "b": b,
            "negative_slope": negative_slope,
            "threshold": threshold,
            "default_value": default_value,
        }
        stated = {key: value for key, value in given.items() if value is not None}
        edge = tensor(layer, x) if name in ("relu", "relu6") else floating(layer, x)
        return activations.FUNCTIONS[name](layer.b, edge, **stated)

    return apply


for _class, _name in _ACTIVATIONS.items():
    operation(_class)(_activation(_name))


@operation("Gelu")
def gelu(layer: Layer, x: Operand, approximate: bool = True) -> Edge:
    """The input times the normal distribution function, or its tanh approximation."""
    return activations.gelu(layer.b, floating(layer, x), bool(approximate))


@operation("Softmax")
def softmax(layer: Layer, x: Operand, axis: Any = -1) -> Edge:
    """exp(x) over its sum along one axis, several, or (None) all."""
    b, edge = layer.b, floating(layer, x)
    axes = axes_of(axis, edge.rank)
    if len(axes) == 1:
        return ops.softmax(b, edge, axes[0])
    return ops.unary(b, "Exp", log_softmax(layer, edge, axes))


@operation("LogSoftmax")
def log_softmax(layer: Layer, x: Operand, axis: Any = -1) -> Edge:
    """The logarithm of softmax."""
    b, edge = layer.b, floating(layer, x)
    axes = axes_of(axis, edge.rank)
    if len(axes) == 1:
        return activations.log_softmax(b, edge, axes[0])
    total = ops.reduce(b, "ReduceLogSumExp", edge, axes, keepdims=True)
    return ops.subtract(b, edge, total)


# Windows


def _layer(layer: Layer, x: Edge, op_type: str, **config: Any) -> Layer:
    """The layer of that class and config over an edge, for lowerings that take layers."""
    config["data_format"] = config.get("data_format") or "channels_last"
    return replace(layer, op_type=op_type, config=config, inputs=[x])


def _pooling(kind: str) -> Function:
    def apply(
        layer: Layer,
        inputs: Operand,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: Any = None,
    ) -> Edge:
        x = tensor(layer, inputs)
        given = {"pool_size": pool_size, "strides": strides, "padding": str(padding).lower()}
        op_type = f"{kind}Pooling{x.rank - 2}D"
        return pooling.pooling(_layer(layer, x, op_type, data_format=data_format, **given))

    return apply


max_pool, average_pool = _pooling("Max"), _pooling("Average")
operation("MaxPool")(max_pool)
operation("AveragePool")(average_pool)


def _adaptive(kind: str) -> Function:
    def apply(layer: Layer, inputs: Operand, output_size: Any, data_format: Any = None) -> Edge:
        x = tensor(layer, inputs)
        op_type = f"Adaptive{kind}Pooling{x.rank - 2}D"
        given = {"output_size": output_size, "data_format": data_format}
        return pooling.adaptive_pooling(_layer(layer, x, op_type, **given))

    return apply


operation("AdaptiveMaxPool")(_adaptive("Max"))
operation("AdaptiveAveragePool")(_adaptive("Average"))


def _moved(layer: Layer, kernel: Operand, order: Sequence[int], shape: Sequence[int]) -> Edge:
    """A kernel with its axes in another order and then another shape: a constant stays one."""
    if isinstance(kernel, Edge):
        moved = ops.transpose(layer.b, kernel, order)
        return ops.reshape(layer.b, moved, shape) if list(moved.shape) != list(shape) else moved
    made = np.transpose(np.asarray(kernel, np.float32), order).reshape(shape)
    return tensor(layer, np.ascontiguousarray(made))


def _extents(layer: Layer, kernel: Operand) -> list[int]:
    shape = kernel.shape if isinstance(kernel, Edge) else np.shape(kernel)
    if not all(isinstance(extent, int) for extent in shape):
        raise layer.error("the shape of its kernel is unknown")
    return [int(extent) for extent in shape]


def _windowed(
    layer: Layer, x: Edge, size: Sequence[int], strides: Any, padding: Any, rest: Mapping[str, Any]
) -> tuple[Layer, Window]:
    inner = _layer(
        layer,
        x,
        layer.op_type,
        kernel_size=list(size),
        strides=strides,
        padding=str(padding).lower(),
        **rest,
    )
    return inner, window_of(inner, len(size))


@operation("Conv")
def convolution(
    layer: Layer,
    inputs: Operand,
    kernel: Operand,
    strides: Any = 1,
    padding: Any = "valid",
    data_format: Any = None,
    dilation_rate: Any = 1,
) -> Edge:
    """A convolution whose groups follow from the kernel's channels."""
    x, shape = tensor(layer, inputs), _extents(layer, kernel)
    rank = len(shape) - 2
    rest = {"data_format": data_format, "dilation_rate": dilation_rate}
    inner, window = _windowed(layer, x, shape[:rank], strides, padding, rest)
    name, given = spatial.channels_first(inner)
    channels = given[1]
    order = [rank + 1, rank, *range(rank)]
    weight = _moved(layer, kernel, order, [shape[i] for i in order])
    groups = channels // shape[rank] if isinstance(channels, int) else 1
    name, made = convolve(inner, name, given, weight, window, groups, None)
    return spatial.result(inner, name, made)


@operation("DepthwiseConv")
def depthwise_convolution(
    layer: Layer,
    inputs: Operand,
    kernel: Operand,
    strides: Any = 1,
    padding: Any = "valid",
    data_format: Any = None,
    dilation_rate: Any = 1,
) -> Edge:
    """Every channel convolved on its own."""
    x, shape = tensor(layer, inputs), _extents(layer, kernel)
    rank = len(shape) - 2
    rest = {"data_format": data_format, "dilation_rate": dilation_rate}
    inner, window = _windowed(layer, x, shape[:rank], strides, padding, rest)
    name, given = spatial.channels_first(inner)
    wide = [shape[rank] * shape[rank + 1], 1, *shape[:rank]]
    weight = _moved(layer, kernel, [rank, rank + 1, *range(rank)], wide)
    name, made = convolve(inner, name, given, weight, window, shape[rank], None)
    return spatial.result(inner, name, made)


@operation("SeparableConv")
def separable_convolution(
    layer: Layer,
    inputs: Operand,
    depthwise_kernel: Operand,
    pointwise_kernel: Operand,
    strides: Any = 1,
    padding: Any = "valid",
    data_format: Any = None,
    dilation_rate: Any = 1,
) -> Edge:
    """A depthwise convolution, then one that mixes the channels."""
    x = depthwise_convolution(
        layer, inputs, depthwise_kernel, strides, padding, data_format, dilation_rate
    )
    return convolution(layer, x, pointwise_kernel, 1, "valid", data_format)


@operation("ConvTranspose")
def transposed_convolution(
    layer: Layer,
    inputs: Operand,
    kernel: Operand,
    strides: Any = 1,
    padding: Any = "valid",
    output_padding: Any = None,
    data_format: Any = None,
    dilation_rate: Any = 1,
) -> Edge:
    """The gradient of a convolution."""
    x, shape = tensor(layer, inputs), _extents(layer, kernel)
    rank = len(shape) - 2
    rest = {
        "data_format": data_format,
        "dilation_rate": dilation_rate,
        "output_padding": output_padding,
    }
    inner, window = _windowed(layer, x, shape[:rank], strides, padding, rest)
    order = [rank + 1, rank, *range(rank)]
    weight = _moved(layer, kernel, order, [shape[i] for i in order])
    name, made = convolve_transposed(inner, weight, window, None)
    return spatial.result(inner, name, made)


def _blocks(layer: Layer, x: Operand, op_type: str, block: int, data_format: Any) -> Edge:
    edge = tensor(layer, x)
    inner = _layer(layer, edge, layer.op_type, data_format=data_format)
    spatial.check_rank(inner, 2)
    name, shape = spatial.channels_first(inner)
    name = layer.b.node(op_type, [name], blocksize=block)[0]
    grows = op_type == "DepthToSpace"
    channels, height, width = (item if isinstance(item, int) else None for item in shape[1:])
    if grows:
        made = [channels and channels // block**2, height and height * block, width and width * block]
    else:
        made = [channels and channels * block**2, height and height // block, width and width // block]
    return spatial.result(inner, name, [shape[0], *made])


@operation("DepthToSpace")
def depth_to_space(
    layer: Layer, x: Operand, block_size: int, data_format: Any = "channels_last"
) -> Edge:
    """Channels spread over square blocks."""
    return _blocks(layer, x, "DepthToSpace", block_size, data_format)


@operation("SpaceToDepth")
def space_to_depth(
    layer: Layer, x: Operand, block_size: int, data_format: Any = "channels_last"
) -> Edge:
    """Square blocks gathered in the channels."""
    return _blocks(layer, x, "SpaceToDepth", block_size, data_format)


# Normalisation


def _aligned(layer: Layer, value: Operand, like: Edge, axes: Sequence[int]) -> Edge:
    """A parameter over axes of an edge, with extent 1 along the others."""
    edge = tensor(layer, value, like.dtype)
    if edge.rank != len(axes):
        return edge
    return ops.reshape(
        layer.b, edge, [edge.shape[axes.index(i)] or -1 if i in axes else 1 for i in range(like.rank)]
    )


@operation("BatchNorm")
def batch_norm(
    layer: Layer,
    x: Operand,
    mean: Operand,
    variance: Operand,
    axis: int,
    offset: Operand = None,
    scale: Operand = None,
    epsilon: float = 1e-3,
) -> Edge:
    """(x - mean) / √(variance + ε), times a scale, plus an offset."""
    b, edge = layer.b, floating(layer, x)
    axes = axes_of(axis, edge.rank)
    middle, spread = (_aligned(layer, value, edge, axes) for value in (mean, variance))
    root = ops.unary(b, "Sqrt", ops.add(b, spread, epsilon))
    made = ops.divide(b, ops.subtract(b, edge, middle), root)
    return _affine(layer, made, scale, offset, axes)


def _affine(layer: Layer, x: Edge, scale: Operand, shift: Operand, axes: Sequence[int]) -> Edge:
    if scale is not None:
        x = ops.multiply(layer.b, x, _aligned(layer, scale, x, axes))
    return x if shift is None else ops.add(layer.b, x, _aligned(layer, shift, x, axes))


@operation("LayerNorm")
def layer_norm(
    layer: Layer,
    x: Operand,
    gamma: Operand = None,
    beta: Operand = None,
    axis: Any = -1,
    epsilon: float | None = None,
    rms_scaling: bool = False,
) -> Edge:
    """Mean 0 and variance 1 over axes, then scale and shift."""
    b, edge = layer.b, floating(layer, x)
    axes = sorted(axes_of(axis, edge.rank))
    least = 1e-7 if epsilon is None else epsilon
    distance = ops.subtract(b, edge, ops.reduce(b, "ReduceMean", edge, axes, True))
    spread = ops.reduce(b, "ReduceMean", ops.multiply(b, distance, distance), axes, True)
    root = ops.unary(b, "Sqrt", ops.add(b, spread, least))
    made = ops.divide(b, edge if rms_scaling else distance, root)
    return _affine(layer, made, gamma, beta, axes)


@operation("RMSNorm")
def rms_norm(
    layer: Layer, x: Operand, scale: Operand = None, axis: Any = -1, epsilon: float | None = None
) -> Edge:
    """The tensor over its root mean square along axes, times a scale."""
    b, edge = layer.b, floating(layer, x)
    axes = sorted(axes_of(axis, edge.rank))
    square = ops.reduce(b, "ReduceMean", ops.multiply(b, edge, edge), axes, True)
    root = ops.unary(b, "Sqrt", ops.add(b, square, 1e-7 if epsilon is None else epsilon))
    made = ops.divide(b, edge, root)
    return made if scale is None else ops.multiply(b, made, tensor(layer, scale, made.dtype))


# Losses, where a model computes them itself


@operation("BinaryCrossentropy")
def binary_crossentropy(
    layer: Layer, target: Operand, output: Operand, from_logits: bool = False
) -> Edge:
    """-t log p - (1 - t) log(1 - p), element by element."""
    b, x = layer.b, floating(layer, output)
    wanted = tensor(layer, target, x.dtype)
    if from_logits:
        rest = ops.unary(b, "Softplus", ops.unary(b, "Neg", ops.unary(b, "Abs", x)))
        both = ops.subtract(b, ops.unary(b, "Relu", x), ops.multiply(b, x, wanted))
        return ops.add(b, both, rest)
    one = b.constant(1, x.dtype)
    p = ops.clip(b, x, 1e-7, 1 - 1e-7)
    hit = ops.multiply(b, wanted, ops.unary(b, "Log", p))
    other = ops.unary(b, "Log", ops.subtract(b, one, p))
    return ops.unary(b, "Neg", ops.add(b, hit, ops.multiply(b, ops.subtract(b, one, wanted), other)))


@operation("CategoricalCrossentropy")
def categorical_crossentropy(
    layer: Layer, target: Operand, output: Operand, from_logits: bool = False, axis: int = -1
) -> Edge:
    """-Σ t log p along an axis."""
    b, x = layer.b, floating(layer, output)
    wanted = tensor(layer, target, x.dtype)
    if from_logits:
        logarithm = activations.log_softmax(b, x, axis)
    else:
        share = ops.divide(b, x, ops.reduce(b, "ReduceSum", x, [axis], True))
        logarithm = ops.unary(b, "Log", ops.clip(b, share, 1e-7, 1 - 1e-7))
    return ops.unary(b, "Neg", ops.reduce(b, "ReduceSum", ops.multiply(b, wanted, logarithm), [axis]))
