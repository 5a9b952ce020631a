"""Layer normalization as tf2onnx writes what TensorFlow computes: as that of a batch."""

from __future__ import annotations

from dataclasses import replace

from tests.samples import FILES

import modelport
from modelport.convert.simplest import simplest
from modelport.model.model import Model

KINDS = ("LayerNormalization", "BatchNormalization")


def kinds(model: Model) -> dict[str, int]:
    found = [node.op_type for node in simplest(model).nodes]
    return {kind: found.count(kind) for kind in KINDS}


def test_it_is_one_again() -> None:
    model = modelport.open(FILES / "exported" / "bert.tf2onnx.onnx")
    assert kinds(model) == {"LayerNormalization": 5, "BatchNormalization": 0}


def test_other_statistics_stay_as_they_are() -> None:
    model = modelport.open(FILES / "exported" / "bert.tf2onnx.onnx")
    nodes = [
        replace(node, op_type="ReduceL1") if node.op_type == "ReduceSumSquare" else node
        for node in model.graph.nodes
    ]
    assert kinds(replace(model, graph=replace(model.graph, nodes=nodes)))["BatchNormalization"] == 1
