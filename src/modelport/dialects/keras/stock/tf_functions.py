"""TensorFlow's functions by the operations of Keras 3 that mean the same: the tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from modelport.dialects.keras.stock.chain import Chain

Function: TypeAlias = Callable[..., Any]
_Made = TypeVar("_Made", bound=Function)

FUNCTIONS: dict[str, Function] = {}
"""Functions that take the call and TensorFlow's arguments, by TensorFlow's names."""


def function(*names: str) -> Callable[[_Made], _Made]:
    """Register what says a function, under names of TensorFlow."""

    def register(made: _Made) -> _Made:
        for name in names:
            FUNCTIONS[name] = made
        return made

    return register


BINARY = {
    **{"add": "Add", "add_v2": "Add", "subtract": "Subtract", "sub": "Subtract"},
    **{"multiply": "Multiply", "mul": "Multiply", "truediv": "TrueDivide"},
    **{"divide": "Divide", "div": "Divide", "floordiv": "FloorDivide", "floor_div": "FloorDivide"},
    **{"floormod": "Mod", "floor_mod": "Mod", "mod": "Mod", "pow": "Power"},
    **{"maximum": "Maximum", "minimum": "Minimum", "greater": "Greater", "less": "Less"},
    **{"greater_equal": "GreaterEqual", "less_equal": "LessEqual", "equal": "Equal", "eq": "Equal"},
    **{"not_equal": "NotEqual", "ne": "NotEqual", "logical_and": "LogicalAnd"},
    **{"logical_or": "LogicalOr", "logical_xor": "LogicalXor", "atan2": "Arctan2"},
    **{"divide_no_nan": "DivideNoNan", "div_no_nan": "DivideNoNan"},
    "scalar_mul": "Multiply",
}
"""Functions of two tensors, by their short names."""

UNARY = {
    **{"abs": "Absolute", "acos": "Arccos", "acosh": "Arccosh", "asin": "Arcsin"},
    **{"asinh": "Arcsinh", "atan": "Arctan", "atanh": "Arctanh", "ceil": "Ceil", "cos": "Cos"},
    **{"cosh": "Cosh", "erf": "Erf", "erfc": "Erfc", "exp": "Exp", "expm1": "Expm1"},
    **{"floor": "Floor", "identity": "Copy", "invert": "BitwiseNot", "is_finite": "Isfinite"},
    **{"is_inf": "Isinf", "is_nan": "Isnan", "log": "Log", "log1p": "Log1p"},
    **{"log_sigmoid": "LogSigmoid", "logical_not": "LogicalNot", "neg": "Negative"},
    **{"negative": "Negative", "reciprocal": "Reciprocal", "rint": "Round", "round": "Round"},
    **{"rsqrt": "Rsqrt", "sigmoid": "Sigmoid", "sign": "Sign", "sin": "Sin", "sinh": "Sinh"},
    **{"softplus": "Softplus", "softsign": "Softsign", "sqrt": "Sqrt", "square": "Square"},
    **{"stop_gradient": "StopGradient", "tan": "Tan", "tanh": "Tanh"},
    **{"relu6": "Relu6", "elu": "Elu", "selu": "Selu", "ensure_shape": "Copy"},
}
"""Functions of one tensor, by their short names."""

REDUCTIONS = {
    **{f"reduce_{name}": name.title() for name in ("all", "any", "max", "mean", "min", "prod")},
    **{"reduce_std": "Std", "reduce_sum": "Sum", "reduce_variance": "Var"},
    "reduce_logsumexp": "Logsumexp",
}
"""Functions over axes, by their short names."""

_RENAMED = {
    "clip_by_value": "Clip t clip_value_min:x_min clip_value_max:x_max",
    "expand_dims": "ExpandDims input axis",
    "leaky_relu": "LeakyRelu features alpha:negative_slope=0.2",
    "log_softmax": "LogSoftmax logits axis=-1",
    "repeat": "Repeat input repeats axis",
    "reverse": "Flip tensor axis",
    "roll": "Roll input shift axis",
    "saturate_cast": "SaturateCast value dtype",
    "softmax": "Softmax logits axis=-1",
    "squeeze": "Squeeze input axis",
    "tile": "Tile input multiples:repeats",
    "transpose": "Transpose a perm:axes",
    "diag_part": "Diagonal input k:offset=0 -axis1=-2 -axis2=-1",
    "trace": "Trace x -offset=0 -axis1=-2 -axis2=-1",
    "det": "Det input",
    "nn.depth_to_space": "DepthToSpace input block_size",
    "nn.space_to_depth": "SpaceToDepth input block_size",
    "image.rgb_to_grayscale": "RGBToGrayscale images -data_format=channels_last",
    "image.flip_left_right": "Flip image -axis=-2",
    "image.flip_up_down": "Flip image -axis=-3",
}
"""Functions of one tensor and settings: the operation, then TensorFlow's arguments in order.

``theirs:ours=default``; one with a minus is a setting that TensorFlow does not have.
"""

_ALIASES = {"dim": "axis", "squeeze_dims": "axis"}


def _renamed(spelled: str) -> Function:
    operation, first, *rest = spelled.split()
    order: list[tuple[str, str]] = []
    defaults: dict[str, Any] = {}
    for item in rest:
        names, _, default = item.partition("=")
        theirs, _, ours = names.lstrip("-").partition(":")
        if not names.startswith("-"):
            order.append((theirs, ours or theirs))
        if default:
            defaults[ours or theirs] = _read(default)

    def say(chain: Chain, *args: Any, **given: Any) -> Any:
        values = dict(zip([first, *(theirs for theirs, _ in order)], args, strict=False)) | given
        values = {_ALIASES.get(key, key): value for key, value in values.items()}
        x = values.pop(first, None)
        settings = {**defaults}
        settings.update((ours, values.pop(theirs)) for theirs, ours in order if theirs in values)
        strange = sorted(key for key, value in values.items() if value not in (False, "NHWC"))
        if x is None or strange:
            raise chain.error(f"Keras 3's {operation} has no {', '.join(strange) or first}")
        return chain.op(operation, x, **settings)

    return say


def _read(text: str) -> Any:
    """A default: a number, or else a word."""
    if text.lstrip("-").isdecimal():
        return int(text)
    return float(text) if text.replace(".", "", 1).isdecimal() else text


for _name, _spelled in _RENAMED.items():
    FUNCTIONS[_name] = _renamed(_spelled)
