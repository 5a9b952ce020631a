"""Undoing rearrangements: tensors from those that were made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

from modelport.model.derived import Concatenate, Fill, Reshape, Slice, Source, Transpose
from modelport.model.expression import Expression, concatenate, reshape, slice_axis, transpose
from modelport.model.tensor import Box, Tensor

_Piece: TypeAlias = tuple[Box, Expression]
"""The elements of a tensor inside a box."""


def undone(made: Mapping[str, tuple[Expression, Expression]]) -> dict[int, Expression]:
    """What the tensors are that rearrangements were made of, by the identity of each.

    ``made`` gives pairs: an expression over tensors, and what stands for its result. Tensors that
    the results do not hold as a whole (or hold only in ways that cannot be undone) are missing.
    """
    pieces: dict[int, list[_Piece]] = {}
    tensors: dict[int, Tensor] = {}
    for expression, result in made.values():
        whole = tuple((0, extent) for extent in expression.shape)
        for tensor, piece in _pushed(expression, result, whole):
            tensors[id(tensor)] = tensor
            pieces.setdefault(id(tensor), []).append(piece)
    found = {}
    for key, held in pieces.items():
        whole = tuple((0, extent) for extent in tensors[key].shape)
        joined = _joined(whole, held)
        if joined is not None:
            found[key] = joined
    return found


def _pushed(node: Expression, value: Expression, box: Box) -> Iterable[tuple[Tensor, _Piece]]:
    """The parts of leaves that ``value``, the elements of ``node`` inside ``box``, tells."""
    if isinstance(node, Source):
        yield node.tensor, (box, value)
    elif isinstance(node, Transpose):
        back = sorted(range(len(box)), key=node.permutation.__getitem__)
        yield from _pushed(node.child, transpose(value, back), tuple(box[axis] for axis in back))
    elif isinstance(node, Concatenate):
        yield from _pushed_apart(node, value, box)
    elif isinstance(node, Slice):
        yield from _pushed_into(node, value, box)
    elif isinstance(node, Reshape):
        inner = _reshaped(box, node.shape, node.child.shape)
        if inner is not None:
            shape = [stop - start for start, stop in inner]
            yield from _pushed(node.child, reshape(value, shape), inner)


def _pushed_apart(
    node: Concatenate, value: Expression, box: Box
) -> Iterable[tuple[Tensor, _Piece]]:
    axis, offset = node.axis, 0
    first, last = box[axis]
    for child in node.children:
        end = offset + child.shape[axis]
        start, stop = max(first, offset), min(last, end)
        if start < stop and not isinstance(child, Fill):
            part = slice_axis(value, axis, start - first, stop - first)
            inner = (*box[:axis], (start - offset, stop - offset), *box[axis + 1 :])
            yield from _pushed(child, part, inner)
        offset = end


def _pushed_into(node: Slice, value: Expression, box: Box) -> Iterable[tuple[Tensor, _Piece]]:
    axis = node.axis
    chosen = node.indices[slice(*box[axis])]
    if chosen and chosen.step in (1, -1):
        if chosen.step < 0 and len(chosen) > 1:
            value = value.flip(axis)
        inner = (*box[:axis], (min(chosen), max(chosen) + 1), *box[axis + 1 :])
        yield from _pushed(node.child, value, inner)


def _reshaped(box: Box, shape: Sequence[int], child: Sequence[int]) -> Box | None:
    """The box under another shape: the whole, or one where only axes of extent 1 differ."""
    if all(span == (0, extent) for span, extent in zip(box, shape, strict=True)):
        return tuple((0, extent) for extent in child)
    if [n for n in shape if n != 1] != [n for n in child if n != 1]:
        return None
    spans = iter([span for span, extent in zip(box, shape, strict=True) if extent != 1])
    return tuple((0, 1) if extent == 1 else next(spans) for extent in child)


def _joined(whole: Box, pieces: Sequence[_Piece]) -> Expression | None:
    """The elements of a box from pieces that lie side by side; None where some are missing."""
    for box, value in pieces:
        if box == whole:
            return value
    for axis, (first, last) in enumerate(whole):
        edges = sorted({edge for box, _ in pieces for edge in box[axis]} | {first, last})
        edges = [edge for edge in edges if first <= edge <= last]
        crossing = any(
            box[axis][0] < edge < box[axis][1] for box, _ in pieces for edge in edges[1:-1]
        )
        if len(edges) < 3 or crossing:
            continue
        parts = []
        for start, stop in pairwise(edges):
            inner = (*whole[:axis], (start, stop), *whole[axis + 1 :])
            parts.append(_joined(inner, [p for p in pieces if p[0][axis] == (start, stop)]))
        found = [part for part in parts if part is not None]
        return concatenate(found, axis) if len(found) == len(parts) else None
    return None
