"""Which order of axes an operator gives that does nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def order_of(op_type: str, rank: int, args: Sequence[Any]) -> list[int]:
    """The permutation of ``permute(args)`` and the like: result axis i is axis ``order[i]``."""
    name = op_type.removesuffix("_copy")
    if name == "permute":
        return [axis % rank for axis in args[0]]
    if name in ("movedim", "moveaxis"):
        return _moved(rank, *(item if isinstance(item, list) else [item] for item in args))
    order = list(range(rank))
    if name == "numpy_T":
        return order[::-1]
    if rank < 2:
        return order
    ends = {
        "t": (0, 1),
        "mT": (-2, -1),
        "mH": (-2, -1),
        "adjoint": (-2, -1),
        "matrix_H": (-2, -1),
    }.get(name)
    first, second = ends or (args[0], args[1])
    order[first], order[second] = order[second], order[first]
    return order


def _moved(rank: int, source: Sequence[int], destination: Sequence[int]) -> list[int]:
    places = {to % rank: axis % rank for axis, to in zip(source, destination, strict=True)}
    rest = iter(axis for axis in range(rank) if axis not in places.values())
    return [places[i] if i in places else next(rest) for i in range(rank)]
