"""Complex tensors, as pairs of a real and an imaginary part.

The names registered here begin with ``complex::``: they are the operators of aten where an argument
is complex. What only moves elements does to both parts what it does to a real tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import (
    Call,
    Complex,
    Parameter,
    aten,
    lowering_of,
    meets_complex,
    run,
)
from modelport.dialects.torch.operators.arithmetic import atan2, hypotenuse
from modelport.dialects.torch.promote import together_floating
from modelport.model.dtype import FLOAT32, FLOAT64, DType

_PARTWISE = (
    "alias as_strided cat chunk clone concat contiguous cumsum detach diag diag_embed"
    " diagonal expand flatten flip fliplr flipud hstack index index_select gather lift_fresh"
    " mT matrix_T mean movedim moveaxis narrow neg negative nansum numpy_T"
    " permute positive ravel repeat repeat_interleave reshape roll rot90 select slice split"
    " split_with_sizes squeeze stack sum swapaxes swapdims t take tensor_split tile trace"
    " transpose tril triu unbind unflatten unfold unsqueeze view vstack _unsafe_view"
    " constant_pad_nd column_stack select_scatter slice_scatter zero"
    " zeros_like new_zeros empty_like"
).split()


def parts_of(call: Call, value: Any, dtype: DType | None = None) -> Complex:
    """A tensor or number as a pair; a real one has no imaginary part."""
    b = call.b
    if isinstance(value, Complex):
        return value
    if isinstance(value, complex):
        wanted = dtype or FLOAT32
        return Complex(b.constant(value.real, wanted), b.constant(value.imag, wanted))
    if isinstance(value, Edge) and value.dtype.kind == "complex":
        raise ValueError("it makes a complex tensor, which ONNX has not")
    if isinstance(value, Parameter) and value.dtype.kind == "complex":
        array = value.tensor.numpy()
        b.note(value.name, "its real and imaginary parts are written as constants")
        wanted = FLOAT64 if array.real.dtype.itemsize == 8 else FLOAT32
        return Complex(b.constant(array.real, wanted), b.constant(array.imag, wanted))
    (edge,) = together_floating(call, value)
    edge = ops.cast(b, edge, dtype) if dtype is not None else edge
    if edge.rank == 0:
        return Complex(edge, b.constant(0, edge.dtype))
    blank = b.emit(
        "Expand", [b.constant(0, edge.dtype), ops.shape_of(b, edge)], edge.dtype, edge.shape
    )
    return Complex(edge, blank)


def _partwise(op_type: str) -> Callable[..., Any]:
    def lower(call: Call, args: Sequence[Any], named: Mapping[str, Any]) -> Any:
        function = lowering_of("aten", op_type, call.overload)
        if function is None:
            raise ValueError("it has no form of real numbers either")
        made = []
        for part in ("real", "imag"):
            given = [_part(call, item, part) for item in args]
            by_name = {key: _part(call, item, part) for key, item in named.items()}
            made.append(run(call, function, given, by_name))
        return [Complex(call.tensor(re), call.tensor(im)) for re, im in zip(*made, strict=True)]

    return lower


def _part(call: Call, value: Any, part: str) -> Any:
    """One part of what is complex, all else as it is; tensors in a list with complex ones too."""
    if isinstance(value, list) and meets_complex(value):
        return [getattr(parts_of(call, item), part) for item in value]
    return getattr(parts_of(call, value), part) if meets_complex(value) else value


for _name in _PARTWISE:
    aten(f"complex::{_name}")(_partwise(_name))


# Into pairs and out of them


@aten("view_as_complex")
def view_as_complex(call: Call, x: Any) -> Complex:
    """The complex tensor whose parts stand in the last axis."""
    return from_last_axis(call, call.tensor(x))


def from_last_axis(call: Call, x: Edge) -> Complex:
    """The pair whose parts stand in the last axis of a tensor."""
    parts = [ops.squeeze(call.b, ops.slice_axis(call.b, x, -1, i, i + 1), -1) for i in (0, 1)]
    return Complex(*parts)


@aten("complex::view_as_real")
def view_as_real(call: Call, x: Any) -> Edge:
    """The parts in a new last axis."""
    pair = parts_of(call, x)
    wide = [ops.unsqueeze(call.b, part, pair.rank) for part in (pair.real, pair.imag)]
    return ops.concat(call.b, wide, -1)


@aten("complex")
def from_parts(call: Call, real: Any, imag: Any) -> Complex:
    """The complex tensor of two real ones, broadcast."""
    left, right = together_floating(call, real, imag)
    nought = ops.multiply(call.b, ops.add(call.b, left, right), 0)
    same = left.shape == right.shape and None not in left.shape
    parts = [left, right] if same else [ops.add(call.b, part, nought) for part in (left, right)]
    return Complex(*parts)


@aten("polar")
def polar(call: Call, abs: Any, angle: Any) -> Complex:
    """The complex numbers of a size and an angle."""
    size, turn = together_floating(call, abs, angle)
    parts = [ops.unary(call.b, op_type, turn) for op_type in ("Cos", "Sin")]
    return Complex(*(ops.multiply(call.b, size, part) for part in parts))


@aten("complex::real")
def real(call: Call, x: Any) -> Edge:
    """The real part."""
    return parts_of(call, x).real


@aten("complex::imag")
def imag(call: Call, x: Any) -> Edge:
    """The imaginary part."""
    return parts_of(call, x).imag


@aten("complex::abs", "complex::absolute")
def absolute(call: Call, x: Any) -> Edge:
    """The distance from 0."""
    pair = parts_of(call, x)
    return hypotenuse(call, pair.real, pair.imag)


@aten("complex::angle")
def angle(call: Call, x: Any) -> Edge:
    """The angle from the real axis."""
    pair = parts_of(call, x)
    return atan2(call, pair.imag, pair.real)


@aten(*(f"complex::{name}" for name in ("conj", "_conj", "conj_physical", "_conj_physical")))
def conjugate(call: Call, x: Any) -> Complex:
    """The imaginary part turned over."""
    pair = parts_of(call, x)
    return Complex(pair.real, ops.unary(call.b, "Neg", pair.imag))


@aten("complex::resolve_conj", "complex::resolve_neg")
def resolved(call: Call, x: Any) -> Complex:
    """The tensor as it is."""
    return parts_of(call, x)


@aten(*(f"complex::{name}" for name in ("mH", "matrix_H", "adjoint")))
def adjoint(call: Call, x: Any) -> Complex:
    """The last two axes exchanged, conjugated."""
    pair = parts_of(call, x)
    order = [*range(pair.rank - 2), pair.rank - 1, pair.rank - 2]
    moved = Complex(*(ops.transpose(call.b, part, order) for part in (pair.real, pair.imag)))
    return conjugate(call, moved)


@aten("complex::copy")
def copy(call: Call, x: Any, src: Any, non_blocking: bool = False) -> Complex:
    """The elements of another tensor, in the place of complex ones."""
    if not meets_complex(x):
        raise ValueError("it puts complex numbers in the place of real ones")
    return parts_of(call, src)


# Dtypes


def converted(call: Call, x: Any, dtype: DType | None) -> Any:
    """A complex or real tensor in a dtype; a real dtype takes the real part alone."""
    if dtype is None:
        return x
    if dtype.kind != "complex":
        return ops.cast(call.b, parts_of(call, x).real, dtype)
    pair = parts_of(call, x)
    wide = FLOAT64 if dtype.name == "complex128" else FLOAT32
    return Complex(*(ops.cast(call.b, part, wide) for part in (pair.real, pair.imag)))
