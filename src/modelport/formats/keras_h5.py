"""Keras HDF5: architecture, weights, compile config and optimizer state in one HDF5 file.

Written by ``model.save("x.h5")`` of Keras 1, 2, tf.keras and Keras 3 (legacy). There is no
specification; the layout is that of ``keras/src/legacy/saving/legacy_h5_format.py``.
"""

from __future__ import annotations

from typing import Any

from modelport.errors import MalformedFile
from modelport.formats.candidate import Candidate
from modelport.formats.format import Format
from modelport.formats.shared.hdf5_values import plain
from modelport.formats.shared.keras.foreign import read_foreign
from modelport.formats.shared.keras.h5_weights import (
    LayerWeights,
    named_paths,
    names_attribute,
    place_weights,
    read_layer_weights,
    read_named_tensors,
)
from modelport.formats.shared.keras.layout import is_by_layer, is_full_model
from modelport.formats.shared.keras.model import describe, describe_training, producer
from modelport.formats.shared.keras.training import optimizer_state
from modelport.formats.shared.keras.write_h5 import write_full
from modelport.model.component import Component, Holds
from modelport.model.model import Model
from modelport.wire.hdf5 import HDF5File
from modelport.wire.json import parse


def match(candidate: Candidate) -> bool:
    """Whether the file is HDF5 with the config of a Keras model."""
    return is_full_model(candidate.hdf5)


def read(candidate: Candidate) -> Model:
    """Everything the file holds; weights stay where they are until asked for."""
    file, where = candidate.hdf5, candidate.source.name
    attributes = file.attributes()
    model = Model("keras-h5", where, candidate.source.size)
    group = _weights_group(file)
    names = tuple(names_attribute(file.attributes(group), "layer_names") or ()) if group else ()
    describe(model, _json(attributes, "model_config", where), f"{where}!model_config", names)
    layers = read_layer_weights(file, group) if group is not None else []
    if group is not None:
        _place(model, file, group, layers)
    if "training_config" in attributes:
        config = _json(attributes, "training_config", where)
        describe_training(model, config, f"{where}!training_config")
    used = [path for layer in layers for path in layer.paths]
    if file.kind("/optimizer_weights") == "group":
        model.optimizer_state = optimizer_state(read_named_tensors(file, "/optimizer_weights"))
        used += named_paths(file, "/optimizer_weights").values()
    if model.optimizer_state is not None:
        model.evidence[Component.OPTIMIZER_STATE] = "/optimizer_weights"
    _read_metadata(model, file, group)
    read_foreign(model, file, used)
    return model


def _json(attributes: dict[str, Any], name: str, where: str) -> Any:
    value = attributes[name]
    if isinstance(value, str):
        value = value.encode()
    if not isinstance(value, bytes):
        raise MalformedFile(f"{where}!{name}", expected="JSON text", found=type(value).__name__)
    return parse(value, f"{where}!{name}", nonfinite=True)


def _weights_group(file: HDF5File) -> str | None:
    """Where the weights are: ``model_weights``, in some files the root itself."""
    if file.kind("/model_weights") == "group":
        return "/model_weights"
    return "/" if is_by_layer(file) else None


def _place(model: Model, file: HDF5File, group: str, layers: list[LayerWeights]) -> None:
    lost = place_weights(model.graph, layers)
    if lost and model.dialect is not None:
        model.extras["weights_without_layer"] = lost
    if model.dialect is None:
        model.extras["layers"] = {
            layer.layer: [item.name for item in layer.tensors] for layer in layers
        }
    if model.tensors:
        model.evidence[Component.WEIGHTS] = group
    stated = {**file.attributes(group), **file.attributes()}
    version, backend = stated.get("keras_version"), stated.get("backend")
    if backend is None and isinstance(version, str) and version.startswith("1."):
        # Keras 1 did not say; only TensorFlow puts ":0" behind the name of a variable.
        named = any(item.name.endswith(":0") for layer in layers for item in layer.tensors)
        backend = "tensorflow" if named else "theano"
    model.producer = producer(version, backend)
    model.format_version = model.producer.version


def _read_metadata(model: Model, file: HDF5File, group: str | None) -> None:
    """What Keras says of itself, at the root or beside the weights."""
    for place in filter(None, ("/", group)):
        stated = file.attributes(place)
        for name in ("keras_version", "backend"):
            if name in stated:
                model.metadata.setdefault(name, plain(stated[name]))
    if model.metadata:
        model.evidence[Component.METADATA] = "root attributes"


FORMAT = Format(
    name="keras-h5",
    title="Keras HDF5 model",
    framework="Keras",
    status="alive",
    specification="https://keras.io/api/models/model_saving_apis/model_saving_and_loading/",
    extensions=(".h5", ".hdf5", ".keras"),
    holds={
        Component.ARCHITECTURE: Holds.ALWAYS,
        Component.WEIGHTS: Holds.MAY,
        Component.LOSS: Holds.MAY,
        Component.OPTIMIZER: Holds.MAY,
        Component.OPTIMIZER_STATE: Holds.MAY,
        Component.HYPERPARAMETERS: Holds.ALWAYS,
        Component.SIGNATURE: Holds.ALWAYS,
        Component.TRAINING_DATA: Holds.MAY,
        Component.METADATA: Holds.MAY,
        Component.PYTHON_OBJECTS: Holds.NEVER,
    },
    samples={
        Component.ARCHITECTURE: "keras-h5/gru_rmsprop.h5",
        Component.WEIGHTS: "keras-h5/gru_rmsprop.h5",
        Component.LOSS: "keras-h5/gru_rmsprop.h5",
        Component.OPTIMIZER: "keras-h5/gru_rmsprop.h5",
        Component.OPTIMIZER_STATE: "keras-h5/gru_rmsprop.h5",
        Component.HYPERPARAMETERS: "keras-h5/gru_rmsprop.h5",
        Component.SIGNATURE: "keras-h5/gru_rmsprop.h5",
        Component.TRAINING_DATA: "keras-h5/with_data.h5",
        Component.METADATA: "keras-h5/gru_rmsprop.h5",
    },
    match=match,
    read=read,
    write=write_full,
    dialect="keras",
)
