"""Discrete Fourier transforms, over pairs of a real and an imaginary part."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import (
    Call,
    Complex,
    Parameter,
    aten,
    lowering_of,
    torch_dtype,
)
from modelport.dialects.torch.operators.complex import (
    conjugate,
    from_last_axis,
    parts_of,
    view_as_real,
)
from modelport.dialects.torch.operators.join import roll
from modelport.dialects.torch.operators.shape import unfold
from modelport.dialects.torch.promote import floating
from modelport.model.dtype import FLOAT32, INT64

Value = Any  # an edge, a parameter or a pair


def _is_complex(value: Value) -> bool:
    return isinstance(value, Complex | Parameter | Edge) and value.dtype.kind == "complex"


def _each(value: Value, change: Any) -> Value:
    """A change of a real tensor, or of both parts of a pair."""
    if isinstance(value, Complex):
        return Complex(change(value.real), change(value.imag))
    return change(value)


def _pair_or_edge(call: Call, value: Value) -> Value:
    return parts_of(call, value) if _is_complex(value) else floating(call, value)


def _resized(call: Call, value: Value, dim: int, size: Any) -> Value:
    """Cut off, or filled up with zeros, to an extent."""
    if size is None:
        return value
    b, wanted = call.b, call.fixed(size, "the length of a transform")

    def change(edge: Edge) -> Edge:
        known = edge.shape[dim]
        if known == wanted:
            return edge
        if not isinstance(known, int) or known < wanted:
            edge = ops.pad(b, edge, {dim: (0, wanted)})
        cut = ops.slice_axis(b, edge, dim, 0, wanted)
        shape = [wanted if axis == dim % edge.rank else n for axis, n in enumerate(edge.shape)]
        return Edge(b.name(cut), edge.dtype, tuple(shape))

    return _each(value, change)


def _transform(call: Call, value: Value, dim: int, inverse: bool, onesided: bool) -> Complex:
    """ONNX's transform along one axis: the inverse one is divided by the extent."""
    b = call.b
    axis = dim % value.rank
    edge = view_as_real(call, value) if isinstance(value, Complex) else None
    if edge is None:
        edge = ops.unsqueeze(b, value, value.rank)
    alone = value.rank == 1
    if alone:
        edge, axis = ops.unsqueeze(b, edge, 0), 1
    extent = edge.shape[axis]
    half = extent // 2 + 1 if isinstance(extent, int) else None
    shape = [*edge.shape[:-1], 2]
    shape[axis] = half if onesided else extent
    inputs = [edge, None, b.constant(axis, INT64)]
    given = {"inverse": int(inverse), "onesided": int(onesided)}
    made = b.emit("DFT", inputs, edge.dtype, shape, **given)
    return from_last_axis(call, ops.squeeze(b, made, 0) if alone else made)


def _count(call: Call, value: Value, dims: Sequence[int]) -> int | Edge:
    """The number of elements along axes."""
    edge = value.real if isinstance(value, Complex) else value
    extents = [ops.extent(call.b, edge, dim) for dim in dims]
    known = [item for item in extents if isinstance(item, int)]
    if len(known) == len(extents):
        return math.prod(known)
    count = call.b.constant([math.prod(known)], INT64)
    for item in extents:
        count = ops.multiply(call.b, count, item) if isinstance(item, Edge) else count
    return count


def _scaled(call: Call, value: Value, count: int | Edge, power: float) -> Value:
    """Times a power of a count."""
    if power == 0:
        return value
    b = call.b

    def change(edge: Edge) -> Edge:
        if isinstance(count, int):
            return ops.multiply(b, edge, float(count) ** power)
        wide = ops.reshape(b, ops.cast(b, count, edge.dtype), [])
        return ops.multiply(b, edge, ops.binary(b, "Pow", wide, power))

    return _each(value, change)


_FORWARD = {None: 0.0, "backward": 0.0, "ortho": -0.5, "forward": -1.0}
"""The power of the count that the result of a transform is multiplied with; 1 / it backwards."""


def _power(norm: str | None, inverse: bool) -> float:
    """What is left to multiply with: ONNX divides by the count backwards, and not forwards."""
    if inverse:
        return {None: 0.0, "backward": 0.0, "ortho": 0.5, "forward": 1.0}[norm]
    return _FORWARD[norm]


