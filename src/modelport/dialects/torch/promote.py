"""Which dtype torch computes in when tensors and numbers of several meet.

Rules: https://docs.pytorch.org/docs/stable/tensor_attributes.html#torch.dtype. Of tensors with
axes, tensors without, and Python numbers, each decides only what kind (bool, whole, float, complex)
the one before it left open.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, is_number
from modelport.model.dtype import (
    BOOL,
    COMPLEX64,
    COMPLEX128,
    FLOAT32,
    FLOAT64,
    INT16,
    INT32,
    INT64,
    DType,
)

_KINDS = {"bool": 0, "uint": 1, "int": 1, "float": 2, "complex": 3}


def result_dtype(values: Sequence[Any]) -> DType:
    """The dtype of an operation over tensors and numbers."""
    met: list[DType | None] = [None, None, None]
    for value in values:
        if value is None:
            continue
        if is_number(value) or isinstance(value, complex):
            place, dtype = 2, _of_number(value)
        else:
            place, dtype = (0 if value.rank else 1), value.dtype
        held = met[place]
        met[place] = dtype if held is None else wider(held, dtype)
    found = _decided(_decided(met[0], met[1]), met[2])
    return found or FLOAT32


def _decided(higher: DType | None, lower: DType | None) -> DType | None:
    """What those of higher standing and those of lower standing meet in."""
    if higher is None or lower is None:
        return higher or lower
    if _KINDS[lower.kind] <= _KINDS[higher.kind]:
        return higher
    if lower.kind == "complex" and higher.kind == "float":
        return COMPLEX128 if higher == FLOAT64 else COMPLEX64
    return lower


def _of_number(value: Any) -> DType:
    kind = value.dtype.kind if isinstance(value, Edge) else type(value).__name__
    return {"bool": BOOL, "float": FLOAT32, "complex": COMPLEX64}.get(kind, INT64)


def wider(a: DType, b: DType) -> DType:
    """The dtype that two tensors of the same standing meet in."""
    if a == b:
        return a
    if _KINDS[a.kind] != _KINDS[b.kind]:
        return a if _KINDS[a.kind] > _KINDS[b.kind] else b
    if a.kind == "complex":
        return COMPLEX128
    if a.kind == "float":
        return a if a.bits > b.bits else b if b.bits > a.bits else FLOAT32
    if a.kind == b.kind:
        return a if a.bits > b.bits else b
    signed, unsigned = (a, b) if a.kind == "int" else (b, a)
    if signed.bits > unsigned.bits:
        return signed
    return {8: INT16, 16: INT32}.get(unsigned.bits, INT64)


def together(call: Call, *values: Any, dtype: DType | None = None) -> list[Edge]:
    """Tensors and numbers in the dtype that they meet in."""
    wanted = dtype or result_dtype(values)
    if wanted is FLOAT32 and not any(_holds_floats(value) for value in values):
        wanted = call.floats
    return [in_dtype(call, value, wanted) for value in values]


def together_floating(call: Call, *values: Any) -> list[Edge]:
    """Tensors and numbers in the dtype that they meet in, or in floats where that holds none."""
    met = result_dtype(values)
    return together(call, *values, dtype=None if met.kind in ("float", "complex") else call.floats)


def _holds_floats(value: Any) -> bool:
    return not is_number(value) and value.dtype.kind == "float"


def in_dtype(call: Call, value: Any, dtype: DType) -> Edge:
    """A tensor or number in a dtype."""
    if isinstance(value, bool | int | float):
        return call.b.constant(value, dtype)
    return ops.cast(call.b, call.tensor(value), dtype)


def floating(call: Call, value: Any) -> Edge:
    """A tensor as it is if it holds floats, else in them, as torch takes roots of it."""
    edge = call.tensor(value)
    return edge if edge.dtype.kind in ("float", "complex") else ops.cast(call.b, edge, call.floats)


def whole(call: Call, value: Any) -> Edge:
    """A tensor as torch adds it up: bools and whole numbers in int64, floats as they are."""
    edge = call.tensor(value)
    return edge if edge.dtype.kind in ("float", "complex") else ops.cast(call.b, edge, INT64)


def roomy(dtype: DType) -> DType:
    """The dtype to compute in: runtimes lack arithmetic of narrow and unsigned numbers.

    Casting the result back wraps around, as the narrow arithmetic does.
    """
    if dtype.kind == "bool" or (dtype.kind in ("int", "uint") and dtype.bits < 32):
        return INT32
    return INT64 if dtype.kind == "uint" else dtype


def computed(call: Call, op_type: str, *edges: Edge) -> Edge:
    """A broadcasting operator over tensors of one dtype, whatever that is."""
    dtype = edges[0].dtype
    wide = [ops.cast(call.b, edge, roomy(dtype)) for edge in edges]
    found = wide[0]
    for other in wide[1:]:
        found = ops.binary(call.b, op_type, found, other)
    return found if found.dtype == BOOL else ops.cast(call.b, found, dtype)


def chosen(call: Call, condition: Edge, x: Edge, y: Edge) -> Edge:
    """``x`` where the condition holds, else ``y``, broadcast; of any dtype."""
    dtype = x.dtype
    wide = [ops.cast(call.b, edge, roomy(dtype)) for edge in (x, y)]
    return ops.cast(call.b, ops.where(call.b, condition, *wide), dtype)


def truth(call: Call, value: Any) -> Edge:
    """Whether elements are other than 0; NaN is."""
    edge = call.tensor(value)
    return ops.cast(call.b, edge, BOOL)
