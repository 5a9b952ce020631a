"""Preprocessing layers of sound."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelport.dialects.keras.layer import Layer, lowers
from modelport.dialects.keras.layers import spatial
from modelport.dialects.keras.layers.convolution import convolve
from modelport.dialects.keras.layers.spatial import Window
from modelport.dialects.keras.operations.binary import arctan2
from modelport.dialects.keras.operations.fourier import stft
from modelport.dialects.onnx import layout, ops
from modelport.dialects.onnx.edge import Edge
from modelport.model.dtype import FLOAT32

_EPSILON = 1e-7
"""``keras.config.epsilon()``, unless somebody changed it."""


@lowers("STFTSpectrogram")
def stft_spectrogram(layer: Layer) -> Edge:
    """The short-time Fourier transform: a convolution with waves, which are weights."""
    b, mode = layer.b, str(layer.config["mode"])
    parts = [
        _waves(layer, f"{part}_kernel")
        for part in ("real", "imag")
        if mode != ("imag" if part == "real" else "real")
    ]
    if mode in ("real", "imag"):
        return _arranged(layer, parts[0])
    real, imaginary = parts
    if mode == "angle":
        return _arranged(layer, arctan2(layer, imaginary, real))
    if mode == "stft":
        return _arranged(layer, ops.concat(b, parts, 2))
    power = ops.add(b, *(ops.multiply(b, part, part) for part in parts))
    if mode == "psd":
        inner = ops.slice_axis(b, power, 2, 1, -1)
        return _arranged(layer, ops.add(b, power, ops.pad(b, inner, {2: (1, 1)})))
    size = layout.unary(b, "Sqrt", ops.clip(b, power, _EPSILON, None))
    if mode == "log":
        size = layout.unary(b, "Log", ops.clip(b, size, _EPSILON, None))
    return _arranged(layer, size)


def _waves(layer: Layer, role: str) -> Edge:
    """Every channel's product with every wave: (batch, channel, frequency, time)."""
    b, config = layer.b, layer.config
    x = layer.x if not spatial.last(layer) else ops.transpose(b, layer.x, [0, 2, 1])
    kernel = layer.expression(role)
    length, _, count = kernel.shape
    step = config.get("frame_step") or length // 2
    flat = ops.reshape(b, x, [-1, 1, x.shape[2] if isinstance(x.shape[2], int) else -1])
    if not isinstance(x.shape[1], int):
        raise layer.error("its number of channels is unknown")
    if not isinstance(x.shape[2], int):
        flat = ops.reshape(b, x, [-1, 1, ops.extent(b, x, 2)])
    weight = layer.weight(role, kernel.transpose(2, 1, 0))
    window = Window((length,), (step,), (1,), config["padding"])
    name, shape = convolve(layer, b.name(flat), flat.shape, weight, window, 1, None)
    made = Edge(name, layer.dtype, tuple(shape))
    time: Any = made.shape[2] if isinstance(made.shape[2], int) else ops.extent(b, made, 2)
    return ops.reshape(b, made, [-1, x.shape[1], count, time])


def _arranged(layer: Layer, y: Edge) -> Edge:
    b, last = layer.b, spatial.last(layer)
    if layer.config["expand_dims"]:
        return ops.transpose(b, y, [0, 3, 2, 1] if last else [0, 1, 3, 2])
    _, channels, frequencies, time = y.shape
    wide = (
        channels * frequencies if isinstance(channels, int) and isinstance(frequencies, int) else -1
    )
    kept: Any = time if isinstance(time, int) else ops.extent(b, y, 3)
    flat = ops.reshape(b, y, [-1, wide, kept])
    return ops.transpose(b, flat, [0, 2, 1]) if last else flat


@lowers("MelSpectrogram", autocast=False)
def mel_spectrogram(layer: Layer) -> Edge:
    """The power in bands of equal width to the ear, in decibels: (..., bands, time).

    The bands are those of the HTK book: ``mel(f) = 1127 ln(1 + f / 700)``.
    """
    b, config = layer.b, layer.config
    dtype = layer.dtype if layer.dtype.name == "float64" else FLOAT32
    x, size = ops.cast(b, layer.x, dtype), config["fft_length"]
    length = config.get("sequence_length") or size
    real, imaginary = stft(layer, x, length, config["sequence_stride"], size, config["window"])
    power = ops.add(b, ops.multiply(b, real, real), ops.multiply(b, imaginary, imaginary))
    power = ops.binary(b, "Pow", layout.unary(b, "Sqrt", power), config["mag_exp"])
    y = ops.matmul(b, power, b.constant(_bands(layer, size // 2 + 1), dtype))
    if config["power_to_db"]:
        y = _decibels(layer, y)
    order = [*range(y.rank - 2), y.rank - 1, y.rank - 2]
    return ops.cast(b, ops.transpose(b, y, order), layer.dtype)


def _bands(layer: Layer, count: int) -> NDArray[Any]:
    """How much of each frequency goes into each band: triangles whose tip is 1."""
    config, bands = layer.config, layer.config["num_mel_bins"]
    ends = (config["min_freq"], config.get("max_freq") or int(config["sampling_rate"] / 2))
    low, high = (_mel(np.float32(end)) for end in ends)
    edges = np.linspace(low, high, bands + 2, dtype=np.float32)
    nyquist = np.float32(config["sampling_rate"]) / 2
    places = _mel(np.linspace(0, nyquist, count, dtype=np.float32)[1:])[:, None]
    rising = (places - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - places) / (edges[2:] - edges[1:-1])
    # Nothing of the constant part goes into any band.
    return np.pad(np.maximum(0, np.minimum(rising, falling)), [(1, 0), (0, 0)])


def _mel(hertz: Any) -> Any:
    return np.float32(1127.0) * np.log(np.float32(1) + hertz / np.float32(700))


def _decibels(layer: Layer, y: Edge) -> Edge:
    b, config = layer.b, layer.config
    least = config["min_power"]
    y = layout.unary(b, "Log", ops.clip(b, y, least, None))
    y = ops.multiply(b, y, float(10 / np.log(10)))
    y = ops.subtract(b, y, float(10 * np.log10(max(abs(config["ref_power"]), least))))
    loudest = ops.reduce(b, "ReduceMax", y, None)
    return ops.binary(b, "Max", y, ops.subtract(b, loudest, config["top_db"]))
