"""Vectors of whole numbers that a person computes with Python's integers: shapes and indices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """The elements of an int64 vector (or scalar), each an expression for an integer.

    ``like`` is an expression of a tensor they come from, on whose device a tensor of them belongs.
    """

    items: tuple[str, ...]
    scalar: bool = False
    like: str = ""

    def text(self) -> str:
        """The elements as arguments of a call."""
        return ", ".join(self.items)

    def number(self, index: int) -> int | None:
        """An element that is a plain number."""
        item = self.items[index].strip("()")
        return int(item) if item.lstrip("-").isdigit() else None

    @property
    def numbers(self) -> list[int] | None:
        """The elements, where all are plain numbers."""
        found = [self.number(index) for index in range(len(self.items))]
        return [item for item in found if item is not None] if None not in found else None


def sizes(items: Sequence[int | str], scalar: bool = False, like: str = "") -> Sizes:
    """Elements from numbers and expressions; negative numbers stand in brackets."""
    texts = [f"({item})" if isinstance(item, int) and item < 0 else str(item) for item in items]
    return Sizes(tuple(texts), scalar, like)
