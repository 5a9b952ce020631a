"""Derived tensor data: rearrangements of other tensors, written down instead of carried out.

An expression is built from leaves, ``source(tensor)`` and ``fill(...)``, by transpose, reshape,
slice and concatenate. It is a pure rearrangement, so a conversion made of such expressions is
provably exact, and the same expression, rebased on an optimizer's slots, carries the state.
``Scaled``, ``Cast`` and ``Sum`` are computed and never exact.

Every expression is simplified as it is built, towards one form: concatenations outside, then
reshapes and transpositions, then slices, then the leaves. What is taken apart and put together
again becomes its source again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from modelport.model.derived import (
    Cast,
    Concatenate,
    Expression,
    Fill,
    Reshape,
    Scaled,
    Slice,
    Source,
    Sum,
    Transpose,
    children,
    is_exact,
    leaves,
    same,
    same_value,
    sources,
)
from modelport.model.dtype import DType
from modelport.model.regroup import (
    Atoms,
    adjacent,
    axis_groups,
    between,
    coarsen,
    core,
    cut_result,
    cut_source,
    lead,
    permute,
    seam,
    stretched,
    whole,
    with_ones,
)
from modelport.model.tensor import Tensor

__all__ = [
    "Cast",
    "Concatenate",
    "Expression",
    "Fill",
    "Reshape",
    "Scaled",
    "Slice",
    "Source",
    "Sum",
    "Transpose",
    "children",
    "concatenate",
    "fill",
    "is_exact",
    "is_identity_of",
    "leaves",
    "rebase",
    "reshape",
    "same",
    "slice_axis",
    "source",
    "sources",
    "transpose",
]


def source(tensor: Tensor) -> Expression:
    """The leaf for a tensor, or, where its data is derived already, that derivation."""
    return tensor.data if isinstance(tensor.data, Expression) else Source(tensor)


def fill(shape: Sequence[int], value: float | int | bool, dtype: DType) -> Expression:
    """One value repeated over ``shape``."""
    return Fill(value, tuple(shape), dtype)


def is_identity_of(expression: Expression, tensor: Tensor) -> bool:
    """Whether the expression is that tensor itself, with nothing rearranged."""
    return same(expression, source(tensor))


def transpose(child: Expression, permutation: Sequence[int]) -> Expression:
    """The child with its axes in the order ``permutation``."""
    order = tuple(permutation)
    if sorted(order) != list(range(len(child.shape))):
        raise ValueError(f"{order} is no permutation of the axes of {child.shape}")
    if order == tuple(range(len(order))):
        return child
    shape = tuple(child.shape[axis] for axis in order)
    base, atoms = _view(child)
    if 0 not in shape:
        moved = permute(atoms, child.shape, order)
        if moved is None:  # a reshape across atoms: nothing below it can be seen through
            base, moved = child, coarsen(Atoms(child.shape, order))
        atoms = moved
    return _rearranged(base, atoms, shape)


def reshape(child: Expression, shape: Sequence[int]) -> Expression:
    """The child's elements in C order under ``shape``; one extent may be -1."""
    size = math.prod(child.shape)
    wanted = list(shape)
    if -1 in wanted:
        rest = math.prod(extent for extent in wanted if extent != -1)
        wanted[wanted.index(-1)] = size // rest if rest else 0
    if math.prod(wanted) != size or min(wanted, default=0) < 0:
        raise ValueError(f"cannot reshape {child.shape} to {tuple(shape)}")
    if tuple(wanted) == child.shape:
        return child
    base, atoms = _view(child)
    return _rearranged(base, atoms, tuple(wanted))


def _view(child: Expression) -> tuple[Expression, Atoms]:
    """What the child's reshapes and transpositions are over, and what they do together."""
    layers: list[Transpose] = []
    base = child
    while isinstance(base, Reshape | Transpose):
        if isinstance(base, Transpose):
            layers.append(base)
        base = base.child
    atoms = whole(math.prod(child.shape))
    for layer in reversed(layers) if 0 not in child.shape else ():
        moved = permute(atoms, layer.child.shape, layer.permutation)
        if moved is None:
            base, moved = layer.child, coarsen(Atoms(layer.child.shape, layer.permutation))
        atoms = moved
    return base, atoms


def _rearranged(base: Expression, atoms: Atoms, shape: tuple[int, ...]) -> Expression:
    """The base with its atoms reordered, under ``shape``, in the one form there is for it."""
    if isinstance(base, Fill):
        return Fill(base.value, shape, base.dtype)
    if isinstance(base, Concatenate) and 0 not in shape:
        parts = _through_concatenate(base, atoms, shape)
        if parts is not None:
            return parts
    if atoms.unchanged:
        return _plain(base, shape)
    return _as_nodes(base, atoms, shape)


