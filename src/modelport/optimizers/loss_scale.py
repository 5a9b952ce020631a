"""The wrapper that scales losses for half precision; its state stands before the inner one's.

Keras 3 puts it around any optimizer by itself where the model's dtype policy is ``mixed_float16``
(``Trainer.compile``) and does not say so in a ``.keras`` file. tf_keras saves neither the scale
nor the counter of steps since it changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAMES = ("LossScaleOptimizer", "LossScaleOptimizerV1", "LossScaleOptimizerV3")

SETTINGS = {"initial_scale": 32768.0, "dynamic_growth_steps": 2000}

SCALARS = ("iteration", "learning_rate", "step_counter", "dynamic_scale")
"""The wrapper's own variables in Keras 3, in order (its learning rate is 0 and unused)."""

NAME = "loss_scale_optimizer"

NEVER_GROWS = 2**31 - 1
"""Steps until a scale grows that is not to grow; the counter has 32 bits."""


def is_wrapper(name: str) -> bool:
    """Whether an optimizer of that class wraps another."""
    return name.rsplit(">", 1)[-1] in NAMES


def inner(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """The serialised optimizer inside; empty where none is stated."""
    found = settings.get("inner_optimizer", settings.get("optimizer"))
    return found if isinstance(found, Mapping) else {}


def translate(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The wrapper's settings in the words of Keras 3, from those of any era."""
    stated = dict(settings)
    scale = settings.get("loss_scale")
    if isinstance(scale, Mapping) and isinstance(scale.get("config"), Mapping):  # before TF 2.4
        old = scale["config"]
        stated["dynamic"] = scale.get("class_name") != "FixedLossScale"
        stated["initial_scale"] = old.get("initial_loss_scale", old.get("loss_scale_value"))
        stated["dynamic_growth_steps"] = old.get("increment_period")
    found = {
        key: stated[key] if isinstance(stated.get(key), int | float) else default
        for key, default in SETTINGS.items()
    }
    if stated.get("dynamic") is False:
        found["dynamic_growth_steps"] = NEVER_GROWS
    found["initial_scale"] = float(found["initial_scale"])
    name = stated.get("name")
    return {**found, "name": name if isinstance(name, str) and name else NAME}
