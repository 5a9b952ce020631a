"""Reading ValueInfoProto and TypeProto."""

from __future__ import annotations

from modelport.formats.shared.onnx.reading import Reading, add_pair
from modelport.formats.shared.onnx.schema import DTYPE_OF
from modelport.model.dtype import DType
from modelport.model.graph import (
    Dim,
    MapType,
    OpaqueType,
    OptionalType,
    SequenceType,
    Shape,
    TensorType,
    UnknownType,
    Value,
    ValueType,
)
from modelport.wire.protobuf import LENGTH, VARINT, signed

_TENSOR, _SEQUENCE, _MAP, _OPAQUE, _SPARSE, _OPTIONAL, _DENOTATION = 1, 4, 5, 7, 8, 9, 6


def read_value(reading: Reading, start: int, end: int) -> Value:
    """The named value from ``start`` to ``end``."""
    value = Value("")
    walker = reading.walker
    for number, wire, first, second, at in walker.fields(start, end):
        if wire == LENGTH and number == 1:
            value.name = walker.text(first, second)
        elif wire == LENGTH and number == 2 and value.type is None:
            value.type = read_type(reading, first, second)
        elif wire == LENGTH and number == 3:
            value.doc = walker.text(first, second)
        elif wire == LENGTH and number == 4:
            value.unknown += add_pair(reading, value.metadata, first, second, at)
        else:
            value.unknown += walker.read(at, second)
    return value


def read_type(reading: Reading, start: int, end: int) -> ValueType:
    """The type from ``start`` to ``end``; ``UnknownType`` where ours cannot say all of it."""
    kind = 0
    content = (start, start)
    denotation = ""
    for number, wire, first, second, _ in reading.walker.fields(start, end):
        if wire == LENGTH and number == _DENOTATION:
            denotation = reading.walker.text(first, second)
        elif wire == LENGTH and not kind and number in (1, 4, 5, 7, 8, 9):
            kind = number
            content = (first, second)
        else:
            kind = -1
            break
    found = _content(reading, kind, *content, denotation) if kind > 0 else None
    return found or UnknownType(reading.walker.read(start, end))


def _content(
    reading: Reading, kind: int, start: int, end: int, denotation: str
) -> ValueType | None:
    if kind in (_TENSOR, _SPARSE):
        return _tensor(reading, start, end, kind == _SPARSE, denotation)
    if kind == _MAP:
        return _map(reading, start, end, denotation)
    if kind == _OPAQUE:
        return _opaque(reading, start, end, denotation)
    element = _element(reading, start, end)
    if element is None:
        return None
    if kind == _SEQUENCE:
        return SequenceType(element, denotation)
    return OptionalType(element, denotation)


def _tensor(
    reading: Reading, start: int, end: int, sparse: bool, denotation: str
) -> TensorType | None:
    dtype: DType | None = None
    shape: Shape = None
    dim_denotations: tuple[str, ...] = ()
    for number, wire, first, second, _ in reading.walker.fields(start, end):
        if number == 1 and wire == VARINT:
            if first not in DTYPE_OF:
                return None
            dtype = DTYPE_OF[first] if first else None
        elif number == 2 and wire == LENGTH and shape is None:
            dims = _shape(reading, first, second)
            if dims is None:
                return None
            shape, dim_denotations = dims
        else:
            return None
    return TensorType(dtype, shape, sparse, denotation, dim_denotations)


def _shape(
    reading: Reading, start: int, end: int
) -> tuple[tuple[Dim, ...], tuple[str, ...]] | None:
    dims: list[Dim] = []
    denotations: list[str] = []
    for number, wire, first, second, _ in reading.walker.fields(start, end):
        if number != 1 or wire != LENGTH:
            return None
        dim: Dim = None
        denotation = ""
        for part, part_wire, value, stop, _ in reading.walker.fields(first, second):
            if part == 1 and part_wire == VARINT:
                dim = signed(value)
            elif part == 2 and part_wire == LENGTH:
                dim = reading.walker.text(value, stop) or None
            elif part == 3 and part_wire == LENGTH:
                denotation = reading.walker.text(value, stop)
            else:
                return None
        dims.append(dim)
        denotations.append(denotation)
    return tuple(dims), tuple(denotations) if any(denotations) else ()


def _element(reading: Reading, start: int, end: int) -> ValueType | None:
    found: ValueType | None = None
    for number, wire, first, second, _ in reading.walker.fields(start, end):
        if number != 1 or wire != LENGTH or found is not None:
            return None
        found = read_type(reading, first, second)
    return found


def _map(reading: Reading, start: int, end: int, denotation: str) -> MapType | None:
    key: DType | None = None
    value: ValueType | None = None
    for number, wire, first, second, _ in reading.walker.fields(start, end):
        if number == 1 and wire == VARINT and first in DTYPE_OF:
            key = DTYPE_OF[first]
        elif number == 2 and wire == LENGTH and value is None:
            value = read_type(reading, first, second)
        else:
            return None
    return None if key is None or value is None else MapType(key, value, denotation)


def _opaque(reading: Reading, start: int, end: int, denotation: str) -> OpaqueType | None:
    domain = name = ""
    for number, wire, first, second, _ in reading.walker.fields(start, end):
        if wire != LENGTH or number not in (1, 2):
            return None
        if number == 1:
            domain = reading.walker.text(first, second)
        else:
            name = reading.walker.text(first, second)
    return OpaqueType(domain, name, denotation)
