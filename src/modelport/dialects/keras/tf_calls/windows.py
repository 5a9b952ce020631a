"""TensorFlow's convolutions, pooling and image functions, whose arguments are spelled otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelport.dialects.keras.layer import Layer
from modelport.dialects.keras.layers import images
from modelport.dialects.keras.operations import windows as windows
from modelport.dialects.keras.operations.image import extract_patches as patches
from modelport.dialects.keras.operations.image import to_grayscale
from modelport.dialects.keras.operations.operands import Operand, tensor
from modelport.dialects.keras.tf_calls.functions import function
from modelport.dialects.onnx import layout, ops
from modelport.dialects.onnx.edge import Edge
from modelport.model.dtype import FLOAT32, INT64


def _first(data_format: Any) -> str:
    return "channels_first" if str(data_format).startswith("NC") else "channels_last"


def _spatial(value: Any, rank: int, data_format: Any) -> Any:
    """A window's numbers for the spatial axes: all axes may have been given, or one number."""
    if value is None:
        return 1
    listed = list(value) if isinstance(value, list | tuple) else [value]
    if len(listed) == 1:
        return listed * rank
    if len(listed) == rank + 2:
        return listed[2:] if _first(data_format) == "channels_first" else listed[1:-1]
    return listed


def _padding(layer: Layer, padding: Any) -> str:
    if not isinstance(padding, str):
        raise layer.error("explicit paddings of a TensorFlow call are not known")
    return padding.lower()


@function("nn.conv1d", "nn.conv2d", "nn.conv3d", "nn.convolution")
def convolution(
    layer: Layer,
    input: Operand,
    filters: Operand = None,
    strides: Any = 1,
    padding: Any = "VALID",
    data_format: Any = None,
    dilations: Any = None,
    filter: Operand = None,
    use_cudnn_on_gpu: Any = None,
    stride: Any = None,
) -> Edge:
    """A convolution."""
    x = tensor(layer, input)
    kernel = filter if filters is None else filters
    steps = _spatial(strides if stride is None else stride, x.rank - 2, data_format)
    rates = _spatial(dilations, x.rank - 2, data_format)
    form = _first(data_format)
    return windows.convolution(layer, x, kernel, steps, _padding(layer, padding), form, rates)


@function("nn.depthwise_conv2d", "nn.depthwise_conv2d_native")
def depthwise_convolution(
    layer: Layer,
    input: Operand,
    filter: Operand,
    strides: Any,
    padding: Any,
    data_format: Any = None,
    dilations: Any = None,
    rate: Any = None,
) -> Edge:
    """Every channel convolved on its own."""
    steps = _spatial(strides, 2, data_format)
    rates = _spatial(dilations if dilations is not None else rate, 2, data_format)
    form, kind = _first(data_format), _padding(layer, padding)
    return windows.depthwise_convolution(layer, input, filter, steps, kind, form, rates)


@function("nn.max_pool", "nn.max_pool1d", "nn.max_pool2d", "nn.max_pool3d")
def max_pool(
    layer: Layer,
    input: Operand,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: Any = None,
    value: Operand = None,
) -> Edge:
    """The maximum of every window."""
    return _pooled(layer, True, input, ksize, strides, padding, data_format)


@function("nn.avg_pool", "nn.avg_pool1d", "nn.avg_pool2d", "nn.avg_pool3d")
def average_pool(
    layer: Layer,
    input: Operand,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: Any = None,
    value: Operand = None,
) -> Edge:
    """The mean of every window."""
    return _pooled(layer, False, input, ksize, strides, padding, data_format)


def _pooled(
    layer: Layer, largest: bool, x: Operand, size: Any, strides: Any, padding: Any, form: Any
) -> Edge:
    edge = tensor(layer, x)
    given = [_spatial(value, edge.rank - 2, form) for value in (size, strides)]
    pool = windows.max_pool if largest else windows.average_pool
    return pool(layer, edge, *given, _padding(layer, padding), _first(form))


@function("nn.depth_to_space", "depth_to_space")
def depth_to_space(
    layer: Layer, input: Operand, block_size: int, data_format: Any = "NHWC"
) -> Edge:
    """Channels spread over square blocks."""
    return windows.depth_to_space(layer, input, block_size, _first(data_format))


@function("nn.space_to_depth", "space_to_depth")
def space_to_depth(
    layer: Layer, input: Operand, block_size: int, data_format: Any = "NHWC"
) -> Edge:
    """Square blocks gathered in the channels."""
    return windows.space_to_depth(layer, input, block_size, _first(data_format))


@function("nn.local_response_normalization", "nn.lrn")
def local_response(
    layer: Layer,
    input: Operand,
    depth_radius: int = 5,
    bias: float = 1.0,
    alpha: float = 1.0,
    beta: float = 0.5,
) -> Edge:
    """Every element over a power of the squares of its neighbours among the channels."""
    x = tensor(layer, input)
    size = 2 * depth_radius + 1
    name = layer.b.node(
        "LRN",
        [layout.channels_first(layer.b, x)],
        # ONNX divides alpha by the number of neighbours.
        alpha=float(alpha * size),
        beta=float(beta),
        bias=float(bias),
        size=size,
    )[0]
    return layout.from_channels_first(name, x.dtype, x.shape)


# Images


