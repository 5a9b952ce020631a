"""A value of the ONNX graph as Keras holds it: which value, and in which order its axes lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Layout(StrEnum):
    """Where the channels lie in what is made.

    ``SOURCE``: last inside, while inputs and outputs keep the axes of the source;
    ``CHANNELS_LAST``: last in inputs and outputs, too; ``CHANNELS_FIRST``: first throughout.
    """

    SOURCE = "source"
    CHANNELS_LAST = "channels-last"
    CHANNELS_FIRST = "channels-first"


@dataclass(frozen=True, slots=True)
class Held:
    """A value of Keras. Its axis i is axis ``order[i]`` of the ONNX value it stands for."""

    name: str
    order: tuple[int, ...]

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.order)

    def axis(self, axis: int) -> int:
        """Where an axis of the ONNX value lies."""
        return self.order.index(axis if axis >= 0 else axis + self.rank)

    @property
    def is_plain(self) -> bool:
        """Whether the axes lie as in ONNX."""
        return self.order == tuple(range(self.rank))

    def laid(self, parts: Sequence[Any], other: Any) -> list[Any]:
        """Something for each axis, as they lie: ``parts`` for those after the first two of ONNX."""
        return [parts[axis - 2] if axis > 1 else other for axis in self.order]

    def moved(self, name: str) -> Held:
        """Another value whose axes lie the same way."""
        return Held(name, self.order)


def plain(rank: int) -> tuple[int, ...]:
    """The axes as ONNX has them."""
    return tuple(range(rank))


def channels_last(rank: int) -> tuple[int, ...]:
    """Batch first, channels last: what layers of Keras take."""
    return (0, *range(2, rank), 1) if rank > 2 else plain(rank)


def in_place(order: Sequence[int], shape: Sequence[object] | None) -> bool:
    """Whether the elements lie one after the other as in ONNX: only axes of extent 1 moved."""
    extents = tuple(shape) if shape is not None else ("?",) * len(order)
    long = [axis for axis in order if extents[axis] != 1]
    return long == sorted(long)


def between(have: Sequence[int], want: Sequence[int]) -> tuple[int, ...]:
    """The permutation that brings axes from one order to another."""
    return tuple(have.index(axis) for axis in want)
