"""Operations over whole axes: sums, means, extremes, cumulated sums, order."""

from __future__ import annotations

from typing import Any

from modelport.dialects.keras.layer import Layer
from modelport.dialects.keras.operations.operands import (
    MOST_PARTS,
    Operand,
    axes_of,
    boolean,
    bounded,
    floating,
    tensor,
    together,
)
from modelport.dialects.keras.operations.registry import Single, operation
from modelport.dialects.keras.operations.unary import is_nan, named
from modelport.dialects.onnx import layout, ops
from modelport.dialects.onnx.edge import Edge
from modelport.model.dtype import BOOL, INT32, INT64, UINT32, DType


def reduced(layer: Layer, op_type: str, x: Edge, axis: Any, keepdims: bool) -> Edge:
    """A Reduce operator over the axes of a call; over none it changes nothing."""
    axes = axes_of(axis, x.rank)
    if not axes:
        return x
    return ops.reduce(layer.b, op_type, x, axes, bool(keepdims))


def _summed(dtype: DType) -> DType:
    """The dtype Keras sums in: short whole numbers get 32 bits."""
    if dtype == BOOL or (dtype.kind == "int" and dtype.bits < 32):
        return INT32
    return UINT32 if dtype.kind == "uint" and dtype.bits < 32 else dtype


@operation("Sum")
def total(layer: Layer, x: Operand, axis: Any = None, keepdims: bool = False) -> Edge:
    """The sum over axes."""
    edge = tensor(layer, x)
    return reduced(layer, "ReduceSum", ops.cast(layer.b, edge, _summed(edge.dtype)), axis, keepdims)


@operation("Prod")
def product(
    layer: Layer, x: Operand, axis: Any = None, keepdims: bool = False, dtype: Any = None
) -> Edge:
    """The product over axes."""
    edge = tensor(layer, x)
    wanted = _summed(edge.dtype) if dtype is None else named(dtype)
    return reduced(layer, "ReduceProd", ops.cast(layer.b, edge, wanted), axis, keepdims)


@operation("Mean")
def mean(layer: Layer, x: Operand, axis: Any = None, keepdims: bool = False) -> Edge:
    """The mean over axes."""
    return reduced(layer, "ReduceMean", floating(layer, x), axis, keepdims)


@operation("Average")
def average(layer: Layer, x: Operand, axis: Any = None, weights: Operand = None) -> Edge:
    """The mean over axes, weighted."""
    if weights is None:
        return mean(layer, x, axis)
    b = layer.b
    edge, weight = together(layer, x, weights, least=float)
    if weight.rank == 1 and edge.rank > 1:
        place = axes_of(axis, edge.rank)[0]
        weight = ops.reshape(b, weight, [-1 if i == place else 1 for i in range(edge.rank)])
    weighted = reduced(layer, "ReduceSum", ops.multiply(b, edge, weight), axis, False)
    return ops.divide(b, weighted, reduced(layer, "ReduceSum", weight, axis, False))


def _extreme(op_type: str) -> Single:
    def apply(
        layer: Layer,
        x: Operand,
        axis: Any = None,
        keepdims: bool = False,
        initial: Operand = None,
    ) -> Edge:
        edge = tensor(layer, x)
        if edge.dtype == BOOL:
            small = ops.cast(layer.b, edge, INT32)
            return ops.cast(
                layer.b, reduced(layer, f"Reduce{op_type}", small, axis, keepdims), BOOL
            )
        largest = reduced(layer, f"Reduce{op_type}", edge, axis, keepdims)
        if initial is None:
            return largest
        return ops.binary(layer.b, op_type, largest, tensor(layer, initial, edge.dtype))

    return apply


largest, smallest = _extreme("Max"), _extreme("Min")
operation("Max", "Amax")(largest)
operation("Min", "Amin")(smallest)


@operation("Ptp")
def peak_to_peak(layer: Layer, x: Operand, axis: Any = None, keepdims: bool = False) -> Edge:
    """The largest less the smallest element."""
    edge = tensor(layer, x)
    high = reduced(layer, "ReduceMax", edge, axis, keepdims)
    return ops.subtract(layer.b, high, reduced(layer, "ReduceMin", edge, axis, keepdims))


