"""Activations: functions, and modules without weights where a chain of modules holds them."""

from __future__ import annotations

import numpy as np

from modelport.dialects.torch.raises.call import Call, arguments, raises, torch_dtype
from modelport.dialects.torch.raises.dtypes import is_whole, to
from modelport.dialects.torch.raises.literals import literal
from modelport.model.expression import reshape

_SELU = (1.67326319217681884765625, 1.05070102214813232421875)
_SIXTH = float(np.float32(1 / 6))


def number(call: Call, name: str, default: float) -> str:
    """A setting that is a float32, in the fewest digits that mean it."""
    return literal(float(np.float32(call.attribute(name, default))))


def _plain(call: Call, module: str, function: str, *settings: str, **named: str) -> None:
    """A function and a module of the same settings."""
    text = ", ".join([*settings, *(f"{name}={value}" for name, value in named.items())])
    following = f", {text}" if text else ""
    call.activation(f"nn.{module}({text})", f"{function}({call[0]}{following})")


@raises("Relu", "Sigmoid", "Tanh", "Softsign", "Softplus", "Mish", "HardSwish")
def plain(call: Call) -> None:
    """A function without settings."""
    module, function = {
        "Relu": ("ReLU", "F.relu"),
        "Sigmoid": ("Sigmoid", "torch.sigmoid"),
        "Tanh": ("Tanh", "torch.tanh"),
        "Softsign": ("Softsign", "F.softsign"),
        "Softplus": ("Softplus", "F.softplus"),
        "Mish": ("Mish", "F.mish"),
        "HardSwish": ("Hardswish", "F.hardswish"),
    }[call.node.op_type]
    _plain(call, module, function)


@raises("Softmax", "LogSoftmax")
def softmax(call: Call) -> None:
    """exp(x) over its sum along an axis, or the logarithm of it."""
    name = {"Softmax": "softmax", "LogSoftmax": "log_softmax"}[call.node.op_type]
    _plain(call, call.node.op_type, f"F.{name}", dim=str(call.attribute("axis", -1)))


@raises("Elu")
def elu(call: Call) -> None:
    """Alpha (exp(x) - 1) below zero."""
    alpha = number(call, "alpha", 1.0)
    _plain(call, "ELU", "F.elu", *([] if alpha == "1.0" else [alpha]))


@raises("Celu")
def celu(call: Call) -> None:
    """Alpha (exp(x / alpha) - 1) below zero."""
    alpha = number(call, "alpha", 1.0)
    _plain(call, "CELU", "F.celu", *([] if alpha == "1.0" else [alpha]))


@raises("Selu")
def selu(call: Call) -> str | None:
    """Gamma times an ELU."""
    alpha, gamma = number(call, "alpha", _SELU[0]), number(call, "gamma", _SELU[1])
    if (alpha, gamma) == tuple(literal(float(np.float32(value))) for value in _SELU):
        _plain(call, "SELU", "F.selu")
        return None
    return f"{gamma} * F.elu({call[0]}, {alpha})"


@raises("LeakyRelu")
def leaky_relu(call: Call) -> None:
    """Alpha x below zero."""
    alpha = number(call, "alpha", 0.01)
    _plain(call, "LeakyReLU", "F.leaky_relu", *([] if alpha == "0.01" else [alpha]))


@raises("ThresholdedRelu")
def thresholded_relu(call: Call) -> str:
    """X above a threshold, 0 elsewhere."""
    return f"torch.where({call[0]} > {number(call, 'alpha', 1.0)}, {call[0]}, 0)"


@raises("PRelu")
def prelu(call: Call) -> str:
    """A slope of its own for negative numbers, by channel or element."""
    if call.dtype(0).kind == "uint":
        return call[0]
    slopes = _slopes(call)
    if call.dtype(0).kind != "float" or slopes is None:
        return f"torch.where({call[0]} < 0, {call.number(1)} * {call[0]}, {call[0]})"
    weight = call.weight(1)
    if weight is not None:
        text = arguments(
            *([] if slopes == 1 else [slopes]), dtype=(torch_dtype(weight.dtype), "torch.float32")
        )
        module = call.module(f"nn.PReLU({text})", weight=reshape(weight, (slopes,)))
        if module is not None:
            return f"{module}({call[0]})"
    return f"F.prelu({call[0]}, {call[1]}.flatten())"


def _slopes(call: Call) -> int | None:
    """How many slopes there are, where it is one or one for each channel."""
    rank, shape = call.known(0).rank, call.known(1).shape
    if rank is None or rank < 2 or shape is None or len(shape) > rank:
        return None
    aligned = [1] * (rank - len(shape)) + list(shape)
    channels = aligned.pop(1)
    return channels if isinstance(channels, int) and all(n == 1 for n in aligned) else None


@raises("HardSigmoid")
def hard_sigmoid(call: Call) -> str | None:
    """Alpha x + beta, between 0 and 1."""
    alpha = float(np.float32(call.attribute("alpha", 0.2)))
    beta = float(np.float32(call.attribute("beta", 0.5)))
    if alpha == _SIXTH and beta == 0.5:
        _plain(call, "Hardsigmoid", "F.hardsigmoid")
        return None
    return f"torch.clamp({literal(alpha)} * {call[0]} + {literal(beta)}, 0, 1)"


@raises("Gelu")
def gelu(call: Call) -> None:
    """X times the normal distribution's share below it, or an approximation of that by tanh."""
    named = {"approximate": '"tanh"'} if call.attribute("approximate", "none") == "tanh" else {}
    _plain(call, "GELU", "F.gelu", **named)


@raises("Swish")
def swish(call: Call) -> str | None:
    """X sigmoid(alpha x)."""
    alpha = number(call, "alpha", 1.0)
    if alpha == "1.0":
        _plain(call, "SiLU", "F.silu")
        return None
    return f"{call[0]} * torch.sigmoid({alpha} * {call[0]})"


@raises("SwiGLU")
def swiglu(call: Call) -> str:
    """A Swish of one operand times the other."""
    alpha = number(call, "alpha", 1.0)
    if alpha == "1.0":
        return f"F.silu({call[0]}) * {call[1]}"
    return f"{call[0]} * torch.sigmoid({alpha} * {call[0]}) * {call[1]}"


@raises("Shrink")
def shrink(call: Call) -> str:
    """What is near zero becomes zero, the rest is moved towards it."""
    x, bias, edge = call[0], number(call, "bias", 0.0), number(call, "lambd", 0.5)
    above, below = (x, x) if bias == "0.0" else (f"{x} - {bias}", f"{x} + {bias}")
    text = f"torch.where({x} < -{edge}, {below}, torch.where({x} > {edge}, {above}, 0))"
    return to(text, call.dtype(0)) if is_whole(call.dtype(0)) else text


@raises("Hardmax")
def hardmax(call: Call) -> str:
    """1 at the first largest element along an axis, 0 elsewhere."""
    x, axis = call[0], call.attribute("axis", -1)
    return f"torch.zeros_like({x}).scatter({axis}, {x}.argmax({axis}, keepdim=True), 1)"
