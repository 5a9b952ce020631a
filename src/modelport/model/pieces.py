"""Reading tensor data in pieces of bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from modelport.errors import UnsupportedFeature
from modelport.model.boxes import (
    READ_BYTES,
    covering_run,
    extents,
    pieces_of,
    row_box,
    rows_at_once,
    sub_boxes,
    volume,
)
from modelport.model.derived import Reshape, Source
from modelport.model.tensor import PIECE_BYTES, Box, FileSlice, TensorData
from modelport.wire.copy import copy_range, same_range, sums_of
from modelport.wire.source import COPY_BYTES, Sink, read_pieces

if TYPE_CHECKING:
    from numpy.typing import NDArray


def pieces(data: TensorData, limit: int = PIECE_BYTES) -> Iterator[bytes | memoryview]:
    """The values as little-endian C-order bytes, in pieces of at most about ``limit`` bytes.

    Raises:
        UnsupportedFeature: elements without a fixed width (``string``, ``object``).
    """
    import numpy as np

    if data.dtype.bits == 0:
        raise UnsupportedFeature("tensor", f"dtype {data.dtype} as plain bytes")
    data = _stored(data)
    if isinstance(data, FileSlice):
        limit = min(limit, COPY_BYTES)
        for piece in read_pieces(data.source, data.offset, data.length, chunk=limit):
            yield bytes(piece)  # which is overwritten by the next
        return
    arrays = (data.read_box(box) for box in pieces_of(data.shape, _elements(data, limit)))
    if data.dtype.bits < 8:
        from modelport.model.packing import pack

        yield from pack(arrays, data.dtype)
        return
    for array in arrays:
        yield _little_endian(array).reshape(-1).view(np.uint8).data


def copy(data: TensorData, file: Sink) -> None:
    """Append the values to a file as little-endian C-order bytes; UnsupportedFeature as above.

    A file slice keeps the checksums of its bytes as they went out.
    """
    data = _stored(data)
    if isinstance(data, FileSlice):
        data.copied = copy_range(data.source, data.offset, data.length, file)
        return
    for piece in pieces(data):
        file.write(piece)


def same(a: TensorData, b: TensorData) -> bool | None:
    """Whether two tensors are the same bytes of their sources; None where values tell alone.

    What was copied before is not read again: the bytes of ``b`` are held against the checksums of
    those that went out (see ``Sums``). All else is compared byte by byte.
    """
    a, b = _stored(a), _stored(b)
    if not (isinstance(a, FileSlice) and isinstance(b, FileSlice)) or a.length != b.length:
        return None
    if a.copied is not None:
        return sums_of(b.source, b.offset, b.length) == a.copied
    return same_range(a.source, a.offset, b.source, b.offset, a.length)


def _stored(data: TensorData) -> TensorData:
    """What the bytes of the values are read from: a new shape alone does not move them."""
    while isinstance(data, Reshape | Source):
        data = data.child if isinstance(data, Reshape) else data.tensor.data
    return data


def _elements(data: TensorData, limit: int) -> int:
    # Packed types are one byte an element while they are in memory.
    return max(1, limit * 8 // max(data.dtype.bits, 8))


def _little_endian(array: NDArray[Any]) -> NDArray[Any]:
    import numpy as np

    if array.dtype.str[0] == ">":
        array = array.astype(array.dtype.newbyteorder("<"))
    return np.ascontiguousarray(array)


def read_file_box(data: FileSlice, box: Box, limit: int = READ_BYTES) -> NDArray[Any]:
    """The values of a file slice inside ``box``, read at most about ``limit`` bytes at a time."""
    import numpy as np

    values = np.empty(extents(box), data.dtype.numpy)
    if values.size:
        _fill(data, box, values, limit)
    return values


def _fill(data: FileSlice, box: Box, values: NDArray[Any], limit: int) -> None:
    run = covering_run(data.shape, box)
    rows = values.shape[run.lead] if values.ndim else 1
    width = data.dtype.bits / 8
    at_once = rows_at_once(rows, run.length * width, volume(box) * width, limit)
    if at_once < rows:
        for part, where in sub_boxes(box, run.lead, at_once):
            _fill(data, part, values[(slice(None),) * run.lead + (where,)], limit)
        return
    shape, place = row_box(data.shape, box, run.lead)
    read = _elements_of(data, run.start, run.stop).reshape(shape)
    values[...] = read[tuple(slice(start, stop) for start, stop in place)]


def _elements_of(data: FileSlice, start: int, stop: int) -> NDArray[Any]:
    import numpy as np

    bits = data.dtype.bits
    first, last = start * bits // 8, (stop * bits + 7) // 8
    raw = data.source.read_at(data.offset + first, last - first)
    if bits < 8:
        from modelport.model.packing import unpack

        return unpack(raw, data.dtype, start * bits - first * 8, stop - start)
    return np.frombuffer(raw, data.dtype.numpy)
