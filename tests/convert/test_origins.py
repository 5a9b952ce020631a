"""Hints of what tensors were: they never change what a file holds."""

from __future__ import annotations

import json

import numpy as np
import pytest

from modelport.convert.origins import ORIGIN, note_origins, over_origins
from modelport.model.expression import source, sources, transpose
from modelport.model.graph import Graph
from modelport.model.opaque import opened_tensor
from modelport.model.tensor import InMemory, Tensor

WEIGHT = Tensor("fc.weight", InMemory(np.arange(6, dtype=np.float32).reshape(2, 3)))


def turned(name: str) -> Tensor:
    return Tensor(name, transpose(source(WEIGHT), [1, 0]))


def test_a_turned_weight_is_noted_and_found_again() -> None:
    graph = Graph("g", tensors={"fc.weight": turned("fc.weight")})
    note_origins(graph)
    said = graph.tensors["fc.weight"].metadata[ORIGIN]
    assert json.loads(said) == ["fc.weight", [1, 0]]
    read = Tensor("fc.weight", InMemory(turned("x").numpy().copy()), {ORIGIN: said})
    found = over_origins({"fc.weight": read})["fc.weight"]
    (leaf,) = sources(source(found))
    assert leaf.name == "fc.weight"
    assert np.array_equal(leaf.numpy(), WEIGHT.numpy())
    assert np.array_equal(opened_tensor(found).numpy(), read.numpy())


@pytest.mark.parametrize("change", [0, 1])
def test_two_that_were_one_are_one_while_they_are_equal(change: int) -> None:
    own = Tensor("fc.weight", InMemory(WEIGHT.numpy() + change))
    other = Tensor("head", InMemory(turned("x").numpy().copy()))
    other.metadata[ORIGIN] = json.dumps(["fc.weight", [1, 0]])
    found = over_origins({"fc.weight": own, "head": other})
    leaves = {id(leaf) for tensor in found.values() for leaf in sources(source(tensor))}
    assert len(leaves) == 1 + change
    assert np.array_equal(found["head"].numpy(), other.numpy())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        '["a"]',
        '["a", [0]]',
        '["a", [0, 0]]',
        '["a", "10"]',
        "[1, [1, 0]]",
        "[" * 9999,
    ],
)
def test_what_is_no_hint_is_left_alone(text: str) -> None:
    tensor = Tensor("w", InMemory(np.ones((2, 3), np.float32)), {ORIGIN: text})
    found = over_origins({"w": tensor})["w"]
    assert np.array_equal(found.numpy(), tensor.numpy())
    assert len(sources(source(found))) == 1
