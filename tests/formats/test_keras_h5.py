from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tests.corpus import SHARED, corpus, needs_shared
from tests.formats.keras_facts import FILES, digest, facts, opened, read_layers, stated_layers
from tests.wire.mutate import run_child

from modelport.errors import MalformedFile, UnsafeFile
from modelport.formats.candidate import Candidate
from modelport.formats.table import read
from modelport.model.component import Component
from modelport.model.model import Model

REAL = corpus("keras_h5_full")
TRUTH = sorted(
    str(path.relative_to(SHARED))
    for pattern in ("keras/*/model*.h5", "keras2/*/model.h5")
    for path in (SHARED / "truth").glob(pattern)
    if "weights" not in path.name
)
OWN = sorted(FILES.glob("keras-h5/graphs_keras_*.h5"))


def names(group: Any, attribute: str) -> list[str]:
    return [n.decode() if isinstance(n, bytes) else n for n in group.attrs.get(attribute, [])]


def hold_against_h5py(path: Path, model: Model) -> None:
    """Weights, optimizer state and configs are exactly what h5py sees."""
    tensors = model.tensors
    with h5py.File(path) as file:
        weights = file.get("model_weights", file)
        expected = [
            (name, weights[layer][name])
            for layer in names(weights, "layer_names")
            for name in names(weights[layer], "weight_names")
        ]
        assert len(tensors) == len(expected)
        for name, dataset in expected:
            assert tensors[name].shape == dataset.shape
            assert tensors[name].numpy().tobytes() == dataset[()].tobytes()
        config = json.loads(file.attrs["model_config"])
        stated = config["config"]
        layers = stated["layers"] if isinstance(stated, dict) else stated
        first_calls = [node for node in model.graph.nodes if node.scope[-1].call == 0]
        by_class = sorted(node.op_type for node in first_calls)
        assert by_class == sorted(layer["class_name"] for layer in layers)
        for layer in layers:
            assert any(node.attributes["config"] == layer["config"] for node in first_calls)
        training = file.attrs.get("training_config")
        assert (model.training is not None) == (training is not None)
        if training is not None and model.training is not None:
            assert model.training.config == json.loads(training)
        hold_state_against_h5py(file, model)


def hold_state_against_h5py(file: Any, model: Model) -> None:
    state = model.optimizer_state
    if "optimizer_weights" not in file:
        assert state is None
        return
    listed = names(file["optimizer_weights"], "weight_names")
    assert state is not None
    assert list(state.tensors) == listed
    for name in listed:
        expected = file["optimizer_weights"][name][()]
        assert state.tensors[name].numpy().tobytes() == expected.tobytes()


@needs_shared
@pytest.mark.parametrize("path", REAL)
def test_real_file_equals_h5py(path: str) -> None:
    model = opened(SHARED / "corpus" / path)
    assert model.format == "keras-h5"
    hold_against_h5py(SHARED / "corpus" / path, model)


@needs_shared
@pytest.mark.parametrize("path", TRUTH)
def test_truth_file_equals_h5py(path: str) -> None:
    model = opened(SHARED / path)
    hold_against_h5py(SHARED / path, model)
    step = 5 if "step5" in path else 3
    assert model.optimizer_state is not None
    assert model.optimizer_state.step == step


@needs_shared
@pytest.mark.parametrize("path", [path for path in TRUTH if "step5" not in path])
def test_weights_are_those_the_framework_recorded(path: str) -> None:
    folder = (SHARED / path).parent
    recorded = np.load(folder / "weights3.npz")
    tensors = opened(SHARED / path).tensors
    ours = sorted(digest(item.numpy()) for item in tensors.values())
    assert ours == sorted(digest(recorded[name]) for name in recorded.files)


