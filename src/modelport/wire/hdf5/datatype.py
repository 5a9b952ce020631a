"""Data types and data spaces of HDF5 (specification IV.A.2.b and IV.A.2.d)."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

MOST_AXES = 32


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a dataset or attribute.

    ``name`` is a dtype name of ours (``float32``, ``bool``); ``string`` for fixed text, ``vlen``
    for text of any length (16 bytes that point into a global heap), ``object`` for everything
    else, whose ``what`` says what it is.
    """

    name: str
    size: int
    big_endian: bool = False
    what: str = ""

    @property
    def numeric(self) -> bool:
        """Whether the values are plain numbers or booleans."""
        return self.name not in ("string", "vlen", "object")

    @property
    def storage(self) -> str:
        """The numpy type string of what is stored; raw bytes where numpy knows no number for it."""
        code = _NUMPY_CODES.get(self.name, f"V{self.size}")
        return (">" if self.big_endian else "<") + code if self.size > 1 else code


_NUMPY_CODES = {
    "bool": "i1",
    "int8": "i1",
    "int16": "i2",
    "int32": "i4",
    "int64": "i8",
    "uint8": "u1",
    "uint16": "u2",
    "uint32": "u4",
    "uint64": "u8",
    "float16": "f2",
    "float32": "f4",
    "float64": "f8",
    "complex64": "c8",
    "complex128": "c16",
}

# (size, exponent bits, mantissa bits, bias)
_FLOATS = {
    (2, 5, 10, 15): "float16",
    (2, 8, 7, 127): "bfloat16",
    (4, 8, 23, 127): "float32",
    (8, 11, 52, 1023): "float64",
    (1, 4, 3, 7): "float8_e4m3fn",
    (1, 5, 2, 15): "float8_e5m2",
}

_CLASSES = {
    2: "time",
    4: "bit field",
    5: "opaque",
    6: "compound",
    7: "reference",
    9: "variable-length list",
    10: "array",
}


def parse_element(body: bytes) -> Element:
    """The element that a datatype message describes.

    Raises:
        struct.error, ValueError: the message is cut short or impossible.
    """
    kind, size = body[0] & 0x0F, struct.unpack_from("<I", body, 4)[0]
    bits = int.from_bytes(body[1:4], "little")
    if size == 0:
        raise ValueError("a data type of no bytes")
    if kind == 0:
        return _integer(body, bits, size)
    if kind == 1:
        return _float(body, bits, size)
    if kind == 3:
        return Element("string", size)
    if kind == 6:
        return _compound(body, bits, size)
    if kind == 8:
        return _enumeration(body, bits, size)
    if kind == 9 and bits & 0x0F == 1:
        return Element("vlen", size)
    if kind == 11:
        return _complex(parse_element(body[8:]), size)
    if kind not in _CLASSES:
        raise ValueError(f"data type class {kind}")
    return Element("object", size, what=_CLASSES[kind])


def _integer(body: bytes, bits: int, size: int) -> Element:
    shift, precision = struct.unpack_from("<HH", body, 8)
    if size not in (1, 2, 4, 8) or shift or precision != 8 * size:
        return Element("object", size, what="integer of unusual width")
    name = ("int" if bits & 8 else "uint") + str(8 * size)
    return Element(name, size, big_endian=bool(bits & 1) and size > 1)


def _float(body: bytes, bits: int, size: int) -> Element:
    exponent, mantissa, bias = struct.unpack_from("<xBxBI", body, 12)
    name = _FLOATS.get((size, exponent, mantissa, bias))
    if name is None or bits & 0x40:
        return Element("object", size, what="floating point of unusual layout")
    return Element(name, size, big_endian=bool(bits & 1) and size > 1)


def _enumeration(body: bytes, bits: int, size: int) -> Element:
    base = parse_element(body[8:])
    names = body[20:]
    # How h5py (and PyTables) store booleans.
    if bits & 0xFFFF == 2 and size == 1 and names[:5] == b"FALSE" and b"TRUE\0" in names:
        return Element("bool", 1)
    return base


def _compound(body: bytes, bits: int, size: int) -> Element:
    """A record, or the complex number that h5py writes as one (members ``r`` and ``i``)."""
    first = _member(body, 8, size) if bits & 0xFFFF == 2 else None
    plain = first is not None and first[0] == b"r" and first[1].name.startswith("float")
    second = _member(body, first[2], size) if first and plain else None
    if first and second and second[0] == b"i" and second[1] == first[1]:
        return _complex(first[1], size)
    return Element("object", size, what="compound")


def _complex(part: Element, size: int) -> Element:
    name = {"float32": "complex64", "float64": "complex128"}.get(part.name)
    if name is None or size != 2 * part.size:
        return Element("object", size, what="complex of unusual parts")
    return Element(name, size, big_endian=part.big_endian)


def _member(body: bytes, start: int, size: int) -> tuple[bytes, Element, int]:
    """The name and the type of one member of numbers, and where the next one begins."""
    version = body[0] >> 4
    end = body.index(b"\0", start)
    name, width = body[start:end], end + 1 - start
    if version < 3:
        start += -(-width // 8) * 8 + (32 if version == 1 else 4)
    else:
        start += width + (size.bit_length() + 7) // 8
    return name, parse_element(body[start:]), start + 20


def parse_shape(body: bytes) -> tuple[int, ...] | None:
    """The extents that a dataspace message declares; None for the empty space.

    Raises:
        struct.error, ValueError: the message is cut short or impossible.
    """
    version, axes = body[0], body[1]
    if version not in (1, 2):
        raise ValueError(f"dataspace version {version}")
    if version == 2 and body[3] == 2:
        return None
    if axes > MOST_AXES:
        raise ValueError(f"{axes} axes")
    return struct.unpack_from(f"<{axes}Q", body, 8 if version == 1 else 4)


def count(shape: tuple[int, ...] | None) -> int:
    """The number of elements of a shape; none for the empty space."""
    return 0 if shape is None else math.prod(shape)
