"""Adagrad."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelport.optimizers.rule import Era, Rule, Slot


def _differs(settings: Mapping[str, Any], era: Era) -> str | None:
    if era in (Era.KERAS_1_2, Era.OPTIMIZER_V2):
        return (
            "epsilon stands outside the square root in the old rule and inside in Keras 3, "
            "where its square comes closest"
        )
    return None


RULE = Rule(
    "Adagrad",
    {"learning_rate": 0.001, "initial_accumulator_value": 0.1, "epsilon": 1e-7},
    ((Slot("accumulator", "accumulator", "accumulator", initial="initial_accumulator_value"),),),
    aliases=("ExperimentalAdagrad", "AdagradOptimizer"),
    differs=_differs,
    squares_epsilon=True,
    torch="Adagrad",
)