@needs_shared
def test_every_weight_of_real_files_has_its_layer() -> None:
    for path in REAL:
        model = opened(SHARED / "corpus" / path)
        used = {
            name
            for graph in model.graph.subgraphs()
            for node in graph.nodes
            for name in node.parameters.values()
        }
        assert used == set(model.tensors), path


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_old_keras_says_the_same_of_every_layer(path: Path) -> None:
    model = opened(path)
    assert read_layers(model) == stated_layers(path.with_suffix(".json"))
    assert (
        sum(item.size for item in model.tensors.values())
        == facts(path.with_suffix(".json"))["count"]
    )


@pytest.mark.parametrize("name", ["keras3", "tf_keras"])
def test_new_keras_says_the_same_of_every_layer(name: str) -> None:
    model = opened(FILES / "keras-h5" / f"graphs_{name}.h5")
    stated = FILES / "keras-v3" / f"graphs_{name}.json"
    assert read_layers(model) == stated_layers(stated)
    assert model.optimizer_state is not None
    found = [digest(item.numpy()) for item in model.optimizer_state.tensors.values()]
    assert found == facts(stated)["optimizer"]
    assert model.optimizer_state.step == 1


def test_shared_layer_and_nested_model_called_twice() -> None:
    model = opened(FILES / "keras-h5" / "graphs_keras_2.0.9_functional.h5")
    nodes = {node.name: node for node in model.graph.nodes}
    assert nodes["tower"].attributes["graph"] is nodes["tower:1"].attributes["graph"]
    assert nodes["tower"].inputs == ["shared:0:0"]
    assert nodes["tower:1"].inputs == ["shared:1:0"]
    assert nodes["tower:1"].outputs == ["tower:1:0", "tower:1:1"]
    assert nodes["shared:2"].scope[-1] == ("shared", "Dense", 2)
    inner = nodes["tower"].attributes["graph"]
    assert [node.scope[0] for node in inner.nodes] == [("tower", "Model", 0)] * len(inner.nodes)
    joined = next(node for node in model.graph.nodes if node.op_type == "Concatenate")
    assert joined.inputs == ["tower:0:0", "tower:0:1", "tower:1:0", "tower:1:1"]
    assert joined.attributes["call"] == {"args": [[{"tensor": i} for i in range(4)]], "kwargs": {}}


def test_calls_with_keywords_and_constants() -> None:
    model = opened(FILES / "keras-h5" / "graphs_tf_keras.h5")
    nodes = {node.name: node for node in model.graph.nodes}
    assert nodes["mixed"].inputs == ["both:0:0", "steps:0:0", "steps:0:0"]
    assert nodes["mixed"].attributes["call"] == {
        "args": [{"tensor": 0}],
        "kwargs": {"value": {"tensor": 1}, "key": {"tensor": 2}},
    }
    assert nodes["tf.math.multiply"].attributes["call"]["kwargs"]["y"] == 2.0
    new = {node.name: node for node in opened(FILES / "keras-h5/graphs_keras3.h5").graph.nodes}
    assert new["steps"].inputs == ["series:0:0", "state:0:0", "tanh:0:0"]
    assert new["steps"].attributes["call"] == {
        "args": [{"tensor": 0}],
        "kwargs": {"initial_state": [{"tensor": 1}, {"tensor": 2}]},
    }
    assert new["multiply"].attributes["call"]["args"] == [{"tensor": 0}, 2.0]


def test_nodes_come_after_what_they_need() -> None:
    for path in sorted(FILES.glob("keras-h5/*.h5")):
        for graph in opened(path).graph.subgraphs():
            known = {value.name for value in graph.inputs}
            for node in graph.nodes:
                assert set(node.inputs) <= known, (path, node)
                known.update(node.outputs)
            assert {value.name for value in graph.outputs} <= known


def test_branches_of_a_merge_are_called_first() -> None:
    model = opened(FILES / "keras-h5" / "graphs_keras_1.2.2_merge.h5")
    assert [node.op_type for node in model.graph.nodes] == [
        "Sequential",
        "Sequential",
        "Merge",
        "Dense",
    ]
    assert [value.shape for value in model.graph.inputs] == [(None, 5), (None, 3)]
    assert model.producer.backend == "tensorflow"


