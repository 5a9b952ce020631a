"""The summary of layers: counts, units, activations, of models whose facts are known."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelport.dialects.keras.summary import summary
from modelport.dialects.keras.upgrade import upgrade
from modelport.formats.candidate import Candidate
from modelport.formats.table import read
from modelport.model.report import Report

FILES = Path(__file__).parents[2] / "files" / "keras-h5"


@pytest.mark.parametrize("path", sorted(FILES.glob("keras*.h5")), ids=lambda path: path.stem)
def test_every_weight_is_counted_once(path: Path) -> None:
    native = read(Candidate(path))
    graph = upgrade(native, Report()).graph
    layers = summary(graph)
    held = {id(tensor): tensor.size for tensor in native.tensors.values()}
    assert sum(layer.parameters for layer in layers) == sum(held.values())
    assert all(layer.trainable + layer.frozen == layer.parameters for layer in layers)


def test_layers_of_a_bidirectional_model() -> None:
    # As the maker script has it: a bidirectional LSTM(3) of 2 inputs, both halves joined, Dense(2).
    path = FILES / "keras1.2.2-tensorflow-bidirectional.h5"
    graph = upgrade(read(Candidate(path)), Report()).graph
    lstm, dense = summary(graph)[1:]
    assert (lstm.type, lstm.units, lstm.activation) == ("Bidirectional", 3, "tanh")
    assert (lstm.parameters, lstm.bias) == (2 * 4 * 3 * (2 + 3 + 1), 2 * 4 * 3)
    assert (dense.units, dense.parameters, dense.bias) == (2, 6 * 2 + 2, 2)


def test_moving_averages_are_frozen_and_shapes_are_filled_in() -> None:
    path = FILES / "keras1.2.2-tensorflow-batch-normalization.h5"
    graph = upgrade(read(Candidate(path)), Report()).graph
    found = [layer for layer in summary(graph) if layer.type == "BatchNormalization"]
    assert all(layer.trainable == layer.frozen == layer.parameters // 2 for layer in found)
    node = graph.nodes[-1]
    shown = summary(graph, {node.outputs[0]: ("batch", 2)})[-1]
    assert shown.output_shape == ["batch", 2]
