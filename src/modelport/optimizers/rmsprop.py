"""RMSprop, also centered and with momentum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelport.optimizers.rule import Era, Rule, Slot


def _differs(settings: Mapping[str, Any], era: Era) -> str | None:
    # OptimizerV2 without momentum and Keras 1-2 divide by sqrt(v) + epsilon; with momentum
    # OptimizerV2 has epsilon inside the root, as Keras 3 always has.
    plain = era is Era.OPTIMIZER_V2 and not settings.get("momentum")
    if era is Era.KERAS_1_2 or plain:
        return (
            "epsilon stands outside the square root in the old rule and inside in Keras 3, "
            "where its square comes closest"
        )
    return None


def _momentum(settings: Mapping[str, Any]) -> bool:
    return bool(settings.get("momentum"))


RULE = Rule(
    "RMSprop",
    {"learning_rate": 0.001, "rho": 0.9, "momentum": 0.0, "epsilon": 1e-7, "centered": False},
    (
        (Slot("velocity", "rms", "velocity"),),
        (Slot("momentum", "momentum", "momentum", "momentum"),),
        (Slot("average_gradient", "mg", "average_gradient", "centered"),),
    ),
    aliases=("RMSPropOptimizer", "ExperimentalRMSprop"),
    differs=_differs,
    squares_epsilon=True,
    skips_rows=_momentum,
    torch="RMSprop",
)
