"""The count of steps that files of old Keras keep, or do not keep."""

from __future__ import annotations

import pytest
from tests.samples import FILES

import modelport

KEPT = {
    "keras1.2.2-theano-conv2d-tf-ordering": (3, 9, ("momentum", "velocity")),
    "keras1.2.2-tensorflow-lstm": (None, 14, ("velocity",)),
    "keras2.0.5-tensorflow-names-out-of-order": (3, 17, ("momentum", "velocity")),
    "keras2.2.4-tensorflow-lstm": (None, 8, ("velocity",)),
    "keras2.2.4-tf-tensorflow-lstm": (3, 9, ("velocity",)),
    "keras2.2.4-tensorflow-dense-nadam": (3, 9, ("momentum", "velocity")),
}
"""Steps, tensors and slots, after three steps of training (their ``train.npz`` say so)."""


@pytest.mark.parametrize("name", KEPT)
def test_steps_and_slots(name: str) -> None:
    path = FILES / "keras-h5" / f"{name}.h5"
    step, tensors, slots = KEPT[name]
    assert modelport.inspect(path)["optimizer_state"] == {"step": step, "tensors": tensors}
    model = modelport.open(path)
    assert model.optimizer_state is not None
    assert tuple(model.optimizer_state.slots) == slots
    for held in model.optimizer_state.slots.values():
        assert held.keys() <= model.tensors.keys()
        for weight, tensor in held.items():
            assert tensor.shape == model.tensors[weight].shape
