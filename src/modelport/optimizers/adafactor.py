"""Adafactor: second moments by rows and columns.

The slots ``r`` and ``c`` are smaller than their weight: means over its last axis and over the one
before it, and single numbers for weights of fewer than two axes.
"""

from modelport.optimizers.rule import Rule, Slot

RULE = Rule(
    "Adafactor",
    {
        "learning_rate": 0.001,
        "beta_2_decay": -0.8,
        "epsilon_1": 1e-30,
        "epsilon_2": 1e-3,
        "clip_threshold": 1.0,
        "relative_step": True,
    },
    ((Slot("r", "r", "r"), Slot("c", "c", "c"), Slot("velocity", "v", "v")),),
)


def slot_shape(slot: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a slot of a weight of ``shape``."""
    if slot == "velocity":
        return shape
    if len(shape) < 2:
        return ()
    return shape[:-1] if slot == "r" else (*shape[:-2], shape[-1])
