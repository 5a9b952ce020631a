"""Resizing images as TensorFlow does: half-pixel centres, no antialiasing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelport.dialects.onnx import layout, ops
from modelport.dialects.onnx.builder import Builder
from modelport.dialects.onnx.edge import Edge
from modelport.model.dtype import FLOAT32, INT64
from modelport.model.graph import Dim

OPERATORS: Mapping[str, dict[str, Any]] = {
    "bilinear": {"mode": "linear"},
    "bilinear_keras2": {"mode": "linear", "coordinate_transformation_mode": "asymmetric"},
    "bicubic": {"mode": "cubic", "cubic_coeff_a": -0.5, "exclude_outside": 1},
}
"""The interpolations that the Resize operator knows, with its attributes."""


def repeat(b: Builder, x: Edge, factors: Mapping[int, int]) -> Edge:
    """Every element of the given axes repeated a whole number of times (layout kept)."""
    value, order = layout.carried(b, x)
    shape: list[Dim] = [
        extent * factors[axis] if isinstance(extent, int) and axis in factors else extent
        for axis, extent in enumerate(x.shape)
    ]
    for axis, factor in factors.items():
        if factor != 1 and not isinstance(shape[axis], int):
            shape[axis] = None
    scales = b.constant(np.array([factors.get(axis, 1) for axis in order], np.float32))
    name = b.node(
        "Resize",
        [value, "", b.name(scales)],
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )[0]
    return layout.moved(name, order, x.dtype, shape)


def magnify(b: Builder, x: Edge, factors: Sequence[int], interpolation: str) -> Edge:
    """A channels-first image enlarged by whole factors along its two spatial axes."""
    operator = OPERATORS.get(interpolation)
    sizes = [
        extent * factor if isinstance(extent, int) else None
        for extent, factor in zip(x.shape[2:], factors, strict=True)
    ]
    shape = (*x.shape[:2], *sizes)
    # Where a new centre lies between old ones is a whole number of 1/1024: no table is felt.
    exact = interpolation != "bicubic" or all(512 % factor == 0 for factor in factors)
    if operator is not None and exact:
        scales = b.constant(np.array([1, 1, *factors], np.float32))
        given = [b.name(x), "", b.name(scales)]
        attributes = {"coordinate_transformation_mode": "half_pixel", **operator}
        name = b.node("Resize", given, **attributes)[0]
        return Edge(name, x.dtype, shape)
    extents = [ops.extent(b, x, axis) for axis in (2, 3)]
    wanted = [
        extent * factor if isinstance(extent, int) else ops.multiply(b, extent, factor)
        for extent, factor in zip(extents, factors, strict=True)
    ]
    return _weighted(b, x, extents, wanted, interpolation, False)


def bilinear(b: Builder, x: Edge, sizes: Sequence[int]) -> Edge:
    """Channels-last images resized to a height and width."""
    shape = (x.shape[0], *sizes, x.shape[3])
    if shape == x.shape:
        return x
    name = layout.channels_first(b, x)
    lead = b.node("Shape", [name], start=0, end=2)[0]
    target = b.node("Concat", [lead, b.name(b.constant(list(sizes)))], axis=0)[0]
    given = [name, "", "", target]
    resized = b.node("Resize", given, mode="linear", coordinate_transformation_mode="half_pixel")
    return layout.from_channels_first(resized[0], x.dtype, shape)


def follows(interpolation: str, antialias: bool = False) -> bool:
    """Whether images of unknown extents can be resized so: no table of weights is needed."""
    return interpolation == "nearest" or (interpolation in OPERATORS and not antialias)


def resized(
    b: Builder, x: Edge, size: Sequence[int], interpolation: str, antialias: bool = False
) -> Edge:
    """A channels-first image in another size, as ``tf.image.resize`` makes it.

    Raises:
        ValueError: an interpolation that needs spatial extents that are known.
    """
    shape = (*x.shape[:2], *size)
    if tuple(x.shape[2:]) == tuple(size):
        return x
    operator = OPERATORS.get(interpolation)
    if interpolation == "nearest":
        operator, antialias = {"mode": "nearest", "nearest_mode": "round_prefer_ceil"}, False
    if operator is not None and not antialias and interpolation != "bicubic":
        head = b.emit("Shape", [x], INT64, (2,), start=0, end=2)
        sizes = ops.concat(b, [head, b.constant(list(size), INT64)], 0)
        given = [b.name(x), "", "", b.name(sizes)]
        name = b.node("Resize", given, coordinate_transformation_mode="half_pixel", **operator)[0]
        return Edge(name, x.dtype, shape)
    extents = [ops.extent(b, x, axis) for axis in (2, 3)]
    return _weighted(b, x, extents, size, interpolation, antialias)


def smooth(
    b: Builder, x: Edge, size: Sequence[int], interpolation: str, steps: Sequence[float]
) -> Edge:
    """A channels-first image in another size, against aliasing; so many old elements to a new one.

    Extents have to be known.
    """
    sides = zip(x.shape[2:], size, steps, strict=True)
    rows, columns = (
        b.constant(weights(int(old or 0), new, interpolation, True, step), x.dtype)
        for old, new, step in sides
    )
    return ops.matmul(b, ops.matmul(b, rows, x), ops.transpose(b, columns, (1, 0)))


def _weighted(
    b: Builder,
    x: Edge,
    extents: Sequence[ops.Extent],
    sizes: Sequence[ops.Extent],
    interpolation: str,
    antialias: bool,
) -> Edge:
    """The rows and columns of a channels-first image, each times the matrix of its weights."""
    matrices = []
    for extent, size in zip(extents, sizes, strict=True):
        if isinstance(extent, int) and isinstance(size, int):
            table = weights(extent, size, interpolation, antialias)
            matrices.append(b.constant(table, x.dtype))
        elif interpolation == "bicubic" and not antialias:
            matrices.append(ops.cast(b, _bicubic_matrix(b, extent, size), x.dtype))
        else:
            raise ValueError(f"{interpolation!r} resizing needs spatial extents that are known")
    rows, columns = matrices
    return ops.matmul(b, ops.matmul(b, rows, x), ops.transpose(b, columns, (1, 0)))


def _bicubic_matrix(b: Builder, extent: ops.Extent, size: ops.Extent) -> Edge:
    """What ``weights`` gives for bicubic interpolation, in the graph: for extents not yet known."""
    counts = [
        ops.cast(b, item if isinstance(item, Edge) else b.constant([item], INT64), FLOAT32)
        for item in (extent, size)
    ]
    scale = ops.divide(b, *counts)
    new, old = (ops.cast(b, ops.arange(b, item), FLOAT32) for item in (size, extent))
    place = ops.subtract(b, ops.multiply(b, ops.add(b, new, 0.5), scale), 0.5)
    below = ops.unary(b, "Floor", place)
    between = ops.multiply(b, ops.subtract(b, place, below), 1024)
    place = ops.add(b, below, ops.divide(b, ops.unary(b, "Round", between), 1024))
    apart = ops.subtract(b, ops.unsqueeze(b, place, 1), ops.unsqueeze(b, old, 0))
    x = ops.unary(b, "Abs", apart)
    square = ops.multiply(b, x, x)
    near = ops.add(b, ops.multiply(b, square, ops.subtract(b, ops.multiply(b, x, 1.5), 2.5)), 1)
    outer = ops.multiply(b, square, ops.add(b, ops.multiply(b, x, -0.5), 2.5))
    far = ops.add(b, ops.subtract(b, outer, ops.multiply(b, x, 4)), 2)
    nought = b.constant(0, FLOAT32)
    kernel = ops.where(b, ops.binary(b, "Less", x, 2), far, nought)
    kernel = ops.where(b, ops.binary(b, "Less", x, 1), near, kernel)
    return ops.divide(b, kernel, ops.reduce(b, "ReduceSum", kernel, [1], True))


def weights(
    extent: int,
    size: int,
    interpolation: str,
    antialias: bool = False,
    step: float | None = None,
) -> NDArray[np.float64]:
    """The matrix (size, extent) of an interpolation along one axis.

    Weights of elements beyond the ends are left out and the others made to add up to 1, the rule
    of TensorFlow's ScaleAndTranslate. Against aliasing the kernel is as wide as a new element.
    ``step`` is the number of old elements to a new one, where it is not that of the extents.
    """
    if interpolation == "area":
        return _overlap(extent, size)
    kernel, radius = INTERPOLATIONS[interpolation]
    step = extent / size if step is None else step
    centres = (np.arange(size) + 0.5) * step
    if interpolation == "bicubic" and not antialias:
        centres = _tabled(extent, size)
    distance = np.abs(centres[:, None] - (np.arange(extent) + 0.5)[None, :])
    if antialias:
        distance = distance / max(step, 1.0)
    matrix = np.where(distance < radius, kernel(distance), 0.0)
    total: NDArray[np.float64] = matrix.sum(axis=1, keepdims=True)
    return np.asarray(matrix / total, np.float64)


def _tabled(extent: int, size: int) -> NDArray[np.float64]:
    """The centres as TensorFlow's bicubic resizing has them: in steps of 1/1024, from a table."""
    scale = np.float32(extent) / np.float32(size)
    place = (np.arange(size, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5)
    below = np.floor(place)
    return np.asarray(below + np.rint((place - below) * 1024) / 1024 + 0.5, np.float64)


def _overlap(extent: int, size: int) -> NDArray[np.float64]:
    """How much of each old element lies within each new one."""
    edges = np.arange(size + 1) * extent / size
    old = np.arange(extent)
    common = np.minimum(edges[1:, None], old + 1) - np.maximum(edges[:-1, None], old)
    return np.asarray(np.maximum(common, 0) * size / extent, np.float64)


def _lanczos(radius: float) -> Callable[[NDArray[Any]], NDArray[Any]]:
    return lambda x: np.sinc(x) * np.sinc(x / radius)


def _gaussian(x: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(np.exp(-(x**2) / (2 * 0.5**2)))


def _cubic(x: NDArray[Any], b: float, c: float) -> NDArray[Any]:
    """The family of Mitchell and Netravali (1988), equation 8."""
    near = (12 - 9 * b - 6 * c) * x**3 + (-18 + 12 * b + 6 * c) * x**2 + 6 - 2 * b
    far = (-b - 6 * c) * x**3 + (6 * b + 30 * c) * x**2 + (-12 * b - 48 * c) * x + 8 * b + 24 * c
    return np.where(x < 1, near, far) / 6


INTERPOLATIONS: Mapping[str, tuple[Callable[[NDArray[Any]], NDArray[Any]], float]] = {
    "bilinear": (lambda x: 1 - x, 1.0),
    "bicubic": (lambda x: _cubic(x, 0.0, 0.5), 2.0),
    "mitchellcubic": (lambda x: _cubic(x, 1 / 3, 1 / 3), 2.0),
    "gaussian": (_gaussian, 1.5),
    "lanczos3": (_lanczos(3), 3.0),
    "lanczos5": (_lanczos(5), 5.0),
}
"""The kernel of each interpolation, as a function of the distance, and its radius."""
