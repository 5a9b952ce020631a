"""Follow the regularised leader."""

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
)