@operation("Var")
def variance(layer: Layer, x: Operand, axis: Any = None, keepdims: bool = False) -> Edge:
    """The mean square distance from the mean."""
    b, edge = layer.b, floating(layer, x)
    axes = axes_of(axis, edge.rank)
    distance = ops.subtract(b, edge, reduced(layer, "ReduceMean", edge, axes, True))
    return reduced(layer, "ReduceMean", ops.multiply(b, distance, distance), axes, keepdims)


@operation("Std")
def deviation(layer: Layer, x: Operand, axis: Any = None, keepdims: bool = False) -> Edge:
    """The root of the variance."""
    return ops.unary(layer.b, "Sqrt", variance(layer, x, axis, keepdims))


@operation("Moments")
def moments(layer: Layer, x: Operand, axes: Any, keepdims: bool = False) -> list[Edge]:
    """The mean and the variance."""
    return [mean(layer, x, axes, keepdims), variance(layer, x, axes, keepdims)]


@operation("Logsumexp")
def log_sum_exp(layer: Layer, x: Operand, axis: Any = None, keepdims: bool = False) -> Edge:
    """Log Σ exp(x), without overflow."""
    return reduced(layer, "ReduceLogSumExp", floating(layer, x), axis, keepdims)


@operation("All")
def all_of(layer: Layer, x: Operand, axis: Any = None, keepdims: bool = False) -> Edge:
    """Whether no element is 0."""
    return _truth(layer, "ReduceMin", x, axis, keepdims)


@operation("Any")
def any_of(layer: Layer, x: Operand, axis: Any = None, keepdims: bool = False) -> Edge:
    """Whether an element is not 0."""
    return _truth(layer, "ReduceMax", x, axis, keepdims)


def _truth(layer: Layer, op_type: str, x: Operand, axis: Any, keepdims: bool) -> Edge:
    numbers = ops.cast(layer.b, boolean(layer, x), INT32)
    return ops.cast(layer.b, reduced(layer, op_type, numbers, axis, keepdims), BOOL)


@operation("CountNonzero")
def count_nonzero(layer: Layer, x: Operand, axis: Any = None) -> Edge:
    """How many elements are not 0."""
    return reduced(layer, "ReduceSum", ops.cast(layer.b, boolean(layer, x), INT32), axis, False)


def _place(op_type: str) -> Single:
    def apply(layer: Layer, x: Operand, axis: Any = None, keepdims: bool = False) -> Edge:
        b, edge = layer.b, tensor(layer, x)
        edge = ops.cast(b, edge, INT32) if edge.dtype == BOOL else edge
        rank = edge.rank
        if axis is None:
            edge, axis = ops.reshape(b, edge, [-1]), 0
        place = axes_of(axis, edge.rank)[0]
        shape = [1 if i == place else extent for i, extent in enumerate(edge.shape)]
        found = b.emit(op_type, [edge], INT64, shape, axis=place, keepdims=1)
        if not keepdims:
            found = ops.squeeze(b, found, place)
        elif edge.rank != rank:
            found = ops.reshape(b, found, [1] * rank)
        return ops.cast(b, found, INT32)

    return apply


operation("Argmax")(_place("ArgMax"))
operation("Argmin")(_place("ArgMin"))


# Without NaN


def _without(layer: Layer, x: Operand, value: float) -> tuple[Edge, Edge]:
    """The elements with a number in place of NaN, and which of them are numbers."""
    b, edge = layer.b, floating(layer, x)
    nan = is_nan(layer, edge)
    return ops.where(b, nan, b.constant(value, edge.dtype), edge), ops.unary(b, "Not", nan)


def _nan_reduced(op_type: str, neutral: float, empty: bool) -> Single:
    def apply(layer: Layer, x: Operand, axis: Any = None, keepdims: bool = False) -> Edge:
        b = layer.b
        edge, counted = _without(layer, x, neutral)
        found = reduced(layer, op_type, edge, axis, keepdims)
        if not empty:
            return found
        some = any_of(layer, counted, axis, keepdims)
        return ops.where(b, some, found, b.constant(float("nan"), edge.dtype))

    return apply


operation("Nansum")(_nan_reduced("ReduceSum", 0, False))
operation("Nanprod")(_nan_reduced("ReduceProd", 1, False))
operation("Nanmax")(_nan_reduced("ReduceMax", float("-inf"), True))
operation("Nanmin")(_nan_reduced("ReduceMin", float("inf"), True))


