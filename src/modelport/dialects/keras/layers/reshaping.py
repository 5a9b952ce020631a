"""Layers that move elements: reshape, permute, crop, pad, repeat, up-sample."""

from __future__ import annotations

from typing import Any

from modelport.dialects.keras.layer import Layer, lowers
from modelport.dialects.keras.layers import spatial
from modelport.dialects.keras.layers.pooling import RANKS
from modelport.dialects.onnx import layout, ops, resize
from modelport.dialects.onnx.edge import Edge
from modelport.model.graph import Dim


@lowers("Reshape")
def reshape(layer: Layer) -> Edge:
    """Every sample under another shape; one extent may be -1."""
    b, x = layer.b, layer.x
    target = [-1 if extent is None else int(extent) for extent in layer.config["target_shape"]]
    if target.count(-1) > 1:
        raise layer.error("its target shape leaves several extents open")
    wide = [extent for extent in target[:-1] if extent != 1]
    if len(target) > 1 and not wide and all(isinstance(item, int) for item in x.shape[1:]):
        # One channel vector a sample: as good channels-first, without a Transpose.
        y = ops.reshape(b, x, [None, target[-1], *target[:-1]])
        own = (y.shape[0], *y.shape[2:], y.shape[1])
        return layout.moved(b.name(y), layout.first(len(own)), x.dtype, own)
    return ops.reshape(b, x, [None, *target])


@lowers("Flatten")
def flatten(layer: Layer) -> Edge:
    """All axes but the first in one, channels last."""
    b, x = layer.b, layer.x
    if not spatial.last(layer) and x.rank > 2:
        own = (x.shape[0], *x.shape[2:], x.shape[1])
        x = layout.from_channels_first(b.name(x), x.dtype, own)
    return layout.flatten(b, x) if x.rank != 2 else x


@lowers("Permute")
def permute(layer: Layer) -> Edge:
    """The axes after the batch in another order (transposed only when somebody needs that)."""
    order = (0, *layer.config["dims"])
    value, held = layout.carried(layer.b, layer.x)
    shape = [layer.x.shape[axis] for axis in order]
    return layout.moved(value, [order.index(axis) for axis in held], layer.x.dtype, shape)


@lowers("RepeatVector")
def repeat_vector(layer: Layer) -> Edge:
    """A vector a sample, ``n`` times as a sequence."""
    b = layer.b
    return ops.expand(b, ops.unsqueeze(b, layer.x, 1), [1, layer.config["n"], 1])


def _pairs(layer: Layer, key: str) -> dict[int, tuple[int, int]]:
    """Amounts before and after each spatial axis: n, (n, m), or ((a, b), (c, d))."""
    rank = RANKS[layer.op_type[-2]]
    spatial.check_rank(layer, rank)
    given: Any = layer.config[key]
    pairs: Any = [given] if rank == 1 and not isinstance(given, int) else given
    listed = spatial.each(pairs, rank)
    ends = [(item, item) if isinstance(item, int) else (item[0], item[-1]) for item in listed]
    return dict(zip(spatial.spatial_axes(layer, rank), ends, strict=True))


@lowers("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D")
def zero_padding(layer: Layer) -> Edge:
    """Zeros around the spatial axes."""
    return ops.pad(layer.b, layer.x, _pairs(layer, "padding"))


@lowers("Cropping1D", "Cropping2D", "Cropping3D")
def cropping(layer: Layer) -> Edge:
    """The spatial axes without some elements at either end."""
    x = layer.x
    for axis, (before, after) in _pairs(layer, "cropping").items():
        if before or after:
            x = ops.slice_axis(layer.b, x, axis, before, -after if after else None)
    return x


@lowers("UpSampling1D", "UpSampling2D", "UpSampling3D")
def up_sampling(layer: Layer) -> Edge:
    """Larger spatial axes: elements repeated, or interpolated in two dimensions."""
    rank = RANKS[layer.op_type[-2]]
    spatial.check_rank(layer, rank)
    factors = spatial.each(layer.config["size"], rank)
    axes = spatial.spatial_axes(layer, rank)
    kind = layer.config.get("interpolation", "nearest")
    if kind in ("nearest", "area"):
        # Whole factors: the mean over a part of one element is that element.
        return resize.repeat(layer.b, layer.x, dict(zip(axes, factors, strict=True)))
    if kind not in resize.INTERPOLATIONS and kind not in resize.OPERATORS:
        raise layer.error(f"it interpolates by {kind!r}, which is not known")
    name, shape = spatial.channels_first(layer)
    sizes: list[Dim] = [
        extent * factor if isinstance(extent, int) else None
        for extent, factor in zip(shape[2:], factors, strict=True)
    ]
    if kind not in resize.OPERATORS and None in sizes:
        raise layer.error(f"interpolation by {kind!r} needs spatial extents that are known")
    image = Edge(name, layer.x.dtype, tuple(shape))
    y = resize.magnify(layer.b, image, factors, kind)
    return spatial.result(layer, layer.b.name(y), [*shape[:2], *sizes])
