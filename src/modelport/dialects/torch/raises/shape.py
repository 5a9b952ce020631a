"""Shapes: what asks for them, and what gives the same elements new ones."""

from __future__ import annotations

from modelport.dialects.torch.raises.call import Call, pair_of, raises
from modelport.dialects.torch.source.sizes import Sizes, sizes

RESHAPE = '''
def _reshape(x, shape):
    """The elements in another shape, in which 0 keeps an extent and -1 is the rest."""
    return x.reshape([extent or x.shape[axis] for axis, extent in enumerate(shape)])
'''
UNSQUEEZE = '''
def _unsqueeze(x, axes):
    """New axes of extent 1, at their places in the result."""
    rank = x.dim() + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        x = x.unsqueeze(axis)
    return x
'''


def listed(call: Call, index: int) -> str:
    """The elements of a vector of whole numbers as an expression for a list."""
    if call.knows_sizes(index):
        return f"[{call.sizes(index).text()}]"
    return f"{call[index]}.tolist()"


def extents(call: Call, index: int) -> Sizes | None:
    """The elements of a vector of whole numbers, where it is known how many they are."""
    known = call.knows_sizes(index) or isinstance(call.known(index).dim(0), int)
    return call.sizes(index) if known else None


@raises("Shape")
def shape(call: Call) -> Sizes | str:
    """The extents as integers."""
    rank = call.known(0).rank
    start, end = call.attribute("start", 0), call.attribute("end")
    if rank is None:
        part = "" if not start and end is None else f"[{start}:{'' if end is None else end}]"
        return f"torch.tensor({call[0]}.shape{part}, device={call[0]}.device)"
    chosen = range(rank)[slice(start, end)]
    return sizes([f"{call[0]}.shape[{axis}]" for axis in chosen], like=call[0])


@raises("Size")
def size(call: Call) -> Sizes:
    """The number of elements."""
    return sizes([f"{call[0]}.numel()"], scalar=True, like=call[0])


@raises("Reshape")
def reshape(call: Call) -> str | Sizes | None:
    """Other extents over the same elements; a 0 keeps an extent, -1 is what remains."""
    if call.knows_sizes(0) and call.output().rank in (0, 1):
        given = call.sizes(0)
        return Sizes(given.items, call.output().rank == 0, given.like)
    wanted, keeps = extents(call, 1), not call.attribute("allowzero", 0)
    if wanted is None or (keeps and not call.knows_sizes(1)):
        name = call.helper(RESHAPE) if keeps else ""
        shape = listed(call, 1)
        return f"{name}({call[0]}, {shape})" if keeps else f"{call[0]}.reshape({shape})"
    items = list(wanted.items)
    if keeps:
        items = [f"{call[0]}.shape[{i}]" if item == "0" else item for i, item in enumerate(items)]
    kept = len(items) - 1
    if kept and items == [*(f"{call[0]}.shape[{i}]" for i in range(kept)), "(-1)"]:
        rank = call.known(0).rank
        if rank is not None and rank > 2 and kept == 1:
            call.activation("nn.Flatten()", f"{call[0]}.flatten(1)")
            return None
        if rank is not None and rank > kept:
            return f"{call[0]}.flatten({kept})" if rank > kept + 1 else call[0]
    return f"{call[0]}.reshape({', '.join(items) or '()'})"


@raises("Flatten")
def flatten(call: Call) -> str | None:
    """All axes before ``axis`` as one, all from it on as another."""
    axis, rank = call.axis(1), call.rank(0)
    if axis == 0:
        return f"{call[0]}.reshape(1, -1)"
    if axis == rank:
        return f"{call[0]}.reshape(-1, 1)"
    if axis == 1 and rank > 2:
        call.activation("nn.Flatten()", f"{call[0]}.flatten(1)")
        return None
    rows = call[0] if axis == 1 else f"{call[0]}.flatten(0, {axis - 1})"
    return rows if rank - axis == 1 else f"{rows}.flatten(1)"


@raises("Transpose")
def transposed(call: Call) -> str:
    """Axes in another order."""
    order = call.ints("perm") or list(reversed(range(call.rank(0))))
    moved = [i for i, axis in enumerate(order) if i != axis]
    if not moved:
        return call[0]
    if order == [1, 0, 2] and call.turned is not None:
        return call.turned
    if len(moved) == 2:
        return f"{call[0]}.transpose({moved[0]}, {moved[1]})"
    return f"{call[0]}.permute({', '.join(map(str, order))})"


