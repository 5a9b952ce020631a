"""Other shapes over the same elements, in whatever order they lie."""

from __future__ import annotations

from collections.abc import Sequence

from modelport.dialects.keras.raises.call import Call, raises
from modelport.dialects.keras.raises.rows import Rows, may_lie
from modelport.dialects.keras.raises.value import Held, channels_last, in_place, plain
from modelport.dialects.keras.raises.wishes import Order
from modelport.dialects.onnx.types.dims import times
from modelport.model.graph import Dim

Group = tuple[range, range]
"""Neighbouring axes before, and those after that have as many elements."""


@raises("Reshape", "Flatten", "Squeeze", "Unsqueeze")
def reshape(call: Call) -> Held:
    """Other extents over the same elements."""
    before, after = call.known(0).shape, call.output().shape
    x = call.held()
    if after is None or before is None:
        if call.node.op_type in ("Squeeze", "Unsqueeze"):
            return _by_axes(call, x)
        raise call.refused("the rank of its operand or its result is not known")
    if before == after:
        return x
    if x.name in call.writer.rows:  # it was asked for
        order = channels_last(len(after))
        shape = [after[axis] for axis in order[1:]]
        return call.layer("Reshape", {"target_shape": shape}, x, order=order)
    groups = grouped(before, after)
    held = groups and _kept(x, groups, before, after)
    if held and groups:
        order, shape = held
        return _shaped(call, x, [before[axis] for axis in x.order], shape, order)
    flat = _flattened(call, x, before, after)
    if flat is not None:
        return flat
    x = call.writer.ordered(
        x, _together(x, groups, call.writer.wish(call.node)) if groups else plain(x.rank)
    )
    held = groups and _kept(x, groups, before, after)
    order, shape = held or (plain(len(after)), list(after))
    return _shaped(call, x, [before[axis] for axis in x.order], shape, order)


def _together(x: Held, groups: Sequence[Group], wish: Order | None) -> Order:
    """The order in which the axes of each group lie together and as in ONNX.

    They are as the result is wanted, or else where they were; but the batch is first.
    """

    def place(group: Group) -> int:
        before, after = group
        if wish is not None and len(after):
            return min(wish.index(axis) for axis in after)
        return -1 if 0 in before else min(x.order.index(axis) for axis in before)

    ordered = sorted((group for group in groups if len(group[0])), key=place)
    return tuple(axis for before, _ in ordered for axis in before)


def grouped(before: Sequence[Dim], after: Sequence[Dim]) -> list[Group] | None:
    """The smallest groups of axes that have equal products; None where that cannot be told."""
    groups: list[Group] = []
    i = j = 0
    while i < len(before) or j < len(after):
        begin_i, begin_j = i, j
        if i < len(before) and j < len(after) and before[i] == after[j] is not None:
            i, j = i + 1, j + 1
        elif j < len(after) and after[j] == 1:
            j += 1
        elif i < len(before) and before[i] == 1:
            i += 1
        else:
            ends = _ends(before, after, i, j)
            if ends is None:
                return None
            i, j = ends
        groups.append((range(begin_i, i), range(begin_j, j)))
    return groups


def _ends(before: Sequence[Dim], after: Sequence[Dim], i: int, j: int) -> tuple[int, int] | None:
    """Where the smallest group that begins here ends on either side."""
    for size in range(2, len(before) + len(after) - i - j + 1):
        for k in range(max(1, size - len(after) + j), min(size - 1, len(before) - i) + 1):
            inner, outer = before[i : i + k], after[j : j + size - k]
            product_ = times(inner)
            if product_ is not None and product_ == times(outer):
                return i + k, j + size - k
    return None


def _kept(
    x: Held, groups: Sequence[Group], before: Sequence[Dim], after: Sequence[Dim]
) -> tuple[tuple[int, ...], list[Dim]] | None:
    """How the result lies if every group stays where it is, and its extents as they lie.

    None where the axes of a group lie apart or turned.
    """
    places: list[tuple[int, Group]] = []
    for number, (inner, outer) in enumerate(groups):
        long = [axis for axis in inner if before[axis] != 1] or list(inner)
        at = [x.order.index(axis) for axis in long]
        fits = (
            at == sorted(at)
            and all(
                before[x.order[place]] == 1 for place in range(min(at), max(at)) if place not in at
            )
            if at
            else True
        )
        if not fits:
            return None
        # What has no axis before comes behind the group it follows.
        where = at[0] if at else (places[number - 1][0] if number else -1)
        places.append((where, (inner, outer)))
    ordered = sorted(range(len(places)), key=lambda number: (places[number][0], number))
    order = tuple(axis for number in ordered for axis in places[number][1][1])
    return order, [after[axis] for axis in order]


