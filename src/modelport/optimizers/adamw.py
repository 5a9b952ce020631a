"""Adam with decoupled weight decay."""

from modelport.optimizers.adam import ADAM_GROUPS, ADAM_SETTINGS
from modelport.optimizers.rule import Rule

RULE = Rule(
    "AdamW",
    {"learning_rate": 0.001, "weight_decay": 0.004, **ADAM_SETTINGS, "amsgrad": False},
    ADAM_GROUPS,
    torch="AdamW",
)
