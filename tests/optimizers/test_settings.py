"""Optimizers' settings of every era in the words of Keras 3."""

from __future__ import annotations

from typing import Any

import pytest

from modelport.model.report import Kind
from modelport.optimizers import nadam, table
from modelport.optimizers.rule import Era, Rule, alternating
from modelport.optimizers.settings import era_of, translate


def rule(name: str) -> Rule:
    found = table.find(name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("class_name", "settings", "version", "module", "era"),
    [
        ("Adam", {"lr": 0.1, "decay": 0.0}, "2.2.4", "", Era.KERAS_1_2),
        ("Adam", {"lr": 0.1}, None, "", Era.KERAS_1_2),
        ("Adam", {"learning_rate": 0.1, "decay": 0.0}, "2.3.1", "", Era.KERAS_1_2),
        ("Adam", {"learning_rate": 0.1, "name": "Adam"}, "2.3.0-tf", "", Era.OPTIMIZER_V2),
        ("Adam", {"learning_rate": 0.1, "decay": 0.0}, "2.2.4-tf", "", Era.OPTIMIZER_V2),
        ("Custom>Adam", {"is_legacy_optimizer": False}, "2.13.1", "", Era.TF_KERAS),
        ("RMSprop", {"learning_rate": 0.1}, "2.21.0", "keras.optimizers.legacy", Era.OPTIMIZER_V2),
        ("Adam", {"learning_rate": 0.1}, "3.15.1", "keras.optimizers", Era.KERAS_3),
    ],
)
def test_era(class_name: str, settings: Any, version: Any, module: str, era: Era) -> None:
    assert era_of(class_name, settings, version, module) is era


def test_decay_becomes_a_schedule() -> None:
    found = translate(rule("SGD"), {"lr": 0.5, "decay": 0.01}, Era.KERAS_1_2)
    schedule = found.settings["learning_rate"]
    assert schedule["class_name"] == "InverseTimeDecay"
    assert schedule["config"]["decay_steps"] == 1
    assert schedule["config"]["decay_rate"] == 0.01
    assert not found.notes


def test_clipnorm_of_keras_1_and_2_is_global() -> None:
    old = translate(rule("Adam"), {"lr": 0.1, "clipnorm": 1.0}, Era.KERAS_1_2).settings
    assert (old["clipnorm"], old["global_clipnorm"]) == (None, 1.0)
    newer = {"learning_rate": 0.1, "clipnorm": 1.0}
    assert translate(rule("Adam"), newer, Era.OPTIMIZER_V2).settings["clipnorm"] == 1.0


def test_only_one_clipping_stays() -> None:
    found = translate(rule("Adam"), {"lr": 0.1, "clipnorm": 1.0, "clipvalue": 2.0}, Era.KERAS_1_2)
    assert found.settings["clipvalue"] is None
    assert [(kind, key) for kind, key, _ in found.notes] == [(Kind.DROPPED, "clipvalue")]


def test_epsilon_of_old_rmsprop_comes_closest_squared() -> None:
    found = translate(rule("RMSprop"), {"lr": 0.1, "epsilon": 1e-7}, Era.KERAS_1_2)
    assert found.settings["epsilon"] == pytest.approx(1e-14)
    assert found.notes[0][0] is Kind.APPROXIMATED
    momentum = {"learning_rate": 0.1, "momentum": 0.5, "epsilon": 1e-7}
    found = translate(rule("RMSprop"), momentum, Era.OPTIMIZER_V2)
    assert found.settings["epsilon"] == 1e-7
    assert not found.notes


def test_missing_epsilon_is_the_default() -> None:
    assert translate(rule("Adam"), {"lr": 0.1, "epsilon": None}, Era.KERAS_1_2).settings[
        "epsilon"
    ] == pytest.approx(1e-7)


def test_an_unknown_schedule_is_told() -> None:
    stated = {"class_name": "WarmUp", "config": {"initial_learning_rate": 0.3}}
    found = translate(rule("Adam"), {"learning_rate": stated}, Era.TF_KERAS)
    assert found.settings["learning_rate"] == 0.3
    assert [key for _, key, _ in found.notes] == ["learning_rate"]


def test_a_foreign_package_is_no_stock_optimizer() -> None:
    assert table.find("Addons>LAMB") is None
    assert rule("Custom>Adam").name == "Adam"


@pytest.mark.parametrize(
    ("name", "era", "order"),
    [
        ("Adam", Era.KERAS_3, ["momentum", "velocity", "momentum", "velocity"]),
        ("Adam", Era.OPTIMIZER_V2, ["momentum", "momentum", "velocity", "velocity"]),
        ("Ftrl", Era.OPTIMIZER_V2, ["accumulator", "linear", "accumulator", "linear"]),
        ("RMSprop", Era.KERAS_3, ["velocity", "velocity"]),
        ("SGD", Era.KERAS_3, []),
        ("SGD", Era.TF_KERAS, ["momentum", "momentum"]),
    ],
)
def test_order_of_slots(name: str, era: Era, order: list[str]) -> None:
    layout = rule(name).layout(rule(name).settings, era)
    assert [slot.name for slot, _ in alternating(layout, 2)] == order


def test_product_of_nadams_momenta() -> None:
    settings = {"beta_1": 0.5}
    assert nadam.u_product(settings, 0) == 1.0
    first, second = 0.5 * (1 - 0.5 * 0.96), 0.5 * (1 - 0.5 * 0.96**2)
    assert nadam.u_product(settings, 2) == pytest.approx(first * second)
    assert nadam.u_product(settings, 10**9) == 0.0
