"""Convolutions: plain, depthwise, separable and transposed, in one to three dimensions.

ONNX keeps kernels as (out, in / groups, spatial ...), Keras as (spatial ..., in / groups, out),
transposed ones as (spatial ..., out, in), depthwise ones as (spatial ..., in, multiplier).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from modelport.dialects.keras.history.era import Era
from modelport.dialects.keras.layer import Layer, lowers
from modelport.dialects.keras.layers import spatial
from modelport.dialects.keras.layers.activations import activate
from modelport.dialects.keras.layers.spatial import Window
from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.model.expression import Expression
from modelport.model.graph import Dim


@lowers("Conv1D", "Conv2D", "Conv3D")
def convolution(layer: Layer) -> Edge:
    """Convolution with groups, strides or dilation."""
    kernel = layer.expression("kernel")
    rank = len(kernel.shape) - 2
    if layer.era < Era.KERAS3 and layer.x.rank > rank + 2:
        return _over_batches(layer, layer.x.rank - rank - 1)
    weight = layer.weight("kernel", _outwards(kernel))
    name, shape = spatial.channels_first(layer)
    groups = layer.config.get("groups") or 1
    name, shape = convolve(layer, name, shape, weight, window_of(layer, rank), groups, _bias(layer))
    return _activated(layer, name, shape)


def _over_batches(layer: Layer, count: int) -> Edge:
    """The convolution over several batch axes, which tf.keras allows, as over one."""
    b, x = layer.b, layer.x
    extents = [ops.extent(b, x, axis) for axis in range(x.rank)]
    flat = ops.reshape(b, x, [-1, *extents[count:]])
    y = convolution(replace(layer, inputs=[flat]))
    spatial_extents = [ops.extent(b, y, axis) for axis in range(1, y.rank)]
    return ops.reshape(b, y, [*extents[:count], *spatial_extents])


@lowers("DepthwiseConv1D", "DepthwiseConv2D")
def depthwise_convolution(layer: Layer) -> Edge:
    """Every channel convolved on its own, with ``depth_multiplier`` kernels."""
    role = "kernel" if layer.has("kernel") else "depthwise_kernel"
    kernel = layer.expression(role)
    rank = len(kernel.shape) - 2
    weight = layer.weight(role, _channelwise(kernel))
    name, shape = spatial.channels_first(layer)
    channels = kernel.shape[-2]
    name, shape = convolve(
        layer, name, shape, weight, window_of(layer, rank), channels, _bias(layer)
    )
    return _activated(layer, name, shape)


@lowers("SeparableConv1D", "SeparableConv2D")
def separable_convolution(layer: Layer) -> Edge:
    """A depthwise convolution, then a pointwise one that mixes the channels."""
    depthwise = layer.expression("depthwise_kernel")
    pointwise = layer.expression("pointwise_kernel")
    rank = len(depthwise.shape) - 2
    weight = layer.weight("depthwise_kernel", _channelwise(depthwise))
    name, shape = spatial.channels_first(layer)
    name, shape = convolve(
        layer, name, shape, weight, window_of(layer, rank), depthwise.shape[-2], None
    )
    mixing = layer.weight("pointwise_kernel", _outwards(pointwise))
    ones = (1,) * rank
    name, shape = convolve(
        layer, name, shape, mixing, Window(ones, ones, ones, "valid"), 1, _bias(layer)
    )
    return _activated(layer, name, shape)


@lowers("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose")
def transposed_convolution(layer: Layer) -> Edge:
    """The gradient of a convolution as a layer, its output cropped as TensorFlow does."""
    kernel = layer.expression("kernel")
    rank = len(kernel.shape) - 2
    window = window_of(layer, rank)
    weight = layer.weight("kernel", kernel.transpose(rank + 1, rank, *range(rank)))
    name, shape = convolve_transposed(layer, weight, window, _bias(layer))
    return _activated(layer, name, shape)


def convolve_transposed(
    layer: Layer, weight: Edge, window: Window, bias: Edge | None
) -> tuple[str, list[Dim]]:
    """A ConvTranspose of the first input with a kernel (in, out, spatial ...), channels-first."""
    rank = len(window.size)
    name, shape = spatial.channels_first(layer)
    asked = layer.config.get("output_padding")
    ends = [
        _crop(window, axis, None if asked is None else spatial.each(asked, rank)[axis])
        for axis in range(rank)
    ]
    begins = [begin for begin, _ in ends]
    # A negative crop at the end extends the output with zeros.
    after = [max(end, 0) for _, end in ends]
    extended = [max(-end, 0) for _, end in ends]
    inputs = [name, layer.b.name(weight), *([layer.b.name(bias)] if bias else [])]
    name = layer.b.node(
        "ConvTranspose",
        inputs,
        kernel_shape=list(window.size),
        strides=list(window.strides),
        dilations=list(window.dilation) if max(window.dilation) > 1 else None,
        pads=[*begins, *after] if any([*begins, *after]) else None,
        output_padding=extended if any(extended) else None,
    )[0]
    extents: list[Dim] = [
        (extent - 1) * stride + window.covered(axis) - sum(ends[axis])
        if isinstance(extent, int)
        else None
        for axis, (extent, stride) in enumerate(zip(shape[2:], window.strides, strict=True))
    ]
    return name, [shape[0], weight.shape[1], *extents]


def _crop(window: Window, axis: int, asked: int | None) -> tuple[int, int]:
    """What is cut from the full output at either end (negative: added), independent of its extent.

    For "same" it is the padding of the forward convolution, whose input is the output here.
    """
    covered, stride = window.covered(axis), window.strides[axis]
    if window.padding == "valid":
        return 0, -(max(stride - covered, 0) if asked is None else asked)
    rest = stride if asked is None else covered % 2 + asked
    total = covered - rest
    begin = max(total, 0) // 2
    return begin, total - begin


def convolve(
    layer: Layer,
    name: str,
    shape: Sequence[Dim],
    weight: Edge,
    window: Window,
    groups: int,
    bias: Edge | None,
) -> tuple[str, list[Dim]]:
    """A Conv of a channels-first value of a shape with a kernel (out, in / groups, spatial ...)."""
    b = layer.b
    given, extents = spatial.padding(window, shape[2:])
    inputs = [name, b.name(weight), *([b.name(bias)] if bias else [])]
    output = b.node(
        "Conv",
        inputs,
        kernel_shape=list(window.size),
        strides=list(window.strides) if max(window.strides) > 1 else None,
        dilations=list(window.dilation) if max(window.dilation) > 1 else None,
        group=groups if groups > 1 else None,
        **given,
    )[0]
    return output, [shape[0], weight.shape[0], *extents]


def window_of(layer: Layer, rank: int) -> Window:
    """The window of the config of a layer whose input has ``rank`` spatial axes."""
    config = layer.config
    spatial.check_rank(layer, rank)
    size = spatial.each(config["kernel_size"], rank)
    strides = spatial.each(config["strides"], rank)
    dilation = spatial.each(config.get("dilation_rate", 1), rank)
    return Window(size, strides, dilation, config["padding"])


def _outwards(kernel: Expression) -> Expression:
    rank = len(kernel.shape) - 2
    return kernel.transpose(rank + 1, rank, *range(rank))


def _channelwise(kernel: Expression) -> Expression:
    rank = len(kernel.shape) - 2
    channels, multiplier = kernel.shape[-2:]
    moved = kernel.transpose(rank, rank + 1, *range(rank))
    return moved.reshape(channels * multiplier, 1, *kernel.shape[:rank])


def _bias(layer: Layer) -> Edge | None:
    return layer.weight("bias") if layer.config["use_bias"] else None


def _activated(layer: Layer, name: str, shape: Sequence[Dim]) -> Edge:
    activation: Any = layer.config["activation"]
    return activate(layer, spatial.result(layer, name, shape), activation)
