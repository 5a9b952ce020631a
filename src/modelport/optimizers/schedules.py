"""The learning rate schedules of Keras 3: their arguments, and what it accepts for them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from modelport.optimizers.accepted import ABOVE_0, expected

_START = "initial_learning_rate"
SCHEDULES: dict[str, tuple[str, ...]] = {
    "CosineDecay": (_START, "decay_steps", "alpha", "name", "warmup_target", "warmup_steps"),
    "CosineDecayRestarts": (_START, "first_decay_steps", "t_mul", "m_mul", "alpha", "name"),
    "ExponentialDecay": (_START, "decay_steps", "decay_rate", "staircase", "name"),
    "InverseTimeDecay": (_START, "decay_steps", "decay_rate", "staircase", "name"),
    "PiecewiseConstantDecay": ("boundaries", "values", "name"),
    "PolynomialDecay": (_START, "decay_steps", "end_learning_rate", "power", "cycle", "name"),
}
"""The schedules and their arguments."""

_KINDS: dict[str, Any] = {
    **dict.fromkeys(("alpha", "t_mul", "m_mul", "warmup_steps", "end_learning_rate", "power"), 0.0),
    **dict.fromkeys((_START, "decay_steps", "first_decay_steps", "decay_rate"), 0.0),
    "boundaries": [0.0],
    "values": [0.0],
    **dict.fromkeys(("staircase", "cycle"), False),
    "warmup_target": None,
    "name": "",
}
"""A value of the kind that an argument takes."""

_NEEDED = frozenset(
    {_START, "decay_steps", "first_decay_steps", "decay_rate", "boundaries", "values"}
)

_BOUNDS = dict.fromkeys(("decay_steps", "first_decay_steps"), (ABOVE_0, math.inf))


def refused(class_name: str, config: Mapping[str, Any]) -> str | None:
    """Why Keras 3 makes no such schedule out of a config, or None where it does."""
    for key in SCHEDULES[class_name]:
        if key not in config:
            if key in _NEEDED:
                return f"it states no {key}"
            continue
        wanted = expected(key, config[key], _KINDS[key], _BOUNDS)
        if wanted is not None:
            return f"its {key} is not {wanted} ({config[key]!r:.80})"
    if "values" in config and len(config["values"]) != len(config["boundaries"]) + 1:
        return "it has not one value more than boundaries"
    return None
