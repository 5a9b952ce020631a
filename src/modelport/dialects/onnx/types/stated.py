"""What a file itself says of the type of a value."""

from __future__ import annotations

from collections.abc import Collection

from modelport.dialects.onnx.types.dims import refined, stated_dim
from modelport.dialects.onnx.types.known import UNKNOWN, Known
from modelport.model.graph import OptionalType, SequenceType, TensorType

_DEEPEST = 16


def stated(described: object, names: Collection[str] | None = None) -> Known:
    """The type that a file states; of extents' names only ``names`` count, where they are given."""
    boxes: list[str] = []
    while isinstance(described, SequenceType | OptionalType) and len(boxes) < _DEEPEST:
        boxes.append("sequence" if isinstance(described, SequenceType) else "optional")
        described = described.element
    if not isinstance(described, TensorType):
        return UNKNOWN if not boxes else Known(None, None, None, tuple(boxes))
    shape = described.shape
    if shape is not None:
        shape = tuple(map(stated_dim, shape))
        if "sequence" in boxes:
            names = ()  # the same name for extents that differ from element to element
        if names is not None:
            shape = tuple(d if d in names or not isinstance(d, str) else None for d in shape)
    return Known(described.dtype, shape, None, tuple(boxes))


def completed(found: Known, claimed: Known) -> Known:
    """What is known, and where nothing is what the file states."""
    if claimed is UNKNOWN or (found.boxes != claimed.boxes and found.dtype is not None):
        return found
    if found is UNKNOWN:
        return claimed
    dtype, shape = found.dtype or claimed.dtype, refined(found.shape, claimed.shape)
    if dtype == found.dtype and shape == found.shape:
        return found
    return Known(dtype, shape, found.held, claimed.boxes)
