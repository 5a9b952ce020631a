"""Plain HDF5: arrays of data with attributes, written by h5py, PyTables, MATLAB and many others.

Specification: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html. Read only: the
datasets become features of training data, the attributes metadata.
"""

from __future__ import annotations

from modelport.formats.candidate import Candidate
from modelport.formats.format import Format
from modelport.formats.shared.hdf5_values import attributes_of, dataset_of, plain
from modelport.formats.shared.keras.layout import is_full_model, is_weights
from modelport.model.component import Component, Holds
from modelport.model.model import Model


def match(candidate: Candidate) -> bool:
    """Whether the file is HDF5 and no model of Keras."""
    return not is_full_model(candidate.hdf5) and not is_weights(candidate.hdf5)


def read(candidate: Candidate) -> Model:
    """All datasets as features; the attributes of every object by its path."""
    file = candidate.hdf5
    model = Model("hdf5", candidate.source.name, candidate.source.size)
    model.dataset = dataset_of(file, file.datasets())
    stated = attributes_of(file, lambda path, name: False)
    model.metadata = {key: plain(value) for key, value in stated.items()}
    if model.dataset is not None:
        model.evidence[Component.TRAINING_DATA] = f"{len(model.dataset.features)} datasets"
    if model.metadata:
        model.evidence[Component.METADATA] = "attributes"
    return model


FORMAT = Format(
    name="hdf5",
    title="HDF5 data",
    framework="HDF5",
    status="alive",
    specification="https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html",
    extensions=(".h5", ".hdf5", ".he5"),
    holds={
        component: Holds.MAY
        if component in (Component.TRAINING_DATA, Component.METADATA)
        else Holds.NEVER
        for component in Component
    },
    samples={
        Component.TRAINING_DATA: "hdf5/arrays.h5",
        Component.METADATA: "hdf5/arrays.h5",
    },
    match=match,
    read=read,
)
