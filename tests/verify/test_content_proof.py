"""Weights told by content: the expected answers come from permutations made by hand with numpy."""

from __future__ import annotations

import numpy as np
import pytest

from modelport.model.model import Model
from modelport.model.tensor import InMemory, Tensor
from modelport.verify.weights import _by_content

KERNEL = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
BIAS = np.array([0.5, -1.0, 2.0, 0.25], np.float32)


def model(**arrays: np.ndarray) -> Model:
    made = Model("m", "onnx")
    made.graph.tensors.update(
        {name: Tensor(name, InMemory(value)) for name, value in arrays.items()}
    )
    return made


REARRANGED = {"w": np.transpose(KERNEL, (2, 0, 1))[::-1].reshape(5, 12), "b": BIAS[[3, 1, 0, 2]]}
TOUCHED = np.transpose(KERNEL, (2, 0, 1)).copy()
TOUCHED[0, 0, 0] = np.nextafter(TOUCHED[0, 0, 0], np.float32(9))


def test_any_order_of_the_same_elements_is_exact() -> None:
    proof = _by_content(model(kernel=KERNEL, bias=BIAS), model(**REARRANGED))
    assert proof is not None
    assert proof.exact


def test_constants_of_a_graph_are_no_weights() -> None:
    more = {"shape": np.array([-1, 5]), "one": np.float32(1).reshape(1)}
    proof = _by_content(model(kernel=KERNEL, bias=BIAS), model(**REARRANGED, **more))
    assert proof is not None


@pytest.mark.parametrize(
    "other",
    [
        {"w": TOUCHED, "b": BIAS},
        {"w": KERNEL},
        {"w": KERNEL, "b": BIAS, "again": BIAS},
        {"w": KERNEL, "b": np.array([0.5, 0.5, 2.0, 0.25], np.float32)},
        {"w": KERNEL, "b": BIAS.astype(np.float64)},
    ],
    ids=["a last place", "one missing", "one twice", "another multiset", "another dtype"],
)
def test_anything_else_is_not_told(other: dict[str, np.ndarray]) -> None:
    assert _by_content(model(kernel=KERNEL, bias=BIAS), model(**other)) is None
