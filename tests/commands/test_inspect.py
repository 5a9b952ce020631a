"""What ``inspect`` says, against what independent readers say of the same files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import onnx
import pytest
from safetensors import safe_open
from tests.corpus import SHARED, corpus, needs_shared
from tests.samples import CORPUS, CORPUS_IDS, FILES, SAMPLE_IDS, SAMPLES

import modelport
from modelport.commands.inspect import unreadable
from modelport.errors import MalformedFile
from modelport.model.component import Component
from modelport.model.dtype import DTYPES

KEYS = [
    "schema", "path", "bytes", "format", "producer", "verdict", "components", "evidence",
    "architecture", "weights", "loss", "metrics", "optimizer", "optimizer_state",
    "hyperparameters", "signature", "training_data", "metadata", "python_objects",
]  # fmt: skip


@pytest.mark.parametrize(
    "path", [path for _, path in SAMPLES] + CORPUS, ids=SAMPLE_IDS + CORPUS_IDS
)
def test_the_keys_are_always_there_and_json_can_hold_them(path: Path) -> None:
    described = modelport.inspect(path, tensors=True)
    assert list(described) == [*KEYS, "tensors"]
    assert described["schema"] == "modelport.inspect/1"
    assert set(described["components"]) == {str(component) for component in Component}
    assert described["bytes"] == path.stat().st_size
    assert {tensor["dtype"] for tensor in described["tensors"]} <= set(DTYPES)
    json.dumps(described, allow_nan=False)


def test_what_cannot_be_opened_has_the_same_keys(tmp_path: Path) -> None:
    path = tmp_path / "broken.h5"
    path.write_bytes((FILES / "keras-h5" / "gru_rmsprop.h5").read_bytes()[:9000])
    with pytest.raises(MalformedFile) as caught:
        modelport.inspect(path)
    described = unreadable(path, caught.value)
    assert list(described) == [*KEYS, "error"]
    assert described["verdict"]["level"] == "malformed"


def h5_truth(path: Path) -> dict[str, Any]:
    """What h5py and json say of a Keras HDF5 file."""
    with h5py.File(path) as file:
        group = file.get("model_weights", file)
        sizes: list[int] = []
        group.visititems(
            lambda name, item: sizes.append(item.size) if isinstance(item, h5py.Dataset) else None
        )
        training = (
            json.loads(file.attrs["training_config"]) if "training_config" in file.attrs else None
        )
        state = file.get("optimizer_weights")
        slots = 0 if state is None else len(state.attrs.get("weight_names", []))
        version = group.attrs.get("keras_version", file.attrs.get("keras_version"))
    return {
        "parameters": sum(sizes),
        "tensors": len(sizes),
        "loss": training and training["loss"],
        "optimizer": training and training["optimizer_config"]["class_name"],
        "slots": slots,
        "version": version.decode() if isinstance(version, bytes) else version,
    }


FULL = [SHARED / "corpus" / path for path in corpus("keras_h5_full")]


@needs_shared
@pytest.mark.parametrize("path", FULL, ids=[path.name for path in FULL])
def test_keras_files_against_h5py(path: Path) -> None:
    truth, described = h5_truth(path), modelport.inspect(path)
    weights = described["weights"] or {"parameters": 0, "tensors": 0}
    assert weights["parameters"] == truth["parameters"]
    assert weights["tensors"] == truth["tensors"]
    assert described["loss"] == truth["loss"]
    assert (described["optimizer"] or {}).get("name") == truth["optimizer"]
    assert (described["optimizer_state"] or {"tensors": 0})["tensors"] == truth["slots"]
    assert described["producer"]["version"] == truth["version"]
    total = sum(layer["parameters"] for layer in described["architecture"]["layers"])
    assert total == truth["parameters"]


def stated_layers(path: Path) -> list[tuple[str, str]]:
    """Name and class of every layer that the config in the file states."""
    with h5py.File(path) as file:
        config = json.loads(file.attrs["model_config"])["config"]
    layers = config["layers"] if isinstance(config, dict) else config
    return [(layer.get("name") or layer["config"]["name"], layer["class_name"]) for layer in layers]


OLD = [path for found, path in SAMPLES if found.name == "keras-h5" and "keras1" in path.name]


@pytest.mark.parametrize("path", OLD + FULL, ids=[path.name for path in OLD + FULL])
def test_layers_have_the_names_and_types_of_the_file(path: Path) -> None:
    layers = modelport.inspect(path)["architecture"]["layers"]
    told = [(layer["name"], layer["type"]) for layer in layers]
    # Keras 1 keeps the inputs of a Merge inside it, under names of their own.
    stated = stated_layers(path)
    if not any(kind == "Merge" for _, kind in stated):
        assert told == list(dict.fromkeys(stated))
    assert set(stated) <= set(told)


def test_the_shape_of_an_old_layer_is_that_of_what_it_gives() -> None:
    """Keras 2 on Theano crops a transposed convolution; Keras 3 needs a layer of its own for it."""
    path = FILES / "keras-h5" / "keras2.2.4-theano-conv2d-transpose-same-strides.h5"
    with np.load(path.with_suffix(".io.npz")) as recorded:
        shape = list(recorded["y0"].shape[1:])
    (layer,) = modelport.inspect(path)["architecture"]["layers"]
    assert layer["output_shape"][1:] == shape


def onnx_graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from onnx_graphs(attribute.g)


@needs_shared
@pytest.mark.parametrize("name", corpus("onnx"))
def test_onnx_files_against_onnx(name: str) -> None:
    path = SHARED / "corpus" / name
    described, truth = modelport.inspect(path, tensors=True), onnx.load(path)
    graphs = list(onnx_graphs(truth.graph))
    assert described["architecture"]["nodes"] == sum(len(graph.node) for graph in graphs)
    sizes = {t.name: int(np.prod(t.dims)) for graph in graphs for t in graph.initializer}
    assert {t["name"]: int(np.prod(t["shape"])) for t in described["tensors"]} == sizes
    outputs = [value.name for value in truth.graph.output]
    assert [value["name"] for value in described["signature"]["outputs"]] == outputs
    assert described["producer"]["name"] == (truth.producer_name or None)


@needs_shared
@pytest.mark.parametrize("name", corpus("safetensors"))
def test_safetensors_files_against_safetensors(name: str) -> None:
    path = SHARED / "corpus" / name
    listed = modelport.inspect(path, tensors=True)["tensors"]
    with safe_open(path, "np") as file:
        truth = {key: file.get_slice(key).get_shape() for key in file.keys()}  # noqa: SIM118
    assert {tensor["name"]: tensor["shape"] for tensor in listed} == truth


def test_trainable_frozen_and_bias_are_counted() -> None:
    path = FILES / "keras-h5" / "keras2.2.4-tensorflow-nested-frozen.h5"
    layers = modelport.inspect(path)["architecture"]["layers"]
    assert all(layer["trainable"] + layer["frozen"] == layer["parameters"] for layer in layers)
    assert any(layer["frozen"] for layer in layers)
    assert any(layer["bias"] for layer in layers)


def test_outputs_of_a_keras_model_are_told() -> None:
    signature = modelport.inspect(FILES / "keras-h5" / "gru_rmsprop.h5")["signature"]
    assert signature["inputs"] == [
        {"name": "input_layer_4", "dtype": "float32", "shape": [None, 12, 5]}
    ]
    assert signature["outputs"][0]["shape"] == [None, 1]
    assert signature["outputs"][0]["dtype"] == "float32"
