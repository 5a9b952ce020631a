"""Stochastic gradient descent, with momentum and Nesterov's variant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelport.optimizers.rule import Era, Rule, Slot


def _momentum(settings: Mapping[str, Any]) -> bool:
    return bool(settings.get("momentum"))


RULE = Rule(
    "SGD",
    {"learning_rate": 0.01, "momentum": 0.0, "nesterov": False},
    ((Slot("momentum", "momentum", "m", "momentum", (Era.KERAS_1_2, Era.TF_KERAS)),),),
    aliases=("ExperimentalSGD", "MomentumOptimizer", "GradientDescentOptimizer"),
    additive=True,
    skips_rows=_momentum,
    torch="SGD",
    bounds={"momentum": (0, 1)},
)
