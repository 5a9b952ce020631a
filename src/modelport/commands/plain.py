"""Plain JSON values of the types of a model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from modelport.model.graph import (
    MapType,
    OpaqueType,
    OptionalType,
    SequenceType,
    Shape,
    TensorType,
    Value,
    ValueType,
)
from modelport.model.tensor import Tensor


def plain(value: Any) -> Any:
    """A value as JSON can hold it; numbers that are not finite become strings."""
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if hasattr(value, "tolist"):  # numpy numbers and arrays
        return plain(value.tolist())
    return str(value)


def shape(extents: Shape) -> list[int | str | None] | None:
    """A shape as a list; None where even the rank is unknown."""
    return None if extents is None else list(extents)


def value(described: Value) -> dict[str, Any]:
    """An input or output: name, dtype, shape."""
    return {
        "name": described.name,
        "dtype": value_type(described.type),
        "shape": shape(described.shape),
    }


def value_type(described: ValueType | None) -> str | None:
    """The type of a value in one word (``float32``, ``sequence(float32)``)."""
    if isinstance(described, TensorType):
        if described.dtype is None:
            return None
        return f"sparse({described.dtype})" if described.sparse else described.dtype.name
    if isinstance(described, SequenceType):
        return f"sequence({value_type(described.element)})"
    if isinstance(described, OptionalType):
        return f"optional({value_type(described.element)})"
    if isinstance(described, MapType):
        return f"map({described.key}, {value_type(described.value)})"
    if isinstance(described, OpaqueType):
        return f"opaque({described.domain}, {described.name})"
    return None


def tensor(described: Tensor) -> dict[str, Any]:
    """A tensor: name, dtype, shape, bytes."""
    return {
        "name": described.name,
        "dtype": described.dtype.name,
        "shape": list(described.shape),
        "bytes": described.nbytes,
    }
