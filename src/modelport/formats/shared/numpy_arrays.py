"""Tensor data of arrays that numpy stored, from numpy's own type strings (``<f4``, ``|S5``).

Types: https://numpy.org/doc/stable/reference/arrays.interface.html. numpy has no name for bfloat16
and float8, and stores them as raw elements (``|V2``, ``|V1``).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from modelport.errors import MalformedFile, UnsupportedFeature
from modelport.model.dtype import DTYPES, OBJECT, STRING, DType
from modelport.model.swapped import Swapped
from modelport.model.tensor import Box, FileSlice, Tensor, TensorData
from modelport.wire.source import ByteSource

if TYPE_CHECKING:
    from numpy.typing import NDArray

TYPES = {
    "b1": "bool",
    "?": "bool",
    "i1": "int8",
    "i2": "int16",
    "i4": "int32",
    "i8": "int64",
    "u1": "uint8",
    "u2": "uint16",
    "u4": "uint32",
    "u8": "uint64",
    "f1": "float8_e5m2",  # what numpy writes for the one float8 that claims to be a float
    "f2": "float16",
    "f4": "float32",
    "f8": "float64",
    "c8": "complex64",
    "c16": "complex128",
    "V2": "bfloat16",
}
ML_DTYPES = frozenset(
    (
        *("bfloat16", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"),
        "float8_e8m0fnu",
    )
)
"""What the package ml_dtypes adds to numpy, as far as an element takes whole bytes in both."""
_DESCR = re.compile(r"[<>|=]?(?P<code>[a-zA-Z?]\d*)(?P<unit>\[[^\]]*\])?")


@dataclass(frozen=True, slots=True)
class Stored:
    """Where an array's bytes lie, and how: ``length`` bytes from ``start``, of type ``descr``."""

    source: ByteSource
    start: int
    length: int
    descr: Any
    shape: tuple[int, ...]
    fortran_order: bool


def has_objects(descr: Any) -> bool:
    """Whether elements of a type are, or have fields that are, Python objects: numpy pickles them.

    Fields are ``(name, type)`` or ``(name, type, shape)``; what they are called says nothing.
    """
    if isinstance(descr, str):
        return "O" in descr or "object" in descr  # also among several, as in "f4,O"
    if isinstance(descr, tuple):
        return bool(descr) and has_objects(descr[0])
    fields = descr if isinstance(descr, list) else ()
    return any(has_objects(field[1]) for field in fields if _is_field(field))


def _is_field(field: Any) -> bool:
    return isinstance(field, tuple | list) and len(field) > 1


def array_data(stored: Stored, raw: str | None = None) -> TensorData:
    """The values of an array; ``raw`` names the dtype of one-byte raw elements where it is known.

    Raises:
        MalformedFile: the bytes are more or fewer than type and shape need.
    """
    descr = stored.descr
    match = _DESCR.fullmatch(descr) if isinstance(descr, str) else None
    code = match["code"] if match else ""
    if code[:1] in ("S", "U") and code[1:].strip("0"):
        return _text(stored, int(code[1:]) * (4 if code[0] == "U" else 1))
    if isinstance(descr, str) and descr[1:] in ML_DTYPES:
        found = DTYPES[descr[1:]]
    elif raw is not None and code == "V1":
        found = DTYPES[raw]
    elif code in TYPES:
        found = DTYPES[TYPES[code]]
    else:
        return Unreadable(stored.source.name, stored.shape, f"numpy type {descr!r}"[:100])
    return _numbers(stored, found, big=descr[:1] == ">" and found.bits > 8)


def _numbers(stored: Stored, dtype: DType, *, big: bool) -> TensorData:
    """Plain values: a file slice, swapped and transposed as it is read where needed."""
    shape = stored.shape[::-1] if stored.fortran_order else stored.shape
    data: TensorData = FileSlice(stored.source, stored.start, stored.length, dtype, shape)
    if big:
        data = Swapped(data)
    if stored.fortran_order and len(shape) > 1:
        from modelport.model.expression import source  # a third of the start-up of an inspection

        return source(Tensor("", data)).transpose()
    return data


def _text(stored: Stored, width: int) -> TensorData:
    needed = width * math.prod(stored.shape)
    if needed != stored.length:
        raise MalformedFile(
            stored.source.name,
            offset=stored.start,
            expected=f"{needed:,} bytes for {stored.descr} {list(stored.shape)}",
            found=f"{stored.length:,} bytes",
        )
    return Text(stored)


@dataclass(frozen=True, slots=True)
class Text:
    """Fixed-width strings: ``S`` gives bytes, ``U`` gives str, without the padding zeros."""

    stored: Stored
    dtype: DType = STRING

    @property
    def shape(self) -> tuple[int, ...]:
        """The extent of each axis."""
        return self.stored.shape

    def read_box(self, box: Box) -> NDArray[Any]:
        """The values inside ``box``; the whole array is read."""
        import numpy as np

        stored = self.stored
        raw = stored.source.read_at(stored.start, stored.length)
        _check_text(stored.source.name, stored.start, raw, stored.descr)
        order: Literal["F", "C"] = "F" if stored.fortran_order else "C"
        whole = np.frombuffer(raw, stored.descr) if raw else np.empty(0, object)
        values = whole.reshape(self.shape, order=order).astype(object)
        return values[tuple(slice(begin, stop) for begin, stop in box)]


def _check_text(name: str, start: int, raw: bytes, descr: str) -> None:
    """Refuse code points that are none; numpy would fail on them with an error of its own."""
    import numpy as np

    if "U" not in descr:
        return
    codes = np.frombuffer(raw, ">u4" if descr[0] == ">" else "<u4")
    wrong = np.flatnonzero((codes > 0x10FFFF) | ((codes >= 0xD800) & (codes < 0xE000)))
    if wrong.size:
        at = int(wrong[0])
        found = f"{int(codes[at]):#x}"
        raise MalformedFile(name, offset=start + 4 * at, expected="a code point", found=found)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An array whose type modelport lists but does not read, such as Python objects."""

    name: str
    shape: tuple[int, ...]
    what: str
    dtype: DType = OBJECT

    def read_box(self, box: Box) -> NDArray[Any]:
        """Raises UnsupportedFeature, naming the type."""
        raise UnsupportedFeature(self.name, self.what)
