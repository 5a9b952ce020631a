"""Activations in configs: the names and objects of every era as today's.

Two meanings of one word get two names: ``hard_sigmoid`` was ``clip(0.2 x + 0.5, 0, 1)`` up to
Keras 2 and tf_keras (here ``hard_sigmoid_keras2``) and is ``relu6(x + 3) / 6`` in Keras 3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from modelport.dialects.keras.history.era import Era, History

FUNCTIONS = frozenset(
    {
        *("linear", "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "glu", "mish"),
        *("sigmoid", "hard_sigmoid", "hard_sigmoid_keras2", "silu", "hard_silu", "log_sigmoid"),
        *("tanh", "hard_tanh", "tanh_shrink", "soft_shrink", "hard_shrink", "squareplus"),
        *("softmax", "log_softmax", "sparsemax", "softplus", "softsign", "exponential"),
        *("threshold", "sparse_plus", "sparse_sigmoid"),
    }
)
"""Every activation function of Keras 3, and the old meanings that have a name of their own."""

LAYERS = frozenset({"ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax", "ThresholdedReLU"})
"""The activation layers that may stand where a function is expected."""

_OTHER_NAMES = {
    "swish": "silu",
    "hard_swish": "hard_silu",
    "softmax_v2": "softmax",
    "exp": "exponential",
}


def modern_activation(
    value: Any,
    history: History,
    where: str,
    layer: Callable[[Mapping[str, Any]], dict[str, Any]],
) -> Any:
    """An activation of any era; ``layer`` makes a serialised activation layer canonical.

    A function that is not Keras' own stays as it is and is reported.
    """
    if value is None:
        return "linear"
    if isinstance(value, str):
        return _function(value, value, history, where)
    if not isinstance(value, Mapping):
        raise history.malformed(where, expected="a name or an object as activation", found=value)
    name, config = value.get("class_name"), value.get("config")
    if name == "function" and isinstance(config, str):
        return _function(config, value, history, where)
    if name == "Pipeline" and isinstance(config, Mapping) and _is_old_hard_sigmoid(config):
        return "hard_sigmoid_keras2"
    if isinstance(name, str) and name in LAYERS:
        return layer(value)
    if isinstance(name, str) and name not in ("Activation",) and not config:
        return _function(name, value, history, where)
    if name == "Activation" and isinstance(config, Mapping):
        return modern_activation(config.get("activation"), history, where, layer)
    history.foreign(where, f"the activation {name!r} is no part of Keras")
    return dict(value)


_OLD_HARD_SIGMOID = (
    ("Rescaling", {"scale": 0.2, "offset": 0.5}),
    ("ReLU", {"max_value": 1.0, "negative_slope": 0.0, "threshold": 0.0}),
)


def _is_old_hard_sigmoid(config: Mapping[str, Any]) -> bool:
    """Whether stock layers say the old function, as files that were carried to Keras 3 have it."""
    layers = config.get("layers")
    if not isinstance(layers, list) or len(layers) != len(_OLD_HARD_SIGMOID):
        return False
    for layer, (name, settings) in zip(layers, _OLD_HARD_SIGMOID, strict=True):
        stated = layer.get("config") if isinstance(layer, Mapping) else None
        if not isinstance(stated, Mapping) or layer.get("class_name") != name:
            return False
        if any(stated.get(key) != value for key, value in settings.items()):
            return False
    return True


def _function(name: str, written: Any, history: History, where: str) -> Any:
    known = _OTHER_NAMES.get(name, name)
    if known == "hard_sigmoid" and history.era < Era.KERAS3:
        return "hard_sigmoid_keras2"
    if known not in FUNCTIONS:
        history.foreign(where, f"the activation {name!r} is no part of Keras")
        return written
    return known
