"""A checkpoint with its graph: it says what its ``state_dict`` means, also after training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from tests.samples import FILES

import modelport
from modelport.convert.carry import carry
from modelport.convert.compare import differing, equal
from modelport.dialects.onnx.pairing import paired
from modelport.formats.table import by_name
from modelport.model.model import Model
from modelport.model.report import Report
from modelport.model.tensor import InMemory, Tensor

GRU = FILES / "keras-v3" / "gru_rmsprop.keras"
ONNX = by_name("onnx")


def checkpoint(folder: Path) -> Model:
    modelport.convert(GRU, folder / "gru.pt", verify=False)
    return modelport.open(folder / "gru.pt")


def test_its_graph_comes_back_as_it_was(tmp_path: Path) -> None:
    wanted = carry(modelport.open(GRU), ONNX, Report()).graph
    found = carry(checkpoint(tmp_path), ONNX, Report()).graph
    pairs = paired(wanted, found)
    assert pairs is not None
    assert len(pairs) == len(wanted.tensors)
    assert all(equal(mine, theirs) for mine, theirs in pairs)


def test_every_parameter_counts_also_one_the_source_never_had(tmp_path: Path) -> None:
    model = checkpoint(tmp_path)
    # Keras has one bias where torch has two; the other is zero until somebody trains it.
    own = [name for name in model.graph.tensors if "bias_hh" in name]
    before = carry(model, ONNX, Report()).graph.tensors
    assert own
    for name in own:
        trained = np.arange(model.graph.tensors[name].size, dtype=np.float32) + 1
        tensors = {**model.graph.tensors, name: Tensor(name, InMemory(trained))}
        changed = replace(model, graph=replace(model.graph, tensors=tensors))
        after = carry(changed, ONNX, Report()).graph.tensors
        assert len(differing(before, after)) > 0
        assert set(trained.tolist()) <= {
            each for tensor in after.values() for each in tensor.numpy().ravel().tolist()
        }
