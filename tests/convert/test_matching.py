"""Which weight of a checkpoint is which of a graph, where names mislead."""

from __future__ import annotations

import numpy as np

from modelport.convert.matching import by_name
from modelport.model.tensor import InMemory, Tensor


def tensors(**shapes: tuple[int, ...]) -> dict[str, Tensor]:
    named = {key.replace("_", "."): shape for key, shape in shapes.items()}
    return {key: Tensor(key, InMemory(np.zeros(shape, "f4"))) for key, shape in named.items()}


def test_a_prefix_that_pairs_other_sizes_is_none() -> None:
    graph = tensors(a_weight=(8, 8), h_weight=(4, 8), h_bias=(4,))
    state = tensors(a_weight=(8, 8), h_weight=(4, 8), norm_weight=(8,), norm_bias=(8,))
    assert by_name(graph, state).names == {"a.weight": "a.weight", "h.weight": "h.weight"}


def test_a_prefix_is_found_though_all_sizes_differ() -> None:
    graph = tensors(h_weight=(4, 8), h_bias=(4,))
    state = tensors(module_h_weight=(5, 8), module_h_bias=(5,))
    found = by_name(graph, state)
    assert found.names == {"h.weight": "module.h.weight", "h.bias": "module.h.bias"}
    assert "module." in found.how
