"""The data types of tensors: one closed table of our own, so that listing a file needs no numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class DType:
    """A data type.

    ``bits`` is the width of one element; types under 8 bits are packed, the first element in the
    lowest bits. It is 0 for types whose elements have no fixed width (``string``, ``object``).
    """

    name: str
    bits: int
    kind: str  # bool | int | uint | float | complex | string | other

    def nbytes(self, count: int) -> int:
        """The bytes that ``count`` elements take when stored densely."""
        return (count * self.bits + 7) // 8

    @property
    def numpy(self) -> np.dtype[Any]:
        """The numpy dtype (of ml_dtypes where numpy has none); packed types become one a byte."""
        import numpy as np

        if self.kind in ("string", "other"):
            return np.dtype(object)
        if self.name in _ML_DTYPES:
            import ml_dtypes

            found: np.dtype[Any] = np.dtype(getattr(ml_dtypes, _ML_DTYPES[self.name]))
            return found
        return np.dtype(self.name)

    def __str__(self) -> str:
        return self.name


_ML_DTYPES = {
    "bfloat16": "bfloat16",
    "float8_e4m3fn": "float8_e4m3fn",
    "float8_e4m3fnuz": "float8_e4m3fnuz",
    "float8_e5m2": "float8_e5m2",
    "float8_e5m2fnuz": "float8_e5m2fnuz",
    "float8_e8m0fnu": "float8_e8m0fnu",
    "float6_e2m3fn": "float6_e2m3fn",
    "float6_e3m2fn": "float6_e3m2fn",
    "float4_e2m1fn": "float4_e2m1fn",
    "int4": "int4",
    "uint4": "uint4",
    "int2": "int2",
    "uint2": "uint2",
}

BOOL = DType("bool", 8, "bool")
INT8, INT16 = DType("int8", 8, "int"), DType("int16", 16, "int")
INT32, INT64 = DType("int32", 32, "int"), DType("int64", 64, "int")
UINT8, UINT16 = DType("uint8", 8, "uint"), DType("uint16", 16, "uint")
UINT32, UINT64 = DType("uint32", 32, "uint"), DType("uint64", 64, "uint")
INT2, UINT2 = DType("int2", 2, "int"), DType("uint2", 2, "uint")
INT4, UINT4 = DType("int4", 4, "int"), DType("uint4", 4, "uint")
FLOAT16, BFLOAT16 = DType("float16", 16, "float"), DType("bfloat16", 16, "float")
FLOAT32, FLOAT64 = DType("float32", 32, "float"), DType("float64", 64, "float")
FLOAT8_E4M3FN = DType("float8_e4m3fn", 8, "float")
FLOAT8_E4M3FNUZ = DType("float8_e4m3fnuz", 8, "float")
FLOAT8_E5M2 = DType("float8_e5m2", 8, "float")
FLOAT8_E5M2FNUZ = DType("float8_e5m2fnuz", 8, "float")
FLOAT8_E8M0FNU = DType("float8_e8m0fnu", 8, "float")
FLOAT6_E2M3FN = DType("float6_e2m3fn", 6, "float")
FLOAT6_E3M2FN = DType("float6_e3m2fn", 6, "float")
FLOAT4_E2M1FN = DType("float4_e2m1fn", 4, "float")
COMPLEX64, COMPLEX128 = DType("complex64", 64, "complex"), DType("complex128", 128, "complex")
STRING = DType("string", 0, "string")
OBJECT = DType("object", 0, "other")

DTYPES: dict[str, DType] = {
    value.name: value for value in list(globals().values()) if isinstance(value, DType)
}


def dtype(name: str) -> DType:
    """The data type of that name.

    Raises:
        ValueError: no such type; the message lists those there are.
    """
    if name not in DTYPES:
        raise ValueError(f"unknown dtype {name!r}; known: {', '.join(DTYPES)}")
    return DTYPES[name]


def from_numpy(numpy_dtype: Any) -> DType:
    """The data type of a numpy dtype; text and bytes become ``string``, the rest ``object``."""
    if numpy_dtype.name in DTYPES:
        return DTYPES[numpy_dtype.name]
    return STRING if numpy_dtype.kind in "SUT" else OBJECT
