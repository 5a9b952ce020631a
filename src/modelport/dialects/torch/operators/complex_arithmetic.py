"""Arithmetic of complex tensors, as pairs of a real and an imaginary part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, Complex, Parameter, aten, lowering_of
from modelport.dialects.torch.operators.complex import (
    absolute,
    angle,
    conjugate,
    parts_of,
    polar,
)
from modelport.dialects.torch.promote import chosen
from modelport.model.dtype import FLOAT32, FLOAT64


def alike(call: Call, *values: Any) -> list[Complex]:
    """Tensors and numbers as pairs of one dtype; numbers, and tensors without axes, give way."""
    held = [item for item in values if isinstance(item, Complex | Parameter | Edge)]
    wide = any(
        item.dtype.bits in (64, 128) and item.dtype.name in ("float64", "complex128")
        for item in held
        if item.rank
    )
    dtype = FLOAT64 if wide else FLOAT32
    made = []
    for item in values:
        pair = parts_of(call, item, dtype if not isinstance(item, Complex) else None)
        made.append(Complex(*(ops.cast(call.b, edge, dtype) for edge in (pair.real, pair.imag))))
    return made


def _add(call: Call, x: Any, other: Any, sign: int, alpha: Any) -> Complex:
    left, right = alike(call, x, other)
    if alpha != 1:
        right = times(call, right, alike(call, alpha)[0])
    op_type = "Add" if sign > 0 else "Sub"
    return Complex(
        ops.binary(call.b, op_type, left.real, right.real),
        ops.binary(call.b, op_type, left.imag, right.imag),
    )


@aten("complex::add")
def add(call: Call, x: Any, other: Any, alpha: Any = 1) -> Complex:
    """``x + alpha other``."""
    return _add(call, x, other, 1, alpha)


@aten("complex::sub", "complex::subtract")
def subtract(call: Call, x: Any, other: Any, alpha: Any = 1) -> Complex:
    """``x - alpha other``."""
    return _add(call, x, other, -1, alpha)


@aten("complex::rsub")
def reverse_subtract(call: Call, x: Any, other: Any, alpha: Any = 1) -> Complex:
    """``other - alpha x``."""
    return _add(call, other, x, -1, alpha)


Product = Callable[[Edge, Edge], Edge]


def product(call: Call, left: Complex, right: Complex, multiply: Product) -> Complex:
    """(a + ib)(c + id) = (ac - bd) + i(ad + bc), for any product of two tensors."""
    b = call.b
    return Complex(
        ops.subtract(b, multiply(left.real, right.real), multiply(left.imag, right.imag)),
        ops.add(b, multiply(left.real, right.imag), multiply(left.imag, right.real)),
    )


def times(call: Call, left: Complex, right: Complex) -> Complex:
    """The product, broadcast."""
    return product(call, left, right, lambda p, q: ops.multiply(call.b, p, q))


@aten("complex::mul", "complex::multiply")
def multiply(call: Call, x: Any, other: Any) -> Complex:
    """The product."""
    return times(call, *alike(call, x, other))


@aten("complex::square")
def square(call: Call, x: Any) -> Complex:
    """``x²``."""
    return multiply(call, x, x)


def _over(call: Call, x: Complex, by: Edge) -> Complex:
    return Complex(*(ops.divide(call.b, part, by) for part in (x.real, x.imag)))


@aten("complex::div", "complex::divide", "complex::true_divide")
def divide(call: Call, x: Any, other: Any, rounding_mode: str | None = None) -> Complex:
    """``x conj(other) / |other|²``."""
    if rounding_mode is not None:
        raise ValueError("a complex quotient is not rounded")
    b = call.b
    left, right = alike(call, x, other)
    size = ops.add(
        b, ops.multiply(b, right.real, right.real), ops.multiply(b, right.imag, right.imag)
    )
    return _over(call, times(call, left, conjugate(call, right)), size)


@aten("complex::reciprocal")
def reciprocal(call: Call, x: Any) -> Complex:
    """``1 / x``."""
    return divide(call, 1.0, x)


@aten("complex::sgn")
def sign(call: Call, x: Any) -> Complex:
    """``x / |x|``, 0 at 0."""
    b, pair = call.b, parts_of(call, x)
    size = absolute(call, pair)
    nought = ops.binary(b, "Equal", size, 0)
    return _over(call, pair, ops.where(b, nought, b.constant(1, size.dtype), size))


@aten("complex::exp")
def exponential(call: Call, x: Any) -> Complex:
    """``exp(re)`` at the angle ``im``."""
    pair = parts_of(call, x)
    return polar(call, ops.unary(call.b, "Exp", pair.real), pair.imag)


@aten("complex::log")
def logarithm(call: Call, x: Any) -> Complex:
    """``log|x| + i angle(x)``."""
    pair = parts_of(call, x)
    return Complex(ops.unary(call.b, "Log", absolute(call, pair)), angle(call, pair))


@aten("complex::sqrt")
def root(call: Call, x: Any) -> Complex:
    """The root of the size at half the angle."""
    return power(call, x, 0.5)


@aten("complex::pow")
def power(call: Call, x: Any, exponent: Any) -> Complex:
    """``|x|^p`` at p times the angle; whole powers by multiplication."""
    b = call.b
    if isinstance(exponent, Complex | Edge | Parameter | complex) or not isinstance(
        x, Complex | Parameter
    ):
        return exponential(call, multiply(call, exponent, logarithm(call, x)))
    pair = parts_of(call, x)
    if isinstance(exponent, int) and 1 <= exponent <= 4:
        made = pair
        for _ in range(exponent - 1):
            made = times(call, made, pair)
        return made
    size = ops.binary(b, "Pow", absolute(call, pair), float(exponent))
    return polar(call, size, ops.multiply(b, angle(call, pair), float(exponent)))


def _product_of(op_type: str) -> Any:
    # The second one is called ``other``, ``mat2``, ``vec`` or ``tensor``.
    def lower(call: Call, args: Sequence[Any], named: Mapping[str, Any]) -> Complex:
        function = lowering_of("aten", op_type, "")
        if function is None:
            raise ValueError("it has no form of real numbers either")
        left, right = alike(call, *args, *named.values())
        return product(call, left, right, lambda p, q: function(call, p, q))

    return lower


for _name in ("matmul", "mm", "bmm", "mv", "dot", "linalg_matmul"):
    aten(f"complex::{_name}")(_product_of(_name))


@aten("complex::vdot")
def conjugate_dot(call: Call, x: Any, other: Any) -> Any:
    """The sum of products, the first of them conjugated."""
    return _product_of("dot")(call, [conjugate(call, x), other], {})


@aten("complex::einsum")
def einsum(call: Call, equation: str, tensors: Sequence[Any], path: Any = None) -> Any:
    """The sum over letters, of two tensors."""
    function = lowering_of("aten", "einsum", "")
    if function is None or len(tensors) != 2:
        raise ValueError("ONNX has no complex numbers; pairs are multiplied two at a time")
    left, right = alike(call, *tensors)
    return product(call, left, right, lambda p, q: function(call, equation, [p, q]))


# Choices and comparisons


@aten(*(f"complex::where.{name}" for name in ("self", "Scalar", "ScalarOther", "ScalarSelf")))
def where(call: Call, condition: Any, x: Any, other: Any) -> Complex:
    """The first where the condition holds, else the second."""
    left, right = alike(call, x, other)
    mask = call.tensor(condition)
    return Complex(
        chosen(call, mask, left.real, right.real), chosen(call, mask, left.imag, right.imag)
    )


@aten("complex::masked_fill")
def masked_fill(call: Call, x: Any, mask: Any, value: Any) -> Complex:
    """``x`` with a number where the mask holds."""
    return where(call, mask, value, x)


@aten("complex::eq")
def equal(call: Call, x: Any, other: Any) -> Edge:
    """Whether both parts are equal."""
    left, right = alike(call, x, other)
    pairs = ((left.real, right.real), (left.imag, right.imag))
    return ops.binary(call.b, "And", *(ops.binary(call.b, "Equal", *pair) for pair in pairs))


@aten("complex::ne")
def not_equal(call: Call, x: Any, other: Any) -> Edge:
    """Whether a part differs."""
    return ops.unary(call.b, "Not", equal(call, x, other))


@aten("complex::isreal")
def is_real(call: Call, x: Any) -> Edge:
    """Whether there is no imaginary part."""
    return ops.binary(call.b, "Equal", parts_of(call, x).imag, 0)