def _shaped(
    call: Call, x: Held, before: Sequence[Dim], after: Sequence[Dim], order: tuple[int, ...]
) -> Held:
    """A value whose extents, as they lie, are ``before``, with the extents ``after``."""
    again = call.writer.turning.before(x, after)
    if again is not None or list(before) == list(after):
        return Held(again or x.name, order)
    found = _with_extents(call, x, before, after, order)
    call.writer.turning.remember(found, x, before)
    return found


def _with_extents(
    call: Call, x: Held, before: Sequence[Dim], after: Sequence[Dim], order: tuple[int, ...]
) -> Held:
    wanted = [extent if isinstance(extent, int) else -1 for extent in after]
    long = [[extent for extent in extents if extent != 1] for extents in (before, after)]
    if wanted.count(-1) > 1 and long[0] == long[1] and None not in long[0]:
        return _ones(call, x, before, after, order)
    kept = bool(before) and bool(after) and before[0] == after[0] is not None
    if kept and len(wanted) > 1 and wanted[1:].count(-1) < 2:
        if len(wanted) == 2 and wanted[1] != -1:
            return call.layer("Flatten", {}, x, order=order)
        return call.layer("Reshape", {"target_shape": wanted[1:]}, x, order=order)
    if wanted.count(-1) < 2:
        return call.op("Reshape", x, newshape=wanted, order=order)
    return _around(call, x, before, after, order)


def _around(
    call: Call, x: Held, before: Sequence[Dim], after: Sequence[Dim], order: tuple[int, ...]
) -> Held:
    """A reshape of two open extents: one stays as it is and goes to the front meanwhile."""
    for i, j in ((i, j) for i in range(len(before)) for j in range(len(after))):
        stays = isinstance(before[i], str) and before[i] == after[j]
        rest = [*after[:j], *after[j + 1 :]]
        if not stays or sum(not isinstance(extent, int) for extent in rest) > 1:
            continue
        head = times(before[:i])
        if head is None or head != times(after[:j]):
            continue
        axes = [i, *(axis for axis in range(len(before)) if axis != i)]
        front = call.op("Transpose", x, axes=axes)
        shape = [extent if isinstance(extent, int) else -1 for extent in rest]
        made = call.layer("Reshape", {"target_shape": shape}, front)
        back = [*range(1, j + 1), 0, *range(j + 1, len(after))]
        return call.op("Transpose", made, axes=back, order=order)
    raise call.refused("more than one extent of its result is open")


def _ones(
    call: Call, x: Held, before: Sequence[Dim], after: Sequence[Dim], order: tuple[int, ...]
) -> Held:
    """Axes of extent 1 gone and come."""
    gone = [axis for axis, extent in enumerate(before) if extent == 1]
    come = [axis for axis, extent in enumerate(after) if extent == 1]
    if gone:
        x = call.op("Squeeze", x, axis=gone, order=plain(x.rank - len(gone)))
    if come:
        x = call.op("ExpandDims", x, axis=come, order=plain(x.rank + len(come)))
    return Held(x.name, order)


def _by_axes(call: Call, x: Held) -> Held:
    """Axes of extent 1 gone or come, where the extents of the others are not known."""
    axes = call.whole(1)
    x = call.writer.ordered(x, plain(x.rank))
    if axes is None:
        raise call.refused("its axes are not known")
    if call.node.op_type == "Squeeze":
        axes = sorted(axis % x.rank for axis in axes)
        return call.op("Squeeze", x, axis=axes, order=plain(x.rank - len(axes)))
    rank = x.rank + len(axes)
    axes = sorted(axis % rank for axis in axes)
    return call.op("ExpandDims", x, axis=axes, order=plain(rank))


def _flattened(call: Call, x: Held, before: Sequence[Dim], after: Sequence[Dim]) -> Held | None:
    """Axes flattened as they lie, where those who take the features do not mind."""
    inner = [extent for extent in before[1:] if isinstance(extent, int)]
    fixed = len(inner) == len(before) - 1 and len(after) == 2 and before[0] == after[0]
    if not fixed or x.order[0] != 0 or in_place(x.order, before):
        return None
    if not may_lie(call.writer, call.node):
        return None
    flat = call.layer("Flatten", {}, x, order=plain(2))
    call.writer.rows[flat.name] = Rows.spread(inner, [axis - 1 for axis in x.order[1:]])
    return flat
