"""Comparisons, logic, and choices by them."""

from __future__ import annotations

from typing import Any

from modelport.dialects.onnx import arithmetic, layout, ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten, number_edge
from modelport.dialects.torch.operators.reduce import reduce_bool
from modelport.dialects.torch.promote import (
    chosen,
    computed,
    in_dtype,
    roomy,
    together,
    together_floating,
    truth,
)
from modelport.model.dtype import BOOL, INT32, INT64

_COMPARISONS = {
    **{"gt": "Greater", "greater": "Greater", "ge": "GreaterOrEqual"},
    **{"greater_equal": "GreaterOrEqual", "lt": "Less", "less": "Less"},
    **{"le": "LessOrEqual", "less_equal": "LessOrEqual", "eq": "Equal"},
}


def _compared(op_type: str) -> Any:
    def lower(call: Call, x: Any, other: Any) -> Edge:
        return computed(call, op_type, *together(call, x, other))

    return lower


for _name, _op_type in _COMPARISONS.items():
    aten(_name)(_compared(_op_type))


@aten("ne", "not_equal")
def not_equal(call: Call, x: Any, other: Any) -> Edge:
    """Whether two elements differ."""
    return ops.unary(call.b, "Not", computed(call, "Equal", *together(call, x, other)))


@aten("equal")
def equal(call: Call, x: Any, other: Any) -> Edge:
    """Whether two tensors hold the same elements: a truth of Python."""
    left, right = together(call, x, other)
    if left.rank != right.rank:
        return number_edge(call.b.constant([False], BOOL))
    known = [a == b and a is not None for a, b in zip(left.shape, right.shape, strict=True)]
    shapes = None
    if not all(known):  # torch compares their shapes first
        sides = [ops.shape_of(call.b, edge) for edge in (left, right)]
        shapes = reduce_bool(call, computed(call, "Equal", *sides), None, False, every=True)
        least = call.b.emit("Min", sides, INT64, (left.rank,))
        start = call.b.constant([0] * left.rank, INT64)
        left, right = (
            call.b.emit("Slice", [edge, start, least], edge.dtype, (None,) * edge.rank)
            for edge in (left, right)
        )
    same = reduce_bool(call, computed(call, "Equal", left, right), None, False, every=True)
    if shapes is not None:
        same = call.b.emit("And", [same, shapes], BOOL, ())
    return _number(call, same)


def _number(call: Call, edge: Edge) -> Edge:
    return number_edge(ops.unsqueeze(call.b, edge, 0))


def _logical(op_type: str) -> Any:
    def lower(call: Call, x: Any, other: Any) -> Edge:
        pair = [truth(call, x), truth(call, other)]
        return layout.elementwise(call.b, op_type, pair, BOOL)

    return lower


for _name in ("And", "Or", "Xor"):
    aten(f"logical_{_name.lower()}")(_logical(_name))


@aten("isclose")
def is_close(
    call: Call,
    x: Any,
    other: Any,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    equal_nan: bool = False,
) -> Edge:
    """Whether |x - other| ≤ atol + rtol |other|."""
    left, right = together_floating(call, x, other)
    return arithmetic.is_close(call.b, left, right, rtol, atol, equal_nan)


@aten("allclose")
def all_close(
    call: Call,
    x: Any,
    other: Any,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    equal_nan: bool = False,
) -> Edge:
    """Whether all elements are close: a truth of Python."""
    close = is_close(call, x, other, rtol, atol, equal_nan)
    return _number(call, reduce_bool(call, close, None, False, every=True))


@aten("where.self", "where.Scalar", "where.ScalarOther", "where.ScalarSelf")
def where(call: Call, condition: Any, x: Any, other: Any) -> Edge:
    """The first where the condition holds, else the second."""
    left, right = together(call, x, other)
    return chosen(call, truth(call, condition), left, right)


@aten("masked_fill")
def masked_fill(call: Call, x: Any, mask: Any, value: Any) -> Edge:
    """``x`` with a number where the mask holds."""
    edge = call.tensor(x)
    return chosen(call, truth(call, mask), in_dtype(call, value, edge.dtype), edge)


@aten("isin")
def is_in(
    call: Call,
    elements: Any,
    test_elements: Any,
    assume_unique: bool = False,
    invert: bool = False,
) -> Edge:
    """Whether each element is one of the others."""
    b = call.b
    left, right = together(call, elements, test_elements)
    wide = ops.cast(b, ops.unsqueeze(b, left, left.rank), roomy(left.dtype))
    among = ops.reshape(b, ops.cast(b, right, roomy(left.dtype)), [-1])
    same = ops.cast(b, ops.binary(b, "Equal", wide, among), INT32)
    found = ops.binary(b, "Greater", ops.reduce(b, "ReduceSum", same, [-1]), 0)
    return ops.unary(b, "Not", found) if invert else found


@aten("isin.Tensor_Scalar")
def is_number(
    call: Call, elements: Any, test_element: Any, assume_unique: bool = False, invert: bool = False
) -> Edge:
    """Whether each element is a number."""
    return is_in(call, elements, test_element, assume_unique, invert)


@aten("isin.Scalar_Tensor")
def number_is_in(
    call: Call, element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False
) -> Edge:
    """Whether a number is one of the elements."""
    return is_in(call, element, test_elements, assume_unique, invert)
