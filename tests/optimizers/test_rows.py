"""What the eras make of gradients by rows, as their published sources say."""

from __future__ import annotations

from typing import Any

import pytest

from modelport.optimizers import rows, table
from modelport.optimizers.rule import Era, Rule


def rule(name: str) -> Rule:
    found = table.find(name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "settings", "era", "differs"),
    [
        ("Adam", {}, Era.KERAS_1_2, False),
        ("Adam", {"global_clipnorm": 1.0}, Era.KERAS_1_2, True),
        ("SGD", {"clipvalue": 1.0}, Era.KERAS_1_2, True),
        ("SGD", {"momentum": 0.0}, Era.OPTIMIZER_V2, False),
        ("SGD", {"momentum": 0.9}, Era.OPTIMIZER_V2, True),
        ("SGD", {"momentum": 0.9}, Era.TF_KERAS, False),
        ("RMSprop", {"momentum": 0.0}, Era.OPTIMIZER_V2, False),
        ("Adamax", {}, Era.OPTIMIZER_V2, True),
        ("Adamax", {}, Era.KERAS_3, False),
    ],
)
def test_what_no_later_keras_can(name: str, settings: Any, era: Era, differs: bool) -> None:
    assert (rows.differs(rule(name), settings, era) is not None) == differs


@pytest.mark.parametrize(
    ("name", "era", "adds"),
    [
        ("Adam", Era.KERAS_1_2, True),
        ("Adam", Era.KERAS_3, False),
        ("SGD", Era.TF_KERAS, False),
        ("Lion", Era.TF_KERAS, False),
    ],
)
def test_who_adds_rows_first(name: str, era: Era, adds: bool) -> None:
    assert rows.adds_first(rule(name), {}, era) == adds


def test_a_clipping_is_never_replaced() -> None:
    assert rows.adding({"clipnorm": 1.0}) is None
    assert rows.adding({"clipnorm": None}) == {"clipnorm": None, "global_clipnorm": 2.0**100}
