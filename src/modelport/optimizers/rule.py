"""What an optimizer is to modelport: its names, its settings, and its slots in file order."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from modelport.optimizers.accepted import Bounds


class Era(StrEnum):
    """Whose optimizer classes wrote a state; each has its own words and order of slots."""

    KERAS_1_2 = "Keras 1-2"
    OPTIMIZER_V2 = "tf.keras legacy"
    TF_KERAS = "tf_keras"
    KERAS_3 = "Keras 3"


@dataclass(frozen=True, slots=True)
class Slot:
    """One tensor for each weight.

    ``name`` is Keras 3's word, ``legacy`` that of OptimizerV2, ``short`` that of the newer
    tf_keras. ``when`` names the setting that must be on for the slot to exist; ``also`` lists the
    eras whose files hold it whatever the setting says. ``initial`` names the setting with the
    value it starts at (else 0).
    """

    name: str
    legacy: str = ""
    short: str = ""
    when: str | None = None
    also: tuple[Era, ...] = ()
    initial: str | None = None

    def used(self, settings: Mapping[str, Any]) -> bool:
        """Whether an optimizer of these settings works with the slot."""
        return self.when is None or bool(settings.get(self.when))

    def stored(self, settings: Mapping[str, Any], era: Era) -> bool:
        """Whether a file of that era holds the slot."""
        return self.used(settings) or era in self.also


On = Callable[[Mapping[str, Any]], bool]
"""Whether something is so for settings in the words of Keras 3."""


def never(settings: Mapping[str, Any]) -> bool:
    """Not for any settings."""
    return False


def always(settings: Mapping[str, Any]) -> bool:
    """For all settings."""
    return True


Differs = Callable[[Mapping[str, Any], Era], str | None]
"""What the formula of an era does otherwise than Keras 3's, or None where nothing."""


def same_formula(settings: Mapping[str, Any], era: Era) -> str | None:
    """The formula never changed."""
    return None


@dataclass(frozen=True, slots=True)
class Rule:
    """One optimizer.

    ``name`` is the class in Keras 3 and ``aliases`` what it was called elsewhere, both compared
    without case. ``settings`` are Keras 3's arguments beyond ``COMMON``, with their defaults.
    ``groups`` are the slots as Keras 3 (and the newer tf_keras) stores them: the slots of one
    group alternate weight by weight, groups follow one another. OptimizerV2 and Keras 1-2 store
    one block a slot, except where ``legacy_pairs``. ``scalars`` come after the slots.
    ``squares_epsilon`` says that where the formula differs, epsilon squared comes closest:
    ``sqrt(v + e * e)`` for ``sqrt(v) + e``. ``additive``: the rule is linear in the gradient, so
    that the parts of a gradient may be applied one by one; ``skips_rows`` says when OptimizerV2
    left the rows of an embedding alone that a batch did not use. ``torch`` is the class of
    ``torch.optim`` with the same rule, where there is one. ``bounds`` are the least and the
    greatest number that Keras 3 takes for a setting.
    """

    name: str
    settings: Mapping[str, Any]
    groups: tuple[tuple[Slot, ...], ...]
    aliases: tuple[str, ...] = ()
    scalars: tuple[str, ...] = ()
    legacy_pairs: bool = False
    differs: Differs = same_formula
    squares_epsilon: bool = False
    additive: bool = False
    skips_rows: On = never
    torch: str | None = None
    obsolete: Mapping[str, Any] = field(default_factory=dict)
    bounds: Mapping[str, Bounds] = field(default_factory=dict)

    def layout(self, settings: Mapping[str, Any], era: Era) -> list[list[Slot]]:
        """The slots as a file of that era stores them: groups in order, slots within a group."""
        groups = [*_common_groups(settings), *self.groups]
        if era in (Era.KERAS_1_2, Era.OPTIMIZER_V2) and not self.legacy_pairs:
            groups = [(slot,) for group in groups for slot in group]
        kept = [[slot for slot in group if slot.stored(settings, era)] for group in groups]
        return [group for group in kept if group]


COMMON: dict[str, Any] = {
    "weight_decay": None,
    "clipnorm": None,
    "global_clipnorm": None,
    "clipvalue": None,
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
}
"""The settings that every optimizer of Keras 3 has beside its learning rate."""

COMMON_BOUNDS: dict[str, Bounds] = {
    "ema_momentum": (0, 1),
    "ema_overwrite_frequency": (1, math.inf),
    "gradient_accumulation_steps": (2, math.inf),
}
"""The least and the greatest number that Keras 3 takes for them."""

AVERAGE = Slot("average", "average", "average", when="use_ema")
ACCUMULATOR = Slot("gradient_accumulator", when="gradient_accumulation_steps")


def _common_groups(settings: Mapping[str, Any]) -> list[tuple[Slot, ...]]:
    return [(slot,) for slot in (AVERAGE, ACCUMULATOR) if slot.used(settings)]


def alternating(groups: list[list[Slot]], weights: int) -> list[tuple[Slot, int]]:
    """The stored tensors of a layout in order, each as (slot, index of its weight)."""
    return [(slot, i) for group in groups for i in range(weights) for slot in group]
