"""Merging layers: sums, products, concatenation, dot products.

Masks: Keras 3 keeps what any input keeps, and looks at masks when it multiplies or compares;
Keras 1 and 2 keep what all inputs with a mask keep, and calculate without looking.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from modelport.dialects.keras.history.era import Era
from modelport.dialects.keras.layer import Layer, lowers
from modelport.dialects.keras.layers.normalization import unit_length
from modelport.dialects.onnx import layout, ops
from modelport.dialects.onnx.builder import Builder
from modelport.dialects.onnx.edge import Edge
from modelport.model.dtype import BOOL

Join: TypeAlias = Callable[[Builder, Edge, Edge], Edge]


def _aligned(layer: Layer) -> list[Edge]:
    """The inputs with axes of extent 1 after the batch until all have the same rank."""
    if any(not isinstance(item, Edge | list | tuple) for item in layer.args) or not layer.inputs:
        raise layer.error("it does not merge a list of tensors")
    rank = max(edge.rank for edge in layer.inputs)
    return [
        ops.unsqueeze(layer.b, edge, *range(1, 1 + rank - edge.rank)) if edge.rank < rank else edge
        for edge in layer.inputs
    ]


def _folded(b: Builder, join: Join, edges: Sequence[Edge]) -> Edge:
    joined = edges[0]
    for edge in edges[1:]:
        joined = join(b, joined, edge)
    return joined


def _or(b: Builder, x: Edge, y: Edge) -> Edge:
    return layout.elementwise(b, "Or", [x, y], BOOL)


def _and(b: Builder, x: Edge, y: Edge) -> Edge:
    return layout.elementwise(b, "And", [x, y], BOOL)


def _common_mask(layer: Layer) -> Edge | None:
    """The mask of the merged value; in Keras 3 none unless all inputs have one."""
    masks = [edge.mask for edge in layer.inputs if edge.mask is not None]
    if layer.era < Era.KERAS3:
        return _folded(layer.b, _and, masks) if masks else None
    return _folded(layer.b, _or, masks) if len(masks) == len(layer.inputs) else None


@lowers("Add", "Subtract", "Average", mask="own")
def arithmetic(layer: Layer) -> Edge:
    """The sum, the difference or the mean of the inputs."""
    b, edges = layer.b, _aligned(layer)
    joined = _folded(b, ops.subtract if layer.op_type == "Subtract" else ops.add, edges)
    if layer.op_type == "Average":
        joined = ops.divide(b, joined, len(edges))
    return replace(joined, mask=_common_mask(layer))


def _spread_mask(layer: Layer, edge: Edge) -> Edge | None:
    """The mask of an input with an axis for its features; Keras loses it where ranks differ."""
    same = layer.era >= Era.KERAS3 and all(other.rank == edge.rank for other in layer.inputs)
    return ops.unsqueeze(layer.b, edge.mask, -1) if same and edge.mask is not None else None


@lowers("Maximum", "Minimum", mask="own")
def extreme(layer: Layer) -> Edge:
    """The largest or smallest of the inputs, a masked one giving way to the others."""
    b = layer.b
    op_type = "Max" if layer.op_type == "Maximum" else "Min"
    edges = _aligned(layer)
    masks = [_spread_mask(layer, edge) for edge in layer.inputs]
    joined, joined_mask = edges[0], masks[0]
    for edge, mask in zip(edges[1:], masks[1:], strict=True):
        other = edge if mask is None else ops.where(b, mask, edge, joined)
        if joined_mask is not None:
            joined = ops.where(b, joined_mask, joined, other)
        if joined_mask is not None:
            joined_mask = _or(b, joined_mask, mask) if mask is not None else None
        joined = layout.elementwise(b, op_type, [joined, other])
    return replace(joined, mask=_common_mask(layer))


@lowers("Multiply", mask="own")
def product(layer: Layer) -> Edge:
    """The product of the inputs, a masked one counting as 1; 0 where all are masked."""
    b = layer.b
    one = b.constant(1, layer.x.dtype)
    factors = []
    masks = []
    for aligned, given in zip(_aligned(layer), layer.inputs, strict=True):
        mask = _spread_mask(layer, given)
        factors.append(aligned if mask is None else ops.where(b, mask, aligned, one))
        masks.extend([mask] if mask is not None else [])
    joined = _folded(b, ops.multiply, factors)
    if len(masks) == len(factors):
        keep = _folded(b, _or, masks)
        joined = ops.where(b, keep, joined, b.constant(0, joined.dtype))
    return replace(joined, mask=_common_mask(layer))


@lowers("Concatenate", mask="own")
def concatenate(layer: Layer) -> Edge:
    """The inputs one after another along an axis."""
    axis = layer.config["axis"] % layer.x.rank
    joined = ops.concat(layer.b, layer.inputs, axis)
    return replace(joined, mask=_concatenated_mask(layer, axis))


def _concatenated_mask(layer: Layer, axis: int) -> Edge | None:
    b = layer.b
    given = [edge.mask for edge in layer.inputs if edge.mask is not None]
    if not given or any(mask.rank != layer.x.rank - 1 for mask in given):
        return None
    if axis == layer.x.rank - 1 and layer.era < Era.KERAS3:
        return _folded(b, _and, given)
    if axis == layer.x.rank - 1:
        # An input without a mask counts as unmasked everywhere, which leaves nothing masked.
        whole = len(given) == len(layer.inputs)
        return _folded(b, _or, given) if whole else _unmasked(b, layer.x)
    return ops.concat(b, [edge.mask or _unmasked(b, edge) for edge in layer.inputs], axis)


def _unmasked(b: Builder, edge: Edge) -> Edge:
    extents = [ops.extent(b, edge, axis) for axis in range(edge.rank - 1)]
    return replace(ops.expand(b, b.constant(True), extents), shape=edge.shape[:-1])


@lowers("Dot", mask="stop")
def dot(layer: Layer) -> Edge:
    """The dot product of two inputs along one axis of each, sample by sample."""
    b = layer.b
    x, y = layer.inputs
    axes = layer.config["axes"]
    first, second = (axes, axes) if isinstance(axes, int) else axes
    first, second = first % x.rank, second % y.rank
    if layer.config["normalize"]:
        x = unit_length(layer, x, [first], 1e-7)
        y = unit_length(layer, y, [second], 1e-7)
    letters = "abcdefghijklmnopqrstuvwxyz"
    left = letters[: x.rank]
    right = letters[x.rank : x.rank + y.rank]
    right = left[0] + right[1:second] + left[first] + right[second + 1 :]
    rest = left[:first] + left[first + 1 :] + right[1:second] + right[second + 1 :]
    extents = dict(zip(right + left, (*y.shape, *x.shape), strict=True))
    shape = [extents[letter] for letter in rest]
    joined = b.emit("Einsum", [x, y], x.dtype, shape, equation=f"{left},{right}->{rest}")
    return ops.unsqueeze(b, joined, 1) if len(rest) == 1 else joined