def _as_nodes(base: Expression, atoms: Atoms, shape: tuple[int, ...]) -> Expression:
    """One transposition where that does, else with a reshape before or after it, or both."""
    cut = cut_result(atoms, shape)
    if cut is None:
        return _plain(_as_nodes(base, atoms, atoms.ordered), shape)
    finer, long = cut[0], core(shape)
    inner = cut_source(finer, base.shape)
    fits = inner is not None and inner[0].extents == core(base.shape)
    if (
        inner is not None
        and fits
        and inner[0].ordered == long
        and (base.shape.count(1) == shape.count(1))
    ):
        return Transpose(base, with_ones(inner[0].order, base.shape, shape))
    if finer.ordered == long:
        flat = finer.extents + (1,) * shape.count(1)
        return Transpose(_plain(base, flat), with_ones(finer.order, flat, shape))
    if inner is not None and fits:
        middle = inner[0].ordered + (1,) * base.shape.count(1)
        return Reshape(Transpose(base, with_ones(inner[0].order, base.shape, middle)), shape)
    return Reshape(Transpose(_plain(base, atoms.extents), atoms.order), shape)


def _plain(child: Expression, shape: tuple[int, ...]) -> Expression:
    if isinstance(child, Reshape):
        child = child.child
    return child if child.shape == shape else Reshape(child, shape)


def _through_concatenate(
    base: Concatenate, atoms: Atoms, shape: tuple[int, ...]
) -> Expression | None:
    """The rearrangement of every part instead, where the seams stay on one axis of the result."""
    right = math.prod(base.shape[base.axis :])
    found = seam(atoms, base.shape, base.axis, shape)
    if found is None or found.first == len(found.atoms.extents):
        return None
    finer, first = found.atoms, found.first
    axis = next((at for at, group in enumerate(found.groups) if group[:1] == [first]), None)
    inner = right // finer.extents[first]
    counts = [math.prod(part.shape[base.axis :]) for part in base.children]
    if axis is None or any(count % inner for count in counts):
        return None
    parts = []
    for part, count in zip(base.children, counts, strict=True):
        extents = list(finer.extents)
        extents[first] = count // inner
        extent = shape[axis] * count // right
        moved = reshape(part, extents)
        moved = transpose(moved, finer.order)
        parts.append(reshape(moved, (*shape[:axis], extent, *shape[axis + 1 :])))
    return concatenate(parts, axis)


def slice_axis(
    child: Expression, axis: int, start: int | None, stop: int | None, step: int = 1
) -> Expression:
    """Python's ``start:stop:step`` along one axis of the child."""
    axis %= len(child.shape)
    return _take(child, axis, range(child.shape[axis])[slice(start, stop, step)])


def _take(child: Expression, axis: int, chosen: range) -> Expression:
    """The chosen indices along one axis; the slice goes as far towards the leaves as it can."""
    if chosen == range(child.shape[axis]):
        return child
    shape = (*child.shape[:axis], len(chosen), *child.shape[axis + 1 :])
    if isinstance(child, Fill):
        return Fill(child.value, shape, child.dtype)
    if len(chosen) < 2:  # the step of one element means nothing
        chosen = range(chosen.start, chosen.start + len(chosen)) if chosen else range(0)
    if 0 in shape:
        return Slice(child, axis, chosen.start, len(chosen), chosen.step)
    if isinstance(child, Transpose):
        return transpose(_take(child.child, child.permutation[axis], chosen), child.permutation)
    if isinstance(child, Concatenate):
        return _take_of_parts(child, axis, chosen)
    if isinstance(child, Slice) and child.axis == axis:
        start = child.start + child.step * chosen.start
        step = child.step * chosen.step
        return _take(child.child, axis, range(start, start + step * len(chosen), step))
    if isinstance(child, Slice) and child.axis > axis:
        return _take(_take(child.child, axis, chosen), child.axis, child.indices)
    if isinstance(child, Reshape):
        inner = _take_before_reshape(child, axis, chosen)
        if inner is not None:
            return reshape(inner, shape)
    return Slice(child, axis, chosen.start, len(chosen), chosen.step)


def _take_of_parts(child: Concatenate, axis: int, chosen: range) -> Expression:
    if axis != child.axis:
        return concatenate([_take(part, axis, chosen) for part in child.children], child.axis)
    taken, begin = [], 0
    for part in child.children:
        extent = part.shape[axis]
        inside = between(chosen, begin, begin + extent)
        if inside:
            shifted = range(inside.start - begin, inside.stop - begin, inside.step)
            taken.append(_take(part, axis, shifted))
        begin += extent
    return concatenate(taken if chosen.step > 0 else taken[::-1], axis)


