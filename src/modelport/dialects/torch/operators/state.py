"""Operators that give a tensor new elements in place, and assertions."""

from __future__ import annotations

from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten
from modelport.dialects.torch.operators.create import full_like
from modelport.dialects.torch.promote import chosen, in_dtype


@aten("copy")
def copy(call: Call, x: Any, src: Any, non_blocking: bool = False) -> Edge:
    """The elements of another tensor, broadcast, in the dtype of this one."""
    edge = call.tensor(x)
    source = in_dtype(call, src, edge.dtype)
    if source.shape == edge.shape:
        return source
    made = call.b.emit("Expand", [source, ops.shape_of(call.b, edge)], edge.dtype, edge.shape)
    return Edge(made.name, edge.dtype, edge.shape)


@aten("fill")
def fill(call: Call, x: Any, value: Any) -> Any:
    """One value everywhere."""
    return full_like(call, x, value)


@aten("zero")
def zero(call: Call, x: Any) -> Any:
    """0 everywhere."""
    return full_like(call, x, 0)


@aten("fill_diagonal")
def fill_diagonal(call: Call, x: Any, fill_value: Any, wrap: bool = False) -> Edge:
    """One value on the main diagonal of a matrix."""
    b, edge = call.b, call.tensor(x)
    sides = [ops.arange(b, ops.extent(b, edge, axis)) for axis in (0, 1)]
    on = ops.binary(b, "Equal", ops.unsqueeze(b, sides[0], 1), ops.unsqueeze(b, sides[1], 0))
    return chosen(call, on, in_dtype(call, fill_value, edge.dtype), edge)


@aten(
    *("_assert_async", "_assert_scalar", "_assert_tensor_metadata", "_functional_assert_async"),
    *("sym_constrain_range", "sym_constrain_range_for_size", "_print"),
)
def assertion(call: Call, rest: Any) -> list[Edge]:
    """What only stops a program computes nothing."""
    return []
