"""The slots that an opened file shows: those of the live optimizer, weight by weight."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_keras_optimizers import trained

import modelport
from modelport.model.training import OptimizerState

pytestmark = pytest.mark.filterwarnings("ignore")


def opened(path: Path) -> OptimizerState:
    model = modelport.open(path)
    assert model.training is not None
    assert model.training.optimizer is not None
    assert model.training.optimizer.name == "Adam"
    assert modelport.inspect(path)["optimizer"]["name"] == "Adam"
    assert model.optimizer_state is not None
    assert model.optimizer_state.step == 3
    assert set(model.optimizer_state.slots) == {"momentum", "velocity"}
    for slot in model.optimizer_state.slots.values():
        assert set(slot) == set(model.tensors)
    return model.optimizer_state


def assert_slots(state: OptimizerState, wanted: dict[str, list[Any]]) -> None:
    for slot, arrays in wanted.items():
        held = list(state.slots[slot].values())
        for tensor, want in zip(held, arrays, strict=True):
            np.testing.assert_array_equal(tensor.numpy(), np.asarray(want))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_keras_3(suffix: str, tmp_path: Path) -> None:
    import keras

    built = trained(keras, keras.optimizers.Adam(0.01))
    built.save(tmp_path / f"a{suffix}")
    live = {"momentum": built.optimizer._momentums, "velocity": built.optimizer._velocities}
    assert_slots(opened(tmp_path / f"a{suffix}"), live)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_tf_keras(suffix: str, tmp_path: Path) -> None:
    import tf_keras

    built = trained(tf_keras, tf_keras.optimizers.Adam(0.01))
    built.save(tmp_path / f"a{suffix}")
    live = {"momentum": built.optimizer._momentums, "velocity": built.optimizer._velocities}
    assert_slots(opened(tmp_path / f"a{suffix}"), live)


def test_legacy(tmp_path: Path) -> None:
    import tf_keras

    built = trained(tf_keras, tf_keras.optimizers.legacy.Adam(0.01))
    built.save(tmp_path / "a.h5")
    live = {
        name: [built.optimizer.get_slot(weight, short) for weight in built.weights]
        for name, short in (("momentum", "m"), ("velocity", "v"))
    }
    assert_slots(opened(tmp_path / "a.h5"), live)
