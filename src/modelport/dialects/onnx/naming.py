"""Names that are new in a graph."""

from __future__ import annotations


def unique(wanted: str, taken: set[str]) -> str:
    """``wanted``, or with the first number behind it that makes it new; it is taken from then."""
    name, count = wanted, 0
    while name in taken:
        count += 1
        name = f"{wanted}_{count}"
    taken.add(name)
    return name
