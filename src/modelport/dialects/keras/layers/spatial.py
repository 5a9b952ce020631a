"""What layers over images, sequences and volumes share: their layout, window and padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from modelport.dialects.keras.layer import Layer
from modelport.dialects.onnx import layout
from modelport.dialects.onnx.edge import Edge
from modelport.model.graph import Dim


@dataclass(frozen=True, slots=True)
class Window:
    """Kernel size, strides and dilation along each spatial axis, and the kind of padding."""

    size: tuple[int, ...]
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: str

    def covered(self, axis: int) -> int:
        """The extent the dilated kernel covers."""
        return (self.size[axis] - 1) * self.dilation[axis] + 1


def each(value: Any, rank: int) -> tuple[int, ...]:
    """A config value that is one number for all spatial axes, or one for each."""
    return tuple(value) if isinstance(value, list | tuple) else (value,) * rank


def last(layer: Layer) -> bool:
    """Whether the layer works channels-last."""
    return layer.config.get("data_format") != "channels_first"


def spatial_axes(layer: Layer, rank: int) -> range:
    """The spatial axes of the layer's input in its own layout."""
    return range(1, rank + 1) if last(layer) else range(2, rank + 2)


def check_rank(layer: Layer, rank: int) -> None:
    """Hold the first input to a batch, a channel and ``rank`` spatial axes.

    Raises:
        ConversionError: it has another number of axes.
    """
    if layer.x.rank != rank + 2:
        raise layer.error(f"its input has {layer.x.rank} axes, not {rank + 2}")


def channels_first(layer: Layer) -> tuple[str, list[Dim]]:
    """The first input as an ONNX value that is channels-first, and its shape as such."""
    x = layer.x
    if last(layer):
        return layout.channels_first(layer.b, x), [x.shape[axis] for axis in layout.first(x.rank)]
    return layer.b.name(x), list(x.shape)


def result(layer: Layer, name: str, shape: Sequence[Dim]) -> Edge:
    """The layer's edge for a channels-first value of a channels-first shape."""
    if not last(layer):
        return Edge(name, layer.x.dtype, tuple(shape))
    own = (shape[0], *shape[2:], shape[1])
    return layout.from_channels_first(name, layer.x.dtype, own)


def same_pads(extent: int, covered: int, stride: int) -> tuple[int, int]:
    """TensorFlow's padding "same" before and after an axis: the odd one goes to the end."""
    total = max((-(-extent // stride) - 1) * stride + covered - extent, 0)
    return total // 2, total - total // 2


def pads(window: Window, extents: Sequence[Dim]) -> tuple[list[int] | None, list[Dim]]:
    """ONNX ``pads`` (None where only auto_pad SAME_UPPER can say it) and the spatial result."""
    ends: list[tuple[int, int]] = []
    shape: list[Dim] = []
    known = True
    for axis, (extent, stride) in enumerate(zip(extents, window.strides, strict=True)):
        covered = window.covered(axis)
        before, after = 0, 0
        if window.padding == "causal":
            before = covered - 1
        elif window.padding == "same":
            if isinstance(extent, int):
                before, after = same_pads(extent, covered, stride)
            elif stride == 1:
                before, after = same_pads(covered, covered, 1)
            elif covered > 1:
                known = False
        ends.append((before, after))
        if isinstance(extent, int):
            room = extent + before + after - covered
            if room < 0:
                raise ValueError(f"a window over {covered} of {extent} elements")
            shape.append(room // stride + 1)
        else:
            unchanged = stride == 1 and before + after == covered - 1
            shape.append(extent if unchanged else None)
    given = [before for before, _ in ends] + [after for _, after in ends]
    return (given if known else None), shape


def padding(window: Window, extents: Sequence[Dim]) -> tuple[dict[str, Any], list[Dim]]:
    """The padding attributes of a Conv or pooling node, and the spatial result."""
    given, shape = pads(window, extents)
    if given is None:
        return {"auto_pad": "SAME_UPPER"}, shape
    return ({"pads": given} if any(given) else {}), shape
