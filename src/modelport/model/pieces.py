"""Reading tensor data in pieces of bounded size."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from modelport.model.tensor import PIECE_BYTES, Box, FileSlice, TensorData

if TYPE_CHECKING:
    from numpy.typing import NDArray


def pieces(data: TensorData, limit: int = PIECE_BYTES) -> Iterator[bytes | memoryview]:
    """The values as little-endian C-order bytes, in pieces of at most about ``limit`` bytes."""
    if isinstance(data, FileSlice):
        for start in range(0, data.length, limit):
            yield data.source.read_at(data.offset + start, min(limit, data.length - start))
        return
    whole = data.read_box(tuple((0, extent) for extent in data.shape))
    yield np.ascontiguousarray(whole).tobytes()


def read_file_box(data: FileSlice, box: Box) -> NDArray[Any]:
    """The values of a file slice inside ``box``."""
    raw = data.source.read_at(data.offset, data.length)
    whole = np.frombuffer(raw, data.dtype.numpy, math.prod(data.shape)).reshape(data.shape)
    return whole[tuple(slice(start, stop) for start, stop in box)]
