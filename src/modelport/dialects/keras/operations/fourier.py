"""Fourier transforms of ``keras.ops``; complex numbers are pairs of real and imaginary parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelport.dialects.keras.layer import Layer
from modelport.dialects.keras.operations.operands import Operand, array, plain, tensor, together
from modelport.dialects.keras.operations.registry import operation
from modelport.dialects.keras.operations.shape import pad
from modelport.dialects.keras.operations.unary import shape_extents
from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.model.dtype import INT64

_DTYPES = ("float32", "float64")


@operation("FFT")
def fft(layer: Layer, x: Sequence[Operand]) -> list[Edge]:
    """The transform over the last axis."""
    return _apart(layer, _transformed(layer, _pairs(layer, x), -2))


@operation("FFT2")
def fft2(layer: Layer, x: Sequence[Operand]) -> list[Edge]:
    """The transform over the last two axes."""
    return _apart(layer, _transformed(layer, _transformed(layer, _pairs(layer, x), -2), -3))


@operation("IFFT2")
def ifft2(layer: Layer, x: Sequence[Operand]) -> list[Edge]:
    """The inverse transform over the last two axes."""
    inner = _transformed(layer, _pairs(layer, x), -2, inverse=1)
    return _apart(layer, _transformed(layer, inner, -3, inverse=1))


@operation("RFFT")
def rfft(layer: Layer, x: Operand, fft_length: int | None = None) -> list[Edge]:
    """The first half of the transform of real numbers; cut or filled with zeros to a length."""
    real = _floats(layer, tensor(layer, x))
    made = _transformed(layer, ops.unsqueeze(layer.b, real, real.rank), -2, fft_length, onesided=1)
    return _apart(layer, made)


@operation("STFT")
def stft(
    layer: Layer,
    x: Operand,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: Any = "hann",
    center: bool = True,
) -> list[Edge]:
    """Half the transform of every window along the last axis: (..., windows, frequencies)."""
    b, x = layer.b, _floats(layer, tensor(layer, x))
    if center:
        half = fft_length // 2
        x = pad(layer, x, [(0, 0)] * (x.rank - 1) + [(half, half)], "reflect")
    time, lead = x.shape[-1], shape_extents(layer, x)[:-1]
    if isinstance(time, int) and time < fft_length:
        raise layer.error(f"its windows of {fft_length} are longer than the sound ({time})")
    length: Any = time if isinstance(time, int) else ops.extent(b, x, x.rank - 1)
    signal = ops.reshape(b, x, [-1, length, 1])
    wave = b.constant(_window(layer, window, sequence_length, fft_length), x.dtype)
    count = 1 + (time - fft_length) // sequence_stride if isinstance(time, int) else None
    shape = (signal.shape[0], count, fft_length // 2 + 1, 2)
    step, size = b.constant(sequence_stride, INT64), b.constant(fft_length, INT64)
    made = b.emit("STFT", [signal, step, wave, size], x.dtype, shape, onesided=1)
    windows: Any = count if count is not None else ops.extent(b, made, 1)
    return [ops.reshape(b, part, [*lead, windows, shape[2]]) for part in _apart(layer, made)]


def _window(layer: Layer, window: Any, length: int, whole: int) -> NDArray[Any]:
    """The weights of one window, in the middle of ``whole`` of them.

    The raised cosines are those of ``tf.signal``: periodic for even lengths alone.
    """
    if window is None:
        return np.ones(whole)
    if isinstance(window, str):
        first = {"hann": 0.5, "hamming": 0.54}.get(window)
        if first is None:
            raise layer.error(f"it has a window {window!r}, which is not known")
        period = max(length + (length + 1) % 2 - 1, 1)
        wave = first - (1 - first) * np.cos(2 * np.pi * np.arange(length) / period)
        wave = wave if length > 1 else np.ones(1)
    else:
        wave = array(plain(window))
    before = (whole - length) // 2
    return np.pad(wave, (before, whole - length - before))


def _floats(layer: Layer, x: Edge) -> Edge:
    if x.dtype.name not in _DTYPES:
        raise layer.error(f"ONNX transforms float32 and float64 alone, and this is {x.dtype}")
    return x


def _pairs(layer: Layer, x: Sequence[Operand]) -> Edge:
    """Both parts as one edge, whose last axis has them."""
    real, imaginary = (_floats(layer, part) for part in together(layer, *x))
    parts = [ops.unsqueeze(layer.b, part, part.rank) for part in (real, imaginary)]
    return ops.concat(layer.b, parts, real.rank)


def _transformed(
    layer: Layer,
    x: Edge,
    axis: int,
    length: int | None = None,
    *,
    inverse: int = 0,
    onesided: int = 0,
) -> Edge:
    """A DFT along an axis counted from the end, where -1 holds the parts.

    ONNX wants an axis for the batch in front.
    """
    b, alone = layer.b, x.rank == 2
    x = ops.unsqueeze(b, x, 0) if alone else x
    extent = length if length is not None else x.shape[axis]
    found = extent // 2 + 1 if onesided and isinstance(extent, int) else extent
    shape = [*x.shape[:-1], 2]
    shape[axis] = None if onesided and not isinstance(extent, int) else found
    size = b.constant(length, INT64) if length is not None else None
    place = b.constant(axis + x.rank, INT64)
    made = b.emit("DFT", [x, size, place], x.dtype, shape, inverse=inverse, onesided=onesided)
    return ops.squeeze(b, made, 0) if alone else made


def _apart(layer: Layer, x: Edge) -> list[Edge]:
    b = layer.b
    return [
        ops.squeeze(b, ops.slice_axis(b, x, x.rank - 1, i, i + 1), x.rank - 1) for i in range(2)
    ]
