"""Operations of ``keras.ops.image``: resizing, cropping, padding, patches, colours."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from modelport.dialects.keras.layer import Layer
from modelport.dialects.keras.layers import spatial
from modelport.dialects.keras.layers.convolution import convolve, window_of
from modelport.dialects.keras.layers.images import axes, padded_as, resized, shaped_as
from modelport.dialects.keras.operations.operands import Operand, bounded, floating, tensor
from modelport.dialects.keras.operations.registry import operation
from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge


def _first(data_format: Any) -> bool:
    return bool(data_format == "channels_first")


@operation("Resize")
def resize(
    layer: Layer,
    images: Operand,
    size: Any,
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: Any = None,
) -> Edge:
    """Images in another size, perhaps cropped or padded to its proportions first."""
    x, first = tensor(layer, images), _first(data_format)
    wanted = [int(item) for item in size]
    if crop_to_aspect_ratio:
        x = shaped_as(layer, x, wanted, first)
    elif pad_to_aspect_ratio:
        x = padded_as(layer, x, wanted, first, fill_value)
    return resized(layer, x, wanted, interpolation, first, bool(antialias))


@operation("PadImages")
def pad_images(
    layer: Layer,
    images: Operand,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: Any = None,
) -> Edge:
    """Zeros around images; of two margins and the whole extent one may be left open."""
    x = tensor(layer, images)
    rows, columns, _ = axes(x, _first(data_format))
    margins = {
        rows: _margins(layer, x, rows, top_padding, bottom_padding, target_height),
        columns: _margins(layer, x, columns, left_padding, right_padding, target_width),
    }
    return ops.pad(layer.b, x, margins)


@operation("CropImages")
def crop_images(
    layer: Layer,
    images: Operand,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: Any = None,
) -> Edge:
    """Images without their margins; of two margins and the whole extent one may be left open."""
    x = tensor(layer, images)
    rows, columns, _ = axes(x, _first(data_format))
    for axis, before, after, target in (
        (rows, top_cropping, bottom_cropping, target_height),
        (columns, left_cropping, right_cropping, target_width),
    ):
        start, end = _margins(layer, x, axis, before, after, target)
        # Margins are negative when an image shrinks to its target.
        start, end = abs(start), abs(end)
        if start or end:
            x = ops.slice_axis(layer.b, x, axis, start, -end if end else None)
    return x


def _margins(
    layer: Layer, x: Edge, axis: int, before: int | None, after: int | None, target: int | None
) -> tuple[int, int]:
    if before is not None and after is not None:
        return before, after
    extent = x.shape[axis]
    if not isinstance(extent, int) or target is None:
        raise layer.error("its margins follow from the size of the image, which is unknown")
    more = abs(target - extent)
    if before is not None:
        return before, more - before
    return more - (after or 0), after or 0


@operation("RGBToGrayscale")
def to_grayscale(layer: Layer, images: Operand, data_format: Any = None) -> Edge:
    """The brightness of colours, as one channel."""
    x = tensor(layer, images)
    wide = floating(layer, x)
    axis = axes(x, _first(data_format))[2]
    shape = [3 if i == axis else 1 for i in range(x.rank)]
    shares = tensor(layer, np.array([0.2989, 0.587, 0.114]).reshape(shape), wide.dtype)
    return ops.reduce(layer.b, "ReduceSum", ops.multiply(layer.b, wide, shares), [axis], True)


@operation("ExtractPatches")
def extract_patches(
    layer: Layer,
    images: Operand,
    size: Any,
    strides: Any = None,
    dilation_rate: Any = 1,
    padding: str = "valid",
    data_format: Any = None,
) -> Edge:
    """Every patch of an image as the channels of one place, by a convolution with ones."""
    b, x = layer.b, tensor(layer, images)
    if x.rank != 4:
        raise layer.error("it takes patches of something else than a batch of images")
    height, width = spatial.each(size, 2)
    channels = x.shape[axes(x, _first(data_format))[2]]
    if not isinstance(channels, int):
        raise layer.error("the number of channels of its images is unknown")
    config = {
        "data_format": data_format,
        "kernel_size": [height, width],
        "strides": [height, width] if strides is None else strides,
        "dilation_rate": dilation_rate,
        "padding": str(padding).lower(),
    }
    inner = replace(layer, config=config, inputs=[floating(layer, x)])
    count = height * width * channels
    bounded(layer, count, "the number of elements of its patches", 4096)
    chosen = np.eye(count).reshape(height, width, channels, count).transpose(3, 2, 0, 1)
    name, shape = spatial.channels_first(inner)
    weight = tensor(layer, np.ascontiguousarray(chosen), inner.x.dtype)
    name, made = convolve(inner, name, shape, weight, window_of(inner, 2), 1, None)
    return ops.cast(b, spatial.result(inner, name, made), x.dtype)
