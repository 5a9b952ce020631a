"""Layer normalization as tf2onnx writes what TensorFlow computes: as that of a batch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from tests.samples import FILES

import modelport
from modelport.convert.simplest import simplest
from modelport.model.model import Model
from modelport.model.tensor import InMemory, Tensor

KINDS = ("LayerNormalization", "BatchNormalization")


def kinds(model: Model) -> dict[str, int]:
    found = [node.op_type for node in simplest(model).nodes]
    return {kind: found.count(kind) for kind in KINDS}


def test_it_is_one_again() -> None:
    model = modelport.open(FILES / "exported" / "bert.tf2onnx.onnx")
    assert kinds(model) == {"LayerNormalization": 5, "BatchNormalization": 0}


def test_another_factor_than_one_stays() -> None:
    model = modelport.open(FILES / "exported" / "bert.tf2onnx.onnx")
    changed = {
        name: Tensor(name, InMemory(np.full(tensor.shape, 2, np.float32)))
        for name, tensor in model.graph.tensors.items()
        if tensor.size == 1 and tensor.dtype.name == "float32" and tensor.numpy().item() == 1
    }
    assert changed
    graph = replace(model.graph, tensors={**model.graph.tensors, **changed})
    assert kinds(replace(model, graph=graph))["BatchNormalization"] == 5
