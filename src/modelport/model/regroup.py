"""The arithmetic of regrouping axes: chains of reshapes and transpositions as one permutation.

However a chain of reshapes and transpositions is written, it cuts the elements' flat index into
**atoms** (factors of the size, in the order of the source) and puts them into another **order**.
Adjacent atoms that stay adjacent are one atom. So two chains that do the same have the same atoms
and the same order, and a chain that undoes itself has one atom.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Atoms:
    """Factors of a size in the order of the source, and the order they are wanted in."""

    extents: Shape
    order: tuple[int, ...]

    @property
    def unchanged(self) -> bool:
        """Whether every element stays where it is."""
        return len(self.extents) <= 1

    @property
    def ordered(self) -> Shape:
        """The extents in the order they are wanted in."""
        return tuple(self.extents[index] for index in self.order)


def whole(size: int) -> Atoms:
    """A size as one atom, or none for a single element."""
    return coarsen(Atoms((size,), (0,)))


def coarsen(atoms: Atoms) -> Atoms:
    """The same rearrangement with as few atoms as possible and none of extent 1."""
    kept = [index for index, extent in enumerate(atoms.extents) if extent != 1]
    rank = {index: place for place, index in enumerate(kept)}
    runs: list[list[int]] = []
    for index in (rank[index] for index in atoms.order if index in rank):
        if runs and runs[-1][-1] + 1 == index:
            runs[-1].append(index)
        else:
            runs.append([index])
    sources = sorted(runs)
    extents = tuple(math.prod(atoms.extents[kept[index]] for index in run) for run in sources)
    return Atoms(extents, tuple(sources.index(run) for run in runs))


def cut_result(atoms: Atoms, shape: Sequence[int]) -> tuple[Atoms, list[list[int]]] | None:
    """Split atoms until every axis of the result's shape is made of whole ones.

    The second value lists each axis' atoms. None where an axis begins inside a prime factor of
    an atom, so that no such split exists.
    """
    cut = _cut(atoms.ordered, shape)
    if cut is None:
        return None
    parts, groups = cut
    finer = _split(atoms, dict(zip(atoms.order, parts, strict=True)))
    return finer, [[finer.order[place] for place in group] for group in groups]


def cut_source(atoms: Atoms, shape: Sequence[int]) -> tuple[Atoms, list[list[int]]] | None:
    """As ``cut_result``, for the axes of the source."""
    cut = _cut(atoms.extents, shape)
    if cut is None:
        return None
    parts, groups = cut
    return _split(atoms, dict(enumerate(parts))), groups


def _split(atoms: Atoms, parts: dict[int, list[int]]) -> Atoms:
    extents = [extent for index in range(len(parts)) for extent in parts[index]]
    begins, total = {}, 0
    for index in range(len(parts)):
        begins[index] = total
        total += len(parts[index])
    order = [begins[index] + place for index in atoms.order for place in range(len(parts[index]))]
    return Atoms(tuple(extents), tuple(order))


def _cut(
    extents: Sequence[int], shape: Sequence[int]
) -> tuple[list[list[int]], list[list[int]]] | None:
    """Split factors so that each extent of ``shape`` is a product of whole ones, left to right.

    Returns the parts of every factor, and for every axis the numbers of its parts.
    """
    parts: list[list[int]] = [[] for _ in extents]
    groups: list[list[int]] = []
    left, place, count = 1, -1, 0
    for extent in shape:
        group, need = [], extent
        while need > 1:
            while left == 1:
                place += 1
                left = extents[place]
            if need % left == 0:
                taken = left
            elif left % need == 0:
                taken = need
            else:
                return None
            parts[place].append(taken)
            group.append(count)
            count += 1
            need //= taken
            left //= taken
        groups.append(group)
    return parts, groups


def permute(atoms: Atoms, shape: Sequence[int], permutation: Sequence[int]) -> Atoms | None:
    """The atoms after the result's axes, of ``shape``, are permuted; None where they do not fit."""
    cut = cut_result(atoms, shape)
    if cut is None:
        return None
    finer, groups = cut
    order = tuple(index for axis in permutation for index in groups[axis])
    return coarsen(Atoms(finer.extents, order))


