"""Adadelta."""

from modelport.optimizers.rule import Rule, Slot, always

RULE = Rule(
    "Adadelta",
    {"learning_rate": 0.001, "rho": 0.95, "epsilon": 1e-7},
    (
        (
            Slot("accumulated_grad", "accum_grad", "accumulated_grad"),
            Slot("accumulated_delta_var", "accum_var", "accumulated_delta_var"),
        ),
    ),
    aliases=("ExperimentalAdadelta",),
    skips_rows=always,
    torch="Adadelta",
)
