"""Operations of ``keras.ops.nn`` that move a window: pooling, convolution, blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from modelport.dialects.keras.layer import Layer
from modelport.dialects.keras.layers import pooling, spatial
from modelport.dialects.keras.layers.convolution import convolve, convolve_transposed, window_of
from modelport.dialects.keras.layers.spatial import Window
from modelport.dialects.keras.operations.operands import Operand, tensor
from modelport.dialects.keras.operations.registry import Single, operation
from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge


def _layer(layer: Layer, x: Edge, op_type: str, **config: Any) -> Layer:
    """The layer of that class and config over an edge, for lowerings that take layers."""
    config["data_format"] = config.get("data_format") or "channels_last"
    return replace(layer, op_type=op_type, config=config, inputs=[x])


def _pooling(kind: str) -> Single:
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


def _adaptive(kind: str) -> Single:
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
    return [extent for extent in shape if isinstance(extent, int)]


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
        made = [
            channels and channels // block**2,
            height and height * block,
            width and width * block,
        ]
    else:
        made = [
            channels and channels * block**2,
            height and height // block,
            width and width // block,
        ]
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
