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
