"""AdamW that averages its iterates instead of following a schedule."""

from modelport.optimizers.rule import Rule, Slot

RULE = Rule(
    "ScheduleFreeAdamW",
    {
        "learning_rate": 0.0025,
        "beta_1": 0.9,
        "beta_2": 0.999,
        "epsilon": 1e-8,
        "warmup_steps": 0,
    },
    ((Slot("momentum", "m", "m"), Slot("velocity", "v", "v")),),
)
