from __future__ import annotations

import numpy as np
import pytest

from modelport.convert.compare import differing, equal, fingerprint
from modelport.model.tensor import InMemory, Tensor


def tensor(values: object, dtype: str = "float32") -> Tensor:
    return Tensor("w", InMemory(np.asarray(values, dtype)))


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (tensor([1, 2]), tensor([1, 2]), True),
        (tensor([1, 2]), tensor([1, 3]), False),
        (tensor([1, 2]), tensor([[1, 2]]), False),
        (tensor([1, 2]), tensor([1, 2], "float64"), False),
        (tensor([np.nan]), tensor([np.nan]), True),
        (tensor([0.0]), tensor([-0.0]), False),  # bits count
        (tensor([]), tensor([]), True),
        (tensor(3.0), tensor(3.0), True),
    ],
)
def test_equality_is_of_bits(a: Tensor, b: Tensor, same: bool) -> None:
    assert equal(a, b) is same


def test_missing_names_differ() -> None:
    assert differing(
        {"a": tensor([1]), "b": tensor([2])}, {"b": tensor([2]), "c": tensor([3])}
    ) == [
        "a",
        "c",
    ]


def test_a_fingerprint_outlives_rearrangement() -> None:
    values = np.random.default_rng(0).standard_normal((4, 5, 6)).astype("float32")
    first = fingerprint(tensor(values))
    assert fingerprint(tensor(values.transpose(2, 0, 1).copy())) == first
    assert fingerprint(tensor(values[::-1].reshape(-1).copy())) == first
    values[0, 0, 0] += 1e-6
    assert fingerprint(tensor(values)) != first