@function("image.resize", "image.resize_v2")
def resize(
    layer: Layer,
    images_: Operand,
    size: Any,
    method: Any = "bilinear",
    preserve_aspect_ratio: bool = False,
    antialias: bool = False,
) -> Edge:
    """Images in another size."""
    if preserve_aspect_ratio:
        raise layer.error("resizing that keeps the proportions has a result of unknown size")
    return images.resized(
        layer, tensor(layer, images_), _size(layer, size), _method(method), False, bool(antialias)
    )


def _method(method: Any) -> str:
    numbered = {0: "bilinear", 1: "nearest", 2: "bicubic", 3: "area"}
    return numbered[method] if isinstance(method, int) else str(method)


def _size(layer: Layer, size: Any) -> list[int]:
    values = size.values if isinstance(size, Edge) else size
    parts = [
        part.values[0] if isinstance(part, Edge) and part.values else part for part in values or ()
    ]
    whole = [part for part in parts if isinstance(part, int)]
    if len(whole) != 2 or len(parts) != 2:
        raise layer.error("it resizes to a size that is computed")
    return whole


@function("image.resize_bilinear")
def resize_bilinear(
    layer: Layer,
    images_: Operand,
    size: Any,
    align_corners: bool = False,
    half_pixel_centers: bool = False,
) -> Edge:
    """Images in another size, by the coordinates of TensorFlow 1 unless asked otherwise."""
    x, wanted = tensor(layer, images_), _size(layer, size)
    if half_pixel_centers:
        return images.resized(layer, x, wanted, "bilinear")
    return _resized(layer, ops.cast(layer.b, x, FLOAT32), wanted, align_corners, mode="linear")


@function("image.resize_nearest_neighbor")
def resize_nearest(
    layer: Layer,
    images_: Operand,
    size: Any,
    align_corners: bool = False,
    half_pixel_centers: bool = False,
) -> Edge:
    """Images in another size, every element from its nearest one."""
    x, wanted = tensor(layer, images_), _size(layer, size)
    if half_pixel_centers:
        return images.resized(layer, x, wanted, "nearest")
    rule = "round_prefer_ceil" if align_corners else "floor"
    return _resized(layer, x, wanted, align_corners, mode="nearest", nearest_mode=rule)


def _resized(layer: Layer, x: Edge, size: Sequence[int], corners: bool, **given: Any) -> Edge:
    b = layer.b
    head = b.emit("Shape", [x], INT64, (1,), start=0, end=1)
    tail = b.emit("Shape", [x], INT64, (1,), start=3, end=4)
    sizes = ops.concat(b, [head, tail, b.constant(list(size), INT64)], 0)
    name = b.node(
        "Resize",
        [layout.channels_first(b, x), "", "", b.name(sizes)],
        coordinate_transformation_mode="align_corners" if corners else "asymmetric",
        **given,
    )[0]
    return layout.from_channels_first(name, x.dtype, (x.shape[0], *size, x.shape[3]))


@function("image.crop_to_bounding_box")
def crop(
    layer: Layer,
    image: Operand,
    offset_height: int,
    offset_width: int,
    target_height: int,
    target_width: int,
) -> Edge:
    """A box of images."""
    starts, size = (offset_height, offset_width), (target_height, target_width)
    return images.cropped(layer, tensor(layer, image), starts, size, False)


@function("image.pad_to_bounding_box")
def pad(
    layer: Layer,
    image: Operand,
    offset_height: int,
    offset_width: int,
    target_height: int,
    target_width: int,
) -> Edge:
    """Images in a larger box of zeros."""
    x = tensor(layer, image)
    height, width = images.known_extents(layer, x, False)
    rows, columns, _ = images.axes(x, False)
    below, right = target_height - height - offset_height, target_width - width - offset_width
    return ops.pad(layer.b, x, {rows: (offset_height, below), columns: (offset_width, right)})


@function("image.flip_left_right")
def flip_sideways(layer: Layer, image: Operand) -> Edge:
    """Images mirrored along their rows."""
    x = tensor(layer, image)
    return ops.flip(layer.b, x, images.axes(x, False)[1])


@function("image.flip_up_down")
def flip_upside_down(layer: Layer, image: Operand) -> Edge:
    """Images mirrored along their columns."""
    x = tensor(layer, image)
    return ops.flip(layer.b, x, images.axes(x, False)[0])


@function("image.rgb_to_grayscale")
def grayscale(layer: Layer, images_: Operand) -> Edge:
    """The brightness of colours."""
    return to_grayscale(layer, images_)


@function("image.extract_patches")
def extract_patches(
    layer: Layer, images_: Operand, sizes: Any, strides: Any, rates: Any, padding: Any
) -> Edge:
    """Every patch as the channels of one place."""
    size, steps, dilation = (_spatial(value, 2, "NHWC") for value in (sizes, strides, rates))
    return patches(layer, images_, size, steps, dilation, _padding(layer, padding))


@function("image.per_image_standardization")
def standardize(layer: Layer, image: Operand) -> Edge:
    """Every image with mean 0 and variance 1 (its deviation counts as 1 / √elements at least)."""
    b, x = layer.b, tensor(layer, image)
    axes = [x.rank - 3, x.rank - 2, x.rank - 1]
    apart = ops.subtract(b, x, ops.reduce(b, "ReduceMean", x, axes, True))
    spread = ops.reduce(b, "ReduceMean", ops.multiply(b, apart, apart), axes, True)
    height, width = images.known_extents(layer, x, False)
    channels = x.shape[-1]
    if not isinstance(channels, int):
        raise layer.error("the number of channels of its images is unknown")
    least = (height * width * channels) ** -0.5
    return ops.divide(b, apart, ops.clip(b, ops.unary(b, "Sqrt", spread), least, None))
