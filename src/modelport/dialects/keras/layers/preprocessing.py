"""Preprocessing layers of numbers and images that are the same every time they are called."""

from __future__ import annotations

import numpy as np

from modelport.dialects.keras.history.era import Era
from modelport.dialects.keras.layer import Layer, lowers, policy_name
from modelport.dialects.keras.layers import images, spatial
from modelport.dialects.keras.layers.encoding import encoded
from modelport.dialects.keras.operations.operands import array, plain, tensor
from modelport.dialects.keras.operations.order import search_sorted
from modelport.dialects.keras.operations.unary import saturated
from modelport.dialects.onnx import layout, ops
from modelport.dialects.onnx.edge import Edge
from modelport.model.dtype import FLOAT32, INT32, INT64

_EPSILON = 1e-7
"""``keras.config.epsilon()``, unless somebody changed it."""


# Numbers


@lowers("Rescaling", mask="pass", autocast=False)
def rescaling(layer: Layer) -> Edge:
    """Scale x + offset, numbers or one for each channel."""
    b, dtype = layer.b, layer.dtype
    x = ops.cast(b, layer.x, dtype)
    scale, offset = (array(plain(layer.config[key])) for key in ("scale", "offset"))
    y = ops.multiply(b, x, tensor(layer, scale, dtype)) if np.any(scale != 1) else x
    return ops.add(b, y, tensor(layer, offset, dtype)) if np.any(offset != 0) else y


@lowers("Normalization", mask="pass", autocast=False)
def normalization(layer: Layer) -> Edge:
    """(x - mean) / √variance along the given axes, or the way back."""
    b = layer.b
    x = ops.cast(b, layer.x, layer.dtype)
    mean, spread = (_statistic(layer, x, role) for role in ("mean", "variance"))
    root = ops.clip(b, layout.unary(b, "Sqrt", spread), _EPSILON, None)
    if layer.config["invert"]:
        return ops.add(b, ops.multiply(b, x, root), mean)
    return ops.divide(b, ops.subtract(b, x, mean), root)


def _statistic(layer: Layer, x: Edge, role: str) -> Edge:
    """A statistic over the kept axes, with extent 1 along the others."""
    axes = layer.config["axis"]
    listed = [] if axes is None else [axes] if isinstance(axes, int) else list(axes)
    kept = sorted(axis % x.rank for axis in listed)
    given = plain(layer.config.get(role))
    if given is None:
        data = layer.expression(role)
        order = iter(data.shape)
        spread = [next(order) if axis in kept else 1 for axis in range(x.rank)]
        return layer.weight(role, data.reshape(*spread))
    value = array(given)
    shape = [1] * x.rank
    # A vector of the config belongs to the last of the kept axes.
    for i in range(1, value.ndim + 1):
        shape[kept[-i]] = value.shape[-i]
    return tensor(layer, value.reshape(shape), layer.dtype)


@lowers("Discretization", autocast=False)
def discretization(layer: Layer) -> Edge:
    """The number of the bin each element falls into, encoded as the config says."""
    bounds = plain(layer.config.get("bin_boundaries"))
    if bounds is None:
        raise layer.error("the file holds no bin boundaries for it")
    x = ops.cast(layer.b, layer.x, FLOAT32)
    places = search_sorted(layer, np.asarray(bounds, np.float32), x, "right")
    mode = str(layer.config["output_mode"])
    whole = INT32 if layer.era is Era.KERAS3 else INT64
    return encoded(layer, places, mode, len(bounds) + 1, whole if mode == "int" else layer.dtype)


@lowers("CategoryEncoding", autocast=False)
def category_encoding(layer: Layer) -> Edge:
    """Categories as one-hot, multi-hot or counts."""
    weights = layer.argument("count_weights", 1)
    given = ops.cast(layer.b, weights, layer.dtype) if isinstance(weights, Edge) else None
    mode, count = str(layer.config["output_mode"]), layer.config["num_tokens"]
    # Keras 3 answers in the dtype that variables would have.
    mixed = layer.era >= Era.KERAS3 and str(policy_name(layer.config.get("dtype"))).startswith(
        "mix"
    )
    return encoded(layer, layer.x, mode, count, FLOAT32 if mixed else layer.dtype, given)


@lowers("Hashing", "HashedCrossing", "TextVectorization", autocast=False)
def impossible(layer: Layer) -> Edge:
    """Layers whose arithmetic ONNX has no operators for."""
    why = {
        "TextVectorization": "ONNX has no operators that split and clean texts as it does",
    }
    raise layer.error(why.get(layer.op_type, "ONNX has no operator for the hash it uses"))


