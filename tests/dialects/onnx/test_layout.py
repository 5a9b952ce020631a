"""Channels-last edges stay channels-first as long as nobody needs their own layout."""

from __future__ import annotations

import numpy as np
import pytest

from modelport.dialects.onnx import layout, ops
from modelport.dialects.onnx.builder import Builder
from modelport.dialects.onnx.edge import Edge
from modelport.model.dtype import FLOAT32
from modelport.model.expression import source
from modelport.model.tensor import InMemory, Tensor


def kinds(b: Builder) -> list[str]:
    return [node.op_type for node in b.graph.nodes]


@pytest.fixture
def b() -> Builder:
    return Builder()


def image(b: Builder, name: str = "x", channels: int = 3) -> Edge:
    """An edge that exists channels-first only."""
    held = b.input(name, FLOAT32, (None, channels, 4, 5))
    return layout.from_channels_first(b.name(held), FLOAT32, ("batch", 4, 5, channels))


def test_an_edge_is_transposed_once(b):
    x = b.input("x", FLOAT32, (None, 4, 5, 3))
    assert layout.channels_first(b, x) == layout.channels_first(b, x)
    assert kinds(b) == ["Transpose"]


@pytest.mark.parametrize(
    "use",
    [
        lambda b, x: ops.unary(b, "Relu", x),
        lambda b, x: ops.clip(b, x, 0.0, 6.0),
        lambda b, x: ops.add(b, x, 1.0),
        lambda b, x: ops.multiply(b, x, ops.unary(b, "Sigmoid", x)),
        lambda b, x: ops.concat(b, [x, x], -1),
        lambda b, x: ops.slice_axis(b, x, 1, 1, -1),
        lambda b, x: ops.pad(b, x, {1: (1, 2), 2: (0, 1)}),
        lambda b, x: ops.split(b, x, -1, 3)[1],
        lambda b, x: ops.reduce(b, "ReduceMean", x, [1, 2], keepdims=True),
        lambda b, x: ops.softmax(b, x),
    ],
)
def test_operators_keep_the_layout(b, use):
    y = use(b, image(b))
    assert y.prefers_twin
    assert "Transpose" not in kinds(b)
    b.name(y)
    assert kinds(b).count("Transpose") == 1


def test_shapes_are_in_the_edges_own_order(b):
    x = image(b)
    assert ops.concat(b, [x, x], -1).shape == ("batch", 4, 5, 6)
    assert ops.pad(b, x, {1: (1, 2), -2: (0, 1)}).shape == ("batch", 7, 6, 3)
    assert ops.slice_axis(b, x, 2, 1, -1).shape == ("batch", 4, 3, 3)
    assert [part.shape for part in ops.split(b, x, -1, 3)] == [("batch", 4, 5, 1)] * 3


def test_a_value_in_its_own_layout_joins_a_channels_first_one(b):
    x, y = image(b), b.input("y", FLOAT32, (None, 4, 5, 3))
    assert ops.concat(b, [y, x], -1).prefers_twin
    assert ops.add(b, y, x).prefers_twin
    assert kinds(b) == ["Transpose", "Concat", "Add"]


def test_values_of_lower_rank_join_at_the_last_axis(b):
    x, y = image(b), b.input("y", FLOAT32, (5, 3))
    ops.add(b, x, y)
    assert kinds(b) == ["Unsqueeze", "Transpose", "Add"]
    assert b.graph.nodes[1].attributes["perm"] == [0, 3, 1, 2]


def test_vectors_are_reshaped_without_a_transpose(b):
    pooled = ops.reduce(b, "ReduceMean", image(b), [1, 2], keepdims=True)
    assert ops.reshape(b, pooled, [None, 3]).shape == ("batch", 3)
    assert layout.flatten(b, pooled).shape == ("batch", 3)
    assert "Transpose" not in kinds(b)


def test_a_flattened_value_regroups_the_rows_that_meet_it(b):
    flat = layout.flatten(b, image(b))
    assert flat.prefers_twin
    assert flat.twin is not None
    kernel = Tensor("kernel", InMemory(np.arange(120, dtype=np.float32).reshape(60, 2)))
    rows = Tensor("rows", layout.regroup_rows(source(kernel), flat.twin)).numpy()
    last = kernel.numpy().reshape(4, 5, 3, 2)
    np.testing.assert_array_equal(rows, last.transpose(2, 0, 1, 3).reshape(60, 2))


def test_one_name_for_two_rearrangements_gives_two_weights(b):
    data = source(Tensor("kernel", InMemory(np.zeros((2, 3), np.float32))))
    first = b.weight("dense/kernel", data)
    assert b.weight("dense/kernel", data.transpose().transpose()).name == first.name
    assert b.weight("dense/kernel", data.transpose()).name != first.name
    assert len(b.graph.tensors) == 2
