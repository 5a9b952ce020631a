"""The wrapper that scales losses for half precision; its state stands before the inner one's."""

NAMES = ("LossScaleOptimizer", "LossScaleOptimizerV1", "LossScaleOptimizerV3")

SETTINGS = {"initial_scale": 32768.0, "dynamic_growth_steps": 2000}

SCALARS = ("iteration", "learning_rate", "step_counter", "dynamic_scale")
"""The wrapper's own variables in Keras 3, in order (its learning rate is 0 and unused)."""
