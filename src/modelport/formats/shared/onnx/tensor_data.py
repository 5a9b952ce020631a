"""Where the values of ONNX tensors come from when they are not plain bytes in the file."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from modelport.errors import MalformedFile, ModelportError, UnsupportedFeature
from modelport.model.dtype import STRING, DType
from modelport.model.tensor import Box, FileSlice
from modelport.wire.protobuf import LENGTH, VARINT, Walker, decode_varints
from modelport.wire.source import ByteSource

if TYPE_CHECKING:
    from numpy.typing import NDArray


class TypedField:
    """Numbers in one of TensorProto's typed fields (``int32_data``, ``float_data`` ...).

    ``start`` to ``end`` is the whole TensorProto, ``field`` the number of the field. The elements
    of ``int32_data`` stand for narrower types too: of 4- and 2-bit types an element holds a packed
    byte, of 6-bit types one value, of 16- and 8-bit floats the bit pattern.
    """

    __slots__ = ("dtype", "end", "field", "shape", "source", "start")

    def __init__(
        self,
        source: ByteSource,
        start: int,
        end: int,
        field: int,
        dtype: DType,
        shape: tuple[int, ...],
    ) -> None:
        self.source = source
        self.start = start
        self.end = end
        self.field = field
        self.dtype = dtype
        self.shape = shape

    def read_box(self, box: Box) -> NDArray[Any]:
        """The values inside ``box``; the whole field is decoded."""
        whole = self._values().reshape(self.shape)
        return whole[tuple(slice(start, stop) for start, stop in box)]

    def stored(self) -> bytes:
        """The values as ``raw_data`` has them: little-endian, narrow types packed."""
        import numpy as np

        if self.dtype.bits in (2, 4):
            return self._numbers().astype(np.uint8).tobytes()
        if self.dtype.bits == 6:
            bits = np.unpackbits(
                self._numbers().astype(np.uint8)[:, None], axis=1, bitorder="little", count=6
            )
            return np.packbits(bits.ravel(), bitorder="little").tobytes()
        return self._values().tobytes()

    def _values(self) -> NDArray[Any]:
        if 0 < self.dtype.bits < 8:
            from modelport.model.packing import unpack

            return unpack(self.stored(), self.dtype, 0, math.prod(self.shape))
        numbers = self._numbers()
        numpy_dtype = self.dtype.numpy
        if self.dtype.kind == "bool":
            return numbers.astype(bool)
        if self.dtype.kind == "float" and self.dtype.bits < 32:
            return numbers.astype(f"<u{self.dtype.bits // 8}").view(numpy_dtype)
        if self.dtype.kind in ("float", "complex"):
            return numbers.view(numpy_dtype)
        return numbers.astype(numpy_dtype)

    def _numbers(self) -> NDArray[Any]:
        """The elements of the field: uint64 of varints, else uint8 of the bytes."""
        import numpy as np

        walker = Walker(self.source)
        parts: list[NDArray[Any]] = []
        single: list[int] = []
        for number, wire, first, second, _ in walker.fields(self.start, self.end):
            if number != self.field:
                continue
            if wire == VARINT:
                single.append(first)
                continue
            raw = self.source.read_at(first, second - first)
            if single:
                parts.append(np.array(single, np.uint64))
                single = []
            if self.field in (5, 7, 11):
                parts.append(self._varints(raw, first))
            else:
                parts.append(np.frombuffer(raw, np.uint8))
        if single:
            parts.append(np.array(single, np.uint64))
        found = np.concatenate(parts) if parts else np.zeros(0, np.uint64)
        self._check(found)
        return found

    def _varints(self, raw: bytes, offset: int) -> NDArray[Any]:
        try:
            return decode_varints(raw)
        except ValueError as error:
            raise MalformedFile(
                self.source.name, offset=offset, expected="packed varints", found=str(error)
            ) from error

    def _check(self, found: NDArray[Any]) -> None:
        wanted = math.prod(self.shape)
        if self.dtype.bits in (2, 4) or self.field not in (5, 7, 11):
            wanted = self.dtype.nbytes(wanted)
        if len(found) != wanted:
            raise MalformedFile(
                self.source.name,
                offset=self.start,
                expected=f"{wanted:,} values for {self.dtype} {list(self.shape)}",
                found=f"{len(found):,}",
            )


class Strings:
    """The ``string_data`` of the TensorProto from ``start`` to ``end``: text where it is UTF-8."""

    __slots__ = ("end", "shape", "source", "start")

    dtype = STRING

    def __init__(self, source: ByteSource, start: int, end: int, shape: tuple[int, ...]) -> None:
        self.source = source
        self.start = start
        self.end = end
        self.shape = shape

    def read_box(self, box: Box) -> NDArray[Any]:
        """The strings inside ``box`` as an array of objects; all of them are read."""
        import numpy as np

        whole = np.empty(math.prod(self.shape), object)
        for index, raw in enumerate(self.stored()):
            whole[index] = text_or_bytes(raw)
        return whole.reshape(self.shape)[tuple(slice(start, stop) for start, stop in box)]

    def stored(self) -> list[bytes]:
        """The strings as the file has them."""
        walker = Walker(self.source)
        return [
            walker.read(first, second)
            for number, wire, first, second, _ in walker.fields(self.start, self.end)
            if number == 6 and wire == LENGTH
        ]


class Withheld:
    """Values that are not to be had: asking for them raises the reason."""

    __slots__ = ("dtype", "error", "shape")

    def __init__(self, dtype: DType, shape: tuple[int, ...], error: ModelportError) -> None:
        self.dtype = dtype
        self.shape = shape
        self.error = error

    def read_box(self, box: Box) -> NDArray[Any]:
        """Raises the error that was met when the file was opened."""
        raise self.error


class Segment:
    """One of several stored chunks of a tensor of this shape; ONNX does not say how they join."""

    __slots__ = ("dtype", "shape", "stored")

    def __init__(self, stored: FileSlice | TypedField | Strings, shape: tuple[int, ...]) -> None:
        self.stored = stored
        self.dtype = stored.dtype
        self.shape = shape

    def read_box(self, box: Box) -> NDArray[Any]:
        """Raises UnsupportedFeature."""
        raise UnsupportedFeature(self.stored.source.name, "a tensor stored in segments")


def text_or_bytes(raw: bytes) -> str | bytes:
    """Text where the bytes are UTF-8, else the bytes."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw
