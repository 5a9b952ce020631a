"""Operations that sort, compare with all elements, or choose by place."""

from __future__ import annotations

from typing import Any

import numpy as np

from modelport.dialects.keras.layer import Layer
from modelport.dialects.keras.operations.operands import Operand, axes_of, bounded, tensor
from modelport.dialects.keras.operations.registry import operation
from modelport.dialects.onnx import arithmetic, ops
from modelport.dialects.onnx.edge import Edge
from modelport.model.dtype import FLOAT32, FLOAT64, INT32, INT64


@operation("Sort")
def sort(layer: Layer, x: Operand, axis: Any = -1) -> Edge:
    """The elements along an axis from small to large."""
    edge = tensor(layer, x)
    return arithmetic.ordered(layer.b, edge, axes_of(axis, edge.rank)[0], False)[0]


@operation("Argsort")
def argsort(layer: Layer, x: Operand, axis: Any = -1) -> Edge:
    """Where the elements along an axis are, from small to large."""
    edge = tensor(layer, x)
    if axis is None:
        edge, axis = ops.reshape(layer.b, edge, [-1]), 0
    places = arithmetic.ordered(layer.b, edge, axes_of(axis, edge.rank)[0], False)[1]
    return ops.cast(layer.b, places, INT32)


@operation("TopK")
def top_k(layer: Layer, x: Operand, k: int, sorted: bool = True) -> list[Edge]:
    """The largest elements along the last axis, and where they are."""
    edge = tensor(layer, x)
    values, places = arithmetic.ordered(layer.b, edge, edge.rank - 1, True, k)
    return [values, ops.cast(layer.b, places, INT32)]


@operation("InTopK")
def in_top_k(layer: Layer, targets: Operand, predictions: Operand, k: int) -> Edge:
    """Whether a class is among those of the largest predictions (ties count)."""
    b, scores = layer.b, tensor(layer, predictions)
    target = ops.unsqueeze(b, ops.cast(b, tensor(layer, targets), INT64), -1)
    own = b.emit("GatherElements", [scores, target], scores.dtype, target.shape, axis=-1)
    better = ops.cast(b, ops.binary(b, "Greater", scores, own), INT32)
    return ops.binary(b, "Less", ops.reduce(b, "ReduceSum", better, [-1]), k)


@operation("SearchSorted")
def search_sorted(
    layer: Layer, sorted_sequence: Operand, values: Operand, side: str = "left"
) -> Edge:
    """How many elements of a sorted sequence lie before each value."""
    b, sequence, wanted = layer.b, tensor(layer, sorted_sequence), tensor(layer, values)
    wide = ops.unsqueeze(b, wanted, wanted.rank)
    op_type = "Greater" if side == "left" else "GreaterOrEqual"
    before = ops.binary(b, op_type, wide, ops.cast(b, sequence, wanted.dtype))
    return ops.reduce(b, "ReduceSum", ops.cast(b, before, INT32), [-1])


@operation("Digitize")
def digitize(layer: Layer, x: Operand, bins: Operand) -> Edge:
    """How many ends of bins lie at or before each element; the ends are float32."""
    edge = tensor(layer, x)
    wide = edge if edge.dtype == FLOAT64 else ops.cast(layer.b, edge, FLOAT32)
    return search_sorted(layer, tensor(layer, bins, FLOAT32), wide, "right")


@operation("IsIn")
def is_in(
    layer: Layer, x1: Operand, x2: Operand, assume_unique: bool = False, invert: bool = False
) -> Edge:
    """Whether each element is one of the second tensor's."""
    b, edge = layer.b, tensor(layer, x1)
    among = ops.reshape(b, tensor(layer, x2, edge.dtype), [-1])
    same = ops.binary(b, "Equal", ops.unsqueeze(b, edge, edge.rank), among)
    found = ops.binary(b, "Greater", ops.reduce(b, "ReduceMax", ops.cast(b, same, INT32), [-1]), 0)
    return ops.unary(b, "Not", found) if invert else found


# Diagonals


@operation("Tril")
def lower_triangle(layer: Layer, x: Operand, k: int = 0) -> Edge:
    """The last two axes with zeros above a diagonal."""
    return arithmetic.triangle(layer.b, tensor(layer, x), k, 0)


@operation("Triu")
def upper_triangle(layer: Layer, x: Operand, k: int = 0) -> Edge:
    """The last two axes with zeros below a diagonal."""
    return arithmetic.triangle(layer.b, tensor(layer, x), k, 1)


@operation("Diagonal")
def diagonal(layer: Layer, x: Operand, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Edge:
    """The elements whose indices along two axes differ by an offset, as a new last axis."""
    b, edge = layer.b, tensor(layer, x)
    rows, columns = axes_of([axis1, axis2], edge.rank)
    order = [i for i in range(edge.rank) if i not in (rows, columns)]
    moved = ops.transpose(b, edge, [*order, rows, columns])
    height, width = moved.shape[-2:]
    if not isinstance(height, int) or not isinstance(width, int):
        raise layer.error("a diagonal needs extents that are known")
    first, start = max(0, -offset), max(0, offset)
    count = bounded(layer, max(0, min(height - first, width - start)), "its diagonal")
    chosen = [(first + i) * width + start + i for i in range(count)]
    flat = ops.reshape(b, moved, [*(None,) * len(order), height * width])
    flat = Edge(flat.name, edge.dtype, (*moved.shape[:-2], height * width))
    return ops.gather(b, flat, b.constant(np.array(chosen, np.int64)), -1)


@operation("Trace")
def trace(layer: Layer, x: Operand, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Edge:
    """The sum of a diagonal."""
    return ops.reduce(layer.b, "ReduceSum", diagonal(layer, x, offset, axis1, axis2), [-1])
