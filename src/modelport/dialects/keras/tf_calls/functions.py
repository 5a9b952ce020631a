"""TensorFlow's functions where no operation of ``keras.ops`` means the same.

Each takes the layer it stands for and TensorFlow's arguments under TensorFlow's names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np

from modelport.dialects.keras.layer import Layer
from modelport.dialects.keras.operations.binary import divide_no_nan, floor_divide
from modelport.dialects.keras.operations.join import arange, concatenate, split, stack
from modelport.dialects.keras.operations.operands import (
    Operand,
    axes_of,
    extents,
    floating,
    tensor,
    together,
)
from modelport.dialects.keras.operations.product import normalize
from modelport.dialects.keras.operations.registry import Result
from modelport.dialects.keras.operations.unary import named, truncated
from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.model.dtype import FLOAT32, FLOAT64, INT32, INT64, DType

TF: TypeAlias = Callable[..., Result]
_TF = TypeVar("_TF", bound=TF)

FUNCTIONS: dict[str, TF] = {}
"""The functions here, by TensorFlow's names."""


def function(*names: str) -> Callable[[_TF], _TF]:
    """Register a function under names of TensorFlow."""

    def register(made: _TF) -> _TF:
        for name in names:
            FUNCTIONS[name] = made
        return made

    return register


def like(layer: Layer, x: Operand, y: Operand) -> list[Edge]:
    """Two operands of one dtype: TensorFlow gives a constant the dtype of the tensor beside it."""
    if isinstance(x, Edge) and not isinstance(y, Edge):
        return [x, tensor(layer, y, x.dtype)]
    if isinstance(y, Edge) and not isinstance(x, Edge):
        return [tensor(layer, x, y.dtype), y]
    return together(layer, x, y)


# Arithmetic


@function("truediv", "divide", "div")
def true_divide(layer: Layer, x: Operand, y: Operand) -> Edge:
    """The quotient; whole numbers become float64, short ones float32."""
    return ops.divide(layer.b, *_floats(layer, x, y))


def _floats(layer: Layer, x: Operand, y: Operand) -> list[Edge]:
    operands = like(layer, x, y)
    if operands[0].dtype.kind == "float":
        return operands
    wanted = FLOAT64 if operands[0].dtype.bits > 16 else FLOAT32
    return [ops.cast(layer.b, each, wanted) for each in operands]


@function("divide_no_nan", "div_no_nan")
def divide_without_nan(layer: Layer, x: Operand, y: Operand) -> Edge:
    """The quotient, 0 where the divisor is 0."""
    return divide_no_nan(layer, *_floats(layer, x, y))


@function("truncatediv")
def truncated_division(layer: Layer, x: Operand, y: Operand) -> Edge:
    """The quotient, cut towards 0."""
    return truncated(layer, ops.divide(layer.b, *like(layer, x, y)))


_SHAPES = {"Add": lambda x, y: x + y, "Sub": lambda x, y: x - y, "Mul": lambda x, y: x * y}


def _arithmetic(op_type: str) -> TF:
    def apply(layer: Layer, x: Operand, y: Operand) -> Edge:
        first, second = like(layer, x, y)
        made = ops.binary(layer.b, op_type, first, second)
        made.values = _known(x, y, _SHAPES[op_type])
        return made

    return apply


def _known(x: Operand, y: Operand, join: Callable[[int, int], int]) -> tuple[Any, ...] | None:
    """The result for extents that are known."""
    first, second = _number(x), _number(y)
    either = isinstance(x, Edge) or isinstance(y, Edge)
    return (join(first, second),) if either and first is not None and second is not None else None


def _number(value: Operand) -> int | None:
    if isinstance(value, Edge):
        known = value.values or ()
        value = known[0] if len(known) == 1 else None
    return value if type(value) is int else None


function("add", "add_v2")(_arithmetic("Add"))
function("subtract", "sub")(_arithmetic("Sub"))
function("multiply", "mul")(_arithmetic("Mul"))


@function("scalar_mul")
def scalar_multiply(layer: Layer, scalar: Operand, x: Operand) -> Edge:
    """A tensor times a number."""
    return ops.multiply(layer.b, *like(layer, x, scalar))


