"""What a notebook shows of each type: one short line, whatever is inside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.samples import FILES, FORMATS, SAMPLE_IDS, SAMPLES, big_model

import modelport

H5 = FILES / "keras-h5" / "gru_rmsprop.h5"


def parts(model: modelport.Model) -> list[Any]:
    nodes = [node for graph in model.graph.subgraphs() for node in graph.nodes[:3]]
    values = [*model.graph.inputs, *model.graph.outputs, *list(model.tensors.values())[:3]]
    held = [model.signature, model.training, model.optimizer_state, model.dataset, model.producer]
    return [model, model.graph, *nodes, *values, *(part for part in held if part is not None)]


@pytest.mark.parametrize("path", [path for _, path in SAMPLES], ids=SAMPLE_IDS)
def test_every_part_is_one_short_line(path: Path) -> None:
    for part in parts(modelport.open(path)):
        assert len(repr(part)) < 500
        assert "\n" not in repr(part)


def test_a_big_model_has_a_short_line() -> None:
    onnx = next(found for found in FORMATS if found.name == "onnx")
    assert all(len(repr(part)) < 300 for part in parts(big_model(onnx, 100)))


def test_they_say_what_matters(tmp_path: Path) -> None:
    model = modelport.open(H5)
    assert "553 parameters in 8 tensors" in repr(model)
    assert repr(model.graph) == "<Graph 'gru': 4 nodes, 8 tensors, 1 input, 1 output>"
    assert repr(model.signature) == "<Signature: input_layer_4 float32 [?, 12, 5] → dense_6>"
    assert repr(model.optimizer_state) == "<OptimizerState: step 3, 26 tensors>"
    assert "loss 'binary_crossentropy', optimizer RMSprop" in repr(model.training)
    report = modelport.convert(H5, tmp_path / "a.onnx", verify=False)
    assert "not lossless" in repr(report)
    assert "dropped" in repr(report)
    assert len(repr(report)) < 300
    assert "verify" in (modelport.__doc__ or "")
