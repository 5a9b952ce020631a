"""Reading TensorProto and SparseTensorProto: headers now, values when they are asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from modelport.errors import LimitExceeded, ModelportError, UnsupportedFeature
from modelport.formats.shared.onnx.reading import Reading, add_pair, read_pair
from modelport.formats.shared.onnx.schema import DTYPE_OF
from modelport.formats.shared.onnx.tensor_data import Segment, Strings, TypedField, Withheld
from modelport.model.dtype import DType
from modelport.model.graph import SparseTensor
from modelport.model.tensor import FileSlice, Tensor, TensorData
from modelport.wire.protobuf import FIXED32, FIXED64, LENGTH, VARINT, signed
from modelport.wire.source import ByteSource

MAX_RANK = 32
_FLOATS, _INT32, _STRINGS, _INT64, _RAW, _DOUBLES, _UINT64 = 4, 5, 6, 7, 9, 10, 11
_TYPED = (_FLOATS, _INT32, _STRINGS, _INT64, _DOUBLES, _UINT64)
_EXTERNAL_KEYS = ("location", "offset", "length", "checksum")


@dataclass(slots=True)
class _Header:
    """The fields of one TensorProto."""

    start: int
    end: int
    name: str = ""
    doc: str = ""
    dims: list[int] = field(default_factory=list)
    code: int = 0
    raw: tuple[int, int] | None = None
    typed: int = 0  # the number of the typed field in use, 0 for none
    pieces: int = 0  # how many fields it comes in
    length: int = 0  # how many bytes (of single varints: how many varints)
    last: tuple[int, int] = (0, 0)
    segment: tuple[int, int] | None = None
    external: bool = False
    entries: list[tuple[str, str] | None] = field(default_factory=list)
    entries_stored: bytes = b""
    metadata: dict[str, str] = field(default_factory=dict)
    unknown: bytes = b""


def read_tensor(reading: Reading, start: int, end: int) -> Tensor:
    """The tensor from ``start`` to ``end``; its values stay where they are."""
    header = _read_header(reading, start, end)
    shape = _shape(reading, header)
    if header.code not in DTYPE_OF:
        raise UnsupportedFeature(
            reading.walker.source.name, f"tensor {header.name!r} of data type {header.code}"
        )
    dtype = DTYPE_OF[header.code]
    if math.prod(max(extent, 1) for extent in shape) >> 60:
        reading.malformed(start, "a shape of less than 2^60 elements", str(list(shape)))
    if not header.code:
        data: TensorData = _undefined(reading, header, dtype, shape)
    elif header.external:
        data = _external(reading, header, dtype, shape)
    elif header.segment is not None:
        first, last = header.segment
        stored = _inside(reading, header, dtype, (max(0, last - first),))
        data = Segment(stored, shape)
    else:
        data = _inside(reading, header, dtype, shape)
    unknown = header.unknown if header.external else header.unknown + header.entries_stored
    return Tensor(header.name, data, header.metadata, header.doc, unknown)


def read_sparse(reading: Reading, start: int, end: int) -> SparseTensor:
    """The sparse tensor from ``start`` to ``end``."""
    values = indices = None
    dims: list[int] = []
    unknown = b""
    for number, wire, first, second, at in reading.walker.fields(start, end):
        if number == 1 and wire == LENGTH and values is None:
            values = read_tensor(reading, first, second)
        elif number == 2 and wire == LENGTH and indices is None:
            indices = read_tensor(reading, first, second)
        elif number == 3 and wire in (VARINT, LENGTH):
            dims.extend(_integers(reading, wire, first, second))
        else:
            unknown += reading.walker.read(at, second)
    if values is None or indices is None:
        reading.malformed(start, "values and indices of a sparse tensor", "only one of them")
    return SparseTensor(values, indices, tuple(dims), unknown)


def _read_header(reading: Reading, start: int, end: int) -> _Header:
    header = _Header(start, end)
    walker = reading.walker
    for number, wire, first, second, at in walker.fields(start, end):
        if number == 1 and wire in (VARINT, LENGTH):
            header.dims.extend(_integers(reading, wire, first, second))
            if len(header.dims) > MAX_RANK:
                raise LimitExceeded(
                    walker.source.name,
                    resource="axes of a tensor",
                    limit=MAX_RANK,
                    actual=len(header.dims),
                )
        elif number == 2 and wire == VARINT:
            header.code = first
        elif number == 8 and wire == LENGTH:
            header.name = walker.text(first, second)
        elif number == _RAW and wire == LENGTH:
            header.raw = (first, second)
        elif number in _TYPED and _fits(number, wire):
            _note_typed(reading, header, number, wire, first, second)
        else:
            _read_rest(reading, header, number, wire, first, second, at)
    return header


def _read_rest(
    reading: Reading, header: _Header, number: int, wire: int, first: int, second: int, at: int
) -> None:
    walker = reading.walker
    if number == 12 and wire == LENGTH:
        header.doc = walker.text(first, second)
    elif number == 16 and wire == LENGTH:
        header.unknown += add_pair(reading, header.metadata, first, second, at)
    elif number == 13 and wire == LENGTH:
        header.entries.append(read_pair(reading, first, second))
        header.entries_stored += walker.read(at, second)
    elif number == 14 and wire == VARINT:
        header.external = first == 1
    else:
        if number == 3 and wire == LENGTH:
            header.segment = _segment(reading, first, second)
        header.unknown += walker.read(at, second)


def _fits(number: int, wire: int) -> bool:
    if wire == LENGTH:
        return True
    alone = {_FLOATS: FIXED32, _DOUBLES: FIXED64, _STRINGS: LENGTH}
    return wire == alone.get(number, VARINT)


def _note_typed(
    reading: Reading, header: _Header, number: int, wire: int, first: int, second: int
) -> None:
    if header.typed not in (0, number):
        reading.malformed(header.start, "one field with the values of a tensor", "two")
    header.typed = number
    header.pieces += 1
    header.length += 1 if wire == VARINT else second - first
    header.last = (first, second)


def _integers(reading: Reading, wire: int, first: int, second: int) -> list[int]:
    if wire == VARINT:
        return [signed(first)]
    if second - first > 10 * MAX_RANK:
        raise LimitExceeded(
            reading.walker.source.name,
            resource="bytes of a shape",
            limit=10 * MAX_RANK,
            actual=second - first,
        )
    return [signed(value) for value in reading.walker.varints(first, second)]


def _shape(reading: Reading, header: _Header) -> tuple[int, ...]:
    for extent in header.dims:
        if extent < 0:
            reading.malformed(header.start, "extents of at least 0", str(extent))
    return tuple(header.dims)


def _segment(reading: Reading, start: int, end: int) -> tuple[int, int]:
    bounds = [0, 0]
    for number, wire, value, _, _ in reading.walker.fields(start, end):
        if wire == VARINT and number in (1, 2):
            bounds[number - 1] = signed(value)
    return bounds[0], bounds[1]


def _inside(
    reading: Reading, header: _Header, dtype: DType, shape: tuple[int, ...]
) -> FileSlice | TypedField | Strings:
    source = reading.walker.source
    if header.typed and header.raw and header.raw[0] != header.raw[1]:
        reading.malformed(header.start, "one field with the values of a tensor", "two")
    count = math.prod(shape)
    if dtype.kind == "string":
        pieces = header.pieces if header.typed == _STRINGS else 0
        _check(reading, header, pieces == count and not header.raw, dtype, shape)
        return Strings(source, header.start, header.end, shape)
    if not header.typed or (header.raw and not header.length):
        first, second = header.raw or (header.start, header.start)
        return FileSlice(source, first, second - first, dtype, shape)
    _check(reading, header, header.typed == _field_of(dtype), dtype, shape)
    if header.typed in (_FLOATS, _DOUBLES):
        if header.pieces == 1:
            first, second = header.last
            return FileSlice(source, first, second - first, dtype, shape)
        _check(reading, header, header.length == dtype.nbytes(count), dtype, shape)
    else:
        values = dtype.nbytes(count) if dtype.bits in (2, 4) else count
        _check(reading, header, values <= header.length <= 10 * values, dtype, shape)
    return TypedField(source, header.start, header.end, header.typed, dtype, shape)


def _undefined(reading: Reading, header: _Header, dtype: DType, shape: tuple[int, ...]) -> Withheld:
    """The data of a tensor that states no type; it must have none."""
    _check(reading, header, not (header.raw or header.typed or header.external), dtype, shape)
    why = UnsupportedFeature(reading.walker.source.name, f"tensor {header.name!r} of no data type")
    return Withheld(dtype, shape, why)


def _check(
    reading: Reading, header: _Header, holds: bool, dtype: DType, shape: tuple[int, ...]
) -> None:
    if not holds:
        found = f"field {header.typed} with {header.length:,} bytes in {header.pieces:,} pieces"
        expected = f"values for {dtype} {list(shape)} in the field of that type"
        reading.malformed(header.start, expected, found)


def _field_of(dtype: DType) -> int:
    if dtype.name in ("float32", "complex64"):
        return _FLOATS
    if dtype.name in ("float64", "complex128"):
        return _DOUBLES
    if dtype.name == "int64":
        return _INT64
    return _UINT64 if dtype.name in ("uint32", "uint64") else _INT32


def _external(
    reading: Reading, header: _Header, dtype: DType, shape: tuple[int, ...]
) -> TensorData:
    entries = _entries(reading, header)
    offset = _number(reading, header, entries.get("offset", "0"))
    needed = dtype.nbytes(math.prod(shape))
    length = _number(reading, header, entries.get("length", str(needed)))
    if dtype.kind in ("string", "other") or length != needed:
        reading.malformed(
            header.start,
            f"{needed:,} bytes of external data for {dtype} {list(shape)}",
            f"{length:,}",
        )
    found: ByteSource | ModelportError = reading.files.find(entries["location"], header.name)
    if isinstance(found, ModelportError):
        return Withheld(dtype, shape, found)
    if offset + length > found.size:
        reading.malformed(
            header.start,
            f"external data inside the {found.size:,} bytes of {entries['location']!r}",
            f"{length:,} bytes at {offset:,}",
        )
    return FileSlice(found, offset, length, dtype, shape)


def _entries(reading: Reading, header: _Header) -> dict[str, str]:
    entries: dict[str, str] = {}
    for pair in header.entries:
        if pair is None or pair[0] not in _EXTERNAL_KEYS or pair[0] in entries:
            found = "a broken entry" if pair is None else repr(pair[0])
            reading.malformed(header.start, "each of " + ", ".join(_EXTERNAL_KEYS) + " once", found)
        entries[pair[0]] = pair[1]
    if "location" not in entries:
        reading.malformed(header.start, "the location of an external tensor", "none")
    if header.raw or header.typed:
        reading.malformed(header.start, "the values of a tensor in one place", "two")
    return entries


def _number(reading: Reading, header: _Header, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        reading.malformed(header.start, "a number of bytes in external data", repr(text[:40]))
    return int(text)
