"""Lamb: Adam with a trust ratio for each layer."""

from modelport.optimizers.adam import ADAM_SETTINGS
from modelport.optimizers.rule import Rule, Slot

RULE = Rule(
    "Lamb",
    {"learning_rate": 0.001, **ADAM_SETTINGS},
    ((Slot("momentum", "m", "m"), Slot("velocity", "v", "v")),),
)
