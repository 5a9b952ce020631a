"""Elements before and after those of the last axes."""

from __future__ import annotations

from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten
from modelport.dialects.torch.promote import in_dtype, roomy
from modelport.model.dtype import INT64
from modelport.model.graph import Dim

_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@aten("pad")
def pad(call: Call, x: Any, pad: Any, mode: str = "constant", value: Any = None) -> Edge:
    """Pairs of numbers from the last axis on; negative ones take elements away."""
    b, given = call.b, call.tensor(x)
    amounts = call.extents(pad)
    edge = ops.cast(b, given, roomy(given.dtype))
    count = len(amounts) // 2
    axes = [edge.rank - 1 - i for i in range(count)]
    shape: list[Dim] = list(edge.shape)
    for i, axis in enumerate(axes):
        before, after, extent = amounts[2 * i], amounts[2 * i + 1], shape[axis]
        known = all(isinstance(item, int) for item in (before, after, extent))
        if before != 0 or after != 0:
            shape[axis] = extent + before + after if known else None  # type: ignore[operator]
    ends = [*amounts[0::2], *amounts[1::2]]
    inputs: list[Edge | None] = [edge, ops.vector(b, ends)]
    inputs += [in_dtype(call, value or 0, edge.dtype) if mode == "constant" else None]
    inputs += [b.constant(axes, INT64)]
    made = b.emit("Pad", inputs, edge.dtype, shape, mode=_MODES[mode])
    return ops.cast(b, made, given.dtype)


@aten("constant_pad_nd")
def constant_pad(call: Call, x: Any, pad: Any, value: Any = 0) -> Edge:
    """One number before and after the elements."""
    return padded(call, x, pad, "constant", value)


padded = pad


def _padding(mode: str) -> Any:
    def lower(call: Call, x: Any, padding: Any) -> Edge:
        return padded(call, x, padding, mode)

    return lower


for _n in "123":
    aten(f"reflection_pad{_n}d")(_padding("reflect"))
    aten(f"replication_pad{_n}d")(_padding("replicate"))


@aten("_pad_circular")
def circular_pad(call: Call, x: Any, pad: Any) -> Edge:
    """Elements of the other end before and after."""
    return padded(call, x, pad, "circular")
