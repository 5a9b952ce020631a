"""Adafactor: second moments by rows and columns.

The slots ``r`` and ``c`` are smaller than their weight: means over its last axis and over the one
before it, and single numbers for weights of fewer than two axes.
"""

from modelport.optimizers.rule import Era, Rule, Slot

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
    if slot not in ("r", "c"):
        return shape
    if len(shape) < 2:
        return ()
    return shape[:-1] if slot == "r" else (*shape[:-2], shape[-1])


def is_placeholder(slot: str, shape: tuple[int, ...]) -> bool:
    """Whether a slot of a weight of ``shape`` is a number that nothing reads."""
    return slot in ("r", "c") and len(shape) < 2


def has_slot(slot: str, shape: tuple[int, ...], era: Era) -> bool:
    """Whether a file of that era holds the slot: only Keras 3 keeps the placeholders."""
    return era is Era.KERAS_3 or not is_placeholder(slot, shape)
