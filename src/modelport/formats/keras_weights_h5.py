"""Keras weights in HDF5, without the architecture: ``save_weights``.

Up to Keras 2 (and in Keras 3 for names without ``.weights``) one group a layer; in Keras 3
(``*.weights.h5``) the tree of objects, which may hold the optimizer's state too. There is no
specification; the layouts are those of ``legacy_h5_format.py`` and ``saving_lib.py`` of Keras.
"""

from __future__ import annotations

import re

from modelport.formats.candidate import Candidate
from modelport.formats.format import Format
from modelport.formats.shared.hdf5_tensors import tensor
from modelport.formats.shared.hdf5_values import plain
from modelport.formats.shared.keras.foreign import PRODUCER, read_foreign
from modelport.formats.shared.keras.h5_weights import place_weights, read_layer_weights
from modelport.formats.shared.keras.layout import (
    is_by_layer,
    is_numbered,
    is_weights,
    store_datasets,
)
from modelport.formats.shared.keras.model import producer
from modelport.formats.shared.keras.store import metric_state, read_store, state_below, weights
from modelport.formats.shared.keras.training import optimizer_state
from modelport.formats.shared.keras.write_h5 import write_weights
from modelport.model.component import Component, Holds
from modelport.model.model import Model
from modelport.model.training import METRIC_STATE
from modelport.wire.hdf5 import HDF5File


def match(candidate: Candidate) -> bool:
    """Whether the file is HDF5 in one of the layouts of Keras weights."""
    return is_weights(candidate.hdf5)


def read(candidate: Candidate) -> Model:
    """The weights under the file's own names; ``extras`` keeps which belong to one layer."""
    file = candidate.hdf5
    model = Model("keras-weights-h5", candidate.source.name, candidate.source.size)
    stated = file.attributes()
    model.metadata = {key: plain(stated[key]) for key in PRODUCER if key in stated}
    if model.metadata:
        model.evidence[Component.METADATA] = "root attributes"
    model.producer = producer(model.metadata.get("keras_version"), model.metadata.get("backend"))
    model.format_version = model.producer.version
    if is_by_layer(file):
        used = _by_layer(model, file)
    elif is_numbered(file):
        used = _numbered(model, file)
    else:
        used = _store(model, file)
    if model.tensors:
        model.evidence[Component.WEIGHTS] = "one group a layer" if is_by_layer(file) else "groups"
    read_foreign(model, file, used)
    return model


def _by_layer(model: Model, file: HDF5File) -> list[str]:
    """The weights of the layers; returns the paths of what was read, as all of these do."""
    layers = read_layer_weights(file, "/")
    place_weights(model.graph, layers)
    model.extras["layers"] = {
        layer.layer: [item.name for item in layer.tensors] for layer in layers
    }
    return [path for layer in layers for path in layer.paths]


def _numbered(model: Model, file: HDF5File) -> list[str]:
    """Keras before 1.0: ``layer_3/param_0``."""
    layers: dict[str, list[str]] = {}
    used = [path for path in file.datasets() if re.match(r"/layer_\d+/param_\d+$", path)]
    for path in used:
        name = path[1:]
        model.graph.tensors[name] = tensor(file, path, name)
        layers.setdefault(name.split("/")[0], []).append(name)
    model.extras["layers"] = layers
    return used


def _store(model: Model, file: HDF5File) -> list[str]:
    root = read_store([file])
    for item in weights(root):
        model.graph.tensors[item.name] = item
    model.extras["names"] = root.stated_names()
    model.extras[METRIC_STATE] = metric_state(root)
    model.optimizer_state = optimizer_state(state_below(root, "optimizer"))
    if model.optimizer_state is not None:
        model.evidence[Component.OPTIMIZER_STATE] = "/optimizer"
    return store_datasets(file)


_SAMPLE = "keras-weights-h5/gru_rmsprop.weights.h5"

FORMAT = Format(
    name="keras-weights-h5",
    title="Keras HDF5 weights",
    framework="Keras",
    status="alive",
    specification="https://keras.io/api/models/model_saving_apis/weights_saving_and_loading/",
    extensions=(".weights.h5", ".h5", ".hdf5"),
    holds={
        Component.ARCHITECTURE: Holds.NEVER,
        Component.WEIGHTS: Holds.ALWAYS,
        Component.LOSS: Holds.NEVER,
        Component.OPTIMIZER: Holds.NEVER,
        Component.OPTIMIZER_STATE: Holds.MAY,
        Component.HYPERPARAMETERS: Holds.NEVER,
        Component.SIGNATURE: Holds.NEVER,
        Component.TRAINING_DATA: Holds.MAY,
        Component.METADATA: Holds.MAY,
        Component.PYTHON_OBJECTS: Holds.NEVER,
    },
    samples={
        Component.WEIGHTS: _SAMPLE,
        Component.OPTIMIZER_STATE: _SAMPLE,
        Component.TRAINING_DATA: "keras-weights-h5/with_data.h5",
        Component.METADATA: "keras-weights-h5/cnn_adam.h5",
    },
    match=match,
    read=read,
    write=write_weights,
    dialect="keras",
)
