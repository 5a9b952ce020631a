"""The masks of attention: boolean, true where a query may look at a key."""

from __future__ import annotations

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.builder import Builder
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.onnx.ops import Extent


def causal(b: Builder, queries: Extent, keys: Extent) -> Edge:
    """(1, queries, keys): a query sees the keys up to its own place."""
    rows, columns = _places(b, queries, keys)
    return ops.binary(b, "GreaterOrEqual", rows, columns)


def window(b: Builder, queries: Extent, keys: Extent, width: int) -> Edge:
    """(1, queries, keys): a query sees keys less than ``width`` places away."""
    rows, columns = _places(b, queries, keys)
    distance = ops.unary(b, "Abs", ops.subtract(b, rows, columns))
    return ops.binary(b, "Less", distance, width)


def both(b: Builder, mask: Edge | None, other: Edge | None) -> Edge | None:
    """Where both masks hold; an absent one holds everywhere."""
    if mask is None or other is None:
        return mask if other is None else other
    return ops.binary(b, "And", mask, other)


def _places(b: Builder, queries: Extent, keys: Extent) -> tuple[Edge, Edge]:
    rows = ops.unsqueeze(b, ops.arange(b, queries), 0, 2)
    return rows, ops.unsqueeze(b, ops.arange(b, keys), 0, 1)
