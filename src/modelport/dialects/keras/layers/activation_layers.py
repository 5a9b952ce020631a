"""Activation layers: Activation, ReLU, LeakyReLU, PReLU, ELU, Softmax, ThresholdedReLU."""

from __future__ import annotations

from modelport.dialects.keras.history.era import Era
from modelport.dialects.keras.layer import Layer, lowers
from modelport.dialects.keras.layers import activations
from modelport.dialects.onnx import layout, ops
from modelport.dialects.onnx.edge import Edge, Twin
from modelport.model.dtype import BOOL


@lowers("Activation", mask="pass")
def activation(layer: Layer) -> Edge:
    """The activation named in the config."""
    return activations.activate(layer, layer.x, layer.config["activation"])


@lowers("ReLU", mask="pass")
def relu(layer: Layer) -> Edge:
    """ReLU with a slope below the threshold and a largest value."""
    config = layer.config
    return activations.relu(
        layer.b, layer.x, config["negative_slope"], config["max_value"], config["threshold"]
    )


@lowers("ThresholdedReLU", mask="pass")
def thresholded_relu(layer: Layer) -> Edge:
    """The input above ``theta``, else 0 (Keras 1 and 2)."""
    return layout.unary(
        layer.b, "ThresholdedRelu", layer.x, alpha=float(layer.config.get("theta", 1.0))
    )


@lowers("LeakyReLU", mask="pass")
def leaky_relu(layer: Layer) -> Edge:
    """The input, or below 0 a slope times x."""
    return activations.leaky_relu(layer.b, layer.x, layer.config["negative_slope"])


@lowers("ELU", mask="pass")
def elu(layer: Layer) -> Edge:
    """The input, or below 0 alpha (exp(x) - 1)."""
    return activations.elu(layer.b, layer.x, layer.config.get("alpha", 1.0))


@lowers("PReLU", mask="pass")
def prelu(layer: Layer) -> Edge:
    """The input, or below 0 a learnt slope times x; the slopes have extent 1 on shared axes."""
    b, x = layer.b, layer.x
    slope = layer.expression("alpha")
    if x.prefers_twin and x.twin is not None and x.twin.flat and slope.shape[0] > 1:
        wide = layer.weight("alpha", layout.regroup_rows(slope, x.twin))
        name = b.node("PRelu", [x.twin.name, b.name(wide)])[0]
        flat = Twin(name, x.twin.permutation, x.twin.dims, True)
        return Edge(None, x.dtype, x.shape, flat)
    value, order = layout.carried(b, x)
    aligned = slope.reshape(1, *slope.shape).transpose(*order)
    wide = layer.weight("alpha", aligned.reshape(*aligned.shape[1:]))
    return layout.moved(b.node("PRelu", [value, b.name(wide)])[0], order, x.dtype, x.shape)


@lowers("Softmax", mask="pass")
def softmax(layer: Layer) -> Edge:
    """Softmax over one axis or several, with masked positions left out."""
    b, x = layer.b, layer.x
    keep = _mask(layer)
    if keep is not None and layer.era < Era.KERAS3:
        # Keras 2 adds a large negative number, so that rows without any step are not 0.
        hidden = layout.unary(b, "Not", keep)
        large = -65504.0 if x.dtype.name == "float16" else -1e9
        x = ops.add(b, x, ops.multiply(b, ops.cast(b, hidden, x.dtype), large))
        keep = None
    if keep is not None:
        large = -3e4 if x.dtype.name == "float16" else -1e9
        x = ops.where(b, keep, x, b.constant(large, x.dtype))
    axes = layer.config["axis"]
    axes = [axes] if isinstance(axes, int) else list(axes)
    if len(axes) == 1:
        y = ops.softmax(b, x, axes[0])
    else:
        total = ops.reduce(b, "ReduceLogSumExp", x, axes, keepdims=True)
        y = layout.unary(b, "Exp", ops.subtract(b, x, total))
    return y if keep is None else ops.where(b, keep, y, b.constant(0, x.dtype))


def _mask(layer: Layer) -> Edge | None:
    given = layer.mask
    if given is None and len(layer.inputs) > 1:
        given = layer.inputs[1]
    if given is None or given.dtype == BOOL:
        return given
    return ops.binary(layer.b, "Greater", given, 0.5)


@lowers("SReLU", mask="pass")
def srelu(layer: Layer) -> Edge:
    """Three straight pieces with learnt slopes and corners (Keras 1)."""
    b, x = layer.b, layer.x
    corner, width = layer.weight("t_left"), ops.unary(b, "Abs", layer.weight("t_right"))
    above, below = ops.subtract(b, x, corner), ops.subtract(b, corner, x)
    middle = ops.binary(b, "Min", ops.unary(b, "Relu", above), width)
    left = ops.multiply(b, ops.unary(b, "Relu", below), layer.weight("a_left"))
    beyond = ops.unary(b, "Relu", ops.subtract(b, above, width))
    right = ops.multiply(b, beyond, layer.weight("a_right"))
    inside = ops.subtract(b, ops.add(b, corner, middle), left)
    return ops.add(b, inside, right)


@lowers("ParametricSoftplus", mask="pass")
def parametric_softplus(layer: Layer) -> Edge:
    """``alpha * log(1 + exp(beta * x))`` with learnt alpha and beta (Keras 1)."""
    inside = ops.multiply(layer.b, layer.x, layer.weight("beta"))
    return ops.multiply(layer.b, ops.unary(layer.b, "Softplus", inside), layer.weight("alpha"))
