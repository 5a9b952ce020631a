"""Adamax: Adam with the infinity norm."""

from modelport.optimizers.adam import ADAM_SETTINGS
from modelport.optimizers.rule import Rule, Slot, always

RULE = Rule(
    "Adamax",
    {"learning_rate": 0.001, **ADAM_SETTINGS},
    ((Slot("momentum", "m", "m"), Slot("norm", "v", "u")),),
    skips_rows=always,
    torch="Adamax",
)
