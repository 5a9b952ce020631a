"""What is known of a value: its type, and its elements where they are few and known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from modelport.dialects.onnx.edge import MOST
from modelport.dialects.onnx.types.dims import demand
from modelport.model.dtype import DTYPES, INT32, INT64, DType
from modelport.model.graph import Dim, Shape
from modelport.model.tensor import InMemory, Tensor

ONNX_DTYPES: dict[str, int] = {
    "float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7,
    "string": 8, "bool": 9, "float16": 10, "float64": 11, "uint32": 12, "uint64": 13,
    "complex64": 14, "complex128": 15, "bfloat16": 16, "float8_e4m3fn": 17,
    "float8_e4m3fnuz": 18, "float8_e5m2": 19, "float8_e5m2fnuz": 20, "uint4": 21, "int4": 22,
    "float4_e2m1fn": 23, "float8_e8m0fnu": 24, "uint2": 25, "int2": 26,
}  # fmt: skip
"""TensorProto.DataType of the ONNX specification."""
DTYPE_OF = {number: DTYPES[name] for name, number in ONNX_DTYPES.items()}
"""The data type of each number."""

MOST_ELEMENTS = 4096
"""Elements of a constant that is followed; larger ones are weights."""
MOST_FRACTIONS = 64
"""The same for floats, which take part in the arithmetic of shapes as scales and sizes."""

Elements: TypeAlias = "NDArray[Any] | tuple[Dim, ...] | None"


class Stored:
    """A small constant of a file, read when somebody asks."""

    __slots__ = ("_array", "_tensor")

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor
        self._array: NDArray[Any] | None = None

    def array(self) -> NDArray[Any]:
        """The elements, read once."""
        if self._array is None:
            self._array = np.asarray(self._tensor.numpy())
        return self._array


@dataclass(frozen=True, slots=True)
class Known:
    """The type of a value, as far as it is known.

    ``boxes`` says what holds tensors of that type, outermost first: ``("sequence",)`` or
    ``("optional", "sequence")``; a tensor has none.
    """

    dtype: DType | None
    shape: Shape
    held: NDArray[Any] | tuple[Dim, ...] | Stored | None = field(
        default=None, repr=False, compare=False
    )
    boxes: tuple[str, ...] = ()

    @property
    def value(self) -> Elements:
        """The elements: an array where all are known, extents where only some are, else None.

        Extents (numbers, names and None, each of a vector's elements or of a scalar's one) are
        only given for int64 and int32. Reads a small tensor of the file when first asked.
        """
        return self.held.array() if isinstance(self.held, Stored) else self.held

    @property
    def array(self) -> NDArray[Any] | None:
        """The elements where all are known."""
        value = self.value
        return value if isinstance(value, np.ndarray) else None

    @property
    def extents(self) -> tuple[Dim, ...] | None:
        """The elements of a vector or scalar of whole numbers, as far as they are known."""
        value = self.value
        if isinstance(value, np.ndarray):
            whole = value.ndim < 2 and value.dtype.kind in "iu"
            return tuple(value.reshape(-1).tolist()) if whole else None
        return value

    @property
    def rank(self) -> int | None:
        """The number of axes."""
        return None if self.shape is None else len(self.shape)

    def dim(self, axis: int) -> Dim:
        """The extent of an axis, None where it is unknown."""
        fine = self.shape is not None and -len(self.shape) <= axis < len(self.shape)
        return self.shape[axis] if self.shape is not None and fine else None

    def bare(self) -> Known:
        """The same without its elements."""
        return self if self.held is None else Known(self.dtype, self.shape, None, self.boxes)


UNKNOWN = Known(None, None)
"""A value of which nothing is known."""


def made(dtype: DType | None, shape: Shape) -> Known:
    """A result of that type.

    Raises:
        ValueError: an extent is below 0, or more than can be counted.
    """
    for extent in shape or ():
        if isinstance(extent, int):
            demand(0 <= extent <= MOST, f"an axis of {extent:,} elements")
    return Known(dtype, shape)


def constant(array: NDArray[Any], dtype: DType) -> Known:
    """A small value that is known as a whole."""
    return Known(dtype, array.shape, array)


def vector(extents: Sequence[Dim], dtype: DType = INT64, scalar: bool = False) -> Known:
    """A vector (or a scalar, of one element) whose elements are known in part."""
    shape: Shape = () if scalar else (len(extents),)
    whole = [extent for extent in extents if isinstance(extent, int)]
    if dtype not in (INT64, INT32) or len(extents) > MOST_ELEMENTS:
        return Known(dtype, shape)
    info = np.iinfo(dtype.numpy)
    if any(not info.min <= number <= info.max for number in whole):
        return Known(dtype, shape)
    if len(whole) == len(extents):
        return Known(dtype, shape, np.array(whole, dtype.numpy).reshape(() if scalar else -1))
    if all(extent is None for extent in extents):
        return Known(dtype, shape)
    return Known(dtype, shape, tuple(extents))


def of_tensor(tensor: Tensor) -> Known:
    """A weight or constant of a file; its elements are followed where they are few."""
    dtype = tensor.dtype
    most = MOST_ELEMENTS if dtype.kind in ("int", "uint", "bool") else MOST_FRACTIONS
    if tensor.size > most or dtype.kind not in ("int", "uint", "bool", "float"):
        return Known(dtype, tensor.shape)
    data = tensor.data
    held = data.array if isinstance(data, InMemory) else Stored(tensor)
    return Known(dtype, tensor.shape, held)
