"""What an operation works on: edges, numbers and arrays of a call, brought to one dtype.

The dtypes of results follow the promotion rules of ``keras.backend.result_type``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from modelport.dialects.keras.layer import Layer
from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.model.dtype import BOOL, DTYPES, FLOAT32, INT32, INT64, DType, from_numpy

Operand: TypeAlias = Any
"""An edge, a number, an array, or a (nested) list of numbers."""

MOST_ELEMENTS = 1 << 24
"""How large a constant may be that is made for an operation."""

MOST_PARTS = 1 << 16
"""How many nodes or outputs one operation may become."""

_WEAK = (bool, int, float)


def plain(written: Any) -> Any:
    """An argument of a call as Python has it: arrays, slices and Ellipsis out of their JSON forms.

    Raises:
        ValueError, TypeError: it has the form of one of them, but not its content.
    """
    if isinstance(written, list | tuple):
        return [plain(item) for item in written]
    if not isinstance(written, Mapping):
        return written
    name, config = written.get("class_name"), written.get("config")
    if name in ("__numpy__", "__tensor__") and isinstance(config, Mapping):
        return np.array(config["value"], DTYPES[config["dtype"]].numpy)
    if name == "__ellipsis__":
        return Ellipsis
    if name == "__slice__" and isinstance(config, Mapping):
        return _slice(config)
    if name == "__tuple__" and "items" in written:
        return plain(written["items"])
    if set(written) == {"start", "stop", "step"}:
        return _slice(written)
    return {key: plain(item) for key, item in written.items()}


def _slice(ends: Mapping[str, Any]) -> slice:
    return slice(*(plain(ends.get(key)) for key in ("start", "stop", "step")))


def common(types: Sequence[DType | type]) -> DType:
    """The dtype that values of these dtypes meet in; Python's own types give way to the others."""
    strong = {item for item in types if isinstance(item, DType) and item != BOOL}
    if any(item.kind not in ("int", "uint", "float") for item in strong):
        return next(item for item in strong if item.kind not in ("int", "uint", "float"))
    floats = [item for item in strong if item.kind == "float"]
    if floats:
        widest = max(floats, key=lambda item: item.bits)
        equals = [item for item in floats if item.bits == widest.bits]
        return widest if len(set(equals)) == 1 else FLOAT32
    if float in types:
        return FLOAT32
    if strong:
        return _whole(strong)
    return INT32 if int in types else BOOL


def _whole(types: set[DType]) -> DType:
    signed = max((item.bits for item in types if item.kind == "int"), default=0)
    unsigned = max((item.bits for item in types if item.kind == "uint"), default=0)
    if not signed:
        return DTYPES[f"uint{unsigned}"]
    bits = max(signed, 2 * unsigned)
    return DTYPES[f"int{bits}"] if bits <= 64 else FLOAT32


def array(value: Operand) -> NDArray[Any]:
    """A constant as an array; numbers without a dtype become float32 and int32."""
    if isinstance(value, np.ndarray):
        return value
    made = np.asarray(value)
    if made.dtype == np.float64 and not isinstance(value, np.generic):
        return made.astype(np.float32)
    if made.dtype == np.int64 and not isinstance(value, np.generic):
        fits = made.size == 0 or -(2**31) <= int(made.min()) <= int(made.max()) < 2**31
        return made.astype(np.int32) if fits else made
    return made


def tensor(layer: Layer, value: Operand, dtype: DType | None = None) -> Edge:
    """An operand as an edge, in ``dtype`` if one is given; a list may mix numbers and edges."""
    if isinstance(value, Edge):
        return ops.cast(layer.b, value, dtype) if dtype else value
    if value is None or isinstance(value, str | slice | Mapping):
        raise layer.error(f"it has {value!r} for a tensor")
    if isinstance(value, list | tuple) and _holds_edge(value):
        return stacked(layer, value, dtype)
    made = array(value)
    return layer.b.constant(made, dtype or from_numpy(made.dtype))


def _holds_edge(value: Operand) -> bool:
    if isinstance(value, list | tuple):
        return any(_holds_edge(item) for item in value)
    return isinstance(value, Edge)


def stacked(layer: Layer, values: Sequence[Operand], dtype: DType | None = None) -> Edge:
    """Operands of one shape along a new first axis."""
    parts = together(layer, *values) if dtype is None else [tensor(layer, v, dtype) for v in values]
    return ops.concat(layer.b, [ops.unsqueeze(layer.b, part, 0) for part in parts], 0)


def kind(value: Operand) -> DType | type:
    """The dtype of an operand, or the Python type of a bare number."""
    if isinstance(value, Edge):
        return value.dtype
    if type(value) in _WEAK:
        return type(value) if type(value) is not bool else BOOL
    if isinstance(value, list | tuple) and _holds_edge(value):
        return common([kind(item) for item in value])
    return from_numpy(array(value).dtype)


def together(layer: Layer, *values: Operand, least: type | None = None) -> list[Edge]:
    """Operands as edges of the dtype they meet in; ``least`` float makes whole numbers float."""
    wanted = common([*(kind(value) for value in values), *([least] if least else [])])
    return [tensor(layer, value, wanted) for value in values]


def floating(layer: Layer, value: Operand) -> Edge:
    """An operand as an edge of floats: whole numbers become float32."""
    edge = tensor(layer, value)
    return ops.cast(layer.b, edge, FLOAT32) if edge.dtype.kind != "float" else edge


def boolean(layer: Layer, value: Operand) -> Edge:
    """An operand as truth values."""
    return tensor(layer, value, BOOL)


def axes_of(axis: Any, rank: int) -> list[int]:
    """Axes given as None (all), a number or several, counted from the front.

    Raises:
        ValueError: an axis that is not there.
    """
    if axis is None:
        return list(range(rank))
    listed = np.asarray(axis).reshape(-1).tolist()
    for item in listed:
        if not isinstance(item, int) or not -rank <= item < rank:
            raise ValueError(f"axis {item} of {rank}")
    return [item % rank for item in listed]


def bounded(layer: Layer, count: int, what: str, most: int = MOST_ELEMENTS) -> int:
    """A number out of a file that decides how much is built, if it is within reason.

    Raises:
        ConversionError: it is not.
    """
    if not 0 <= count <= most:
        raise layer.error(f"{what} ({count}) is more than {most}")
    return count


def extents(layer: Layer, shape: Operand) -> list[int | Edge]:
    """A shape given as numbers, edges, or one int edge, as int64 edges of shape (1,) and ints."""
    b = layer.b
    if isinstance(shape, Edge):
        count = shape.shape[0] if shape.rank else None
        if not isinstance(count, int):
            raise layer.error("it takes a shape whose rank is unknown")
        values = shape.values or (None,) * count
        wide = ops.cast(b, shape, INT64)
        return [
            known if isinstance(known, int) else ops.slice_axis(b, wide, 0, i, i + 1)
            for i, known in enumerate(values)
        ]
    listed = shape if isinstance(shape, list | tuple) else np.asarray(shape).reshape(-1).tolist()
    return [_extent(layer, item) for item in listed]


def _extent(layer: Layer, item: Operand) -> int | Edge:
    if not isinstance(item, Edge):
        return -1 if item is None else int(item)
    if item.values and isinstance(item.values[0], int):
        return item.values[0]
    wide = ops.cast(layer.b, item, INT64)
    return ops.reshape(layer.b, wide, [1]) if wide.rank == 0 else wide