def test_everything_beside_the_model_is_kept() -> None:
    model = opened(FILES / "keras-h5" / "with_data.h5")
    assert model.dataset is not None
    assert model.dataset.records == 8
    assert {name: item.shape for name, item in model.dataset.features.items()} == {
        "data/x": (8, 3),
        "data/y": (8,),
    }
    assert model.metadata["distributed_config"] == '{"mode": "synchronous"}'
    assert model.components == set(Component) - {Component.PYTHON_OBJECTS}


@needs_shared
@pytest.mark.parametrize(
    ("name", "producer"),
    [
        ("lstm_tf_model", ("keras", "1.1.0", "tensorflow")),
        ("simple_lstm_th_keras_1_model", ("keras", "1.2.2", "theano")),
        ("conv2d_tensorflow_2", ("keras", "2.1.3", "tensorflow")),
    ],
)
def test_producer(name: str, producer: tuple[str, str, str]) -> None:
    found = opened(SHARED / "corpus" / f"keras_h5_full/dl4j-test-resources__{name}.h5").producer
    assert (found.name, found.version, found.backend) == producer


def test_header_alone_is_read() -> None:
    candidate = Candidate(FILES / "keras-h5" / "graphs_keras3.h5")
    read(candidate)
    with h5py.File(FILES / "keras-h5" / "graphs_keras3.h5") as file:
        size = file["model_weights/mixed/mixed/query/kernel"].id.get_offset()
    assert size > 0
    assert candidate.source.bytes_read < candidate.source.size * 1.2


def test_weights_in_another_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    shutil.copyfile(FILES / "keras-h5" / "gru_rmsprop.h5", path)
    with h5py.File(path, "a") as file:
        name = next(iter(file["model_weights"]))
        del file["model_weights"][name]
        file["model_weights"][name] = h5py.ExternalLink("other.h5", "/a")
    with pytest.raises(UnsafeFile):
        opened(path)


def test_missing_weight_is_malformed(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    shutil.copyfile(FILES / "keras-h5" / "graphs_tf_keras.h5", path)
    with h5py.File(path, "a") as file:
        del file["model_weights/shared/shared/kernel:0"]
    with pytest.raises(MalformedFile, match="kernel:0"):
        opened(path)


def test_split_names_are_joined(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    shutil.copyfile(FILES / "keras-h5" / "graphs_tf_keras.h5", path)
    with h5py.File(path, "a") as file:
        group = file["model_weights"]
        listed = group.attrs["layer_names"]
        group.attrs["layer_names0"], group.attrs["layer_names1"] = listed[:5], listed[5:]
        del group.attrs["layer_names"]
    model = opened(path)
    assert len(model.tensors) == len(opened(FILES / "keras-h5" / "graphs_tf_keras.h5").tensors)


FUZZ = """
    import signal, sys, pathlib
    from tests.wire.mutate import mutations
    from modelport.errors import ModelportError
    from modelport.formats.candidate import Candidate
    from modelport.formats.table import read

    errors = 0
    data = pathlib.Path(sys.argv[1]).read_bytes()
    target = pathlib.Path(sys.argv[2])
    for broken in mutations(data, 3, int(sys.argv[3])):
        target.write_bytes(broken)
        signal.alarm(10)
        try:
            for item in read(Candidate(target)).tensors.values():
                if item.nbytes < 1 << 24:
                    item.numpy()
        except ModelportError:
            errors += 1
        signal.alarm(0)
    print("errors", errors)
"""


def test_mutations_end_in_typed_errors(tmp_path: Path) -> None:
    sample = FILES / "keras-h5" / "graphs_keras_2.0.9_functional.h5"
    out = run_child(FUZZ, str(sample), str(tmp_path / "x.h5"), "400")
    assert out.startswith("errors "), out
