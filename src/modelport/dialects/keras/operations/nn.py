"""Operations of ``keras.ops.nn``: activations, normalisation, losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelport.dialects.keras.layer import Layer
from modelport.dialects.keras.layers import activations
from modelport.dialects.keras.operations.operands import Operand, axes_of, floating, tensor
from modelport.dialects.keras.operations.registry import Single, operation
from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge

_ACTIVATIONS: Mapping[str, str] = {
    "Celu": "celu",
    "Elu": "elu",
    "Glu": "glu",
    "HardShrink": "hard_shrink",
    "HardSigmoid": "hard_sigmoid",
    "HardSilu": "hard_silu",
    "HardTanh": "hard_tanh",
    "LeakyRelu": "leaky_relu",
    "LogSigmoid": "log_sigmoid",
    "Relu": "relu",
    "Relu6": "relu6",
    "Selu": "selu",
    "Sigmoid": "sigmoid",
    "Silu": "silu",
    "SoftShrink": "soft_shrink",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "SparsePlus": "sparse_plus",
    "SparseSigmoid": "sparse_sigmoid",
    "Sparsemax": "sparsemax",
    "Squareplus": "squareplus",
    "TanhShrink": "tanh_shrink",
    "Threshold": "threshold",
}
"""Activations by the class of the operation; the arguments have the same names."""


def _activation(name: str) -> Single:
    def apply(
        layer: Layer,
        x: Operand,
        alpha: float | None = None,
        axis: int | None = None,
        b: float | None = None,
        negative_slope: float | None = None,
        threshold: float | None = None,
        default_value: float | None = None,
    ) -> Edge:
        given = {
            "alpha": alpha,
            "axis": axis,
            "b": b,
            "negative_slope": negative_slope,
            "threshold": threshold,
            "default_value": default_value,
        }
        stated = {key: value for key, value in given.items() if value is not None}
        edge = tensor(layer, x) if name in ("relu", "relu6") else floating(layer, x)
        return activations.FUNCTIONS[name](layer.b, edge, **stated)

    return apply


for _class, _name in _ACTIVATIONS.items():
    operation(_class)(_activation(_name))


@operation("Gelu")
def gelu(layer: Layer, x: Operand, approximate: bool = True) -> Edge:
    """The input times the normal distribution function, or its tanh approximation."""
    return activations.gelu(layer.b, floating(layer, x), bool(approximate))


@operation("Softmax")
def softmax(layer: Layer, x: Operand, axis: Any = -1) -> Edge:
    """exp(x) over its sum along one axis, several, or (None) all."""
    b, edge = layer.b, floating(layer, x)
    axes = axes_of(axis, edge.rank)
    if len(axes) == 1:
        return ops.softmax(b, edge, axes[0])
    return ops.unary(b, "Exp", log_softmax(layer, edge, axes))


@operation("LogSoftmax")
def log_softmax(layer: Layer, x: Operand, axis: Any = -1) -> Edge:
    """The logarithm of softmax."""
    b, edge = layer.b, floating(layer, x)
    axes = axes_of(axis, edge.rank)
    if len(axes) == 1:
        return activations.log_softmax(b, edge, axes[0])
    total = ops.reduce(b, "ReduceLogSumExp", edge, axes, keepdims=True)
    return ops.subtract(b, edge, total)


# Normalisation


def _aligned(layer: Layer, value: Operand, like: Edge, axes: Sequence[int]) -> Edge:
    """A parameter over axes of an edge, with extent 1 along the others."""
    edge = tensor(layer, value, like.dtype)
    if edge.rank != len(axes):
        return edge
    return ops.reshape(
        layer.b,
        edge,
        [edge.shape[axes.index(i)] or -1 if i in axes else 1 for i in range(like.rank)],
    )


@operation("BatchNorm")
def batch_norm(
    layer: Layer,
    x: Operand,
    mean: Operand,
    variance: Operand,
    axis: int,
    offset: Operand = None,
    scale: Operand = None,
    epsilon: float = 1e-3,
) -> Edge:
    """(x - mean) / √(variance + ε), times a scale, plus an offset."""
    b, edge = layer.b, floating(layer, x)
    axes = axes_of(axis, edge.rank)
    middle, spread = (_aligned(layer, value, edge, axes) for value in (mean, variance))
    root = ops.unary(b, "Sqrt", ops.add(b, spread, epsilon))
    made = ops.divide(b, ops.subtract(b, edge, middle), root)
    return _affine(layer, made, scale, offset, axes)


def _affine(layer: Layer, x: Edge, scale: Operand, shift: Operand, axes: Sequence[int]) -> Edge:
    if scale is not None:
        x = ops.multiply(layer.b, x, _aligned(layer, scale, x, axes))
    return x if shift is None else ops.add(layer.b, x, _aligned(layer, shift, x, axes))


@operation("LayerNorm")
def layer_norm(
    layer: Layer,
    x: Operand,
    gamma: Operand = None,
    beta: Operand = None,
    axis: Any = -1,
    epsilon: float | None = None,
    rms_scaling: bool = False,
) -> Edge:
    """Mean 0 and variance 1 over axes, then scale and shift."""
    b, edge = layer.b, floating(layer, x)
    axes = sorted(axes_of(axis, edge.rank))
    least = 1e-7 if epsilon is None else epsilon
    distance = ops.subtract(b, edge, ops.reduce(b, "ReduceMean", edge, axes, True))
    spread = ops.reduce(b, "ReduceMean", ops.multiply(b, distance, distance), axes, True)
    root = ops.unary(b, "Sqrt", ops.add(b, spread, least))
    made = ops.divide(b, edge if rms_scaling else distance, root)
    return _affine(layer, made, gamma, beta, axes)


@operation("RMSNorm")
def rms_norm(
    layer: Layer, x: Operand, scale: Operand = None, axis: Any = -1, epsilon: float | None = None
) -> Edge:
    """The tensor over its root mean square along axes, times a scale."""
    b, edge = layer.b, floating(layer, x)
    axes = sorted(axes_of(axis, edge.rank))
    square = ops.reduce(b, "ReduceMean", ops.multiply(b, edge, edge), axes, True)
    root = ops.unary(b, "Sqrt", ops.add(b, square, 1e-7 if epsilon is None else epsilon))
    made = ops.divide(b, edge, root)
    return made if scale is None else ops.multiply(b, made, tensor(layer, scale, made.dtype))


# Losses, where a model computes them itself


@operation("BinaryCrossentropy")
def binary_crossentropy(
    layer: Layer, target: Operand, output: Operand, from_logits: bool = False
) -> Edge:
    """-t log p - (1 - t) log(1 - p), element by element."""
    b, x = layer.b, floating(layer, output)
    wanted = tensor(layer, target, x.dtype)
    if from_logits:
        rest = ops.unary(b, "Softplus", ops.unary(b, "Neg", ops.unary(b, "Abs", x)))
        both = ops.subtract(b, ops.unary(b, "Relu", x), ops.multiply(b, x, wanted))
        return ops.add(b, both, rest)
    one = b.constant(1, x.dtype)
    p = ops.clip(b, x, 1e-7, 1 - 1e-7)
    hit = ops.multiply(b, wanted, ops.unary(b, "Log", p))
    other = ops.unary(b, "Log", ops.subtract(b, one, p))
    return ops.unary(
        b, "Neg", ops.add(b, hit, ops.multiply(b, ops.subtract(b, one, wanted), other))
    )


@operation("CategoricalCrossentropy")
def categorical_crossentropy(
    layer: Layer, target: Operand, output: Operand, from_logits: bool = False, axis: int = -1
) -> Edge:
    """-Σ t log p along an axis."""
    b, x = layer.b, floating(layer, output)
    wanted = tensor(layer, target, x.dtype)
    if from_logits:
        logarithm = activations.log_softmax(b, x, axis)
    else:
        share = ops.divide(b, x, ops.reduce(b, "ReduceSum", x, [axis], True))
        logarithm = ops.unary(b, "Log", ops.clip(b, share, 1e-7, 1 - 1e-7))
    return ops.unary(
        b, "Neg", ops.reduce(b, "ReduceSum", ops.multiply(b, wanted, logarithm), [axis])
    )
