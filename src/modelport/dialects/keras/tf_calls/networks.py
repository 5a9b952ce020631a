"""TensorFlow's functions of matrices and of networks."""

from __future__ import annotations

from typing import Any

from modelport.dialects.keras.layer import Layer
from modelport.dialects.keras.layers import activations
from modelport.dialects.keras.operations.operands import Operand, axes_of, floating, tensor
from modelport.dialects.keras.operations.product import matmul as product
from modelport.dialects.keras.operations.reduce import variance
from modelport.dialects.keras.operations.shape import transpose
from modelport.dialects.keras.tf_calls.functions import function, like
from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.model.dtype import INT64

# Matrices


@function("matmul", "batch_mat_mul", "batch_mat_mul_v2")
def matmul(
    layer: Layer,
    a: Operand,
    b: Operand,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
) -> Edge:
    """The matrix product; either matrix may be transposed first."""
    x, y = like(layer, a, b)
    turned = [
        _turned(layer, x) if transpose_a or adjoint_a else x,
        _turned(layer, y) if transpose_b or adjoint_b else y,
    ]
    return product(layer, *turned)


def _turned(layer: Layer, x: Edge) -> Edge:
    return transpose(layer, x, [*range(x.rank - 2), x.rank - 1, x.rank - 2])


@function("matrix_transpose")
def matrix_transpose(layer: Layer, a: Operand, conjugate: bool = False) -> Edge:
    """The last two axes in each other's place."""
    return _turned(layer, tensor(layer, a))


@function("matvec")
def matvec(layer: Layer, a: Operand, b: Operand, transpose_a: bool = False) -> Edge:
    """A matrix times a vector, sample by sample."""
    x, y = like(layer, a, b)
    x = _turned(layer, x) if transpose_a else x
    return ops.squeeze(layer.b, product(layer, x, ops.unsqueeze(layer.b, y, -1)), -1)


@function("band_part")
def band_part(layer: Layer, input: Operand, num_lower: int, num_upper: int) -> Edge:
    """The diagonals of matrices from so many below to so many above; -1 keeps all."""
    b, edge = layer.b, tensor(layer, input)
    for amount, upper in ((num_upper, 0), (num_lower, 1)):
        if amount >= 0:
            k = b.constant(-amount if upper else amount, INT64)
            edge = b.emit("Trilu", [edge, k], edge.dtype, edge.shape, upper=upper)
    return edge


# Networks


@function("nn.gelu")
def gelu(layer: Layer, features: Operand, approximate: bool = False) -> Edge:
    """Gelu, exact unless asked otherwise."""
    return activations.gelu(layer.b, floating(layer, features), bool(approximate))


@function("nn.silu", "nn.swish")
def silu(layer: Layer, features: Operand, beta: float = 1.0) -> Edge:
    """X sigmoid(β x)."""
    edge = floating(layer, features)
    inside = edge if beta == 1.0 else ops.multiply(layer.b, edge, beta)
    return ops.multiply(layer.b, edge, ops.unary(layer.b, "Sigmoid", inside))


@function("nn.crelu")
def crelu(layer: Layer, features: Operand, axis: int = -1) -> Edge:
    """relu(x) and relu(-x), one after the other."""
    edge = tensor(layer, features)
    both = ops.concat(layer.b, [edge, ops.unary(layer.b, "Neg", edge)], axis)
    return ops.unary(layer.b, "Relu", both)


@function("nn.moments")
def moments(
    layer: Layer, x: Operand, axes: Any, shift: Any = None, keepdims: bool = False
) -> list[Edge]:
    """The mean and the variance."""
    edge = floating(layer, x)
    found = ops.reduce(layer.b, "ReduceMean", edge, axes_of(axes, edge.rank), bool(keepdims))
    return [found, variance(layer, edge, axes, keepdims)]


@function("nn.bias_add")
def bias_add(layer: Layer, value: Operand, bias: Operand, data_format: Any = None) -> Edge:
    """A number a channel added."""
    edge = tensor(layer, value)
    shift = tensor(layer, bias, edge.dtype)
    if str(data_format).startswith("NC"):
        shift = ops.reshape(layer.b, shift, [-1, *(1 for _ in range(edge.rank - 2))])
    return ops.add(layer.b, edge, shift)


@function("nn.batch_normalization")
def batch_normalization(
    layer: Layer,
    x: Operand,
    mean: Operand,
    variance: Operand,
    offset: Operand,
    scale: Operand,
    variance_epsilon: float,
) -> Edge:
    """(x - mean) / √(variance + ε), times a scale, plus an offset; all of them broadcast."""
    b, edge = layer.b, floating(layer, x)
    spread = ops.add(b, tensor(layer, variance, edge.dtype), variance_epsilon)
    made = ops.subtract(b, edge, tensor(layer, mean, edge.dtype))
    made = ops.divide(b, made, ops.unary(b, "Sqrt", spread))
    if scale is not None:
        made = ops.multiply(b, made, tensor(layer, scale, edge.dtype))
    return made if offset is None else ops.add(b, made, tensor(layer, offset, edge.dtype))
