"""Operators on the bits of whole numbers."""

from __future__ import annotations

from typing import Any

from modelport.dialects.onnx import arithmetic, layout, ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten
from modelport.dialects.torch.promote import roomy, together
from modelport.model.dtype import BOOL, UINT64


def _bitwise(op_type: str) -> Any:
    def lower(call: Call, x: Any, other: Any) -> Edge:
        left, right = together(call, x, other)
        operator = op_type if left.dtype == BOOL else f"Bitwise{op_type}"
        return layout.elementwise(call.b, operator, [left, right], left.dtype)

    return lower


for _name in ("And", "Or", "Xor"):
    _low = _name.lower()
    aten(f"bitwise_{_low}", f"__{_low}__", f"__i{_low}__")(_bitwise(_name))


@aten("bitwise_left_shift", "__lshift__", "__ilshift__")
def shift_left(call: Call, x: Any, other: Any) -> Edge:
    """The bits moved up; those that leave are lost."""
    b = call.b
    left, right = together(call, x, other)
    # ONNX shifts unsigned numbers only; the bits are the same ones.
    wide = [ops.cast(b, edge, UINT64) for edge in (left, right)]
    moved = layout.elementwise(b, "BitShift", wide, UINT64, direction="LEFT")
    return ops.cast(b, moved, left.dtype)


@aten("bitwise_right_shift", "__rshift__", "__irshift__")
def shift_right(call: Call, x: Any, other: Any) -> Edge:
    """The bits moved down, the sign kept: the quotient by a power of 2, rounded down."""
    b = call.b
    left, right = together(call, x, other)
    wide = [ops.cast(b, edge, roomy(left.dtype)) for edge in (left, right)]
    most = roomy(left.dtype).bits - 2
    if not isinstance(other, int) or not 0 <= other <= most:
        # Shifted by what is no number of bits, nothing but the sign is left.
        fits = ops.binary(
            b,
            "And",
            ops.binary(b, "GreaterOrEqual", wide[1], 0),
            ops.binary(b, "LessOrEqual", wide[1], most),
        )
        wide[1] = ops.where(b, fits, wide[1], b.constant(most, wide[1].dtype))
    found = arithmetic.floor_divide(b, wide[0], arithmetic.power_of_two(b, wide[1]))
    return ops.cast(b, found, left.dtype)
