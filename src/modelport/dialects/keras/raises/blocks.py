"""Channels spread over squares of positions, and back."""

from __future__ import annotations

from math import prod

from modelport.dialects.keras.raises.call import Call, raises
from modelport.dialects.keras.raises.value import Held, plain


@raises("DepthToSpace", "SpaceToDepth")
def blocks(call: Call) -> Held:
    """Channels spread over squares of positions, or gathered from them, in whatever order."""
    size = int(call.attribute("blocksize"))
    shape = call.known(0).shape or ()
    known = [extent for extent in shape[1:] if isinstance(extent, int)]
    if len(known) < 3:
        raise call.refused("an extent of its operand is open")
    # Letters stand for parts of axes: a, b are rows and columns of a square, c are channels.
    channels = "abc" if call.attribute("mode", "DCR") == "DCR" else "cab"
    near, far = ["n", channels, "h", "w"], ["n", "c", "ha", "wb"]
    extents = {"n": -1, "a": size, "b": size}
    extents |= dict(zip("chw", known, strict=True))
    if call.node.op_type == "DepthToSpace":
        extents["c"] //= size**2
    else:
        near, far = far, near
        extents |= {"h": known[1] // size, "w": known[2] // size}
    x = call.held()
    before, after = ([parts[axis] for axis in x.order] for parts in (near, far))
    spread, joined = "".join(before), "".join(after)
    found = call.op("Reshape", x, newshape=[extents[part] for part in spread], order=plain(6))
    found = call.op("Transpose", found, axes=[spread.index(part) for part in joined])
    ends = [prod(extents[part] for part in parts) for parts in after]
    return call.op("Reshape", found, newshape=ends, order=x.order)
