"""Types narrower than a byte: packed in files, one an element in arrays."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from modelport.model.dtype import DType

if TYPE_CHECKING:
    from numpy.typing import NDArray


def unpack(raw: bytes, dtype: DType, skip: int, count: int) -> NDArray[Any]:
    """``count`` elements after the first ``skip`` bits of packed bytes, lowest bits first."""
    packed = np.frombuffer(raw, np.uint8)
    if 8 % dtype.bits == 0:
        shifts = np.arange(0, 8, dtype.bits, dtype=np.uint8)
        spread = (packed[:, None] >> shifts) & np.uint8((1 << dtype.bits) - 1)
        codes = spread.reshape(-1)[skip // dtype.bits :][:count]
    else:
        bits = np.unpackbits(packed, bitorder="little")[skip:][: count * dtype.bits]
        weights = (1 << np.arange(dtype.bits)).astype(np.uint8)
        codes = (bits.reshape(count, dtype.bits) * weights).sum(1, dtype=np.uint8)
    if dtype.kind == "float":
        return codes.view(dtype.numpy)
    if dtype.kind == "int":
        sign = np.uint8(1 << (dtype.bits - 1))
        return ((codes ^ sign).astype(np.int8) - np.int8(sign)).astype(dtype.numpy)
    return codes.astype(dtype.numpy)


def pack(arrays: Iterable[NDArray[Any]], dtype: DType) -> Iterator[bytes]:
    """The packed bytes of arrays that follow each other; the last byte is filled with zeros."""
    group = math.lcm(8, dtype.bits) // dtype.bits  # elements that end at a byte
    waiting = np.empty(0, np.uint8)
    for array in arrays:
        waiting = np.concatenate([waiting, _codes(array, dtype)])
        ready = len(waiting) // group * group
        if ready:
            yield _packed(waiting[:ready], dtype.bits)
        waiting = waiting[ready:]
    if len(waiting):
        yield _packed(waiting, dtype.bits)


def _codes(array: NDArray[Any], dtype: DType) -> NDArray[np.uint8]:
    flat = np.ascontiguousarray(array).reshape(-1)
    if dtype.kind == "float":
        return flat.view(np.uint8)
    if dtype.kind == "int":
        return flat.astype(np.int8).view(np.uint8)
    return flat.astype(np.uint8)


def _packed(codes: NDArray[np.uint8], bits: int) -> bytes:
    if bits == 4 and len(codes) % 2 == 0:  # the common case, several times faster
        return ((codes[::2] & 15) | (codes[1::2] << 4)).tobytes()
    shifted = codes[:, None] >> np.arange(bits, dtype=np.uint8)
    return np.packbits(shifted & 1, bitorder="little").tobytes()
