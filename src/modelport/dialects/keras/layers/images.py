"""What layers and operations do to images: resize, crop and pad them, whole batches or one."""

from __future__ import annotations

from collections.abc import Sequence

from modelport.dialects.keras.layer import Layer
from modelport.dialects.keras.operations.operands import bounded
from modelport.dialects.onnx import layout, ops, resize
from modelport.dialects.onnx.edge import Edge
from modelport.model.dtype import FLOAT32


def axes(x: Edge, first: bool) -> tuple[int, int, int]:
    """The axes of rows, columns and channels of a batch (rank 4) or of one image (rank 3).

    Raises:
        ValueError: another rank.
    """
    if x.rank not in (3, 4):
        raise ValueError(f"an image of {x.rank} axes")
    start = x.rank - 3
    return (start + 1, start + 2, start) if first else (start, start + 1, start + 2)


def resized(
    layer: Layer,
    x: Edge,
    size: Sequence[int],
    interpolation: str,
    first: bool = False,
    antialias: bool = False,
) -> Edge:
    """Images in another size, in float32 (nearest keeps the dtype), as ``tf.image.resize``.

    Raises:
        ConversionError: an interpolation that is not known.
    """
    kind = interpolation.lower()
    if kind not in ("nearest", "area", *resize.INTERPOLATIONS):
        raise layer.error(f"it interpolates by {interpolation!r}, which is not known")
    for axis, count in zip(axes(x, first)[:2], size, strict=True):
        extent = x.shape[axis]
        known = extent if isinstance(extent, int) else 1
        bounded(layer, count * known, "the table of its interpolation")
    unknown = not all(isinstance(x.shape[axis], int) for axis in axes(x, first)[:2])
    if unknown and not resize.follows(kind, antialias):
        raise layer.error(f"interpolation by {kind!r} needs spatial extents that are known")
    b = layer.b
    wide = x if kind == "nearest" else ops.cast(b, x, FLOAT32)
    if x.rank == 3:
        wide = ops.unsqueeze(b, wide, 0)
    image = wide if first else Edge(layout.channels_first(b, wide), wide.dtype, _moved(wide))
    made = resize.resized(b, image, size, kind, antialias)
    if not first:
        own = (made.shape[0], *made.shape[2:], made.shape[1])
        made = layout.from_channels_first(b.name(made), made.dtype, own)
    return ops.squeeze(b, made, 0) if x.rank == 3 else made


def _moved(x: Edge) -> tuple[int | str | None, ...]:
    return tuple(x.shape[axis] for axis in layout.first(4))


def known_extents(layer: Layer, x: Edge, first: bool) -> tuple[int, int]:
    """The rows and columns of an image.

    Raises:
        ConversionError: they are unknown.
    """
    rows, columns, _ = axes(x, first)
    height, width = x.shape[rows], x.shape[columns]
    if not isinstance(height, int) or not isinstance(width, int):
        raise layer.error("what it cuts off depends on the size of the image, which is unknown")
    return height, width


def cropped(layer: Layer, x: Edge, starts: Sequence[int], size: Sequence[int], first: bool) -> Edge:
    """A box of an image."""
    places = axes(x, first)[:2]
    for axis, start, count in zip(places, starts, size, strict=True):
        if start or x.shape[axis] != count:
            x = ops.slice_axis(layer.b, x, axis, start, start + count)
    return x


def shaped_as(layer: Layer, x: Edge, size: Sequence[int], first: bool) -> Edge:
    """The largest box in the middle of an image that has the proportions of a size."""
    height, width = known_extents(layer, x, first)
    rows, columns = size
    box_height = max(min(height, int(width * rows / columns)), 1)
    box_width = max(min(width, int(height * columns / rows)), 1)
    starts = ((height - box_height) // 2, (width - box_width) // 2)
    return cropped(layer, x, starts, (box_height, box_width), first)


def padded_as(layer: Layer, x: Edge, size: Sequence[int], first: bool, value: float) -> Edge:
    """An image with a margin around it that gives it the proportions of a size."""
    height, width = known_extents(layer, x, first)
    rows, columns = size
    above = (max(height, int(width * rows / columns)) - height) // 2
    left = (max(width, int(height * columns / rows)) - width) // 2
    places = axes(x, first)
    return ops.pad(layer.b, x, {places[0]: (above, above), places[1]: (left, left)}, value)
