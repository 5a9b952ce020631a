from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tests.corpus import SHARED, corpus, needs_shared
from tests.formats.keras_facts import FILES, digest, facts, opened, read_layers, stated_layers
from tests.formats.test_keras_h5 import FUZZ
from tests.wire.mutate import run_child

from modelport.errors import MalformedFile
from modelport.model.component import Component
from modelport.model.model import Level

REAL = corpus("keras_v3")
TRUTH = sorted(
    str(path.relative_to(SHARED)) for path in (SHARED / "truth").glob("keras*/*/model.keras")
)
SAMPLES = ["keras3", "tf_keras"]


def stored(path: Path) -> dict[str, Any]:
    """Every variable in the archive as h5py sees it."""
    with zipfile.ZipFile(path) as archive:
        data = archive.read("model.weights.h5")
    found: dict[str, Any] = {}
    with h5py.File(io.BytesIO(data)) as file:
        file.visititems(
            lambda name, item: (
                found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
            )
        )
    return found


@needs_shared
@pytest.mark.parametrize("path", [*(f"corpus/{path}" for path in REAL), *TRUTH])
def test_all_variables_equal_h5py(path: str) -> None:
    model = opened(SHARED / path)
    assert model.format == "keras-v3"
    variables = stored(SHARED / path)
    state = model.optimizer_state.tensors if model.optimizer_state else {}
    metrics = model.extras["metric_state"]
    ours = [*model.tensors.values(), *state.values(), *metrics.values()]
    assert sorted(digest(item.numpy()) for item in ours) == sorted(map(digest, variables.values()))
    assert set(state) == {name for name in variables if name.startswith("optimizer/")}
    for name, item in state.items():
        assert item.numpy().tobytes() == variables[name].tobytes()


@needs_shared
@pytest.mark.parametrize("path", TRUTH)
def test_weights_are_those_the_framework_recorded(path: str) -> None:
    recorded = np.load((SHARED / path).parent / "weights3.npz")
    model = opened(SHARED / path)
    ours = sorted(digest(item.numpy()) for item in model.tensors.values())
    assert ours == sorted(digest(recorded[name]) for name in recorded.files)
    used = {
        name
        for graph in model.graph.subgraphs()
        for node in graph.nodes
        for name in node.parameters.values()
    }
    assert used == set(model.tensors)


@pytest.mark.parametrize("name", SAMPLES)
def test_framework_says_the_same_of_every_layer(name: str) -> None:
    model = opened(FILES / "keras-v3" / f"graphs_{name}.keras")
    stated = FILES / "keras-v3" / f"graphs_{name}.json"
    # Inside a layer of several parts the archive goes by name, the framework by creation.
    ours = {layer: sorted(held) for layer, held in read_layers(model).items()}
    assert ours == {layer: sorted(held) for layer, held in stated_layers(stated).items()}
    assert sum(item.size for item in model.tensors.values()) == facts(stated)["count"]
    assert model.optimizer_state is not None
    found = [digest(item.numpy()) for item in model.optimizer_state.tensors.values()]
    assert found == facts(stated)["optimizer"]
    assert model.optimizer_state.step == 1


@pytest.mark.parametrize("name", SAMPLES)
def test_archive_and_h5_hold_the_same_graph(name: str) -> None:
    archive = opened(FILES / "keras-v3" / f"graphs_{name}.keras").graph
    legacy = opened(FILES / "keras-h5" / f"graphs_{name}.h5").graph
    assert [(node.op_type, node.name, node.inputs, node.outputs) for node in archive.nodes] == [
        (node.op_type, node.name, node.inputs, node.outputs) for node in legacy.nodes
    ]


def test_names_of_tensors_and_parameters() -> None:
    model = opened(FILES / "keras-v3" / "graphs_keras3.keras")
    nodes = {node.name: node for node in model.graph.nodes}
    assert nodes["shared:1"].parameters == {"vars/0": "shared/vars/0", "vars/1": "shared/vars/1"}
    assert list(nodes["steps"].parameters) == ["cell/vars/0", "cell/vars/1", "cell/vars/2"]
    tower = nodes["tower"].attributes["graph"]
    assert set(tower.tensors) >= {"tower/hidden/vars/0", "tower/normed/vars/3"}
    timed = nodes["timed"].attributes["graph"]
    assert [node.scope[:2] for node in timed.nodes] == [
        (("timed", "TimeDistributed", 0), ("cell", "Sequential", 0))
    ] * len(timed.nodes)


def test_order_of_many_variables_is_by_number() -> None:
    model = opened(FILES / "keras-v3" / "graphs_keras3.keras")
    assert model.optimizer_state is not None
    names = list(model.optimizer_state.tensors)
    assert names == [f"optimizer/vars/{number}" for number in range(len(names))]
    assert len(names) > 20


