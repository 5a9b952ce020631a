"""Plain HDF5: arrays of data with attributes, written by h5py, PyTables, MATLAB and many others.

Specification: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html. Holds training
data or weights, and metadata as attributes. Nothing in HDF5 tells data from weights: datasets count
as weights where most of their names end as those of parameters do (``conv1.weight``), and as
training data otherwise.

Written are weights under their own names, ``a/b`` in a group ``a``, dots kept; an attribute of the
root says that they are weights, and one of a dataset that it is training data all the same. In such
a file ``%`` escapes what no path may have. Tensors that are one in the source are two names (hard
links) of one dataset. HDF5 has no word for bfloat16, float8: their bytes are opaque, an attribute
``dtype`` says what they are, as in files of Keras 3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from modelport.formats.candidate import Candidate
from modelport.formats.format import Format
from modelport.formats.shared.hdf5_tensors import states_dtype, tensor
from modelport.formats.shared.hdf5_values import (
    MARK,
    attributes_of,
    dataset_of,
    is_marked,
    plain,
    write_attributes,
)
from modelport.formats.shared.keras.layout import is_full_model, is_weights
from modelport.formats.shared.weights_only import fitting, report_apart, report_left_out
from modelport.model.component import Component, Holds
from modelport.model.dtype import DTYPES
from modelport.model.model import Model
from modelport.model.report import Kind, Report
from modelport.model.tensor import Tensor

if TYPE_CHECKING:
    from modelport.wire.output import Output

TITLE = "HDF5"
_WEIGHTS, _DATA = "weights", "training data"
_HELD = (Component.WEIGHTS, Component.TRAINING_DATA, Component.METADATA)
_PARAMETERS = {
    *("weight", "weights", "bias", "biases", "kernel", "gamma", "beta", "embeddings"),
    *("running_mean", "running_var", "num_batches_tracked", "moving_mean", "moving_variance"),
    *("in_proj_weight", "in_proj_bias", "recurrent_kernel", "depthwise_kernel"),
    *("pointwise_kernel", "weight_ih", "weight_hh", "bias_ih", "bias_hh"),
}
_KNOWN = {name for name, found in DTYPES.items() if found.kind == "string" or found.bits >= 8}


def match(candidate: Candidate) -> bool:
    """Whether the file is HDF5 and no model of Keras."""
    return not is_full_model(candidate.hdf5) and not is_weights(candidate.hdf5)


def read(candidate: Candidate) -> Model:
    """All datasets as weights or as features; the attributes of every object by its path."""
    file = candidate.hdf5
    model = Model("hdf5", candidate.source.name, candidate.source.size)
    marked, paths = is_marked(file), file.datasets()
    own = {path for path in paths if marked and file.attributes(path).get(MARK) == _DATA}
    if marked or _are_weights(paths):
        for path in paths:
            if path not in own:
                name = unquote(path[1:], errors="surrogatepass") if marked else path[1:]
                model.graph.tensors[name] = tensor(file, path, name)
    model.dataset = dataset_of(file, [path for path in paths if path in own or not model.tensors])
    stated = attributes_of(
        file,
        lambda path, name: (
            (marked and name == MARK and (path == "/" or path in own))
            or (name == "dtype" and path in paths and states_dtype(file, path))
        ),
    )
    model.metadata = {key: plain(value) for key, value in stated.items()}
    if model.tensors:
        model.evidence[Component.WEIGHTS] = "named datasets; no architecture"
    if model.dataset is not None:
        model.evidence[Component.TRAINING_DATA] = f"{len(model.dataset.features)} datasets"
    if model.metadata:
        model.evidence[Component.METADATA] = "attributes"
    return model


def _are_weights(paths: Iterable[str]) -> bool:
    """Whether most names end in the name of a parameter, numbers aside (``weight_ih_l0``)."""
    last = [re.split(r"[/.]", path)[-1] for path in paths]
    known = [re.sub(r"(:0|_l\d+(_reverse)?|_\d+)$", "", name) in _PARAMETERS for name in last]
    return 2 * sum(known) > len(known)


def write(model: Model, output: Output, report: Report) -> None:
    """Write weights, the training data beside them, and metadata as attributes.

    Raises:
        ConversionError: two names come to one place, or HDF5 cannot hold a text.
    """
    from modelport.model.sharing import same_data
    from modelport.wire.hdf5_write import HDF5Writer

    report_left_out(model, set(_HELD), TITLE, report)
    tensors = fitting(model, dict.fromkeys(_KNOWN), TITLE, report)
    places: dict[object, str] = {}
    apart: dict[str, Tensor] = {}
    with HDF5Writer(output.path) as writer:
        writer.attribute("/", MARK, _WEIGHTS)
        for name, item in tensors.items():
            path = _path(name, tensors)
            if path != name:
                why = f"HDF5 can have no such path among these; stored as {path}"
                report.add(Kind.REARRANGED, Component.WEIGHTS, name, why)
            first = places.setdefault((same_data(item), item.shape), path)
            if first == path or not item.size:
                writer.dataset(path, item)
                apart[name] = item
            else:
                writer.link(path, first)
        for name, item in (model.dataset.features if model.dataset is not None else {}).items():
            path = _path(name, ())
            if item.dtype.name in _KNOWN and writer.is_free(path):
                writer.dataset(path, item)
                writer.attribute(path, MARK, _DATA)
                continue
            why = "a weight stands at its place"
            why = why if item.dtype.name in _KNOWN else f"{TITLE} has no dtype {item.dtype}"
            report.add(Kind.DROPPED, Component.TRAINING_DATA, name, why)
        write_attributes(writer, model.metadata, model.extras, report)
    report_apart(apart, TITLE, report)


def _path(name: str, taken: Iterable[str]) -> str:
    """Where a tensor of that name stands: there, or, where no path is so, under % escapes."""
    steps = name.split("/")
    above = ("/".join(steps[:end]) for end in range(1, len(steps)))
    odd = {"", ".", ".."}.intersection(steps) or any(way in taken for way in above)
    if odd or "\0" in name:
        return quote(name, safe="", errors="surrogatepass").replace(".", "%2E")
    return name.replace("%", "%25")


FORMAT = Format(
    name="hdf5",
    title="HDF5 data",
    framework="HDF5",
    status="alive",
    specification="https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html",
    extensions=(".h5", ".hdf5", ".he5"),
    holds=dict.fromkeys(Component, Holds.NEVER) | dict.fromkeys(_HELD, Holds.MAY),
    samples={
        Component.WEIGHTS: "hdf5/weights.h5",
        Component.TRAINING_DATA: "hdf5/arrays.h5",
        Component.METADATA: "hdf5/arrays.h5",
    },
    match=match,
    read=read,
    write=write,
)
