"""A dataset: shape, element and place are known at once; values are read box by box."""

from __future__ import annotations

import itertools
import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

from modelport.errors import LimitExceeded, MalformedFile, UnsafeFile, UnsupportedFeature
from modelport.wire.hdf5.attributes import GlobalHeaps, split_text
from modelport.wire.hdf5.chunks import Chunk, ChunkCache, chunk_index
from modelport.wire.hdf5.datatype import count, parse_element, parse_shape
from modelport.wire.hdf5.layout import (
    Chunked,
    Compact,
    Contiguous,
    Layout,
    Virtual,
    parse_filters,
    parse_layout,
)
from modelport.wire.hdf5.objects import (
    DATASPACE,
    DATATYPE,
    EXTERNAL,
    FILL,
    FILTERS,
    LAYOUT,
    ObjectHeader,
)
from modelport.wire.hdf5.window import guarded
from modelport.wire.source import check, unchecked

if TYPE_CHECKING:
    from numpy.typing import NDArray

FREE_DECLARED = 4 << 30
FREE_ELEMENT = 64 << 20
MOST_RATIO = 1000


class HDF5Dataset:
    """One dataset of an HDF5 file.

    ``shape`` is ``()`` for a scalar and ``(0,)`` for an empty dataspace.

    Raises:
        UnsafeFile: the values lie in other files (external storage, virtual datasets).
        LimitExceeded: the declared shape is out of all proportion to what is stored.
        MalformedFile, UnsupportedFeature: its messages are broken, or of a kind not read here.
    """

    def __init__(
        self, path: str, header: ObjectHeader, heaps: GlobalHeaps, cache: ChunkCache
    ) -> None:
        self.path = path
        self.source = header.window.source
        self.address = header.address
        self._heaps = heaps
        self._cache = cache
        if header.first(EXTERNAL) is not None:
            raise UnsafeFile(self.source.name, "values in external files", path)
        with guarded(self.source, f"dataset {path}", header.address):
            shape = parse_shape(header.first(DATASPACE) or b"")
            self.shape = (0,) if shape is None else shape
            self.element = parse_element(header.first(DATATYPE) or b"")
            self._check_element()
            self._read_storage(header)
            self._fill = _fill_value(header.first(FILL), self.element.size)
        if isinstance(self.layout, Virtual):
            raise UnsafeFile(self.source.name, "a virtual dataset (values in other files)", path)
        self._check_size()

    def _read_storage(self, header: ObjectHeader) -> None:
        """Where the values lie; what cannot be read only matters when values are asked for."""
        self.unreadable = ""
        self.layout: Layout = Contiguous(None, None)
        self.filters: tuple[int, ...] = ()
        filters = header.first(FILTERS)
        try:
            self.layout = parse_layout(header.first(LAYOUT) or b"")
            self.filters = () if filters is None else parse_filters(filters)
        except NotImplementedError as error:
            self.unreadable = str(error)

    @property
    def nbytes(self) -> int:
        """The bytes that the values take (for text of any length: those of its descriptors)."""
        return count(self.shape) * self.element.size

    @property
    def dense_offset(self) -> int | None:
        """Where the values lie in one run of the source, or None where they do not."""
        if isinstance(self.layout, Contiguous) and not self.filters and not self.unreadable:
            return self.layout.address
        return None

    @cached_property
    def chunks(self) -> dict[tuple[int, ...], Chunk]:
        """The stored chunks by the position of their first element; empty if not chunked."""
        if not isinstance(self.layout, Chunked) or self.layout.address is None:
            return {}
        with guarded(self.source, f"chunk index of {self.path}", self.layout.address):
            return chunk_index(unchecked(self.source), self.layout.address, len(self.layout.shape))

    def read_box(self, box: tuple[tuple[int, int], ...]) -> NDArray[Any]:
        """The values inside ``box`` ((start, stop) for each axis).

        Numbers in the machine's byte order; text as an object array of bytes; compound and other
        records as raw bytes (``numpy.void``).

        Raises:
            UnsupportedFeature: lists of variable length.
            MalformedFile: the stored bytes do not fit what is declared.
        """
        unreadable = self.unreadable
        if self.element.what in ("variable-length list", "reference"):
            unreadable = self.element.what
        if unreadable:
            raise UnsupportedFeature(self.source.name, f"{unreadable} in {self.path}")
        check(self.source)  # text lies between the headers, which are read unchecked
        with guarded(self.source, f"values of {self.path}", self.address):
            stored = self._stored(box)
            if self.element.name in ("string", "vlen"):
                return self._texts(stored)
            if self.element.name == "bool":
                return stored.astype(bool)
            return stored.astype(stored.dtype.newbyteorder("="), copy=False)

    def _check_element(self) -> None:
        """Refuse an element that is no file's, before one of them is in memory."""
        limit = max(FREE_ELEMENT, MOST_RATIO * self.source.size)
        if self.element.size > limit:
            raise LimitExceeded(
                self.source.name,
                resource=f"bytes of one element of {self.path}",
                limit=limit,
                actual=self.element.size,
            )

    def _check_size(self) -> None:
        layout, declared = self.layout, self.nbytes
        if isinstance(layout, Contiguous) and layout.address is not None:
            length = declared if layout.length is None else layout.length
            end = layout.address + length
            if length != declared or end > self.source.size:
                raise MalformedFile(
                    self.source.name,
                    offset=layout.address,
                    expected=f"{declared:,} bytes for {self.path} {list(self.shape)}",
                    found=f"{length:,} bytes, of which the file holds "
                    f"{max(self.source.size - layout.address, 0):,}",
                )
            return
        if isinstance(layout, Chunked) and len(layout.shape) != len(self.shape):
            raise MalformedFile(
                self.source.name,
                offset=self.address,
                expected=f"chunks of {len(self.shape)} axes in {self.path}",
                found=f"{len(layout.shape)} axes",
            )
        if declared > FREE_DECLARED:
            stored = sum(chunk.length for chunk in self.chunks.values())
            stored = self.source.size if self.unreadable else min(stored, self.source.size)
            if declared > MOST_RATIO * stored:
                raise LimitExceeded(
                    self.source.name,
                    resource=f"bytes declared by {self.path}",
                    limit=max(FREE_DECLARED, MOST_RATIO * stored),
                    actual=declared,
                )

    def _stored(self, box: tuple[tuple[int, int], ...]) -> NDArray[Any]:
        """The elements inside ``box`` as they are stored."""
        import numpy as np

        storage = np.dtype(self.element.storage)
        slices = tuple(slice(start, stop) for start, stop in box)
        if isinstance(self.layout, Compact):
            return np.frombuffer(self.layout.data, storage, count(self.shape)).reshape(self.shape)[
                slices
            ]
        if isinstance(self.layout, Contiguous) and self.layout.address is not None:
            return self._rows(box, storage)
        out = np.full([stop - start for start, stop in box], self._fill.view(storage)[0], storage)
        if isinstance(self.layout, Chunked):
            self._place_chunks(out, box, self.layout.shape, storage)
        return out

    def _rows(self, box: tuple[tuple[int, int], ...], storage: Any) -> NDArray[Any]:
        """The box out of contiguous values; only the rows it covers are read."""
        import numpy as np

        if not box:
            raw = self.source.read_at(self.dense_offset or 0, storage.itemsize)
            return np.frombuffer(raw, storage).reshape(())
        (first, last), *rest = box
        row = math.prod(self.shape[1:])
        raw = self.source.read_at(
            (self.dense_offset or 0) + first * row * storage.itemsize,
            (last - first) * row * storage.itemsize,
        )
        rows = np.frombuffer(raw, storage).reshape(last - first, *self.shape[1:])
        return rows[(slice(None), *(slice(start, stop) for start, stop in rest))]

    def _place_chunks(
        self,
        out: NDArray[Any],
        box: tuple[tuple[int, int], ...],
        extent: tuple[int, ...],
        storage: Any,
    ) -> None:
        import numpy as np

        size = math.prod(extent) * storage.itemsize
        for corner in self._corners(box, extent):
            chunk = self.chunks.get(corner)
            if chunk is None:
                continue
            data = self._cache.read(chunk, self.filters, size, storage.itemsize)
            values = np.frombuffer(data, storage).reshape(extent)
            here, there = [], []
            for (start, stop), low, width in zip(box, corner, extent, strict=True):
                left, right = max(start, low), min(stop, low + width)
                here.append(slice(left - start, max(right - start, left - start)))
                there.append(slice(left - low, max(right - low, left - low)))
            out[tuple(here)] = values[tuple(there)]

    def _corners(self, box: tuple[tuple[int, int], ...], extent: tuple[int, ...]) -> Any:
        """The first positions of the chunks that can touch the box, whichever way is shorter."""
        ranges = [
            range(start // width * width, stop, width)
            for (start, stop), width in zip(box, extent, strict=True)
        ]
        if math.prod(len(each) for each in ranges) <= len(self.chunks):
            return itertools.product(*ranges)
        return [
            corner
            for corner in self.chunks
            if all(
                low < stop and low + width > start
                for low, width, (start, stop) in zip(corner, extent, box, strict=True)
            )
        ]

    def _texts(self, stored: NDArray[Any]) -> NDArray[Any]:
        import numpy as np

        out = np.empty(stored.size, dtype=object)
        data = stored.tobytes()
        for index, item in enumerate(split_text(self.element, data, self._heaps)):
            out[index] = item
        return out.reshape(stored.shape)


def _fill_value(body: bytes | None, size: int) -> NDArray[Any]:
    """The bytes of the fill value (IV.A.2.f); zeros where none is defined."""
    import numpy as np

    value = b""
    if body is not None and body[0] in (1, 2):
        defined = body[0] == 1 or body[3]
        value = body[8 : 8 + int.from_bytes(body[4:8], "little")] if defined else b""
    elif body is not None and body[1] & 0x20:
        value = body[6 : 6 + int.from_bytes(body[2:6], "little")]
    return np.frombuffer(value if len(value) == size else bytes(size), np.uint8)