@raises("Squeeze")
def squeeze(call: Call) -> str | Sizes:
    """Without these axes of extent 1; without any where none are named."""
    if call.knows_sizes(0):
        given = call.sizes(0)
        return Sizes(given.items, True, given.like)
    if not call.has(1):
        return f"{call[0]}.squeeze()"
    axes = call.whole(1)
    if axes is None:
        return f"{call[0]}.squeeze({listed(call, 1)})"
    return f"{call[0]}.squeeze({pair_of(axes)})" if axes else call[0]


@raises("Unsqueeze")
def unsqueeze(call: Call) -> str | Sizes:
    """New axes of extent 1, at their places in the result."""
    if call.knows_sizes(0) and call.output().rank == 1:
        given = call.sizes(0)
        return Sizes(given.items, False, given.like)
    axes, rank = call.whole(1), call.known(0).rank
    if axes is not None and rank is not None and len(axes) > 1:
        axes = [axis % (rank + len(axes)) for axis in axes]
    if axes is None or (len(axes) > 1 and min(axes) < 0):
        return f"{call.helper(UNSQUEEZE)}({call[0]}, {listed(call, 1)})"
    return call[0] + "".join(f".unsqueeze({axis})" for axis in sorted(axes))


@raises("Expand")
def expand(call: Call) -> str:
    """Repeated along axes of extent 1, where either shape has them."""
    wanted, shape = extents(call, 1), call.known(0).shape
    if wanted is None or shape is None:
        return f"{call[0]}.expand(torch.broadcast_shapes({call[0]}.shape, {listed(call, 1)}))"
    before = max(0, len(wanted.items) - len(shape))
    items = ["(-1)"] * max(0, len(shape) - len(wanted.items)) + list(wanted.items)
    for axis, extent in enumerate(shape, before):
        item = items[axis]
        if item in ("1", f"{call[0]}.shape[{axis - before}]"):
            items[axis] = "(-1)"
        elif extent != 1 and item != "(-1)" and not item.isdigit():
            text = wanted.text() + "," * (len(wanted.items) == 1)
            return f"{call[0]}.expand(torch.broadcast_shapes({call[0]}.shape, ({text})))"
    return f"{call[0]}.expand({', '.join(items) or '()'})"


@raises("Tile")
def tile(call: Call) -> str:
    """Repeated as a whole along each axis."""
    times = extents(call, 1)
    if times is None:
        return f"{call[0]}.repeat({call[1]}.tolist())"
    return f"{call[0]}.repeat({times.text() or '()'})"


@raises("Concat")
def concat(call: Call) -> str | Sizes:
    """One behind the other along an axis."""
    if call.output().rank == 1 and all(call.knows_sizes(i) for i in range(len(call))):
        parts = [call.sizes(i) for i in range(len(call))]
        like = next((part.like for part in parts if part.like), "")
        return Sizes(tuple(item for part in parts for item in part.items), False, like)
    items = ", ".join(call[i] for i in range(len(call)))
    axis = call.axis()
    return f"torch.cat([{items}]{f', dim={axis}' if axis else ''})"


@raises("DepthToSpace")
def depth_to_space(call: Call) -> str:
    """Channels spread over blocks of the plane."""
    block = call.attribute("blocksize")
    if call.attribute("mode", "DCR") == "CRD":
        return f"F.pixel_shuffle({call[0]}, {block})"
    apart = f"{call[0]}.unflatten(1, ({block}, {block}, -1)).permute(0, 3, 4, 1, 5, 2)"
    return f"{apart}.flatten(4, 5).flatten(2, 3)"


@raises("SpaceToDepth")
def space_to_depth(call: Call) -> str:
    """Blocks of the plane gathered in channels."""
    block = call.attribute("blocksize")
    if call.attribute("mode", "DCR") == "CRD":
        return f"F.pixel_unshuffle({call[0]}, {block})"
    apart = f"{call[0]}.unflatten(3, (-1, {block})).unflatten(2, (-1, {block}))"
    return f"{apart}.permute(0, 3, 5, 1, 2, 4).flatten(1, 3)"
