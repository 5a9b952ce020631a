"""What users put into HDF5 files of Keras: datasets and attributes that belong to no layer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from modelport.formats.shared.hdf5_values import UNWRITABLE, attributes_of, dataset_of, plain
from modelport.model.component import Component
from modelport.model.model import Model
from modelport.model.report import Kind, Report
from modelport.wire.hdf5 import HDF5File, Opaque
from modelport.wire.hdf5_write import HDF5Writer

_NAMES = re.compile(r"(layer|weight)_names\d*$")
PRODUCER = ("keras_version", "backend")
_STATED = {
    *(("/", name) for name in ("model_config", "training_config", *PRODUCER)),
    *(("/model_weights", name) for name in PRODUCER),
}
"""The attributes that Keras writes and modelport reads, by place, beside lists of names."""

OWN_KEYS = {*PRODUCER, "date_saved", "model_class", "other_members", "nb_layers"}
"""Keys of the metadata for what every writer says in its own way."""


def read_foreign(model: Model, file: HDF5File, used: Iterable[str], inside: str = "") -> None:
    """Foreign datasets as training data, foreign attributes as metadata (``path@name``).

    ``used`` are the paths of the datasets that belong to the model; ``inside`` is the member of an
    archive that the file is, if any.
    """
    named = set(used)
    own = {file.place(path) for path in named}
    _add_data(model, file, [path for path in file.datasets() if path not in own], inside)
    stated = attributes_of(file, lambda path, name: path in named or _is_own(path, name))
    stated = {key: value for key, value in stated.items() if key not in model.metadata}
    if not stated:
        return
    model.metadata |= {key: plain(value) for key, value in stated.items()}
    described = [key for key, value in stated.items() if value is None or isinstance(value, Opaque)]
    model.extras[UNWRITABLE] = [*model.extras.get(UNWRITABLE, ()), *described]
    before = model.evidence.get(Component.METADATA)
    where = f"attributes in {inside}" if inside else "attributes"
    model.evidence[Component.METADATA] = f"{before}, {where}" if before else where


def _add_data(model: Model, file: HDF5File, paths: list[str], inside: str) -> None:
    found = dataset_of(file, paths)
    if found is None:
        return
    if model.dataset is not None:
        model.dataset.features.update(found.features)
    else:
        model.dataset = found
        shown = ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
        where = f" in {inside}" if inside else ""
        model.evidence[Component.TRAINING_DATA] = f"datasets of no layer{where}: {shown}"


def _is_own(path: str, name: str) -> bool:
    """Whether an attribute is one that Keras itself writes at that place."""
    if (path, name) in _STATED or _NAMES.match(name):
        return True
    step = re.split(r"[/\\]", path)[-1]
    numbered = name == "nb_params" and step.startswith("layer_")
    return numbered or (step == "vars" and name == "name")


def write_datasets(writer: HDF5Writer, model: Model, report: Report) -> None:
    """Write foreign datasets where they were, once the model is written.

    One whose place is taken by something of the model is reported as dropped.
    """
    for name, tensor in (model.dataset.features if model.dataset is not None else {}).items():
        if writer.is_free(name):
            writer.dataset(name, tensor)
        else:
            why = "something of the model stands at its place in the target"
            report.add(Kind.DROPPED, Component.TRAINING_DATA, name, why)


def foreign_metadata(model: Model) -> Mapping[str, Any]:
    """The metadata that is not about who wrote the file and when."""
    return {key: value for key, value in model.metadata.items() if key not in OWN_KEYS}
