"""Follow the regularised leader."""

import math

from modelport.optimizers.rule import Rule, Slot, always

RULE = Rule(
    "Ftrl",
    {
        "learning_rate": 0.001,
        "learning_rate_power": -0.5,
        "initial_accumulator_value": 0.1,
        "l1_regularization_strength": 0.0,
        "l2_regularization_strength": 0.0,
        "l2_shrinkage_regularization_strength": 0.0,
        "beta": 0.0,
    },
    (
        (
            Slot("accumulator", "accumulator", "accumulator", initial="initial_accumulator_value"),
            Slot("linear", "linear", "linear"),
        ),
    ),
    skips_rows=always,
    legacy_pairs=True,
    bounds={
        "initial_accumulator_value": (0, math.inf),
        "learning_rate_power": (-math.inf, 0),
        "l1_regularization_strength": (0, math.inf),
        "l2_regularization_strength": (0, math.inf),
        "l2_shrinkage_regularization_strength": (0, math.inf),
    },
)