@function("floordiv", "floor_div")
def floor_div(layer: Layer, x: Operand, y: Operand) -> Edge:
    """The quotient, rounded down."""
    made = floor_divide(layer, *like(layer, x, y))
    made.values = _known(x, y, lambda first, second: first // second if second else 0)
    return made


@function("squared_difference")
def squared_difference(layer: Layer, x: Operand, y: Operand) -> Edge:
    """(x - y)²."""
    apart = ops.subtract(layer.b, *like(layer, x, y))
    return ops.multiply(layer.b, apart, apart)


@function("add_n")
def add_n(layer: Layer, inputs: Sequence[Operand]) -> Edge:
    """The sum of several tensors."""
    total, *rest = together(layer, *inputs)
    for edge in rest:
        total = ops.add(layer.b, total, edge)
    return total


@function("l2_normalize")
def l2_normalize(layer: Layer, x: Operand, axis: Any = None, epsilon: float = 1e-12) -> Edge:
    """The tensor over its length, whose square counts as epsilon where it is smaller."""
    return normalize(layer, x, axis, 2, math.sqrt(epsilon))


def _place(op_type: str) -> TF:
    def apply(layer: Layer, input: Operand, axis: Any = None, output_type: Any = "int64") -> Edge:
        b, edge = layer.b, tensor(layer, input)
        # The first axis by default, where numpy takes all.
        at = axes_of(0 if axis is None else axis, edge.rank)[0]
        shape = [extent for i, extent in enumerate(edge.shape) if i != at]
        found = b.emit(op_type, [edge], INT64, shape, axis=at, keepdims=0)
        return ops.cast(b, found, named(output_type))

    return apply


function("argmax", "arg_max")(_place("ArgMax"))
function("argmin", "arg_min")(_place("ArgMin"))


@function("reduce_euclidean_norm")
def euclidean_norm(
    layer: Layer, input_tensor: Operand, axis: Any = None, keepdims: bool = False
) -> Edge:
    """√ Σ x²."""
    edge = floating(layer, input_tensor)
    return ops.reduce(layer.b, "ReduceL2", edge, axes_of(axis, edge.rank), bool(keepdims))


# Shapes


@function("shape")
def shape(layer: Layer, input: Operand, out_type: Any = "int32") -> Edge:
    """The shape as a tensor."""
    edge = tensor(layer, input)
    made = ops.cast(layer.b, ops.shape_of(layer.b, edge), named(out_type))
    made.values = edge.shape
    return made


@function("rank")
def rank(layer: Layer, input: Operand) -> Edge:
    """The number of axes."""
    return layer.b.constant(tensor(layer, input).rank, INT32)


@function("size")
def size(layer: Layer, input: Operand, out_type: Any = "int32") -> Edge:
    """The number of elements."""
    edge = tensor(layer, input)
    return ops.cast(layer.b, layer.b.emit("Size", [edge], INT64, ()), named(out_type))


@function("concat")
def concat(layer: Layer, values: Sequence[Operand], axis: Any) -> Edge:
    """Tensors one after another; shapes may be among them."""
    made = concatenate(layer, values if isinstance(values, list) else [values], axis)
    known = [_elements(value) for value in values] if made.rank == 1 else [None]
    if None not in known:
        made.values = tuple(item for part in known if part is not None for item in part)
    return made


def _elements(value: Operand) -> tuple[Any, ...] | None:
    if isinstance(value, Edge):
        return value.values
    listed = np.asarray(value).reshape(-1)
    return tuple(listed.tolist()) if listed.dtype.kind in "iu" else None


@function("stack", "pack")
def stacked(layer: Layer, values: Sequence[Operand], axis: Any = 0) -> Edge:
    """Tensors along a new axis; numbers may be among them."""
    made = stack(layer, values, axis)
    if made.rank == 1:
        parts = [_elements(value) for value in values]
        made.values = tuple(part[0] if part else None for part in parts)
    return made


@function("split")
def split_parts(
    layer: Layer, value: Operand, num_or_size_splits: Any, axis: Any = 0, num: Any = None
) -> list[Edge]:
    """Parts along an axis: so many, or of given sizes (one may be -1)."""
    if isinstance(num_or_size_splits, int):
        return split(layer, value, num_or_size_splits, axis)
    edge = tensor(layer, value)
    sizes = [int(item) for item in num_or_size_splits]
    if -1 in sizes:
        extent = edge.shape[axes_of(axis, edge.rank)[0]]
        if not isinstance(extent, int):
            raise layer.error("it splits an axis whose extent is unknown")
        sizes[sizes.index(-1)] = extent - sum(sizes) - 1
    return split(layer, edge, np.cumsum(sizes)[:-1].tolist(), axis)


@function("fill")
def fill(layer: Layer, dims: Operand, value: Operand) -> Edge:
    """One value in a shape."""
    return ops.expand(layer.b, tensor(layer, value), extents(layer, dims))


@function("zeros")
def zeros(layer: Layer, shape: Operand, dtype: Any = "float32") -> Edge:
    """Zeros in a shape that is computed."""
    return ops.expand(layer.b, layer.b.constant(0, named(dtype)), extents(layer, shape))


@function("ones")
def ones(layer: Layer, shape: Operand, dtype: Any = "float32") -> Edge:
    """Ones in a shape that is computed."""
    return ops.expand(layer.b, layer.b.constant(1, named(dtype)), extents(layer, shape))


@function("range")
def numbers(
    layer: Layer, start: Operand, limit: Operand = None, delta: Operand = 1, dtype: Any = None
) -> Edge:
    """The numbers from start up to a limit."""
    return arange(layer, start, limit, delta, dtype)


@function("slice")
def box(layer: Layer, input_: Operand, begin: Operand, size: Operand) -> Edge:
    """A box from a start on; a size of -1 reaches to the end."""
    b, edge = layer.b, tensor(layer, input_)
    starts, sizes = extents(layer, begin), extents(layer, size)
    for axis, (start, count) in enumerate(zip(starts, sizes, strict=True)):
        if start == 0 and (count == -1 or count == edge.shape[axis]):
            continue
        stop: int | Edge | None = None
        if isinstance(start, int) and isinstance(count, int):
            stop = start + count if count != -1 else None
        elif count != -1:
            first = start if isinstance(start, Edge) else b.constant([start], INT64)
            stop = ops.add(b, first, count)
        edge = ops.slice_axis(b, edge, axis, start, stop)
    return edge


@function("strided_slice")
def strided_slice(
    layer: Layer,
    input_: Operand,
    begin: Operand,
    end: Operand,
    strides: Any = None,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
) -> Edge:
    """Slices along the first axes; the bits of the masks say which ends do not count."""
    if ellipsis_mask or new_axis_mask:
        raise layer.error("a strided slice with new axes or an ellipsis is not known")
    edge = tensor(layer, input_)
    starts, stops = extents(layer, begin), extents(layer, end)
    steps = [1] * len(starts) if strides is None else np.asarray(strides).reshape(-1).tolist()
    gone = []
    for axis, (start, stop, step) in enumerate(zip(starts, stops, steps, strict=True)):
        first = None if begin_mask >> axis & 1 else start
        last = None if end_mask >> axis & 1 else stop
        if shrink_axis_mask >> axis & 1:
            gone.append(axis)
            last = _after(layer, start)
            first = start
        if (first, last, step) != (None, None, 1):
            edge = ops.slice_axis(layer.b, edge, axis, first, last, step)
    return ops.squeeze(layer.b, edge, *gone) if gone else edge


def _after(layer: Layer, start: int | Edge) -> int | Edge | None:
    if isinstance(start, Edge):
        return ops.add(layer.b, start, 1)
    return start + 1 if start != -1 else None


def dtype_of(name: Any) -> DType:
    """The dtype of a TensorFlow name, or of the number of its enumeration (``DT_FLOAT``)."""
    return named(_ENUMERATED.get(str(name), name))


_ENUMERATED = {
    "DT_FLOAT": "float32",
    "DT_DOUBLE": "float64",
    "DT_INT32": "int32",
    "DT_INT64": "int64",
    "DT_BOOL": "bool",
    "DT_HALF": "float16",
    "DT_UINT8": "uint8",
    "DT_INT8": "int8",
}
