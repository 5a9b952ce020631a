"""Windows that move over the last axes: how they lie, and what pads their operand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelport.dialects.torch.raises.call import Call, arguments, pair

PAD_SAME = '''
def _pad_same(x, kernel, stride, dilation, lower=False, value=0.0):
    """As much around x as lets windows stand at ceil(extent / stride) places."""
    pads = []
    for axis in reversed(range(len(kernel))):
        extent, step = x.shape[axis - len(kernel)], stride[axis]
        places = (extent + step - 1) // step
        window = dilation[axis] * (kernel[axis] - 1) + 1
        missing = max((places - 1) * step + window - extent, 0)
        half = missing // 2
        pads += [missing - half, half] if lower else [half, missing - half]
    return F.pad(x, pads, value=value)
'''
PAD_TO_LAST = '''
def _pad_to_last(x, kernel, stride, dilation, pads, value=0.0, beyond=None):
    """Padding, and behind it what the last window needs to be whole (``ceil_mode``)."""
    around, last = [], []
    for axis in reversed(range(len(kernel))):
        before, after = pads[axis], pads[axis + len(kernel)]
        extent, step = x.shape[axis - len(kernel)], stride[axis]
        window = dilation[axis] * (kernel[axis] - 1) + 1
        steps = (before + extent + after - window + step - 1) // step
        if steps * step >= before + extent:
            steps -= 1
        around += [before, after]
        last += [0, max(steps * step + window - before - extent - after, 0)]
    x = F.pad(x, around, value=value)
    return F.pad(x, last, value=value if beyond is None else beyond)
'''


@dataclass(frozen=True, slots=True)
class Window:
    """How windows lie; ``pads`` are those before each axis, then those behind.

    ``same`` says on which side the odd one of the padding stands that only shows when it runs:
    ``upper`` or ``lower``; empty where the padding is known.
    """

    kernel: list[int]
    stride: list[int]
    dilation: list[int]
    pads: list[int]
    same: str = ""
    ceil: bool = False

    @property
    def axes(self) -> int:
        """How many axes windows have."""
        return len(self.kernel)

    @property
    def even(self) -> bool:
        """Whether the padding is known and the same on both sides."""
        return not self.same and self.pads[: self.axes] == self.pads[self.axes :]

    @property
    def padding(self) -> str:
        """The padding of each axis, as torch takes it."""
        return pair(self.pads[: self.axes])

    def padded(self, call: Call, x: str, value: str = "0.0", beyond: str | None = None) -> str:
        """The operand with its padding around it, and what is beyond under the last window."""
        where = f"{self.kernel}, {self.stride}, {self.dilation}"
        if self.same:
            more = arguments(lower=(self.same == "lower", False), value=(value, "0.0"))
            more = f", {more}" if more else ""
            return f"{call.helper(PAD_SAME)}({x}, {where}{more})"
        filled = "" if value == "0.0" else f", value={value}"
        if self.ceil:
            filled += "" if beyond is None else f", beyond={beyond}"
            return f"{call.helper(PAD_TO_LAST)}({x}, {where}, {self.pads}{filled})"
        if not any(self.pads):
            return x
        around = [
            self.pads[axis + end * self.axes]
            for axis in reversed(range(self.axes))
            for end in (0, 1)
        ]
        return f"F.pad({x}, ({', '.join(map(str, around))}){filled})"


def window(call: Call, kernel: Sequence[int]) -> Window:
    """The windows of a call over its first operand.

    Raises:
        ConversionError: they have more than three axes.
    """
    axes = len(kernel)
    if not 1 <= axes <= 3:
        raise call.refused(f"torch has no windows of {axes} axes")
    stride = call.ints("strides") or [1] * axes
    dilation = call.ints("dilations") or [1] * axes
    ceil = bool(call.attribute("ceil_mode", 0))
    auto = call.attribute("auto_pad", "NOTSET")
    pads = call.ints("pads") or [0] * (2 * axes)
    if auto in ("NOTSET", ""):
        return Window(list(kernel), stride, dilation, pads, "", ceil)
    if auto == "VALID":
        return Window(list(kernel), stride, dilation, [0] * (2 * axes), "", False)
    lower = auto == "SAME_LOWER"
    before, after = [], []
    for axis in range(axes):
        missing = _missing(call.known(0).dim(2 + axis), kernel[axis], stride[axis], dilation[axis])
        if missing is None:
            side = "lower" if lower else "upper"
            return Window(list(kernel), stride, dilation, [0] * (2 * axes), side)
        half = missing // 2
        before.append(missing - half if lower else half)
        after.append(half if lower else missing - half)
    return Window(list(kernel), stride, dilation, before + after)


def _missing(extent: object, kernel: int, stride: int, dilation: int) -> int | None:
    """What windows at ceil(extent / stride) places need beyond the extent."""
    reach = dilation * (kernel - 1) + 1
    if isinstance(extent, int):
        return max((-(-extent // stride) - 1) * stride + reach - extent, 0)
    return reach - 1 if stride == 1 else None
