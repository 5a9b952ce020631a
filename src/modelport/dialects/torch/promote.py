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
from modelport.dialects.torch.call import Call, Parameter
from modelport.model.dtype import (
    BOOL,
    COMPLEX64,
    COMPLEX128,
    FLOAT32,
    INT16,
    INT32,
    INT64,
    DType,
)

_KINDS = {"bool": 0, "uint": 1, "int": 1, "float": 2, "complex": 3}


def result_dtype(values: Sequence[Any]) -> DType:
    """The dtype of an operation over tensors and numbers."""
    classes: list[list[DType]] = [[], [], []]
    for value in values:
        if isinstance(value, Edge | Parameter):
            classes[0 if value.rank else 1].append(value.dtype)
        elif value is not None:
            classes[2].append(_of_number(value))
    found: DType | None = None
    for dtypes in classes:
        for dtype in dtypes:
            if found is None or _KINDS[dtype.kind] > _KINDS[found.kind]:
                found = dtype if found is None or dtypes is not classes[2] else _default(dtype)
            elif dtypes is not classes[2] and dtype in dtypes and _same_class(found, dtypes):
                found = wider(found, dtype)
    return found or FLOAT32


def _same_class(found: DType, dtypes: Sequence[DType]) -> bool:
    return found in dtypes


def _of_number(value: Any) -> DType:
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, complex):
        return COMPLEX64
    return FLOAT32 if isinstance(value, float) else INT64


def _default(dtype: DType) -> DType:
    return {"float": FLOAT32, "complex": COMPLEX64}.get(dtype.kind, dtype)


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
    return [in_dtype(call, value, wanted) for value in values]


def in_dtype(call: Call, value: Any, dtype: DType) -> Edge:
    """A tensor or number in a dtype."""
    if isinstance(value, bool | int | float):
        return call.b.constant(value, dtype)
    return ops.cast(call.b, call.tensor(value), dtype)


def floating(call: Call, value: Any) -> Edge:
    """A tensor as it is if it holds floats, else in float32, as torch takes roots of it."""
    edge = call.tensor(value)
    return edge if edge.dtype.kind in ("float", "complex") else ops.cast(call.b, edge, FLOAT32)
