"""Adam, also with AMSGrad."""

from modelport.optimizers.rule import Rule, Slot

ADAM_GROUPS = (
    (Slot("momentum", "m", "m"), Slot("velocity", "v", "v")),
    (Slot("velocity_hat", "vhat", "vhat", "amsgrad"),),
)
ADAM_SETTINGS = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}

RULE = Rule(
    "Adam",
    {"learning_rate": 0.001, **ADAM_SETTINGS, "amsgrad": False},
    ADAM_GROUPS,
    aliases=("ExperimentalAdam", "NonFusedAdam", "AdamOptimizer"),
    torch="Adam",
)
