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
    return call.layer("Activation", {"activation": word}, call.held())


@raises("Softmax")
def softmax(call: Call) -> Held:
    """exp(x) over its sum along an axis."""
    x = call.held()
    return call.layer("Softmax", {"axis": x.axis(call.attribute("axis", -1))}, x)