def axis_groups(source: Shape, result: Shape) -> list[tuple[range, range]]:
    """The smallest groups of neighbouring axes that have equal products, for a reshape.

    Both shapes have the same number of elements, which is not 0.
    """
    groups: list[tuple[range, range]] = []
    i = j = 0
    while i < len(source) or j < len(result):
        begin_i, begin_j = i, j
        inner = outer = 1
        if i < len(source):
            inner, i = source[i], i + 1
        if j < len(result):
            outer, j = result[j], j + 1
        while inner != outer:
            if inner < outer:
                inner, i = inner * source[i], i + 1
            else:
                outer, j = outer * result[j], j + 1
        groups.append((range(begin_i, i), range(begin_j, j)))
    return groups


def lead(extents: Sequence[int], axes: range) -> int | None:
    """The first of these axes that is longer than 1."""
    return next((axis for axis in axes if extents[axis] != 1), None)


def core(shape: tuple[int, ...]) -> Shape:
    """The extents that are longer than 1."""
    return tuple(extent for extent in shape if extent != 1)


def with_ones(
    order: tuple[int, ...], source: tuple[int, ...], result: tuple[int, ...]
) -> tuple[int, ...]:
    """A permutation of the axes longer than 1, widened to all: the ones keep their order."""
    long = [axis for axis, extent in enumerate(source) if extent != 1]
    ones = iter([axis for axis, extent in enumerate(source) if extent == 1])
    places = iter(order)
    return tuple(next(ones) if extent == 1 else long[next(places)] for extent in result)


class Seam(NamedTuple):
    """Atoms that are cut where an axis of the source begins.

    ``first`` is the number of the atom that begins there, ``groups`` lists the atoms of each axis
    of the result.
    """

    atoms: Atoms
    first: int
    groups: list[list[int]]


def seam(atoms: Atoms, source: Shape, place: int, result: Shape) -> Seam | None:
    """The atoms cut for all axes of the result and at the beginning of axis ``place``."""
    cut = cut_result(atoms, result)
    split = (math.prod(source[:place]), math.prod(source[place:]))
    finer = cut_source(cut[0], split) if cut else None
    final = cut_result(finer[0], result) if finer else None
    if finer is None or final is None or final[0] != finer[0]:
        return None
    right = finer[1][1]
    return Seam(finer[0], right[0] if right else len(finer[0].extents), final[1])


def stretched(
    atoms: Atoms, source: Shape, place: int, extent: int, result: Shape, axis: int
) -> Atoms | None:
    """The same rearrangement of a source that is ``extent`` long along axis ``place``.

    ``axis`` is where the stretch shows in the result.
    """
    found = seam(atoms, source, place, result)
    if found is None:
        return None
    extents, order, first = list(found.atoms.extents), list(found.atoms.order), found.first
    if source[place] == 1:  # has no atom yet
        order = [index + (index >= first) for index in order]
        order.insert(sum(len(group) for group in found.groups[:axis]), first)
        extents.insert(first, extent)
        return Atoms(tuple(extents), tuple(order))
    if extents[first] * extent % source[place]:
        return None
    extents[first] = extents[first] * extent // source[place]
    return Atoms(tuple(extents), tuple(order))


def between(chosen: range, low: int, high: int) -> range:
    """Those of the chosen indices that are at least ``low`` and under ``high``."""
    if chosen.step < 0:
        return between(chosen[::-1], low, high)[::-1]
    first = max(0, -((chosen.start - low) // chosen.step))
    last = max(0, -((chosen.start - high) // chosen.step))
    return chosen[first:last]


def adjacent(a: range, b: range) -> range | None:
    """The two ranges as one, where the second goes on as the first began."""
    step = a.step if len(a) > 1 else b.step if len(b) > 1 else b.start - a.start
    if a.start + step * len(a) != b.start or (len(b) > 1 and b.step != step):
        return None
    if len(a) == len(b) == 1 and abs(step) != 1:  # may be the start of another run
        return None
    return range(a.start, a.start + step * (len(a) + len(b)), step)
