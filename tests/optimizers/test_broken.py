"""Training configs that no Keras writes end in one typed error, fast."""

from __future__ import annotations

from typing import Any

import pytest
from tests.samples import FILES

import modelport
from modelport.convert.carry import canonical
from modelport.errors import MalformedFile
from modelport.model.model import Model
from modelport.model.report import Kind, Report

SOURCE = FILES / "keras-h5" / "keras2.2.4-tensorflow-dense-nadam.h5"


def stating(key: str, value: Any) -> Model:
    model = modelport.open(SOURCE)
    assert model.training is not None
    assert model.training.optimizer is not None
    model.training.optimizer.hyperparameters[key] = value
    return model


@pytest.mark.parametrize("value", ["much", [1], {"a": 1}])
def test_old_settings_of_another_kind(value: Any) -> None:
    with pytest.raises(MalformedFile, match="training config"):
        canonical(stating("schedule_decay", value), Report())


@pytest.mark.parametrize("value", ["much", [1], {"a": 1}])
def test_settings_of_another_kind_are_told_and_left_out(value: Any) -> None:
    report = Report()
    training = canonical(stating("beta_1", value), report).training
    assert training is not None
    assert training.optimizer is not None
    assert training.optimizer.hyperparameters["beta_1"] == 0.9
    assert [change.where for change in report if change.kind is Kind.DROPPED] == ["beta_1"]


def test_a_huge_step_count_takes_no_time() -> None:
    model = modelport.open(SOURCE)
    assert model.training is not None
    assert model.training.optimizer is not None
    model.training.optimizer.hyperparameters["beta_1"] = 1.0
    state = model.optimizer_state
    assert state is not None
    state.step = 1 << 52
    for name in [name for name in state.tensors if "iteration" in name]:
        del state.tensors[name]
    assert canonical(model, Report()).optimizer_state is not None
