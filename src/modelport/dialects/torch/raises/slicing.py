"""Pieces of tensors along their axes, and what is put around them."""

from __future__ import annotations

from collections.abc import Sequence

from modelport.dialects.torch.raises.call import Call, raises
from modelport.dialects.torch.raises.indexing import moved, moved_back
from modelport.dialects.torch.raises.shape import extents, listed
from modelport.dialects.torch.source.sizes import Sizes

FAR = 2**31 - 1
"""From this on an end of a slice means as far as there is something."""

SLICE = '''
def _slice(x, starts, ends, axes, steps):
    """x[start:end:step] along axes; steps may be negative."""
    for start, end, axis, step in zip(starts, ends, axes, steps):
        index = list(range(x.shape[axis]))[start:end:step]
        x = x.index_select(
            axis, torch.tensor(index, dtype=torch.int64, device=x.device)
        )
    return x
'''
PAD = '''
def _pad(x, pads, axes, mode="constant", value=0):
    """Elements put before and after along axes (or taken away, where pads are negative)."""
    for axis, before, after in zip(axes, pads, pads[len(axes) :]):
        count = x.shape[axis] + min(before, 0) + min(after, 0)
        x = x.narrow(axis, max(-before, 0), count)
        before, after = max(before, 0), max(after, 0)
        index = torch.arange(-before, count + after, device=x.device)
        inside = (index >= 0) & (index < count)
        if mode == "reflect":
            index = index.remainder(max(2 * count - 2, 1))
            index = torch.minimum(index, 2 * count - 2 - index)
        elif mode == "wrap":
            index = index.remainder(count)
        else:
            index = index.clamp(0, max(count - 1, 0))
        if mode == "constant":
            shape = list(x.shape)
            shape[axis] = len(index)
            filled = torch.full_like(x[:0], value).new_full(shape, value)
            x = filled.index_copy(axis, inside.nonzero().flatten(), x)
        else:
            x = x.index_select(axis, index)
    return x
'''
CENTER = '''
def _center_crop_pad(x, shape, axes):
    """The middle of x, or x in the middle of zeros, in this shape along these axes."""
    pads = [0] * (2 * x.dim())
    for axis, extent in zip(axes, shape):
        missing = extent - x.shape[axis]
        place = 2 * (x.dim() - 1 - axis % x.dim())
        pads[place] = int(missing / 2)
        pads[place + 1] = missing - pads[place]
    return F.pad(x, pads)
'''


@raises("Slice")
def sliced(call: Call) -> str | Sizes:
    """``x[start:end:step]`` along axes."""
    starts, ends = extents(call, 1), extents(call, 2)
    axes = _axes(call)
    steps = (call.whole(4) if call.has(4) else [1] * len(axes or ())) or None
    if call.knows_sizes(0) and starts and ends and starts.numbers and ends.numbers and steps:
        given = call.sizes(0)
        items = given.items[starts.numbers[0] : ends.numbers[0] : steps[0]]
        return Sizes(items, False, given.like)
    if starts is None or ends is None or axes is None or steps is None:
        return _dynamic(call)
    front = [a for a, step in zip(axes, steps, strict=True) if step > 0]
    if min(steps) < 0 and not _turns(starts, ends, steps):
        return _dynamic(call)
    text = call[0]
    if front:
        places: dict[int, str] = {}
        for i, axis in enumerate(axes):
            if steps[i] > 0:
                places[axis] = _range(starts, ends, i, steps[i])
        text = f"{text}[{_subscript(places)}]" if any(p != ":" for p in places.values()) else text
    turned = [axis for axis, step in zip(axes, steps, strict=True) if step < 0]
    return f"{text}.flip({', '.join(map(str, turned))})" if turned else text


def _axes(call: Call) -> list[int] | None:
    """The axes of a Slice or Pad, from the front where the rank is known."""
    if call.has(3):
        axes = call.whole(3)
    else:
        count = call.known(1).dim(0)
        axes = list(range(count)) if isinstance(count, int) else None
    rank = call.known(0).rank
    if axes is None:
        return None
    axes = [axis + rank if axis < 0 and rank is not None else axis for axis in axes]
    mixed = min(axes, default=0) < 0 and len(axes) > 1
    return None if mixed else axes


def _turns(starts: Sizes, ends: Sizes, steps: Sequence[int]) -> bool:
    """Whether every slice with a negative step is the whole axis backwards."""
    for i, step in enumerate(steps):
        start, end = starts.number(i), ends.number(i)
        if step < 0 and (
            step != -1
            or start is None
            or end is None
            or (start != -1 and start < FAR)
            or end > -FAR
        ):
            return False
    return True


def _range(starts: Sizes, ends: Sizes, place: int, step: int) -> str:
    start, end = starts.number(place), ends.number(place)
    first = "" if start == 0 else starts.items[place]
    last = "" if end is not None and end >= FAR else ends.items[place]
    return f"{first}:{last}" + (f":{step}" if step != 1 else "")


def _subscript(places: dict[int, str]) -> str:
    """Slices by axis as one subscript."""
    if min(places) < 0:
        return f"..., {places[min(places)]}{', :' * (-1 - min(places))}"
    return ", ".join(places.get(axis, ":") for axis in range(max(places) + 1))


