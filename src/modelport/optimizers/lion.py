"""Lion: the sign of an interpolated momentum."""

from modelport.optimizers.accepted import ABOVE_0
from modelport.optimizers.rule import Rule, Slot

RULE = Rule(
    "Lion",
    {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.99},
    ((Slot("momentum", "m", "m"),),),
    additive=True,
    bounds={"beta_1": (ABOVE_0, 1)},
)
