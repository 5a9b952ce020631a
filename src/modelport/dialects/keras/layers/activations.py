"""Activations, by the name or the serialised form a config gives them.

Canonical names are those of ``keras.activations`` of Keras 3. Old meanings that differ have names
of their own: ``hard_sigmoid_keras2`` is clip(0.2 x + 0.5, 0, 1). An activation with arguments is
``{"class_name": name, "config": arguments}``; an activation layer is its serialised form.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from modelport.dialects.keras.layer import Layer, call
from modelport.dialects.onnx import layout, ops
from modelport.dialects.onnx.builder import Builder
from modelport.dialects.onnx.edge import Edge
from modelport.model.dtype import FLOAT32

Function: TypeAlias = Callable[..., Edge]


def activate(layer: Layer, x: Edge, activation: Any, path: str = "activation") -> Edge:
    """Apply an activation to an edge; ``path`` is where its weights are below the layer, if any.

    Raises:
        ConversionError: an activation that is no function of Keras.
    """
    if activation is None:
        return x
    if isinstance(activation, str):
        return _apply(layer, x, activation, {})
    if not isinstance(activation, Mapping):
        raise layer.error(f"the activation {activation!r} is not known")
    name, given = activation.get("class_name"), activation.get("config") or {}
    if isinstance(given, str):
        return activate(layer, x, given, path)
    if name in ("Sequential", "Pipeline"):
        return _sequential(layer, x, given, path)
    if name in FUNCTIONS:
        return _apply(layer, x, str(name), given)
    return _layer(layer, x, activation, path)


def _apply(layer: Layer, x: Edge, name: str, given: Mapping[str, Any]) -> Edge:
    function = FUNCTIONS.get(name)
    if function is None:
        raise layer.error(f"the activation {name!r} is not known (custom code?)")
    unknown = set(given) - set(inspect.signature(function).parameters)
    if unknown:
        raise layer.error(f"the activation {name!r} has no argument {min(unknown)!r}")
    return function(layer.b, x, **given)


def _layer(layer: Layer, x: Edge, serialised: Mapping[str, Any], path: str) -> Edge:
    if not isinstance(serialised.get("class_name"), str):
        raise layer.error(f"the activation {dict(serialised)!r} is not known")
    return replace(call(layer.inner(serialised, path, [x]))[0], mask=None)


def _sequential(layer: Layer, x: Edge, config: Mapping[str, Any], path: str) -> Edge:
    for i, inner in enumerate(config.get("layers", ())):
        if inner.get("class_name") != "InputLayer":
            x = activate(layer, x, inner, f"{path}/layers/{i}")
    return x


def linear(b: Builder, x: Edge) -> Edge:
    """The input."""
    return x


def relu(
    b: Builder,
    x: Edge,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> Edge:
    """Keras' ReLU: 0 below a threshold, or a slope there; never above ``max_value``."""
    negative_slope, threshold = negative_slope or 0.0, threshold or 0.0
    if negative_slope and max_value is None and not threshold:
        return leaky_relu(b, x, negative_slope)
    if threshold:
        positive = layout.unary(b, "ThresholdedRelu", x, alpha=float(threshold))
        if max_value is not None:
            positive = ops.clip(b, positive, 0.0, max_value)
    elif max_value is not None or x.dtype.kind != "float":
        # onnxruntime has Clip for every whole number, Relu not.
        positive = ops.clip(b, x, 0.0, max_value)
    else:
        positive = layout.unary(b, "Relu", x)
    if not negative_slope:
        return positive
    below = layout.unary(b, "Relu", ops.subtract(b, b.constant(threshold, x.dtype), x))
    return ops.subtract(b, positive, ops.multiply(b, below, negative_slope))


def leaky_relu(b: Builder, x: Edge, negative_slope: float = 0.2) -> Edge:
    """The input, or below 0 a slope times x."""
    return layout.unary(b, "LeakyRelu", x, alpha=float(negative_slope))


