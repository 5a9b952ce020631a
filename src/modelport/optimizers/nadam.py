"""Adam with Nesterov momentum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelport.optimizers.adam import ADAM_SETTINGS
from modelport.optimizers.rule import Era, Rule, Slot, always


def _differs(settings: Mapping[str, Any], era: Era) -> str | None:
    if era in (Era.KERAS_1_2, Era.OPTIMIZER_V2):
        return (
            "the momentum schedule of the old rule decays with a rate of its own "
            "(schedule_decay, 0.004 by default), Keras 3's with 1"
        )
    if era is Era.TF_KERAS:
        return (
            "tf_keras multiplies the product of momenta more than once a step and does not save "
            "it; Keras 3 goes on with the product that the step count gives"
        )
    return None


_MOST_STEPS = 100_000
"""After these any usual product is 0; a count out of a broken file must not take for ever."""


def u_product(settings: Mapping[str, Any], steps: int, rate: float = 1.0) -> float:
    """The product of the momenta of the finished steps, which Keras 3 keeps as a scalar.

    ``rate`` is the old rule's ``schedule_decay``; the factor of step i is
    ``beta_1 * (1 - 0.5 * 0.96 ** (rate * i))``.
    """
    product = 1.0
    for step in range(1, min(steps, _MOST_STEPS) + 1):
        product *= float(settings["beta_1"]) * (1.0 - 0.5 * 0.96 ** (rate * step))
        if product < 1e-38:  # below float32: the correction by 1 - product is gone
            return 0.0
    return product


RULE = Rule(
    "Nadam",
    {"learning_rate": 0.001, **ADAM_SETTINGS},
    ((Slot("momentum", "m", "m"), Slot("velocity", "v", "v")),),
    scalars=("u_product",),
    differs=_differs,
    skips_rows=always,
    torch="NAdam",
    obsolete={"schedule_decay": 0.004},
)
