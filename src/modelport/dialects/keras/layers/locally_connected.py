"""Locally connected layers of Keras 1 and 2: convolutions whose every position has its own kernel.

``implementation`` 1 keeps one kernel a position, (positions, window, filters); 2 keeps the whole
matrix from every input to every output, whose entries outside the windows do not count.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from modelport.dialects.keras.layer import Layer, lowers
from modelport.dialects.keras.layers import spatial
from modelport.dialects.keras.layers.activations import activate
from modelport.dialects.keras.layers.spatial import Window
from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.model.graph import Dim


@lowers("LocallyConnected1D", "LocallyConnected2D")
def locally_connected(layer: Layer) -> Edge:
    """A convolution without shared kernels."""
    rank = 1 if layer.op_type.endswith("1D") else 2
    spatial.check_rank(layer, rank)
    config, ones = layer.config, (1,) * rank
    size = spatial.each(config["kernel_size"], rank)
    window = Window(size, spatial.each(config["strides"], rank), ones, config["padding"])
    axes = spatial.spatial_axes(layer, rank)
    extents = [item for item in (layer.x.shape[axis] for axis in axes) if isinstance(item, int)]
    if len(extents) < rank:
        raise layer.error("it needs spatial extents that are known")
    implementation = config.get("implementation", 1)
    if implementation == 1:
        y = _by_position(layer, window, extents)
    elif implementation == 2:
        y = _by_matrix(layer, window, extents)
    else:
        raise layer.error(f"its kernel is sparse (implementation {implementation})")
    return activate(layer, _biased(layer, y), config["activation"])


def _results(window: Window, extents: Sequence[int]) -> list[int]:
    """The spatial extents of the output."""
    whole = window.padding == "same"
    return [
        -(-(extent if whole else extent - size + 1) // stride)
        for extent, size, stride in zip(extents, window.size, window.strides, strict=True)
    ]


def _by_position(layer: Layer, window: Window, extents: Sequence[int]) -> Edge:
    b, rank = layer.b, len(extents)
    y = layer.x
    axes = [axis + i for i, axis in enumerate(spatial.spatial_axes(layer, rank))]
    counts = _results(window, extents)
    for axis, count, size, stride in zip(axes, counts, window.size, window.strides, strict=True):
        places = np.arange(count)[:, None] * stride + np.arange(size)[None, :]
        y = ops.gather(b, y, b.constant(places), axis)
    within = [axis + 1 for axis in axes]
    features = [*within, y.rank - 1] if spatial.last(layer) else [1, *within]
    kernel = layer.weight("kernel")
    positions, width, filters = kernel.shape
    y = ops.transpose(b, y, [0, *axes, *features])
    y = ops.reshape(b, y, [None, positions, width])
    shape = (y.shape[0], positions, filters)
    y = b.emit("Einsum", [y, kernel], y.dtype, shape, equation="npi,pio->npo")
    y = ops.reshape(b, y, [None, *counts, filters])
    return y if spatial.last(layer) else ops.transpose(b, y, [0, rank + 1, *range(1, rank + 1)])


def _by_matrix(layer: Layer, window: Window, extents: Sequence[int]) -> Edge:
    b, rank = layer.b, len(extents)
    matrix = layer.weight("kernel")
    # The kernel's axes are those of one input, then those of one output, channels included.
    first = 0 if spatial.last(layer) else 1
    for i, (extent, count) in enumerate(zip(extents, _results(window, extents), strict=True)):
        spread = [1] * matrix.rank
        spread[first + i], spread[rank + 1 + first + i] = extent, count
        inside = _inside(extent, count, window.size[i], window.strides[i], window.padding)
        matrix = ops.multiply(b, matrix, b.constant(inside.reshape(spread), matrix.dtype))
    target: list[Dim] = list(matrix.shape[rank + 1 :])
    inputs = int(np.prod([item for item in matrix.shape[: rank + 1] if isinstance(item, int)]))
    flat = ops.reshape(b, layer.x, [None, inputs])
    y = ops.matmul(b, flat, ops.reshape(b, matrix, [inputs, -1]))
    return ops.reshape(b, y, [None, *(item for item in target if isinstance(item, int))])


def _inside(extent: int, count: int, size: int, stride: int, padding: str) -> NDArray[np.bool_]:
    """Which inputs (rows) lie in the window of which output (columns)."""
    before = size // 2
    start = np.arange(count) * stride - (before if padding == "same" else 0)
    place = np.arange(extent)[:, None]
    return (place >= start) & (place < start + size)


def _biased(layer: Layer, y: Edge) -> Edge:
    if not layer.config["use_bias"]:
        return y
    bias = layer.expression("bias")
    # Keras re-reads the bias (positions ..., filters) as channels-first; it does not transpose it.
    shape = bias.shape if spatial.last(layer) else (bias.shape[-1], *bias.shape[:-1])
    return ops.add(layer.b, y, layer.weight("bias", bias.reshape(*shape)))
