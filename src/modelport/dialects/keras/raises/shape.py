"""Other shapes over the same elements."""

from __future__ import annotations

from modelport.dialects.keras.raises.call import Call, raises
from modelport.dialects.keras.raises.value import Held, plain


@raises("Transpose")
def transposed(call: Call) -> Held:
    """Axes in another order: nothing is moved until somebody needs it."""
    x = call.held()
    order = call.ints("perm") or list(reversed(range(x.rank)))
    return Held(x.name, tuple(order.index(axis) for axis in x.order))


@raises("Reshape", "Flatten", "Squeeze", "Unsqueeze")
def reshape(call: Call) -> Held:
    """Other extents over the same elements; at most one of them may be open."""
    shape = call.output().shape
    if shape is None or sum(not isinstance(extent, int) for extent in shape) > 1:
        raise call.refused("more than one extent of its result is open")
    wanted = [extent if isinstance(extent, int) else -1 for extent in shape]
    x = call.plain()
    kept = call.known(0).shape
    if kept and wanted and kept[0] == shape[0] and -1 not in wanted[1:]:
        if len(wanted) == 2:
            return call.layer("Flatten", {}, x, order=plain(2))
        config = {"target_shape": wanted[1:]}
        return call.layer("Reshape", config, x, order=plain(len(wanted)))
    return call.op("Reshape", x, newshape=wanted, order=plain(len(wanted)))


@raises("Concat")
def concat(call: Call) -> Held:
    """One behind the other along an axis."""
    if any(call.is_constant(i) for i in range(len(call))):
        raise call.refused("it joins a constant with values")
    first = call.held(0)
    parts = [call.writer.ordered(call.held(i), first.order) for i in range(len(call))]
    axis = first.axis(int(call.attribute("axis")))
    if axis == 0 or first.rank < 2:
        return call.op("Concatenate", parts, axis=axis)
    return call.layer("Concatenate", {"axis": axis}, parts)


@raises("Identity")
def identity(call: Call) -> Held:
    """The same value."""
    return call.held()


@raises("Expand")
def expand(call: Call) -> Held:
    """Repeated along axes of extent 1."""
    shape = call.output().shape
    wanted = call.whole(1)
    if shape is None or None in shape or any(isinstance(extent, str) for extent in shape):
        x = call.plain(0)
        if wanted is not None and all(extent == 1 for extent in wanted) and len(wanted) <= x.rank:
            return x
        raise call.refused("an extent of its result is open")
    return call.op("BroadcastTo", call.plain(0), shape=list(shape), order=plain(len(shape)))


@raises("Tile")
def tile(call: Call) -> Held:
    """Repeated along each axis a number of times."""
    repeats = call.whole(1)
    if repeats is None:
        raise call.refused("its repeats are computed, where Keras takes numbers")
    x = call.held()
    return call.op("Tile", x, repeats=[repeats[axis] for axis in x.order])


@raises("Pad")
def pad(call: Call) -> Held:
    """More elements at the ends of axes (fewer, where numbers are negative)."""
    pads = call.whole(1)
    mode = call.attribute("mode", "constant")
    x = call.held()
    if pads is None or min(pads, default=0) < 0 or mode == "wrap":
        raise call.refused("what it adds is computed, negative or goes round")
    axes = (call.whole(3) if call.has(3) else None) or list(range(x.rank))
    around = {axis % x.rank: (pads[i], pads[i + len(axes)]) for i, axis in enumerate(axes)}
    width = [list(around.get(axis, (0, 0))) for axis in x.order]
    if mode != "constant":
        word = {"edge": "edge", "reflect": "reflect"}[mode]
        return call.op("Pad", x, pad_width=width, mode=word)
    value = call.array(2) if call.has(2) else None
    if call.has(2) and value is None:
        raise call.refused("the value it adds is computed, where Keras takes a number")
    number = 0 if value is None else value.reshape(()).item()
    if not number:
        return call.op("Pad", x, pad_width=width, mode="constant")
    return call.op("Pad", x, number, pad_width=width, mode="constant")


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
        axes, ends = [0, 3, 5, 1, 2, 4], [-1, channels * size**2, height // size, width // size]
    elif call.attribute("mode", "DCR") == "DCR":
        parts = [-1, size, size, channels // size**2, height, width]
        axes, ends = [0, 3, 4, 1, 5, 2], [-1, channels // size**2, height * size, width * size]
    else:
        parts = [-1, channels // size**2, size, size, height, width]
        axes, ends = [0, 1, 4, 2, 5, 3], [-1, channels // size**2, height * size, width * size]
    found = call.op("Reshape", x, newshape=parts, order=six)
    found = call.op("Transpose", found, axes=axes, order=six)
    return call.op("Reshape", found, newshape=ends, order=plain(4))