@operation("Nanmean")
def nan_mean(layer: Layer, x: Operand, axis: Any = None, keepdims: bool = False) -> Edge:
    """The mean of those elements that are numbers."""
    b = layer.b
    edge, counted = _without(layer, x, 0)
    count = reduced(layer, "ReduceSum", ops.cast(b, counted, edge.dtype), axis, keepdims)
    return ops.divide(b, reduced(layer, "ReduceSum", edge, axis, keepdims), count)


@operation("Nanvar")
def nan_variance(layer: Layer, x: Operand, axis: Any = None, keepdims: bool = False) -> Edge:
    """The variance of those elements that are numbers."""
    b, edge = layer.b, floating(layer, x)
    distance = ops.subtract(b, edge, nan_mean(layer, edge, axis, True))
    return nan_mean(layer, ops.multiply(b, distance, distance), axis, keepdims)


@operation("Nanstd")
def nan_deviation(layer: Layer, x: Operand, axis: Any = None, keepdims: bool = False) -> Edge:
    """The root of the variance of those elements that are numbers."""
    return ops.unary(layer.b, "Sqrt", nan_variance(layer, x, axis, keepdims))


# One after another


@operation("Cumsum")
def cumulated(
    layer: Layer,
    x: Operand,
    axis: Any = None,
    dtype: Any = None,
    exclusive: bool = False,
    reverse: bool = False,
) -> Edge:
    """The sums of the elements up to each one."""
    b, edge = layer.b, tensor(layer, x)
    wanted = named(dtype) if dtype else (INT32 if edge.dtype == BOOL else edge.dtype)
    edge = ops.cast(b, edge, wanted)
    if axis is None:
        edge, axis = ops.reshape(b, edge, [-1]), 0
    place = b.constant(axes_of(axis, edge.rank)[0], INT64)
    given = {"exclusive": int(exclusive) or None, "reverse": int(reverse) or None}
    return b.emit("CumSum", [edge, place], edge.dtype, edge.shape, **given)


@operation("Nancumsum")
def nan_cumulated(layer: Layer, x: Operand, axis: Any = None, dtype: Any = None) -> Edge:
    """The sums up to each element, NaN counting as 0."""
    return cumulated(layer, _without(layer, x, 0)[0], axis, dtype)


@operation("Cumprod")
def cumulated_product(layer: Layer, x: Operand, axis: Any = None, dtype: Any = None) -> Edge:
    """The products of the elements up to each one, multiplied one by one."""
    b, edge = layer.b, tensor(layer, x)
    wanted = named(dtype) if dtype else (INT32 if edge.dtype == BOOL else edge.dtype)
    edge = ops.cast(b, edge, wanted)
    if axis is None:
        edge, axis = ops.reshape(b, edge, [-1]), 0
    place = axes_of(axis, edge.rank)[0]
    count = edge.shape[place]
    if not isinstance(count, int) or count > 4096:
        raise layer.error("a cumulated product needs an extent that is known (and up to 4096)")
    step = 1
    while step < count:
        # Doubling: after every round each element holds the product of twice as many before it.
        kept = ops.slice_axis(b, edge, place, 0, count - step)
        ahead = ops.pad(b, kept, {place: (step, 0)}, 1)
        edge = ops.multiply(b, edge, ahead)
        step *= 2
    return edge


@operation("Nancumprod")
def nan_cumulated_product(layer: Layer, x: Operand, axis: Any = None, dtype: Any = None) -> Edge:
    """The products up to each element, NaN counting as 1."""
    return cumulated_product(layer, _without(layer, x, 1)[0], axis, dtype)


@operation("Diff")
def difference(layer: Layer, a: Operand, n: int = 1, axis: Any = -1) -> Edge:
    """Every element less the one before it, n times."""
    b, edge = layer.b, tensor(layer, a)
    place = axes_of(axis, edge.rank)[0]
    for _ in range(bounded(layer, n, "the number of its rounds", MOST_PARTS)):
        later = ops.slice_axis(b, edge, place, 1, None)
        earlier = ops.slice_axis(b, edge, place, None, -1)
        if edge.dtype == BOOL:
            edge = layout.elementwise(b, "Xor", [later, earlier], BOOL)
        else:
            edge = ops.subtract(b, later, earlier)
    return edge