# Images


def _as_before(layer: Layer, y: Edge, x: Edge) -> Edge:
    """A result in the dtype of the images that came in."""
    if y.dtype == x.dtype:
        return y
    whole = x.dtype.kind in ("int", "uint")
    return saturated(layer, layout.unary(layer.b, "Round", y) if whole else y, x.dtype.name)


@lowers("Resizing")
def resizing(layer: Layer) -> Edge:
    """Images in another size, cropped or padded to its proportions if asked."""
    x, config, first = layer.x, layer.config, not spatial.last(layer)
    size, kind = (config["height"], config["width"]), str(config["interpolation"]).lower()
    old = layer.era is not Era.KERAS3
    if old:
        x = ops.cast(layer.b, x, layer.dtype if kind == "nearest" else FLOAT32)
    y = x
    if config.get("crop_to_aspect_ratio"):
        y = images.shaped_as(layer, x, size, first)
    elif config.get("pad_to_aspect_ratio"):
        y = images.padded_as(layer, x, size, first, config.get("fill_value", 0.0))
    y = images.resized(layer, y, size, kind, first, bool(config.get("antialias")))
    return ops.cast(layer.b, y, layer.dtype) if old else _as_before(layer, y, x)


@lowers("CenterCrop", autocast=False)
def center_crop(layer: Layer) -> Edge:
    """The middle of an image; a smaller image is enlarged first."""
    b, config, first = layer.b, layer.config, not spatial.last(layer)
    x = ops.cast(b, layer.x, layer.dtype)
    size = (int(config["height"]), int(config["width"]))
    rows, columns, _ = images.axes(x, first)
    extents = (x.shape[rows], x.shape[columns])
    known = [extent for extent in extents if isinstance(extent, int)]
    if len(known) < 2:
        return _middle(layer, x, (rows, columns), size)
    rest = [extent - wanted for extent, wanted in zip(known, size, strict=True)]
    if min(rest) >= 0:
        return images.cropped(layer, x, (rest[0] // 2, rest[1] // 2), size, first)
    y = images.resized(layer, images.shaped_as(layer, x, size, first), size, "bilinear", first)
    return ops.cast(b, y, layer.dtype) if layer.era is not Era.KERAS3 else y


def _middle(layer: Layer, x: Edge, places: tuple[int, int], size: tuple[int, int]) -> Edge:
    """The middle of an image of unknown size, which Keras takes to be large enough."""
    if layer.era is not Era.KERAS3:
        raise layer.error("what it does depends on the size of the image, which is unknown")
    b = layer.b
    for axis, wanted in zip(places, size, strict=True):
        extent = ops.extent(b, x, axis)
        whole = extent if isinstance(extent, Edge) else b.constant([extent])
        start = ops.divide(b, ops.subtract(b, whole, wanted), 2)
        x = ops.slice_axis(b, x, axis, start, ops.add(b, start, wanted))
        x.shape = (*x.shape[:axis], wanted, *x.shape[axis + 1 :])
    return x


@lowers("AutoContrast")
def auto_contrast(layer: Layer) -> Edge:
    """Every channel stretched to the whole range of values."""
    b, x = layer.b, layer.x
    low, high = (float(end) for end in layer.config["value_range"])
    y = ops.cast(b, x, layer.dtype)
    y = ops.multiply(b, ops.subtract(b, y, low), 255 / (high - low))
    axes = [1, 2] if x.rank == 4 else [0, 1]
    least, most = (ops.reduce(b, kind, y, axes, True) for kind in ("ReduceMin", "ReduceMax"))
    scale = ops.divide(b, b.constant(255, y.dtype), ops.subtract(b, most, least))
    y = ops.clip(b, ops.multiply(b, ops.subtract(b, y, least), scale), 0.0, 255.0)
    y = ops.add(b, ops.multiply(b, y, (high - low) / 255), low)
    flat = ops.binary(b, "Equal", least, most)
    y = ops.where(b, flat, ops.cast(b, x, y.dtype), y)
    return _as_before(layer, y, x)


@lowers("Equalization")
def equalization(layer: Layer) -> Edge:
    """The images as they are: Keras equalizes in training only."""
    return layout.unary(layer.b, "Identity", layer.x)


@lowers("Solarization")
def solarization(layer: Layer) -> Edge:
    """The images as they are, in the dtype of the layer: Keras solarizes in training only."""
    return layout.unary(layer.b, "Identity", ops.cast(layer.b, layer.x, layer.dtype))