def _dynamic(call: Call) -> str:
    """A slice along axes that only show when it runs, or backwards."""
    count = f"range(len({call[1]}))"
    axes = listed(call, 3) if call.has(3) else count
    steps = listed(call, 4) if call.has(4) else f"[1] * len({call[1]})"
    name = call.helper(SLICE)
    return f"{name}({call[0]}, {listed(call, 1)}, {listed(call, 2)}, {axes}, {steps})"


@raises("Split")
def split(call: Call) -> str | None:
    """Pieces along an axis."""
    outputs, axis, writer = call.node.outputs, call.axis(), call.writer
    wanted = extents(call, 1) if call.has(1) else None
    if len(outputs) == 1:
        return call[0]
    if call.knows_sizes(0) and wanted is not None and wanted.numbers is not None:
        given, at = call.sizes(0), 0
        for name, count in zip(outputs, wanted.numbers, strict=True):
            writer.frame.sizes[name] = Sizes(given.items[at : at + count], False, given.like)
            at += count
        return None
    even = not call.has(1) or bool(wanted and wanted.numbers and len(set(wanted.numbers)) == 1)
    if even and _unbound(call, axis):
        return None
    if even:
        text = f"{call[0]}.chunk({len(outputs)}, dim={axis})"
    else:
        text = f"{call[0]}.split({listed(call, 1)}, dim={axis})"
    call.several(text)
    return None


def _unbound(call: Call, axis: int) -> bool:
    """Write the pieces without their axis, where each has one element and is used without it."""
    if call.known(0).dim(axis) != len(call.node.outputs):
        return False
    ends = [call.next("Squeeze", output=i) for i in range(len(call.node.outputs))]
    rank = call.rank(0)
    following = [
        end for end in ends if end is not None and [a % rank for a in end.whole(1) or ()] == [axis]
    ]
    if len(following) < len(ends):
        return False
    targets = [call.writer.target(end.node.outputs[0]) for end in following]
    for end in following:
        call.absorb(end)
    call.writer.let(targets, f"{call[0]}.unbind({axis or ''})")
    return True


@raises("Pad")
def pad(call: Call) -> str:
    """Elements put before and after along axes: a value, or what is near."""
    mode, rank = call.attribute("mode", "constant"), call.known(0).rank
    pads, axes = extents(call, 1), call.whole(3) if call.has(3) else None
    if not call.has(3) and rank is not None:
        axes = list(range(rank))
    value = _value(call)
    if pads is None or axes is None or rank is None:
        every = listed(call, 3) if call.has(3) else f"range({call[0]}.dim())"
        extra = f', "{mode}"' if mode != "constant" else ""
        extra += f", value={value}" if value != "0" else ""
        return f"{call.helper(PAD)}({call[0]}, {listed(call, 1)}, {every}{extra})"
    before, after = ["0"] * rank, ["0"] * rank
    for place, axis in enumerate(axes):
        before[axis], after[axis] = pads.items[place], pads.items[place + len(axes)]
    used = [axis for axis in range(rank) if (before[axis], after[axis]) != ("0", "0")]
    if not used:
        return call[0]
    first = used[0]
    if mode != "constant":
        if not _near(call, mode, rank, before, after):
            text = ", ".join([*before, *after])
            return f'{call.helper(PAD)}({call[0]}, [{text}], range({rank}), "{mode}")'
        first = 1 if rank == 2 else max(1, rank - 3, min(first, 2))
    around = [side[axis] for axis in reversed(range(first, rank)) for side in (before, after)]
    how = {"constant": "", "edge": ', mode="replicate"', "reflect": ', mode="reflect"'}
    extra = how.get(mode, ', mode="circular"') + (f", value={value}" if value != "0" else "")
    return f"F.pad({call[0]}, ({', '.join(around)}){extra})"


def _value(call: Call) -> str:
    """What a Pad puts around, as a number."""
    if not call.has(2):
        return "0"
    array = call.array(2)
    if array is None:
        return f"{call[2]}.item()"
    return "0" if not array.reshape(-1)[0] else call.number(2)


def _near(call: Call, mode: str, rank: int, before: Sequence[str], after: Sequence[str]) -> bool:
    """Whether ``F.pad`` repeats what is near as ONNX does."""
    used = [axis for axis in range(rank) if (before[axis], after[axis]) != ("0", "0")]
    fits = 2 <= rank <= 5 and used[0] >= max(1, rank - 3) and call.dtype(0).kind == "float"
    for axis in used if fits and mode != "edge" else ():
        extent = call.known(0).dim(axis)
        room = extent if mode == "wrap" else extent - 1 if isinstance(extent, int) else None
        for item in (before[axis], after[axis]):
            if item.isdigit() and isinstance(room, int) and int(item) > room:
                return False
    return fits and all("-" not in item for item in (*before, *after))


@raises("CenterCropPad")
def center_crop_pad(call: Call) -> str:
    """The middle of a tensor, or the tensor in the middle of zeros."""
    axes = call.ints("axes")
    text = str(axes) if axes else f"range({call[0]}.dim())"
    return f"{call.helper(CENTER)}({call[0]}, {listed(call, 1)}, {text})"


@raises("Trilu")
def trilu(call: Call) -> str:
    """What is on one side of a diagonal; zeros for the rest."""
    function = "triu" if call.attribute("upper", 1) else "tril"
    known = call.whole(1) if call.has(1) else [0]
    diagonal = f"int({call[1]})" if known is None else str(known[0])
    more = "" if diagonal == "0" else f", diagonal={diagonal}"
    return moved_back(call, f"torch.{function}({moved(call, 0)}{more})")
