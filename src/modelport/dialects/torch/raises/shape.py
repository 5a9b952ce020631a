"""Shapes: what asks for them, and what gives values new ones."""

from __future__ import annotations

from modelport.dialects.torch.raises.call import Call, raises
from modelport.dialects.torch.source.sizes import Sizes, sizes


@raises("Shape")
def shape(call: Call) -> Sizes | str:
    """The extents as integers."""
    rank = call.known(0).rank
    if rank is None:
        return f"torch.tensor({call[0]}.shape)"
    chosen = range(rank)[slice(call.attribute("start", 0), call.attribute("end"))]
    return sizes([f"{call[0]}.shape[{axis}]" for axis in chosen], like=call[0])


@raises("Reshape")
def reshape(call: Call) -> str:
    """Other extents over the same elements; a 0 keeps an extent, -1 is what remains."""
    wanted = call.sizes(1)
    items = list(wanted.items)
    if not call.attribute("allowzero", 0):
        items = [f"{call[0]}.shape[{i}]" if item == "0" else item for i, item in enumerate(items)]
    plain = [item.strip("()") for item in items]
    if call.known(0).rank and plain[:1] == [f"{call[0]}.shape[0]"] and plain[1:] == ["-1"]:
        return f"{call[0]}.flatten(1)"
    return f"{call[0]}.reshape({', '.join(plain) or '()'})"


@raises("Flatten")
def flatten(call: Call) -> str:
    """All axes before ``axis`` as one, all from it on as another."""
    axis = call.axis(1)
    if axis == 1 and call.rank(0) > 1:
        return f"{call[0]}.flatten(1)"
    rows = " * ".join(f"{call[0]}.shape[{i}]" for i in range(axis)) or "1"
    return f"{call[0]}.reshape({rows}, -1)"


@raises("Transpose")
def transposed(call: Call) -> str:
    """Axes in another order."""
    order = call.ints("perm") or list(reversed(range(call.rank(0))))
    moved = [i for i, axis in enumerate(order) if i != axis]
    if not moved:
        return call[0]
    if len(moved) == 2:
        return f"{call[0]}.transpose({moved[0]}, {moved[1]})"
    return f"{call[0]}.permute({', '.join(map(str, order))})"


@raises("Concat")
def concat(call: Call) -> str | Sizes:
    """One behind the other along an axis."""
    if call.output().rank == 1 and all(call.knows_sizes(i) for i in range(len(call))):
        parts = [call.sizes(i) for i in range(len(call))]
        like = next((part.like for part in parts if part.like), "")
        return Sizes(tuple(item for part in parts for item in part.items), False, like)
    items = ", ".join(call[i] for i in range(len(call)))
    return f"torch.cat([{items}], dim={call.axis()})"