def test_signature_and_shapes_are_those_of_the_file() -> None:
    model = opened(FILES / "keras-v3" / "graphs_keras3.keras")
    assert model.signature is not None
    assert [(value.name, value.shape) for value in model.signature.inputs] == [
        ("a", (None, 6)),
        ("b", (None, 6)),
        ("series", (None, 7, 4)),
    ]
    assert [value.name for value in model.signature.outputs] == ["out", "joined"]
    assert model.graph.values["shared:0:0"].shape == (None, 6)


@needs_shared
def test_optimizer_variables_without_optimizer_are_kept() -> None:
    model = opened(SHARED / "truth/keras/_trap_h5_saved_before_keras/model.keras")
    assert model.training is None or model.training.optimizer is None
    assert model.optimizer_state is not None
    assert model.optimizer_state.step == 3


@needs_shared
def test_subclassed_model_is_weights_without_architecture() -> None:
    model = opened(SHARED / "corpus/keras_v3/keras__pre_pr22362_nested_container.keras")
    assert model.dialect is None
    assert Component.ARCHITECTURE not in model.components
    assert model.tensors["layers/dense_3/vars/1"].shape == (2,)
    assert model.extras["names"]["layers/dense_1"] == "d_1"
    assert model.level is Level.NEEDS_CODE


def rewritten(path: Path, target: Path, **members: bytes | None) -> Path:
    """The archive with members replaced, added, or (None) left out; ``__`` stands for a dot."""
    changes = {name.replace("__", "."): data for name, data in members.items()}
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as archive:
        for name in {**dict.fromkeys(source.namelist()), **changes}:
            data = changes[name] if name in changes else source.read(name)
            if data is not None:
                archive.writestr(zipfile.ZipInfo(name), data)
    return target


def test_backslashes_in_names_separate_groups(tmp_path: Path) -> None:
    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        kernel = file.create_group("_layer_checkpoint_dependencies\\dense\\vars")
        kernel["0"], kernel["1"] = np.ones((3, 2), "f4"), np.zeros(2, "f4")
        file.create_group("vars")
    config = {
        "class_name": "Sequential",
        "config": {
            "name": "s",
            "layers": [{"class_name": "Dense", "config": {"name": "d", "units": 2}}],
        },
    }
    path = rewritten(
        FILES / "keras-v3" / "gru_rmsprop.keras",
        tmp_path / "x.keras",
        config__json=json.dumps(config).encode(),
        model__weights__h5=data.getvalue(),
    )
    model = opened(path)
    assert model.graph.nodes[0].parameters == {"vars/0": "d/vars/0", "vars/1": "d/vars/1"}


def test_other_members_are_listed(tmp_path: Path) -> None:
    path = rewritten(
        FILES / "keras-v3" / "gru_rmsprop.keras", tmp_path / "x.keras", notes__txt=b"hello"
    )
    assert opened(path).metadata["other_members"] == ["notes.txt"]


@pytest.mark.parametrize("member", ["assets/layer/tables.bin", "extra.pkl"])
def test_pickles_beside_the_model_are_judged(tmp_path: Path, member: str) -> None:
    runs = b"\x80\x02cposix\nsystem\n(S'touch /nowhere/x'\ntR."
    path = rewritten(
        FILES / "keras-v3" / "gru_rmsprop.keras", tmp_path / "a.keras", **{member: runs}
    )
    found = opened(path)
    assert found.level is Level.DANGEROUS
    assert [finding.where.split(" ")[0] for finding in found.findings] == [member]


@pytest.mark.parametrize(
    "members",
    [
        {"config__json": b"[]"},
        {"config__json": b"{}"},
        {"config__json": b"\xff"},
        {"metadata__json": b"3"},
        {"model__weights__h5": b"no HDF5"},
    ],
    ids=str,
)
def test_broken_members_end_in_one_error(tmp_path: Path, members: dict[str, bytes]) -> None:
    path = rewritten(FILES / "keras-v3" / "gru_rmsprop.keras", tmp_path / "x.keras", **members)
    with pytest.raises(MalformedFile):
        opened(path)


def test_hdf5_called_keras_is_keras_h5(tmp_path: Path) -> None:
    shutil.copyfile(FILES / "keras-h5" / "gru_rmsprop.h5", tmp_path / "x.keras")
    assert opened(tmp_path / "x.keras").format == "keras-h5"


def test_mutations_end_in_typed_errors(tmp_path: Path) -> None:
    sample = FILES / "keras-v3" / "gru_rmsprop.keras"
    out = run_child(FUZZ, str(sample), str(tmp_path / "x.keras"), "300")
    assert out.startswith("errors "), out
