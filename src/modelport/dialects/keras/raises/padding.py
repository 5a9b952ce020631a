"""Windows over the axes between batch and channels: where they lie and what is put around."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelport.dialects.keras.raises.call import Call
from modelport.dialects.keras.raises.value import Held
from modelport.dialects.keras.stock.chain import slices


@dataclass(frozen=True, slots=True)
class Window:
    """How a window moves; ``around`` is the padding of each axis, ``same`` if Keras does it."""

    call: Call
    kernel: list[int]
    strides: list[int]
    dilations: list[int]
    around: list[tuple[int, int]]
    beyond: list[int]
    """What the last windows of ``ceil_mode`` take of what is not even padding."""
    same: bool

    @property
    def spatial(self) -> int:
        """The number of axes it moves along."""
        return len(self.kernel)

    @property
    def reach(self) -> list[int]:
        """From the first element to the last."""
        pairs = zip(self.kernel, self.dilations, strict=True)
        return [(size - 1) * dilation + 1 for size, dilation in pairs]

    @property
    def ends(self) -> list[tuple[int, int]]:
        """All that is put at either end."""
        pairs = zip(self.around, self.beyond, strict=True)
        return [(begin, end + more) for (begin, end), more in pairs]

    @property
    def is_bare(self) -> bool:
        """Whether nothing is put around."""
        return not self.same and not any(begin or end for begin, end in self.ends)

    def padded(self, *, zeros: bool = False) -> tuple[Held, str]:
        """The operand, and the padding a layer does itself; else it has zeros.

        With ``zeros`` they are put around in any case.
        """
        x = self.call.spatial(0)
        if self.is_bare:
            return x, "valid"
        if self.same and not zeros:
            return x, "same"
        return around(self.call, x, self.known_ends()), "valid"

    def known_ends(self) -> list[tuple[int, int]]:
        """What is put at either end, in numbers."""
        if any(begin < 0 for begin, _ in self.around):
            raise self.call.refused("its padding depends on an extent that is open")
        return self.ends


def around(call: Call, x: Held, ends: Sequence[tuple[int, int]]) -> Held:
    """Zeros at the ends of the axes between batch and channels (fewer elements, below 0)."""
    out = [(max(0, -begin), max(0, -end)) for begin, end in ends]
    x = cropped(call, x, out)
    pairs = [[max(0, begin), max(0, end)] for begin, end in ends]
    if not any(map(any, pairs)):
        return x
    if len(pairs) == 1:
        if x.is_plain:
            return filled(call, x, ends, 0)
        return call.layer("ZeroPadding1D", {"padding": pairs[0]}, x)
    config = {"padding": pairs, "data_format": call.data_format}
    return call.layer(f"ZeroPadding{len(pairs)}D", config, x)


def filled(call: Call, x: Held, ends: Sequence[tuple[int, int]], value: float) -> Held:
    """The operand with a number around it."""
    width = x.laid([[begin, end] for begin, end in ends], [0, 0])
    return call.op("Pad", x, value, pad_width=width, mode="constant")


def cropped(call: Call, x: Held, ends: Sequence[tuple[int, int]]) -> Held:
    """Without the elements at the ends of the axes between batch and channels."""
    pairs = [list(pair) for pair in ends]
    if not any(map(any, pairs)):
        return x
    if len(pairs) == 1:
        if x.is_plain:
            begin, end = pairs[0]
            return call.op("GetItem", x, [slices(), slices(), slices(begin, -end or None)])
        return call.layer("Cropping1D", {"cropping": pairs[0]}, x)
    config = {"cropping": pairs, "data_format": call.data_format}
    return call.layer(f"Cropping{len(pairs)}D", config, x)


def strided(call: Call, x: Held, strides: Sequence[int]) -> Held:
    """Every so-manieth element along the axes between batch and channels."""
    parts: list[Any] = [slices(None, None, stride) for stride in strides]
    return call.op("GetItem", x, x.laid(parts, slices()))


def window(call: Call, kernel: Sequence[int]) -> Window:
    """The window of a node, from its attributes and the extents it moves over."""
    spatial = len(kernel)
    strides = call.ints("strides") or [1] * spatial
    dilations = call.ints("dilations") or [1] * spatial
    pads = call.ints("pads") or [0] * (2 * spatial)
    mode = call.attribute("auto_pad", "NOTSET")
    given = list(zip(pads[:spatial], pads[spatial:], strict=True))
    same: list[tuple[int, int] | None] = []
    found: list[tuple[int, int]] = []
    for axis in range(spatial):
        extent = call.known(0).dim(2 + axis)
        reach = (kernel[axis] - 1) * dilations[axis] + 1
        missing = _missing(extent, reach, strides[axis])
        own = None if missing is None else (missing // 2, missing - missing // 2)
        same.append(own)
        if mode == "NOTSET":
            found.append(given[axis])
        elif mode == "VALID":
            found.append((0, 0))
        elif own is None:
            found.append((-1, -1))
        else:
            found.append(own if mode == "SAME_UPPER" else own[::-1])
    is_same = mode == "SAME_UPPER" or found == same
    beyond = [0] * spatial
    if call.attribute("ceil_mode", 0) and mode == "NOTSET":
        beyond = [_beyond(call, i, kernel, strides, dilations, found) for i in range(spatial)]
    is_same = is_same and not any(beyond) and not (found == same and not any(map(any, found)))
    return Window(call, list(kernel), strides, dilations, found, beyond, is_same)


def _missing(extent: Any, reach: int, stride: int) -> int | None:
    """What is put around so that there are ceil(extent / stride) windows."""
    if stride == 1:
        return reach - 1
    if not isinstance(extent, int):
        return None
    return max(0, (-(-extent // stride) - 1) * stride + reach - extent)


def _beyond(
    call: Call,
    axis: int,
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    ends: Sequence[tuple[int, int]],
) -> int:
    """How far the last window reaches beyond the padding; it begins before the end of the input."""
    extent, stride = call.known(0).dim(2 + axis), strides[axis]
    if stride == 1:
        return 0
    if not isinstance(extent, int):
        raise call.refused("how many windows there are depends on an extent that is open")
    reach = (kernel[axis] - 1) * dilations[axis] + 1
    begin, end = ends[axis]
    count = -(-(extent + begin + end - reach) // stride) + 1
    if (count - 1) * stride >= extent + begin:
        count -= 1
    return max(0, (count - 1) * stride + reach - (extent + begin + end))


def lowest(call: Call) -> float:
    """The smallest number of the operand's data type."""
    dtype = call.known(0).dtype
    if dtype is None or dtype.kind not in ("float", "int", "uint"):
        raise call.refused("its data type is not known")
    if dtype.kind != "float":
        return int(np.iinfo(dtype.numpy).min)
    return -3.3e38 if dtype.name == "bfloat16" else float(np.finfo(dtype.numpy).min)
