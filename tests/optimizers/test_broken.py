"""Training configs that no Keras writes end in one typed error, fast."""

from __future__ import annotations

from typing import Any

import pytest
from tests.samples import FILES

import modelport
from modelport.convert.carry import canonical
from modelport.errors import MalformedFile
from modelport.model.report import Report

SOURCE = FILES / "keras-h5" / "keras2.2.4-tensorflow-dense-nadam.h5"


@pytest.mark.parametrize("key", ["beta_1", "schedule_decay"])
@pytest.mark.parametrize("value", ["much", [1], {"a": 1}])
def test_settings_of_another_kind(key: str, value: Any) -> None:
    model = modelport.open(SOURCE)
    assert model.training is not None
    assert model.training.optimizer is not None
    model.training.optimizer.hyperparameters[key] = value
    with pytest.raises(MalformedFile, match="training config"):
        canonical(model, Report())


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
