"""Activations: layers where Keras has them, else operations."""

from __future__ import annotations

from modelport.dialects.keras.raises.call import Call, raises
from modelport.dialects.keras.raises.value import Held

_ACTIVATIONS = {
    "Relu": "relu",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Selu": "selu",
    "Mish": "mish",
}


@raises(*_ACTIVATIONS)
def activation(call: Call) -> Held:
    """A function that Keras knows by name."""
    word = _ACTIVATIONS[call.node.op_type]
    return call.layer("Activation", {"activation": word, **call.computes(0)}, call.held())


@raises("Softmax")
def softmax(call: Call) -> Held:
    """exp(x) over its sum along an axis."""
    x = call.held()
    return call.op("Softmax", x, axis=x.axis(call.attribute("axis", -1)))


@raises("LogSoftmax")
def log_softmax(call: Call) -> Held:
    """The logarithm of a softmax."""
    x = call.held()
    return call.op("LogSoftmax", x, axis=x.axis(call.attribute("axis", -1)))


@raises("LeakyRelu")
def leaky_relu(call: Call) -> Held:
    """x, or a part of it where it is negative."""
    return call.op("LeakyRelu", call.held(), negative_slope=call.attribute("alpha", 0.01))


@raises("Elu")
def elu(call: Call) -> Held:
    """x, or alpha (exp(x) - 1) where it is negative."""
    return call.op("Elu", call.held(), alpha=call.attribute("alpha", 1.0))


@raises("Celu")
def celu(call: Call) -> Held:
    """max(0, x) + min(0, alpha (exp(x / alpha) - 1))."""
    return call.op("Celu", call.held(), alpha=call.attribute("alpha", 1.0))


@raises("Gelu")
def gelu(call: Call) -> Held:
    """X times the normal distribution of x."""
    return call.op("Gelu", call.held(), approximate=call.attribute("approximate", "none") == "tanh")


@raises("HardSigmoid")
def hard_sigmoid(call: Call) -> Held:
    """Alpha x + beta between 0 and 1; that of Keras 3 has a slope of 1/6."""
    alpha, beta = call.attribute("alpha", 0.2), call.attribute("beta", 0.5)
    line = call.op("Add", call.op("Multiply", call.held(), alpha), beta)
    return call.op("Clip", line, x_min=0.0, x_max=1.0)


@raises("HardSwish")
def hard_swish(call: Call) -> Held:
    """X times relu6(x + 3) / 6."""
    return call.op("HardSilu", call.held())


@raises("Swish")
def swish(call: Call) -> Held:
    """X times sigmoid(alpha x)."""
    alpha, x = call.attribute("alpha", 1.0), call.held()
    if alpha == 1:
        return call.op("Silu", x)
    return call.op("Multiply", x, call.op("Sigmoid", call.op("Multiply", x, alpha)))


@raises("ThresholdedRelu")
def thresholded_relu(call: Call) -> Held:
    """X where it is over a threshold, else 0."""
    x = call.held()
    over = call.op("Greater", x, call.attribute("alpha", 1.0))
    return call.op("Where", over, x, 0.0)


@raises("PRelu")
def prelu(call: Call) -> Held:
    """x, or a learned part of it where it is negative."""
    x = call.held()
    slope = call.arranged(1, x.order)
    negative = call.op("Multiply", call.op("Minimum", x, 0.0), slope)
    return call.op("Add", call.op("Relu", x), negative)


@raises("Shrink")
def shrink(call: Call) -> Held:
    """0 around 0; what is further away comes nearer by a bias."""
    x, lambd, bias = call.held(), call.attribute("lambd", 0.5), call.attribute("bias", 0.0)
    low = call.op("Where", call.op("Less", x, -lambd), call.op("Add", x, bias), 0.0)
    return call.op("Where", call.op("Greater", x, lambd), call.op("Subtract", x, bias), low)
