"""What a lowering sees of a value: its dtype and shape, and the ONNX values that carry it.

A vocabulary that keeps channels last meets ONNX, which keeps them first. So every edge may exist
in two layouts, its own and a *twin*, and each is only computed when somebody asks for it. A chain
of convolutions then stays channels-first throughout, with one Transpose at its ends.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from modelport.model.dtype import DType
from modelport.model.graph import Dim

MOST = (1 << 63) - 1
"""The largest extent of an axis, and the largest number that ONNX holds."""


@dataclass(frozen=True, slots=True)
class Twin:
    """The same elements in another layout.

    Axis i of the ONNX value ``name`` is axis ``permutation[i]`` of ``dims``; ``dims`` is the
    edge's own shape, or, where ``flat``, its shape before all axes but the first were flattened
    (the twin is flattened too, but in its own order).
    """

    name: str
    permutation: tuple[int, ...]
    dims: tuple[Dim, ...]
    flat: bool = False


@dataclass(slots=True, eq=False)
class Edge:
    """A value on its way through a lowering; make one with the functions of this room.

    ``name`` is the ONNX value in the edge's own layout, None until it is asked for. ``mask`` is
    the boolean edge of shape (batch, time) that a masking vocabulary attached to it. ``values``
    are the elements of a short vector of extents as far as they are known (named ones by name).
    """

    name: str | None
    dtype: DType
    shape: tuple[Dim, ...]
    twin: Twin | None = None
    mask: Edge | None = field(default=None, repr=False)
    values: tuple[Dim, ...] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """ValueError where an extent is none: shapes are computed from what a config says."""
        for extent in self.shape:
            if isinstance(extent, bool) or not (extent is None or isinstance(extent, int | str)):
                raise ValueError(f"{extent!r} is no extent")
            if isinstance(extent, int) and extent < 0:
                raise ValueError(f"an axis of {extent:,} elements")
        if math.prod(extent for extent in self.shape if isinstance(extent, int)) > MOST:
            raise ValueError("a tensor of more elements than can be counted")

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def prefers_twin(self) -> bool:
        """Whether only the twin has been computed so far."""
        return self.name is None
