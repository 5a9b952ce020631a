"""Plain JSON values of the types of a model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from modelport.model.graph import Shape, Value, type_name
from modelport.model.model import Finding
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
        "dtype": type_name(described.type),
        "shape": shape(described.shape),
    }


def tensor(described: Tensor) -> dict[str, Any]:
    """A tensor: name, dtype, shape, bytes."""
    return {
        "name": described.name,
        "dtype": described.dtype.name,
        "shape": list(described.shape),
        "bytes": described.nbytes,
    }


def finding(found: Finding) -> dict[str, str]:
    """A finding: its rule, its level, what it is and where."""
    return {
        "rule": found.rule,
        "level": str(found.level),
        "what": found.what,
        "where": found.where,
    }
