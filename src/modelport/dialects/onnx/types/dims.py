"""Extents and what can be reckoned with them: numbers, names, and products of both.

A product that holds a name is a name again, its factors in order, ``4·batch·time``: equal products
are equal names, and a Reshape can tell that they are the same number of elements.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from modelport.dialects.onnx.edge import MOST
from modelport.model.graph import Dim, Shape

TIMES = "·"
"""What stands between the factors of a product."""
_MOST_FACTORS = 8
_LONGEST = 200


def demand(holds: bool, otherwise: str) -> None:
    """Refuse what ONNX does not allow.

    Raises:
        ValueError: it does not hold.
    """
    if not holds:
        raise ValueError(otherwise)


def broadcast(shapes: Sequence[Sequence[Dim]]) -> tuple[Dim, ...]:
    """The shape numpy's rules give; an extent is None where two unknown ones meet.

    Raises:
        ValueError: two known extents differ, and neither is 1.
    """
    first = shapes[0]
    if all(shape == first for shape in shapes) and None not in first:
        return tuple(first)
    rank = max(len(shape) for shape in shapes)
    result: list[Dim] = []
    for axis in range(-rank, 0):
        extents = [shape[axis] for shape in shapes if len(shape) >= -axis]
        wide = [extent for extent in extents if extent != 1]
        fixed = [extent for extent in wide if isinstance(extent, int)]
        if len(set(fixed)) > 1:
            shown = " and ".join(str(list(shape)) for shape in shapes)
            raise ValueError(f"the shapes {shown} do not go together")
        if not wide:
            result.append(1)
        elif fixed:
            result.append(fixed[0])
        else:
            result.append(wide[0] if all(extent == wide[0] for extent in wide) else None)
    return tuple(result)


def fits(a: Sequence[Dim], b: Sequence[Dim]) -> bool:
    """Whether two shapes can be the same: one rank, and no two known extents that differ."""
    return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))


def equal(a: Dim, b: Dim) -> bool:
    """Whether two extents can be the same."""
    return not isinstance(a, int) or not isinstance(b, int) or a == b


def either(a: Shape, b: Shape) -> Shape:
    """What holds of a value that has the one shape or the other."""
    if a is None or b is None or len(a) != len(b):
        return None
    return tuple(x if x == y else None for x, y in zip(a, b, strict=True))


def refined(known: Shape, stated: Shape) -> Shape:
    """A shape, and where it is unknown what is stated of it elsewhere.

    Numbers are taken over names only where the rank agrees; a shape that contradicts is ignored.
    """
    if known is None:
        return stated
    if stated is None or not fits(known, stated):
        return known
    return tuple(y if x is None else x for x, y in zip(known, stated, strict=True))


def stated_dim(extent: object) -> Dim:
    """An extent that a file states; negative numbers and names like products are unknown."""
    if isinstance(extent, str):
        return extent if extent and TIMES not in extent else None
    whole = isinstance(extent, int) and not isinstance(extent, bool)
    return extent if whole and 0 <= extent <= MOST else None  # type: ignore[operator, return-value]


def plus(extents: Iterable[Dim]) -> Dim:
    """The sum; None where one is unknown, or two are, or names meet numbers other than 0."""
    items = [extent for extent in extents if extent != 0]
    if len(items) == 1:
        return items[0]
    numbers = [extent for extent in items if isinstance(extent, int)]
    return sum(numbers) if len(numbers) == len(items) else None


def times(extents: Iterable[Dim]) -> Dim:
    """The product; 0 where one is 0, None where one is unknown."""
    items = list(extents)
    if 0 in items:
        return 0
    if None in items:
        return None
    numbers = math.prod(extent for extent in items if isinstance(extent, int))
    names = [extent for extent in items if isinstance(extent, str)]
    if not names:
        return numbers
    if numbers == 1 and len(names) == 1:
        return names[0]
    found: Counter[str] = Counter()
    for name in names:
        factor, own = _factors(name)
        numbers *= factor
        found.update(own)
    return _name(numbers, found)


def quotient(extents: Sequence[Dim], others: Sequence[Dim]) -> Dim:
    """The product of the one over that of the others, where it is exact and can be told.

    None where it cannot be told; equal factors cancel, so none of them may be 0 for sure.
    """
    left, right = list(extents), list(others)
    for extent in others:
        if extent is not None and extent != 0 and extent in left:
            left.remove(extent)
            right.remove(extent)
    above, below = times(left), times(right)
    if above is None or below is None or below == 0:
        return None
    if isinstance(above, int) and isinstance(below, int):
        return above // below if above % below == 0 else None
    number, names = _factors(above)
    divisor, gone = _factors(below)
    if number % divisor or gone - names:
        return None
    return _name(number // divisor, names - gone)


def _factors(extent: Dim) -> tuple[int, Counter[str]]:
    if isinstance(extent, int):
        return extent, Counter()
    if extent is None or TIMES not in extent:
        return 1, Counter([extent or ""])
    first, *rest = extent.split(TIMES)
    if first.isascii() and first.isdigit():
        return int(first), Counter(rest)
    return 1, Counter([first, *rest])


def _name(number: int, names: Counter[str]) -> Dim:
    words = sorted(names.elements())
    if not words:
        return number
    if len(words) > _MOST_FACTORS or abs(number) > MOST or any(map(str.isdigit, words)):
        return None
    whole = TIMES.join([*([str(number)] if number != 1 else []), *words])
    return whole if len(whole) <= _LONGEST and number > 0 else None
