"""Channels spread over squares of positions, and back."""

from __future__ import annotations

from modelport.dialects.keras.raises.call import Call, raises
from modelport.dialects.keras.raises.value import Held, plain


@raises("DepthToSpace", "SpaceToDepth")
def blocks(call: Call) -> Held:
    """Channels spread over squares of positions, or gathered from them."""
    size = int(call.attribute("blocksize"))
    shape = call.known(0).shape or ()
    if any(not isinstance(extent, int) for extent in shape[1:]):
        raise call.refused("an extent of its operand is open")
    _, channels, height, width = (extent if isinstance(extent, int) else -1 for extent in shape)
    x, six = call.plain(), plain(6)
    if call.node.op_type == "SpaceToDepth":
        parts = [-1, channels, height // size, size, width // size, size]
        axes = [0, 3, 5, 1, 2, 4] if call.attribute("mode", "DCR") == "DCR" else [0, 1, 3, 5, 2, 4]
        ends = [-1, channels * size**2, height // size, width // size]
    elif call.attribute("mode", "DCR") == "DCR":
        parts = [-1, size, size, channels // size**2, height, width]
        axes, ends = [0, 3, 4, 1, 5, 2], [-1, channels // size**2, height * size, width * size]
    else:
        parts = [-1, channels // size**2, size, size, height, width]
        axes, ends = [0, 1, 4, 2, 5, 3], [-1, channels // size**2, height * size, width * size]
    found = call.op("Reshape", x, newshape=parts, order=six)
    found = call.op("Transpose", found, axes=axes, order=six)
    return call.op("Reshape", found, newshape=ends, order=plain(4))