def relu6(b: Builder, x: Edge) -> Edge:
    """clip(x, 0, 6)."""
    return ops.clip(b, x, 0.0, 6.0)


def softmax(b: Builder, x: Edge, axis: int = -1) -> Edge:
    """exp(x) over its sum along an axis."""
    return ops.softmax(b, x, axis)


def log_softmax(b: Builder, x: Edge, axis: int = -1) -> Edge:
    """The logarithm of softmax."""
    value, order = layout.carried(b, x)
    name = b.node("LogSoftmax", [value], axis=order.index(axis % x.rank))[0]
    return layout.moved(name, order, x.dtype, x.shape)


def elu(b: Builder, x: Edge, alpha: float = 1.0) -> Edge:
    """The input, or below 0 alpha (exp(x) - 1)."""
    return layout.unary(b, "Elu", x, alpha=float(alpha))


def celu(b: Builder, x: Edge, alpha: float = 1.0) -> Edge:
    """max(x, 0) + alpha (exp(min(x, 0) / alpha) - 1)."""
    if x.dtype == FLOAT32:
        return layout.unary(b, "Celu", x, alpha=float(alpha))
    # ONNX has Celu in float32 only; this is the same function.
    return ops.multiply(b, layout.unary(b, "Elu", ops.divide(b, x, alpha)), alpha)


def silu(b: Builder, x: Edge) -> Edge:
    """The input times its sigmoid."""
    return ops.multiply(b, x, layout.unary(b, "Sigmoid", x))


def gelu(b: Builder, x: Edge, approximate: bool = False) -> Edge:
    """The input times the normal distribution function, or its tanh approximation."""
    return layout.unary(b, "Gelu", x, approximate="tanh" if approximate else "none")


def glu(b: Builder, x: Edge, axis: int = -1) -> Edge:
    """The first half along an axis times the sigmoid of the second."""
    first, second = ops.split(b, x, axis, 2)
    return ops.multiply(b, first, layout.unary(b, "Sigmoid", second))


def hard_sigmoid(b: Builder, x: Edge) -> Edge:
    """clip(x / 6 + 0.5, 0, 1), the one of Keras 3."""
    return layout.unary(b, "HardSigmoid", x, alpha=1 / 6, beta=0.5)


def hard_sigmoid_keras2(b: Builder, x: Edge) -> Edge:
    """clip(0.2 x + 0.5, 0, 1), the one of Keras 1 and 2."""
    return layout.unary(b, "HardSigmoid", x, alpha=0.2, beta=0.5)


def hard_tanh(b: Builder, x: Edge) -> Edge:
    """clip(x, -1, 1)."""
    return ops.clip(b, x, -1.0, 1.0)


def hard_shrink(b: Builder, x: Edge, threshold: float = 0.5) -> Edge:
    """The input, or 0 within the threshold."""
    return layout.unary(b, "Shrink", x, lambd=float(threshold), bias=0.0)


def soft_shrink(b: Builder, x: Edge, threshold: float = 0.5) -> Edge:
    """The input moved towards 0 by the threshold, or 0 within it."""
    return layout.unary(b, "Shrink", x, lambd=float(threshold), bias=float(threshold))


def tanh_shrink(b: Builder, x: Edge) -> Edge:
    """The input less its tanh."""
    return ops.subtract(b, x, layout.unary(b, "Tanh", x))


def squareplus(builder: Builder, x: Edge, b: float = 4) -> Edge:
    """(x + sqrt(x² + b)) / 2."""
    root = layout.unary(builder, "Sqrt", ops.add(builder, ops.multiply(builder, x, x), b))
    return ops.divide(builder, ops.add(builder, x, root), 2)


