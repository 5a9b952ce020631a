"""TensorFlow's functions that choose elements: gathering, one-hot, order."""

from __future__ import annotations

from typing import Any

from modelport.dialects.keras.layer import Layer
from modelport.dialects.keras.operations.index import hot
from modelport.dialects.keras.operations.operands import Operand, axes_of, tensor
from modelport.dialects.keras.operations.unary import named
from modelport.dialects.keras.tf_calls.functions import function
from modelport.dialects.onnx import ops
from modelport.dialects.onnx.arithmetic import ordered
from modelport.dialects.onnx.edge import Edge
from modelport.model.dtype import BOOL, FLOAT32, INT32, INT64


@function("gather")
def gather(
    layer: Layer,
    params: Operand,
    indices: Operand,
    validate_indices: Any = None,
    axis: Any = None,
    batch_dims: int = 0,
) -> Edge:
    """Entries along an axis by index; with ``batch_dims`` each sample has its own indices."""
    b, edge, index = layer.b, tensor(layer, params), tensor(layer, indices)
    shared = batch_dims % (index.rank + 1)
    at = shared if axis is None else axes_of(axis, edge.rank)[0]
    if index.dtype not in (INT32, INT64):
        index = ops.cast(b, index, INT64)
    if not shared:
        return ops.gather(b, edge, index, at)
    if at != shared:
        raise layer.error("it gathers by sample along another axis than the first of a sample")
    shape_ = (*index.shape, *edge.shape[at + 1 :])
    places = ops.unsqueeze(b, ops.cast(b, index, INT64), -1)
    return b.emit("GatherND", [edge, places], edge.dtype, shape_, batch_dims=shared)


@function("gather_nd")
def gather_nd(layer: Layer, params: Operand, indices: Operand, batch_dims: int = 0) -> Edge:
    """Entries by indices over several axes."""
    edge, index = tensor(layer, params), tensor(layer, indices)
    depth = index.shape[-1]
    if not isinstance(depth, int):
        raise layer.error("the number of axes it indexes is unknown")
    shape_ = (*index.shape[:-1], *edge.shape[batch_dims + depth :])
    wide = ops.cast(layer.b, index, INT64)
    return layer.b.emit("GatherND", [edge, wide], edge.dtype, shape_, batch_dims=batch_dims)


@function("embedding_lookup")
def embedding_lookup(layer: Layer, params: Operand, ids: Operand) -> Edge:
    """Rows of a table."""
    return gather(layer, params, ids, axis=0)


@function("one_hot")
def one_hot(
    layer: Layer,
    indices: Operand,
    depth: int,
    on_value: Any = None,
    off_value: Any = None,
    axis: Any = None,
    dtype: Any = None,
) -> Edge:
    """One value at the index, another elsewhere."""
    b, wanted = layer.b, FLOAT32 if dtype is None else named(dtype)
    at = -1 if axis is None else axis
    if on_value is None and off_value is None:
        return hot(layer, tensor(layer, indices), depth, at, wanted)
    chosen = hot(layer, tensor(layer, indices), depth, at, BOOL)
    high = b.constant(1 if on_value is None else on_value, wanted)
    return ops.where(b, chosen, high, b.constant(off_value or 0, wanted))


@function("sort")
def sort(layer: Layer, values: Operand, axis: Any = -1, direction: str = "ASCENDING") -> Edge:
    """The elements along an axis in order."""
    edge = tensor(layer, values)
    down = str(direction).upper() == "DESCENDING"
    return ordered(layer.b, edge, axes_of(axis, edge.rank)[0], down)[0]


@function("argsort")
def argsort(
    layer: Layer,
    values: Operand,
    axis: Any = -1,
    direction: str = "ASCENDING",
    stable: bool = False,
) -> Edge:
    """Where the elements along an axis are, in order."""
    edge = tensor(layer, values)
    down = str(direction).upper() == "DESCENDING"
    places = ordered(layer.b, edge, axes_of(axis, edge.rank)[0], down)[1]
    return ops.cast(layer.b, places, INT32)


@function("count_nonzero")
def count_nonzero(
    layer: Layer, input: Operand, axis: Any = None, keepdims: bool = False, dtype: Any = "int64"
) -> Edge:
    """How many elements are not 0."""
    counted = tensor(layer, tensor(layer, input, BOOL), named(dtype))
    return ops.reduce(layer.b, "ReduceSum", counted, axes_of(axis, counted.rank), bool(keepdims))
