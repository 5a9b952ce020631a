"""Every optimizer that modelport knows, by its name in any framework."""

from __future__ import annotations

from modelport.optimizers import (
    adadelta,
    adafactor,
    adagrad,
    adam,
    adamax,
    adamw,
    ftrl,
    lamb,
    lion,
    muon,
    nadam,
    rmsprop,
    schedule_free_adamw,
    sgd,
)
from modelport.optimizers.rule import Rule

RULES: tuple[Rule, ...] = (
    sgd.RULE,
    adam.RULE,
    adamw.RULE,
    rmsprop.RULE,
    adagrad.RULE,
    adadelta.RULE,
    adamax.RULE,
    nadam.RULE,
    ftrl.RULE,
    lion.RULE,
    lamb.RULE,
    adafactor.RULE,
    muon.RULE,
    schedule_free_adamw.RULE,
)

_BY_NAME = {name.lower(): rule for rule in RULES for name in (rule.name, *rule.aliases)}


def find(name: str) -> Rule | None:
    """The optimizer of that class name in Keras (``Custom>Adam``, ``adam``), or None.

    A name registered in any other package (``Addons>LAMB``) is somebody else's optimizer.
    """
    package, _, own = name.rpartition(">")
    return _BY_NAME.get(own.lower()) if package in ("", "Custom") else None
