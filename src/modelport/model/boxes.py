"""The arithmetic of boxes: parts of a tensor, one (start, stop) an axis, against flat runs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from modelport.model.tensor import Box

READ_BYTES = 2 << 20
"""How much is read at a time to cut a box from (measured: from 1 to 8 MB alike)."""

SCATTERED_BYTES = 64 << 10
"""Reading this much for nothing costs as much as one more read (measured, page cache)."""


class Run(NamedTuple):
    """The shortest run of whole rows, by flat index, that covers a box.

    ``lead`` is the axis of those rows: the first along which the box is longer than 1, or the
    last there is.
    """

    start: int
    stop: int
    lead: int

    @property
    def length(self) -> int:
        """The elements of the run."""
        return self.stop - self.start


def extents(box: Box) -> tuple[int, ...]:
    """The shape of a box."""
    return tuple(stop - start for start, stop in box)


def full(shape: Sequence[int]) -> Box:
    """The box of a whole tensor."""
    return tuple((0, extent) for extent in shape)


def volume(box: Box) -> int:
    """The number of elements in a box."""
    return math.prod(extents(box))


def covering_run(shape: Sequence[int], box: Box) -> Run:
    """The run of rows that covers a box which is not empty."""
    offset, inner = 0, math.prod(shape)
    for axis, (extent, (start, stop)) in enumerate(zip(shape, box, strict=True)):
        inner //= extent
        offset += start * inner
        if stop - start > 1:
            return Run(offset, offset + (stop - start) * inner, axis)
    return Run(offset, offset + 1, max(len(shape) - 1, 0))


def row_box(shape: Sequence[int], box: Box, lead: int) -> tuple[tuple[int, ...], Box]:
    """A covering run as an array's shape, and the place of the box in it."""
    ones = (1,) * min(lead, len(shape))
    rows = tuple(stop - start for start, stop in box[lead : lead + 1])
    cut: Box = tuple((0, extent) for extent in (*ones, *rows))
    return (*ones, *rows, *shape[lead + 1 :]), (*cut, *box[lead + 1 :])


def boxes_of_run(shape: Sequence[int], start: int, stop: int) -> Iterator[Box]:
    """Boxes that follow each other in flat order and make up the run."""
    if start >= stop:
        return
    if not shape:
        yield ()
        return
    inner = math.prod(shape[1:])
    first, last = -(-start // inner), stop // inner
    if first > last:  # inside one row
        yield from _inside(shape, last, start - last * inner, stop - last * inner)
        return
    if start < first * inner:
        yield from _inside(shape, first - 1, start - (first - 1) * inner, inner)
    if first < last:
        yield ((first, last), *full(shape[1:]))
    if last * inner < stop:
        yield from _inside(shape, last, 0, stop - last * inner)


def _inside(shape: Sequence[int], row: int, start: int, stop: int) -> Iterator[Box]:
    for box in boxes_of_run(shape[1:], start, stop):
        yield ((row, row + 1), *box)


def pieces_of(shape: Sequence[int], count: int) -> Iterator[Box]:
    """Boxes in C order that make up a tensor, each of at most ``count`` elements (at least 1)."""
    if 0 in shape:
        return
    if not shape:
        yield ()
        return
    inner = math.prod(shape[1:])
    if inner > count:
        for row in range(shape[0]):
            for box in pieces_of(shape[1:], count):
                yield ((row, row + 1), *box)
        return
    rows = max(1, count // inner)
    for start in range(0, shape[0], rows):
        yield ((start, min(start + rows, shape[0])), *full(shape[1:]))


def rows_at_once(rows: int, covered: float, wanted: float, limit: int) -> int:
    """How many rows of a box to read together, by the bytes covered and wanted of all of them.

    Together they stay under ``limit``; where each row would bring much that is not wanted, it is
    read alone, so that only its own part is read.
    """
    if covered > wanted and (covered - wanted) / rows > SCATTERED_BYTES:
        return 1
    return min(rows, max(1, int(rows * limit / covered)))


def sub_boxes(box: Box, axis: int, rows: int) -> Iterator[tuple[Box, slice]]:
    """The box cut along an axis every ``rows`` indices, and where each part lies in it."""
    start, stop = box[axis]
    for begin in range(start, stop, rows):
        end = min(begin + rows, stop)
        yield (*box[:axis], (begin, end), *box[axis + 1 :]), slice(begin - start, end - start)
