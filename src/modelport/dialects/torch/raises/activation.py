"""Activations: functions, and modules without weights where a chain of modules holds them."""

from __future__ import annotations

from modelport.dialects.torch.raises.call import Call, raises


@raises("Relu")
def relu(call: Call) -> None:
    """max(x, 0)."""
    call.activation("nn.ReLU()", f"F.relu({call[0]})")


@raises("Sigmoid")
def sigmoid(call: Call) -> None:
    """1 / (1 + exp(-x))."""
    call.activation("nn.Sigmoid()", f"torch.sigmoid({call[0]})")


@raises("Tanh")
def tanh(call: Call) -> None:
    """The hyperbolic tangent."""
    call.activation("nn.Tanh()", f"torch.tanh({call[0]})")


@raises("Softmax")
def softmax(call: Call) -> None:
    """exp(x) over its sum along an axis."""
    axis = call.attribute("axis", -1)
    call.activation(f"nn.Softmax(dim={axis})", f"F.softmax({call[0]}, dim={axis})")
