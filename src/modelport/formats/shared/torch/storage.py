"""Storages: the runs of memory that tensors of torch are views of, and the tensors over them.

A tensor is ``(storage, offset, size, stride)``, all in elements (``torch._utils._rebuild_tensor``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from modelport.errors import LimitExceeded, MalformedFile
from modelport.model.dtype import DType
from modelport.model.tensor import FileSlice, TensorData
from modelport.wire.source import ByteSource

LEGACY_HEAD = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
"""How a file of torch before 1.6 begins: the pickle of its magic number."""

_MOST = 1 << 62


@dataclass(frozen=True, slots=True, eq=False)
class Storage:
    """``length`` bytes of a source from ``offset`` on.

    ``dtype`` is None for untyped storages, whose tensors state their own. ``swapped`` tells that
    the machine which wrote them was big-endian. ``location`` is the device they were on.
    """

    key: str
    dtype: DType | None
    location: str
    source: ByteSource
    offset: int
    length: int
    swapped: bool = False

    def __str__(self) -> str:
        return f"storage of {self.length:,} bytes ({self.dtype or 'untyped'}) on {self.location}"

    def values(self, dtype: DType) -> TensorData:
        """All of the storage as one axis of elements."""
        count = self.length * 8 // dtype.bits
        flat = FileSlice(self.source, self.offset, dtype.nbytes(count), dtype, (count,))
        if self.swapped and dtype.bits > 8:
            from modelport.model.swapped import Swapped

            return Swapped(flat)
        return flat


def view(
    storage: Storage,
    dtype: DType,
    offset: int,
    size: tuple[int, ...],
    stride: tuple[int, ...],
) -> TensorData:
    """The tensor data of a view: a slice of the file, transposed or strided where it must be.

    Raises:
        MalformedFile: the view leaves its storage, or sizes and strides do not fit each other.
        LimitExceeded: extents that no array can have.
    """
    _check(storage, dtype, offset, size, stride)
    contiguous = _contiguous(size)
    if not storage.swapped or dtype.bits <= 8:
        if _same(size, stride, contiguous):
            return _slice(storage, dtype, offset, size)
        order = sorted(range(len(size)), key=lambda axis: -stride[axis])
        moved = tuple(size[axis] for axis in order)
        if _same(moved, tuple(stride[axis] for axis in order), _contiguous(moved)):
            from modelport.model.expression import source, transpose
            from modelport.model.tensor import Tensor

            stored = Tensor(storage.key, _slice(storage, dtype, offset, moved))
            back = tuple(order.index(axis) for axis in range(len(order)))
            return transpose(source(stored), back)
    from modelport.model.strided import Strided

    return Strided(storage.values(dtype), offset, size, stride)


def _slice(storage: Storage, dtype: DType, offset: int, shape: tuple[int, ...]) -> FileSlice:
    start = storage.offset + offset * dtype.bits // 8
    return FileSlice(storage.source, start, dtype.nbytes(math.prod(shape)), dtype, shape)


def _contiguous(size: tuple[int, ...]) -> tuple[int, ...]:
    strides, step = [], 1
    for extent in reversed(size):
        strides.append(step)
        step *= max(extent, 1)
    return tuple(reversed(strides))


def _same(size: tuple[int, ...], stride: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether strides mean the same; those of an axis with one element mean nothing."""
    return 0 in size or all(
        extent == 1 or ours == theirs
        for extent, ours, theirs in zip(size, stride, wanted, strict=True)
    )


def _check(
    storage: Storage, dtype: DType, offset: int, size: tuple[int, ...], stride: tuple[int, ...]
) -> None:
    name = storage.source.name
    if len(size) != len(stride) or min((*size, *stride, offset), default=0) < 0:
        raise MalformedFile(
            name,
            expected="a size and a stride for every axis, none negative",
            found=f"{str(size)[:60]} and {str(stride)[:60]}",
        )
    if max((*size, *stride, offset), default=0) > _MOST or len(size) > 64:
        raise LimitExceeded(name, resource="extent", limit=_MOST, actual=max((*size, *stride)))
    last = offset + sum((extent - 1) * step for extent, step in zip(size, stride, strict=True))
    count = storage.length * 8 // dtype.bits
    if 0 not in size and last >= count:
        raise MalformedFile(
            name,
            expected=f"a view inside the {count:,} elements of storage {storage.key[:40]!r}",
            found=f"element {last:,}",
        )