def _take_before_reshape(child: Reshape, axis: int, chosen: range) -> Expression | None:
    """The slice taken of what is reshaped, where it is a slice there too."""
    source = child.child.shape
    before, after = next(group for group in axis_groups(source, child.shape) if axis in group[1])
    place = lead(source, before)
    if place is None or lead(child.shape, after) != axis:
        return None
    inner = math.prod(source[place + 1 : before.stop])
    outer = math.prod(child.shape[axis + 1 : after.stop])
    if inner == outer:
        return _take(child.child, place, chosen)
    start, count = chosen.start * outer, len(chosen) * outer
    if chosen.step != 1 or start % inner or count % inner:
        return None
    return _take(child.child, place, range(start // inner, (start + count) // inner))


def concatenate(children: Sequence[Expression], axis: int) -> Expression:
    """The children one after another along ``axis``; neighbours that were one become one again."""
    axis %= len(children[0].shape)
    flat: list[Expression] = []
    for child in children:
        nested = isinstance(child, Concatenate) and child.axis == axis
        flat.extend(child.children if isinstance(child, Concatenate) and nested else (child,))
    joined: list[Expression] = []
    for part in [part for part in flat if part.shape[axis]] or flat[:1]:
        whole_part = part
        while joined and (pair := _join(joined[-1], whole_part, axis)) is not None:
            joined.pop()
            whole_part = pair
        joined.append(whole_part)
    return joined[0] if len(joined) == 1 else Concatenate(tuple(joined), axis)


def _join(a: Expression, b: Expression, axis: int) -> Expression | None:
    """Two neighbours as one simpler expression, or None."""
    shape = (*a.shape[:axis], a.shape[axis] + b.shape[axis], *a.shape[axis + 1 :])
    if isinstance(a, Fill) and isinstance(b, Fill):
        equal = same_value(a.value, b.value) and a.dtype == b.dtype
        return Fill(a.value, shape, a.dtype) if equal else None
    if 0 in shape:
        return None
    if isinstance(a, Concatenate) and isinstance(b, Concatenate):
        return _join_blocks(a, b, axis)
    guess = _join_slices(a, b, axis, shape)
    if guess is None:
        return None
    seam = a.shape[axis]
    whole_again = same(_take(guess, axis, range(seam)), a) and same(
        _take(guess, axis, range(seam, shape[axis])), b
    )
    return guess if whole_again else None


def _join_blocks(a: Concatenate, b: Concatenate, axis: int) -> Expression | None:
    """Two rows of blocks as one, where every block goes on in the one beside it."""
    if axis in (a.axis, b.axis) or a.axis != b.axis or len(a.children) != len(b.children):
        return None
    blocks = []
    for ours, theirs in zip(a.children, b.children, strict=True):
        if ours.shape[a.axis] != theirs.shape[a.axis]:
            return None
        block = concatenate([ours, theirs], axis)
        if _parts(block, axis) >= _parts(ours, axis) + _parts(theirs, axis):
            return None
        blocks.append(block)
    return concatenate(blocks, a.axis)


def _parts(expression: Expression, axis: int) -> int:
    along = isinstance(expression, Concatenate) and expression.axis == axis
    return len(children(expression)) if along else 1


def _join_slices(
    a: Expression, b: Expression, axis: int, shape: tuple[int, ...]
) -> Expression | None:
    """What two neighbours may be slices of, rearranged as the larger one is; a guess to check."""
    (base_a, _), (base_b, _) = _view(a), _view(b)
    (root, slices_a), (root_b, slices_b) = _slices(base_a), _slices(base_b)
    if root.shape != root_b.shape:
        return None
    different = [at for at in range(len(root.shape)) if slices_a[at] != slices_b[at]]
    if len(different) != 1 or not same(root, root_b):
        return None
    place = different[0]
    merged = adjacent(slices_a[place], slices_b[place])
    if merged is None:
        return None
    base = root
    for at, chosen in enumerate(slices_a):
        base = _take(base, at, merged if at == place else chosen)
    larger = a if a.shape[axis] >= b.shape[axis] else b
    inner, atoms = _view(larger)
    recipe = stretched(atoms, inner.shape, place, len(merged), larger.shape, axis)
    if recipe is None:
        return None
    return reshape(transpose(reshape(base, recipe.extents), recipe.order), shape)


def _slices(base: Expression) -> tuple[Expression, list[range]]:
    """What a chain of slices is taken of, and the indices along each axis."""
    chain = []
    while isinstance(base, Slice):
        chain.append(base)
        base = base.child
    chosen = [range(extent) for extent in base.shape]
    for link in reversed(chain):
        chosen[link.axis] = link.indices
    return base, chosen


def rebase(expression: Expression, replace: Callable[[Source | Fill], Expression]) -> Expression:
    """The same rearrangement over other leaves, such as an optimizer's slots."""
    if isinstance(expression, Source | Fill):
        return replace(expression)
    parts = [rebase(child, replace) for child in children(expression)]
    if isinstance(expression, Transpose):
        return transpose(parts[0], expression.permutation)
    if isinstance(expression, Reshape):
        return reshape(parts[0], expression.shape)
    if isinstance(expression, Slice):
        return _take(parts[0], expression.axis, expression.indices)
    if isinstance(expression, Concatenate):
        return concatenate(parts, expression.axis)
    if isinstance(expression, Scaled):
        return Scaled(parts[0], expression.factor)
    if isinstance(expression, Cast):
        return Cast(parts[0], expression.dtype)
    return Sum(tuple(parts))
