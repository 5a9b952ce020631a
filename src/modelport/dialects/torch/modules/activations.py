"""Activations, and what does nothing in evaluation."""

from __future__ import annotations

from typing import Any

from modelport.dialects.torch.modules.step import Input, Ref, Step, module

_THROUGH = Input(through=True)

_SETTINGS: dict[str, tuple[str, tuple[tuple[str, Any], ...]]] = {
    "ReLU": ("relu", ()),
    "ReLU6": ("relu6", ()),
    "Hardtanh": ("hardtanh", (("min_val", -1.0), ("max_val", 1.0))),
    "Hardsigmoid": ("hardsigmoid", ()),
    "Hardswish": ("hardswish", ()),
    "ELU": ("elu", (("alpha", 1.0),)),
    "CELU": ("celu", (("alpha", 1.0),)),
    "SELU": ("selu", ()),
    "SiLU": ("silu", ()),
    "Mish": ("mish", ()),
    "LeakyReLU": ("leaky_relu", (("negative_slope", 0.01),)),
    "RReLU": ("rrelu", (("lower", 1 / 8), ("upper", 1 / 3))),
    "LogSigmoid": ("log_sigmoid", ()),
    "Sigmoid": ("sigmoid", ()),
    "Tanh": ("tanh", ()),
    "Softplus": ("softplus", (("beta", 1.0), ("threshold", 20.0))),
    "Softshrink": ("softshrink", (("lambd", 0.5),)),
    "Hardshrink": ("hardshrink", (("lambd", 0.5),)),
    "Threshold": ("threshold", (("threshold", 0.0), ("value", 0.0))),
    "GLU": ("glu", (("dim", -1),)),
}


@module(*_SETTINGS, takes=_THROUGH)
def activation(step: Step, x: Ref) -> Ref:
    """The operator of the same name, with the module's settings as its arguments."""
    name, settings = _SETTINGS[step.tree.name]
    return step.call(name, x, *(step.get(key, default) for key, default in settings))


@module("GELU", takes=_THROUGH)
def gelu(step: Step, x: Ref) -> Ref:
    """X times the normal distribution's integral."""
    return step.call("gelu", x, approximate=step.get("approximate", "none"))


@module("PReLU", takes=_THROUGH)
def prelu(step: Step, x: Ref) -> Ref:
    """X above 0, a learnt part of it below."""
    return step.call("prelu", x, step.weight("weight"))


@module("Softsign", takes=_THROUGH)
def softsign(step: Step, x: Ref) -> Ref:
    """X over 1 + |x|."""
    return step.call("div.Tensor", x, step.call("add.Scalar", step.call("abs", x), 1))


@module("Tanhshrink", takes=_THROUGH)
def tanhshrink(step: Step, x: Ref) -> Ref:
    """X less its tanh."""
    return step.call("sub.Tensor", x, step.call("tanh", x))


@module("Softmax", "LogSoftmax", "Softmin", takes=_THROUGH)
def softmax(step: Step, x: Ref) -> Ref:
    """Over an axis; without one, as torch chose before it asked for it."""
    dim = step.get("dim")
    if dim is None:
        dim = 0 if step.rank in (0, 1, 3) else 1
    if step.tree.name == "Softmin":
        x = step.call("neg", x)
    return step.call("log_softmax" if step.tree.name == "LogSoftmax" else "softmax", x, dim)


@module("Softmax2d", takes=Input(4, through=True))
def softmax_of_channels(step: Step, x: Ref) -> Ref:
    """Over the channels."""
    return step.call("softmax", x, -3)


def _nothing(step: Step, x: Ref) -> Ref:
    return x


module("Identity", "Dropout", "AlphaDropout", "FeatureAlphaDropout", takes=_THROUGH)(_nothing)
module("Dropout1d", takes=Input(3, through=True))(_nothing)
module("Dropout2d", takes=Input(4, through=True))(_nothing)
module("Dropout3d", takes=Input(5, through=True))(_nothing)
