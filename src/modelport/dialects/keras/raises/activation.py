"""Activations: layers where Keras has them, else operations."""

from __future__ import annotations

from modelport.dialects.keras.raises.call import Call, raises
from modelport.dialects.keras.raises.value import Held, plain
from modelport.dialects.onnx.scopes import scope_of

_ACTIVATIONS = {
    "Relu": "relu",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Mish": "mish",
}
_WORDS = _ACTIVATIONS | {"Gelu": "gelu", "Swish": "silu", "Elu": "elu", "Softmax": "softmax"}
"""What a layer may do to its results."""
_USUAL = {"Gelu": ("approximate", "none"), "Swish": ("alpha", 1.0), "Elu": ("alpha", 1.0)}


def taken_in(call: Call) -> str:
    """The function that a layer applies to its results, where that is no module of its own.

    What several calls share stays one layer, whatever follows each of them.
    """
    following = call.next(*_WORDS)
    if following is None or call.writer.is_shared(call.node.inputs[1]):
        return "linear"
    kind, rank = following.node.op_type, following.output().rank
    own, around = scope_of(following.node), scope_of(call.node)
    name, usual = _USUAL.get(kind, ("", None))
    if own != around[: len(own)] or (name and following.attribute(name, usual) != usual):
        return "linear"
    if kind == "Softmax" and (call.node.op_type == "Conv" or _last(following) != (rank or 0) - 1):
        return "linear"
    call.absorb(following)
    return _WORDS[kind]


def _last(call: Call) -> int:
    return int(call.attribute("axis", -1)) % (call.output().rank or 1)


@raises(*_ACTIVATIONS)
def activation(call: Call) -> Held:
    """A function that Keras knows by name."""
    word = _ACTIVATIONS[call.node.op_type]
    return call.layer("Activation", {"activation": word, **call.computes(0)}, call.held())


@raises("Selu")
def selu(call: Call) -> Held:
    """Gamma x, or gamma alpha (exp(x) - 1) where it is negative."""
    alpha, gamma = call.attribute("alpha", 1.6732632), call.attribute("gamma", 1.0507010)
    usual = abs(alpha - 1.6732632) < 1e-6 and abs(gamma - 1.0507010) < 1e-6
    if usual:
        return call.layer("Activation", {"activation": "selu", **call.computes(0)}, call.held())
    return call.op("Multiply", call.op("Elu", call.held(), alpha=alpha), gamma)


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


@raises("Hardmax")
def hardmax(call: Call) -> Held:
    """1 at the first of the largest elements along an axis, else 0."""
    x = call.plain()
    axis = int(call.attribute("axis", -1)) % x.rank
    extent = call.known(0).dim(axis)
    if not isinstance(extent, int):
        raise call.refused("the extent of its axis is open")
    best = call.op("Argmax", x, axis=axis, keepdims=False, order=plain(x.rank - 1))
    call.writer.dtypes[best.name] = "int32"
    dtype = call.writer.dtypes.get(x.name, "float32")
    return call.op(
        "OneHot",
        best,
        num_classes=extent,
        axis=-1 if axis == x.rank - 1 else axis,
        dtype=dtype,
        order=plain(x.rank),
    )


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
