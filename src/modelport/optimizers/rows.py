"""Gradients by rows, as embeddings give them, and what the eras make of them.

Keras 3 on TensorFlow applies the rows of such a gradient one by one (``square`` of an
``IndexedSlices``), so a row that a batch uses twice counts as g1^2 + g2^2; all older Keras add
first: (g1 + g2)^2. Clipping by the global norm multiplies the rows by a number, which adds them,
so a norm that never clips makes Keras 3 follow the older rule. Source: ``update_step`` of
``keras/src/optimizers``, ``clip_by_global_norm`` in ``base_optimizer.py``,
``_deduplicate_sparse_grad`` in ``tf_keras/src/optimizers/optimizer.py``, and
``_resource_apply_sparse`` in ``tf_keras/src/optimizers/legacy``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelport.optimizers.rule import Era, Rule

ADDS_ROWS = "keras_adds_rows"
"""The key of ``Model.extras`` with the embeddings whose rows the file's Keras added first."""

NEVER_CLIPS = 2.0**100
"""A power of two, so that dividing and multiplying by it changes no digit of a gradient."""

_CLIPS = ("clipnorm", "global_clipnorm", "clipvalue")


def differs(rule: Rule, settings: Mapping[str, Any], era: Era) -> str | None:
    """What an era's rule makes of gradients by rows that no later Keras can, or None."""
    if era is Era.OPTIMIZER_V2 and rule.skips_rows(settings):
        return (
            f"the old {rule.name} left the rows of an embedding alone that a batch did not use; "
            "today's goes on with all of them"
        )
    if era is Era.KERAS_1_2 and any(settings.get(key) for key in _CLIPS):
        return (
            "the old Keras clipped the gradient of an embedding after adding the rows that "
            "repeat in a batch, today's clips before"
        )
    return None


def adds_first(rule: Rule, settings: Mapping[str, Any], era: Era) -> bool:
    """Whether an era adds rows that repeat in a batch where Keras 3 would not."""
    return era is not Era.KERAS_3 and not rule.additive and not settings.get("global_clipnorm")


def adding(settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """Settings with which Keras 3 adds the rows first; None where a clipping is in the way."""
    if any(settings.get(key) for key in _CLIPS):
        return None
    return {**settings, "global_clipnorm": NEVER_CLIPS}