def sparse_plus(b: Builder, x: Edge) -> Edge:
    """0 up to -1, x from 1 on, (x + 1)² / 4 between."""
    middle = ops.clip(b, ops.add(b, x, 1), 0.0, 2.0)
    curve = ops.divide(b, ops.multiply(b, middle, middle), 4)
    return ops.add(b, curve, layout.unary(b, "Relu", ops.subtract(b, x, 1)))


def sparse_sigmoid(b: Builder, x: Edge) -> Edge:
    """clip((x + 1) / 2, 0, 1)."""
    return layout.unary(b, "HardSigmoid", x, alpha=0.5, beta=0.5)


def sparsemax(b: Builder, x: Edge, axis: int = -1) -> Edge:
    """Sparsemax as Keras 3 computes it.

    The threshold subtracts the cumulated sums of the whole support, not (as Martins and Astudillo
    2016, algorithm 1) the last one alone, so that the result adds up to 1 only in simple cases.
    """
    axis %= x.rank
    count = ops.vector(b, [ops.extent(b, x, axis)])
    names = b.node("TopK", [b.name(x), b.name(count)], 2, axis=axis)
    ordered = Edge(names[0], x.dtype, x.shape)
    total = b.emit("CumSum", [ordered, b.constant(axis)], x.dtype, x.shape)
    ones = layout.unary(b, "Exp", ops.multiply(b, ordered, 0))
    place = b.emit("CumSum", [ones, b.constant(axis)], x.dtype, x.shape)
    inside = ops.binary(b, "Greater", ops.add(b, ops.multiply(b, place, ordered), 1), total)
    support = ops.reduce(b, "ReduceSum", ops.cast(b, inside, x.dtype), [axis], True)
    kept = ops.where(b, inside, total, b.constant(0, x.dtype))
    excess = ops.subtract(b, ops.reduce(b, "ReduceSum", kept, [axis], True), 1)
    return layout.unary(b, "Relu", ops.subtract(b, x, ops.divide(b, excess, support)))


def threshold(b: Builder, x: Edge, threshold: float, default_value: float) -> Edge:
    """The input above the threshold, else the default value."""
    above = ops.binary(b, "Greater", x, threshold)
    return ops.where(b, above, x, b.constant(default_value, x.dtype))


def log_sigmoid(b: Builder, x: Edge) -> Edge:
    """-softplus(-x)."""
    return layout.unary(b, "Neg", layout.unary(b, "Softplus", layout.unary(b, "Neg", x)))


def _operator(op_type: str) -> Function:
    def apply(b: Builder, x: Edge) -> Edge:
        return layout.unary(b, op_type, x)

    return apply


FUNCTIONS: Mapping[str, Function] = {
    "linear": linear,
    "relu": relu,
    "leaky_relu": leaky_relu,
    "relu6": relu6,
    "softmax": softmax,
    "log_softmax": log_softmax,
    "elu": elu,
    "celu": celu,
    "selu": _operator("Selu"),
    "softplus": _operator("Softplus"),
    "softsign": _operator("Softsign"),
    "sigmoid": _operator("Sigmoid"),
    "tanh": _operator("Tanh"),
    "exponential": _operator("Exp"),
    "mish": _operator("Mish"),
    "silu": silu,
    "swish": silu,
    "gelu": gelu,
    "glu": glu,
    "hard_sigmoid": hard_sigmoid,
    "hard_sigmoid_keras2": hard_sigmoid_keras2,
    "hard_silu": _operator("HardSwish"),
    "hard_swish": _operator("HardSwish"),
    "hard_tanh": hard_tanh,
    "hard_shrink": hard_shrink,
    "soft_shrink": soft_shrink,
    "tanh_shrink": tanh_shrink,
    "squareplus": squareplus,
    "sparse_plus": sparse_plus,
    "sparse_sigmoid": sparse_sigmoid,
    "sparsemax": sparsemax,
    "threshold": threshold,
    "log_sigmoid": log_sigmoid,
}
"""Every activation that has a name, with Keras' argument names."""
