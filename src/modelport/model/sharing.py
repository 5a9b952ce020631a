"""Which tensors lie in the same bytes of a file, as tied weights and views do."""

from __future__ import annotations

import math
from collections.abc import Mapping

from modelport.model.expression import Expression, is_exact, leaves, sources
from modelport.model.signed import Signed
from modelport.model.strided import Strided
from modelport.model.swapped import Swapped
from modelport.model.tensor import FileSlice, Tensor, TensorData

Place = tuple[int, int, int]
"""Which source, the first byte, and the one after the last."""


def place(data: TensorData) -> Place | None:
    """Where stored values lie, transposed or not; None for all that is computed or decoded."""
    if isinstance(data, FileSlice):
        return id(data.source), data.offset, data.offset + data.length
    if isinstance(data, Swapped | Signed):
        return place(data.stored)
    if isinstance(data, Strided):
        return _span(data)
    if isinstance(data, Expression) and is_exact(data) and len(list(leaves(data))) == 1:
        return next((place(part.data) for part in sources(data)), None)
    return None


def same_data(tensor: Tensor) -> object:
    """A key that tensors have in common whose values are the same bytes in the same order."""
    return _run(tensor.data, tensor.size)


def _run(data: TensorData, size: int) -> object:
    if isinstance(data, FileSlice):
        return id(data.source), data.offset, data.dtype.name, size
    if isinstance(data, Strided):
        stored = _run(data.stored, math.prod(data.stored.shape))
        return stored, data.offset, data.shape, data.strides
    if isinstance(data, Swapped):
        return "swapped", _run(data.stored, size)
    if isinstance(data, Signed):
        return data.conjugated, data.negated, _run(data.stored, size)
    return id(data)


def _span(data: Strided) -> Place | None:
    whole = place(data.stored)
    if whole is None or 0 in data.shape:
        return None
    steps = ((extent - 1) * step for extent, step in zip(data.shape, data.strides, strict=True))
    first, width = data.offset, data.dtype.bits // 8
    start = whole[1] + first * width
    return whole[0], start, start + (sum(steps) + 1) * width


def shared(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """For each tensor that lies in bytes of another: the name of the first one there."""
    order = {name: index for index, name in enumerate(tensors)}
    places = sorted(
        (found, name)
        for name, tensor in tensors.items()
        if (found := place(tensor.data)) is not None and found[1] < found[2]
    )
    groups: list[list[str]] = []
    end: tuple[int, int] = (0, 0)
    for (source, start, stop), name in places:
        if groups and source == end[0] and start < end[1]:
            groups[-1].append(name)
            end = (source, max(stop, end[1]))
        else:
            groups.append([name])
            end = (source, stop)
    first = {name: min(group, key=order.__getitem__) for group in groups for name in group}
    return {name: first[name] for name in tensors if first.get(name, name) != name}
