"""Pooling: maximum and average, global and adaptive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelport.dialects.keras.layer import Layer, lowers
from modelport.dialects.keras.layers import spatial
from modelport.dialects.keras.layers.spatial import Window
from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge

RANKS = {"1": 1, "2": 2, "3": 3}
"""The number of spatial axes, by the digit in the name of the class."""


def _rank(layer: Layer) -> int:
    rank = RANKS[layer.op_type[-2]]
    spatial.check_rank(layer, rank)
    return rank


def _operator(layer: Layer) -> str:
    return "MaxPool" if "Max" in layer.op_type else "AveragePool"


@lowers(
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
)
def pooling(layer: Layer) -> Edge:
    """The maximum or the mean of every window; padding never counts."""
    rank, config = _rank(layer), layer.config
    size = spatial.each(config["pool_size"], rank)
    strides = config["strides"]
    steps = size if strides is None else spatial.each(strides, rank)
    window = Window(size, steps, (1,) * rank, config["padding"])
    name, shape = spatial.channels_first(layer)
    given, extents = spatial.padding(window, shape[2:])
    if "auto_pad" in given and any(
        1 < width < step for width, step in zip(size, steps, strict=True)
    ):
        # Such a padding can be negative, and runtimes disagree on what that means.
        raise layer.error("windows narrower than their strides need spatial extents that are known")
    name = _pool(layer, name, window, given)
    return spatial.result(layer, name, [*shape[:2], *extents])


@lowers(*(f"Theano{kind}Pooling{n}D" for kind in ("Max", "Average") for n in (1, 2, 3)))
def theano_pooling(layer: Layer) -> Edge:
    """Pooling with Theano's padding "same", which puts nearly a whole window in front."""
    rank, config = _rank(layer), layer.config
    size, steps = (spatial.each(config[key], rank) for key in ("pool_size", "strides"))
    before = [width - 2 if width > 2 and width % 2 else width - 1 for width in size]
    after = [width - 1 - pad for width, pad in zip(size, before, strict=True)]
    name, shape = spatial.channels_first(layer)
    window = Window(size, steps, (1,) * rank, "valid")
    name = _pool(layer, name, window, {"pads": [*before, *after]})
    extents = [
        -(-extent // step) if isinstance(extent, int) else None
        for extent, step in zip(shape[2:], steps, strict=True)
    ]
    return spatial.result(layer, name, [*shape[:2], *extents])


def _pool(layer: Layer, name: str, window: Window, given: dict[str, Any]) -> str:
    return layer.b.node(
        _operator(layer),
        [name],
        kernel_shape=list(window.size),
        strides=list(window.strides) if max(window.strides) > 1 else None,
        **given,
    )[0]


@lowers("GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D")
def global_max_pooling(layer: Layer) -> Edge:
    """The maximum over all spatial axes."""
    return _reduced(layer, layer.x, "ReduceMax")


@lowers("GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D")
def global_average_pooling(layer: Layer) -> Edge:
    """The mean over all spatial axes; over the steps that are not masked in one dimension."""
    b, x, mask = layer.b, layer.x, layer.mask
    if mask is None or layer.op_type != "GlobalAveragePooling1D":
        return _reduced(layer, x, "ReduceMean")
    keep = ops.unsqueeze(b, mask, 2 if spatial.last(layer) else 1)
    kept = ops.where(b, keep, x, b.constant(0, x.dtype))
    count = _reduced(layer, ops.cast(b, keep, x.dtype), "ReduceSum")
    return ops.divide(b, _reduced(layer, kept, "ReduceSum"), count)


def _reduced(layer: Layer, x: Edge, op_type: str) -> Edge:
    axes = list(spatial.spatial_axes(layer, _rank(layer)))
    keep = bool(layer.config.get("keepdims"))
    return ops.reduce(layer.b, op_type, x, axes, keep)


@lowers(
    "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveAveragePooling3D",
    "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D",
    "AdaptiveMaxPooling3D",
)
def adaptive_pooling(layer: Layer) -> Edge:
    """Pooling to a given extent: window i of n reaches from floor(i e / n) to ceil((i+1) e / n)."""
    rank = _rank(layer)
    wanted = spatial.each(layer.config["output_size"], rank)
    name, shape = spatial.channels_first(layer)
    extents = [extent for extent in shape[2:] if isinstance(extent, int)]
    if len(extents) < rank:
        raise layer.error("adaptive pooling needs spatial extents that are known")
    even = zip(extents, wanted, strict=True)
    if all(extent % count == 0 for extent, count in even):
        size = tuple(extent // count for extent, count in zip(extents, wanted, strict=True))
        name = _pool(layer, name, Window(size, size, (1,) * rank, "valid"), {})
    else:
        for axis in range(rank):
            name = _adapt(layer, name, axis, extents, wanted[axis])
    return spatial.result(layer, name, [*shape[:2], *wanted])


def _adapt(layer: Layer, name: str, axis: int, extents: Sequence[int], count: int) -> str:
    """Pool one axis: all windows of each width that occurs, then those that are wanted."""
    b, rank, extent = layer.b, len(extents), extents[axis]
    starts = [i * extent // count for i in range(count)]
    widths = [-(-(i + 1) * extent // count) - start for i, start in enumerate(starts)]
    parts: list[str] = []
    offsets: dict[int, int] = {}
    total = 0
    for width in sorted(set(widths)):
        size = tuple(width if i == axis else 1 for i in range(rank))
        parts.append(_pool(layer, name, Window(size, (1,) * rank, (1,) * rank, "valid"), {}))
        offsets[width] = total
        total += extent - width + 1
    joined = parts[0] if len(parts) == 1 else b.node("Concat", parts, axis=axis + 2)[0]
    chosen = [offsets[width] + start for width, start in zip(widths, starts, strict=True)]
    return b.node("Gather", [joined, b.name(b.constant(chosen))], axis=axis + 2)[0]