def _to_complex(
    call: Call, value: Value, dims: Sequence[int], inverse: bool, norm: str | None, half: bool
) -> Complex:
    """Transforms along axes, the last of them (of a real tensor) to its first half alone."""
    value = _pair_or_edge(call, value)
    count = _count(call, value, dims)
    for i, dim in enumerate(reversed(list(dims))):
        value = _transform(call, value, dim, inverse, half and i == 0)
    made = _scaled(call, value, count, _power(norm, inverse))
    return parts_of(call, made)


def _to_real(call: Call, value: Value, dims: Sequence[int], norm: str | None, size: Any) -> Edge:
    """Back from the half that ``_to_complex`` gives."""
    b = call.b
    pair = parts_of(call, value)
    *others, last = (dim % pair.rank for dim in dims)
    if size is None:
        known = pair.shape[last]
        if not isinstance(known, int):
            raise ValueError("the length of a transform is computed by the model")
        size = 2 * (known - 1)
    length = call.fixed(size, "the length of a transform")
    for dim in others:
        pair = _transform(call, pair, dim, True, False)
    pair = _resized(call, pair, last, length // 2 + 1)
    rest = length - (length // 2 + 1)
    if rest:
        tail = _each(pair, lambda edge: ops.slice_axis(b, edge, last, rest, 0, -1))
        tail = conjugate(call, tail)
        pair = Complex(
            ops.concat(b, [pair.real, tail.real], last), ops.concat(b, [pair.imag, tail.imag], last)
        )
    pair = _transform(call, pair, last, True, False)
    count = _count(call, pair, [*others, last])
    return _scaled(call, pair.real, count, _power(norm, True))  # type: ignore[no-any-return]


def _both(*names: str) -> Any:
    """Of real and of complex tensors."""
    return aten(*names, *(f"complex::{name}" for name in names))


def _one_axis(inverse: bool, half: bool) -> Any:
    def lower(call: Call, x: Any, n: Any = None, dim: int = -1, norm: str | None = None) -> Complex:
        value = _resized(call, _pair_or_edge(call, x), dim, n)
        return _to_complex(call, value, [dim], inverse, norm, half)

    return lower


_both("fft_fft")(_one_axis(False, False))
_both("fft_ifft")(_one_axis(True, False))
aten("fft_rfft")(_one_axis(False, True))


@aten("fft_irfft", "complex::fft_irfft")
def inverse_real(call: Call, x: Any, n: Any = None, dim: int = -1, norm: str | None = None) -> Edge:
    """The real signal of half a spectrum."""
    return _to_real(call, _pair_or_edge(call, x), [dim], norm, n)


def _axes(value: Value, s: Any, dim: Any) -> list[int]:
    if dim is not None:
        return list(dim) if isinstance(dim, list | tuple) else [dim]
    return list(range(-(len(s) if s else value.rank), 0))


def _sizes(call: Call, value: Value, s: Any, dims: Sequence[int]) -> Value:
    for size, dim in zip(s or [], dims, strict=False):
        value = _resized(call, value, dim, None if size == -1 else size)
    return value


def _more_axes(inverse: bool, half: bool, default: Any) -> Any:
    def lower(
        call: Call, x: Any, s: Any = None, dim: Any = default, norm: str | None = None
    ) -> Complex:
        value = _pair_or_edge(call, x)
        dims = _axes(value, s, dim)
        return _to_complex(call, _sizes(call, value, s, dims), dims, inverse, norm, half)

    return lower


def _back_to_real(default: Any) -> Any:
    def lower(
        call: Call, x: Any, s: Any = None, dim: Any = default, norm: str | None = None
    ) -> Edge:
        value = _pair_or_edge(call, x)
        dims = _axes(value, s, dim)
        *sizes, last = s or [None]
        value = _sizes(call, value, sizes, dims[: len(sizes)])
        return _to_real(call, value, dims, norm, last)

    return lower


for _letter, _default in (("2", (-2, -1)), ("n", None)):
    _both(f"fft_fft{_letter}")(_more_axes(False, False, _default))
    _both(f"fft_ifft{_letter}")(_more_axes(True, False, _default))
    aten(f"fft_rfft{_letter}")(_more_axes(False, True, _default))
    _both(f"fft_irfft{_letter}")(_back_to_real(_default))

_NORMS = {0: "backward", 1: "ortho", 2: "forward"}


@aten("_fft_r2c")
def real_to_complex(call: Call, x: Any, dim: Any, normalization: int, onesided: bool) -> Complex:
    """Transforms of a real tensor, to half of the last axis where one-sided."""
    return _to_complex(call, x, dim, False, _NORMS[normalization], onesided)


@aten("complex::_fft_c2c")
def complex_to_complex(call: Call, x: Any, dim: Any, normalization: int, forward: bool) -> Complex:
    """Transforms of a complex tensor."""
    norm = _NORMS[normalization] if forward else _NORMS[2 - normalization]
    return _to_complex(call, x, dim, not forward, norm, False)


@aten("complex::_fft_c2r")
def complex_to_real(call: Call, x: Any, dim: Any, normalization: int, last_dim_size: Any) -> Edge:
    """The real tensor of half a spectrum."""
    return _to_real(call, x, dim, _NORMS[2 - normalization], last_dim_size)


def _shifted(back: bool) -> Any:
    def lower(call: Call, x: Any, dim: Any = None) -> Value:
        value = parts_of(call, x) if _is_complex(x) else call.tensor(x)
        dims = list(range(value.rank)) if dim is None else dim if isinstance(dim, list) else [dim]

        def change(edge: Edge) -> Edge:
            for axis in dims:
                extent = ops.extent(call.b, edge, axis)
                if isinstance(extent, int):
                    by: ops.Extent = -(extent // 2) if back else extent // 2
                else:
                    by = ops.divide(call.b, extent, 2)
                    by = ops.unary(call.b, "Neg", by) if back else by
                edge = roll(call, edge, [by], [axis])
            return edge

        return _each(value, change)

    return lower


_both("fft_fftshift")(_shifted(False))
_both("fft_ifftshift")(_shifted(True))


@aten("stft")
def short_time(
    call: Call,
    x: Any,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Any = None,
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Value:
    """Transforms of windows of a signal, as (..., frequencies, windows)."""
    b, signal = call.b, floating(call, x)
    frames = unfold(call, signal, -1, n_fft, hop_length or n_fft // 4)
    width = win_length or n_fft
    if window is not None or width < n_fft:
        weights = floating(call, window) if window is not None else b.constant([1.0] * width)
        before = (n_fft - width) // 2
        weights = ops.pad(b, weights, {0: (before, n_fft - width - before)})
        frames = ops.multiply(b, frames, ops.cast(b, weights, frames.dtype))
    pair = _transform(call, frames, -1, False, onesided is not False)
    order = [*range(pair.rank - 2), pair.rank - 1, pair.rank - 2]
    moved = Complex(*(ops.transpose(b, part, order) for part in (pair.real, pair.imag)))
    made = _scaled(call, moved, n_fft, -0.5) if normalized else moved
    return made if return_complex else view_as_real(call, made)


@aten("stft.center")
def centred_short_time(
    call: Call,
    x: Any,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Any = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Value:
    """As ``stft``, of a signal that is padded by half a window at both ends."""
    signal, padding = floating(call, x), lowering_of("aten", "pad", "")
    if center and padding is not None:
        alone = signal.rank == 1
        wide = ops.unsqueeze(call.b, signal, 0) if alone else signal
        wide = padding(call, wide, [n_fft // 2, n_fft // 2], pad_mode)
        signal = ops.squeeze(call.b, wide, 0) if alone else wide
    options = (normalized, onesided, return_complex, align_to_window)
    return short_time(call, signal, n_fft, hop_length, win_length, window, *options)


def _frequencies(half: bool) -> Any:
    def lower(
        call: Call,
        n: int,
        d: float = 1.0,
        dtype: Any = None,
        layout: Any = None,
        device: Any = None,
        pin_memory: Any = None,
    ) -> Edge:
        numbers = np.fft.rfftfreq(n, d) if half else np.fft.fftfreq(n, d)
        return call.b.constant(numbers, torch_dtype(dtype, FLOAT32))

    return lower


aten("fft_fftfreq")(_frequencies(False))
aten("fft_rfftfreq")(_frequencies(True))
