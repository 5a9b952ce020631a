"""A tensor: a name and lazy data; asking its dtype, shape or size touches no disk."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from modelport.errors import LimitExceeded, MalformedFile
from modelport.model.dtype import DType, from_numpy
from modelport.wire.source import ByteSource, Sink, unchecked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from modelport.wire.copy import Sums

PIECE_BYTES = 16 << 20
"""How much of a tensor is in memory at a time while it is written (measured: 16 MB is best)."""

Box: TypeAlias = tuple[tuple[int, int], ...]
"""One (start, stop) for each axis."""


class TensorData(Protocol):
    """Where the values of a tensor come from."""

    @property
    def dtype(self) -> DType:
        """The type of one element."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The extent of each axis; ``()`` for a scalar."""

    def read_box(self, box: Box) -> NDArray[Any]:
        """The values inside ``box``, one array element each (packed types unpacked)."""


class Tensor:
    """A named tensor; two tensors are the same only if they are the same object.

    ``unknown`` are fields of its file that modelport gives no meaning to, kept as they are.
    """

    __slots__ = ("data", "doc", "metadata", "name", "unknown")

    def __init__(
        self,
        name: str,
        data: TensorData,
        metadata: dict[str, str] | None = None,
        doc: str = "",
        unknown: bytes = b"",
    ) -> None:
        self.name = name
        self.data = data
        self.metadata: dict[str, str] = metadata or {}
        self.doc = doc
        self.unknown = unknown

    @property
    def dtype(self) -> DType:
        """The type of one element."""
        return self.data.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The extent of each axis; ``()`` for a scalar."""
        return self.data.shape

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """The bytes of the values when stored densely (0 for strings, whose width varies)."""
        return self.dtype.nbytes(self.size)

    def numpy(self) -> NDArray[Any]:
        """Read all values into a numpy array of this shape."""
        return self.data.read_box(tuple((0, extent) for extent in self.shape))

    def peek(self) -> NDArray[Any]:
        """As ``numpy``, for the few numbers a listing shows: no checksum makes it read more."""
        data = self.data
        if isinstance(data, FileSlice):
            source = unchecked(data.source)
            data = FileSlice(source, data.offset, data.length, data.dtype, data.shape)
        return data.read_box(tuple((0, extent) for extent in self.shape))

    def pieces(self, limit: int = PIECE_BYTES) -> Iterator[bytes | memoryview]:
        """The values as little-endian C-order bytes, in pieces of at most about ``limit`` bytes."""
        from modelport.model.pieces import pieces

        return pieces(self.data, limit)

    def copy(self, file: Sink) -> None:
        """Append the values to a file, as the bytes of ``pieces``."""
        from modelport.model.pieces import copy

        copy(self.data, file)

    def __repr__(self) -> str:
        return f"Tensor({self.name!r}, {self.dtype}, {list(self.shape)})"


class InMemory:
    """Values that are in memory already, as a numpy array."""

    __slots__ = ("array", "dtype")

    def __init__(self, array: NDArray[Any]) -> None:
        self.array = array
        self.dtype = from_numpy(array.dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """The extent of each axis."""
        return tuple(int(extent) for extent in self.array.shape)

    def read_box(self, box: Box) -> NDArray[Any]:
        """A view of the values inside ``box``."""
        return self.array[tuple(slice(start, stop) for start, stop in box)]


class FileSlice:
    """Densely stored little-endian values in C order, somewhere in a byte source.

    ``copied`` are the checksums of the bytes as they were last written to another file, if any.

    Raises:
        MalformedFile: the declared shape takes other than ``length`` bytes.
        LimitExceeded: extents that no array can have, even where one of them is 0.
    """

    __slots__ = ("copied", "dtype", "offset", "shape", "source")

    def __init__(
        self, source: ByteSource, offset: int, length: int, dtype: DType, shape: tuple[int, ...]
    ) -> None:
        needed = dtype.nbytes(math.prod(shape))
        if needed != length:
            raise MalformedFile(
                source.name,
                offset=offset,
                expected=f"{needed:,} bytes for {dtype} {list(shape)}",
                found=f"{length:,} bytes",
            )
        if math.prod(extent for extent in shape if extent) * max(dtype.bits, 8) >> 66:
            extent = max(shape)
            raise LimitExceeded(source.name, resource="extent", limit=1 << 62, actual=extent)
        self.source = source
        self.copied: Sums | None = None
        self.offset = offset
        self.dtype = dtype
        self.shape = shape

    @property
    def length(self) -> int:
        """The stored bytes."""
        return self.dtype.nbytes(math.prod(self.shape))

    def read_box(self, box: Box) -> NDArray[Any]:
        """The values inside ``box``; only the covering range of rows is read, in pieces."""
        from modelport.model.pieces import read_file_box

        return read_file_box(self, box)
