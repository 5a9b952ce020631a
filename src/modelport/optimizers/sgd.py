"""Stochastic gradient descent, with momentum and Nesterov's variant."""

from modelport.optimizers.rule import Era, Rule, Slot

RULE = Rule(
    "SGD",
    {"learning_rate": 0.01, "momentum": 0.0, "nesterov": False},
    ((Slot("momentum", "momentum", "m", "momentum", (Era.KERAS_1_2, Era.TF_KERAS)),),),
    aliases=("ExperimentalSGD", "MomentumOptimizer", "GradientDescentOptimizer"),
    torch="SGD",
)
