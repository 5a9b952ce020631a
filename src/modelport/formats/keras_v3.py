"""The ``.keras`` archive: config, metadata and a tree of variables in a zip file.

Written by Keras 3, and by Keras 2.12 and newer inside TensorFlow (tf_keras). There is no
specification; the layout is that of ``keras/src/saving/saving_lib.py``.
"""

from __future__ import annotations

import json
from typing import Any

from modelport.errors import MalformedFile, ModelportError
from modelport.formats.candidate import Candidate
from modelport.formats.format import Format
from modelport.formats.shared.keras.foreign import read_foreign
from modelport.formats.shared.keras.layout import store_datasets
from modelport.formats.shared.keras.lookups import vocabularies
from modelport.formats.shared.keras.model import describe, describe_training, producer
from modelport.formats.shared.keras.store import (
    add_asset,
    metric_state,
    place_store,
    read_store,
    state_below,
)
from modelport.formats.shared.keras.training import optimizer_state
from modelport.formats.shared.keras.write_v3 import write
from modelport.model.component import Component, Holds
from modelport.model.model import Model
from modelport.model.training import METRIC_STATE
from modelport.wire.hdf5 import HDF5File
from modelport.wire.json import parse
from modelport.wire.zip import ZipArchive

_CONFIG, _METADATA, _SHARDS = "config.json", "metadata.json", "model.weights.json"
_ASSETS = "assets/"
_MOST_JSON = 64 << 20


def match(candidate: Candidate) -> bool:
    """Whether the file is a zip archive with the config and metadata of Keras."""
    members = candidate.zip.members
    return _CONFIG in members and _METADATA in members


def read(candidate: Candidate) -> Model:
    """Everything the archive holds; weights stay where they are until asked for."""
    archive = candidate.zip
    model = Model("keras-v3", candidate.source.name, candidate.source.size)
    others = [name for name in archive.members if name not in _own(archive)]
    if others:
        from modelport.formats.shared.pickle.members import judge_members  # what few files need

        model.findings.extend(judge_members(archive, others, candidate.depth))
    try:
        _read(model, archive)
    except ModelportError as error:
        error.findings = error.findings or tuple(model.findings)
        raise
    return model


def _own(archive: ZipArchive) -> set[str]:
    """The members that the format itself has."""
    return {_CONFIG, _METADATA, _SHARDS, *_stores(archive)}


def _read(model: Model, archive: ZipArchive) -> None:
    where = archive.source.name
    model.metadata = _metadata(archive, where)
    model.evidence[Component.METADATA] = _METADATA
    model.producer = producer(model.metadata.get("keras_version"))
    model.format_version = model.producer.version
    entry = _json(archive, _CONFIG, where)
    describe(model, entry, f"{where}!{_CONFIG}")
    describe_training(model, entry.get("compile_config"), f"{where}!{_CONFIG}")
    assets = _read_weights(model, archive)
    used = {*_own(archive), *assets}
    model.extras["members"] = {
        name: member.size for name, member in archive.members.items() if name not in used
    }
    if model.extras["members"]:
        model.metadata["other_members"] = sorted(model.extras["members"])


def _json(archive: ZipArchive, name: str, where: str) -> dict[str, Any]:
    found = parse(archive.read(name, _MOST_JSON), f"{where}!{name}", nonfinite=True)
    if not isinstance(found, dict):
        raise MalformedFile(
            f"{where}!{name}", expected="a JSON object", found=json.dumps(found)[:80]
        )
    return found


def _metadata(archive: ZipArchive, where: str) -> dict[str, Any]:
    return dict(_json(archive, _METADATA, where))


def _stores(archive: ZipArchive) -> list[str]:
    """The members that hold variables: one, or several where the weights were sharded."""
    return [
        name
        for name in archive.members
        if "/" not in name and name.startswith("model") and name.endswith(".h5")
    ]


def _read_weights(model: Model, archive: ZipArchive) -> list[str]:
    """Variables, and the vocabularies beside them; the members that belong to layers."""
    files = {name: HDF5File(archive.open_checked(name)) for name in _stores(archive)}
    root = read_store(list(files.values()))
    assets = _vocabularies(archive)
    for path, text in assets.items():
        add_asset(root, path, text)
    left = place_store(model.graph, root)
    alone = root.take_assets()
    learnt = vocabularies(model.graph)
    if learnt:
        model.hyperparameters["vocabulary_sizes"] = learnt
    if left and model.dialect is not None:
        model.extras["weights_without_layer"] = [item.name for item in left]
    if model.dialect is None:
        model.extras["names"] = root.stated_names()
    model.extras[METRIC_STATE] = metric_state(root)
    model.optimizer_state = optimizer_state(state_below(root, "optimizer"))
    if model.tensors:
        model.evidence[Component.WEIGHTS] = ", ".join(_stores(archive))
    if model.optimizer_state is not None:
        model.evidence[Component.OPTIMIZER_STATE] = "/optimizer"
    for name, file in files.items():
        read_foreign(model, file, store_datasets(file), name)
    return [f"{_ASSETS}{path}" for path in assets if path not in alone]


def _vocabularies(archive: ZipArchive) -> dict[str, str]:
    """The vocabularies of lookup layers, by the paths of their objects.

    Raises:
        LimitExceeded: they have more than 64 MB.
        MalformedFile: one is not UTF-8.
    """
    found: dict[str, str] = {}
    rest = _MOST_JSON
    for name in archive.members:
        if name.startswith(_ASSETS) and name.endswith("/vocabulary.txt"):
            data = archive.read(name, rest)
            rest -= len(data)
            try:
                found[name.removeprefix(_ASSETS)] = data.decode()
            except UnicodeDecodeError as error:
                where = f"{archive.source.name}!{name}"
                raise MalformedFile(
                    where, offset=error.start, expected="a text in UTF-8", found=error.reason
                ) from error
    return found


_SAMPLE = "keras-v3/gru_rmsprop.keras"

FORMAT = Format(
    name="keras-v3",
    title="Keras archive",
    framework="Keras",
    status="alive",
    specification="https://keras.io/api/models/model_saving_apis/model_saving_and_loading/",
    extensions=(".keras",),
    holds={
        Component.ARCHITECTURE: Holds.MAY,
        Component.WEIGHTS: Holds.MAY,
        Component.LOSS: Holds.MAY,
        Component.OPTIMIZER: Holds.MAY,
        Component.OPTIMIZER_STATE: Holds.MAY,
        Component.HYPERPARAMETERS: Holds.MAY,
        Component.SIGNATURE: Holds.MAY,
        Component.TRAINING_DATA: Holds.MAY,
        Component.METADATA: Holds.ALWAYS,
        Component.PYTHON_OBJECTS: Holds.NEVER,
    },
    samples={Component.TRAINING_DATA: "keras-v3/with_data.keras"}
    | dict.fromkeys(
        (
            Component.ARCHITECTURE,
            Component.WEIGHTS,
            Component.LOSS,
            Component.OPTIMIZER,
            Component.OPTIMIZER_STATE,
            Component.HYPERPARAMETERS,
            Component.SIGNATURE,
            Component.METADATA,
        ),
        _SAMPLE,
    ),
    match=match,
    read=read,
    write=write,
    dialect="keras",
)
