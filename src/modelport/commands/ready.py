"""``ready``: is a file enough to use, to go on training, to archive?"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from modelport.commands.open import open_model
from modelport.errors import ModelportError
from modelport.model.component import Component
from modelport.model.graph import Shape, Value
from modelport.model.model import Level, Model
from modelport.model.tensor import Tensor

SCHEMA = "modelport.ready/1"

USE = {
    Component.ARCHITECTURE: "architecture: the file holds no layers, so nothing can be computed",
    Component.WEIGHTS: "weights: the file holds none",
    Component.SIGNATURE: "signature: names and shapes of inputs and outputs are not stated",
}
TRAIN = {
    Component.LOSS: "loss: the file does not say what was minimised",
    Component.OPTIMIZER: "optimizer: the file does not name it or its settings",
    Component.OPTIMIZER_STATE: "optimizer state: without step and slots, training restarts cold",
}
DOCUMENTED = {
    "licence": ("licence", "license"),
    "preprocessing": ("preprocess", "normaliz", "normalis", "transform"),
    "labels": ("label", "class_names", "classes"),
}
"""What an archive asks of the metadata, and the parts of keys that show it."""

PREPROCESSING_LAYERS = ("Rescaling", "Normalization", "TextVectorization", "StringLookup")


def ready(
    path: str | os.PathLike[str], data: Sequence[str | os.PathLike[str]] = ()
) -> dict[str, Any]:
    """What one can do with a file, as the JSON object of ``modelport ready --json``.

    Raises:
        ModelportError: the file (or a data file) cannot be opened.
    """
    model = open_model(path)
    use = _missing(model, USE) + _code(model)
    train = use + _missing(model, TRAIN)
    archive = use + _undocumented(model)
    return {
        "schema": SCHEMA,
        "path": str(path),
        "use": {"ok": not use, "missing": use},
        "train": {"ok": not train, "missing": train},
        "archive": {"ok": not archive, "missing": archive},
        "data": [_fits(model, item) for item in data],
    }


def _missing(model: Model, needed: Mapping[Component, str]) -> list[str]:
    return [text for component, text in needed.items() if component not in model.components]


def _code(model: Model) -> list[str]:
    if model.level is Level.INERT:
        return []
    finding = next(f for f in model.findings if f.level is model.level)
    return [f"code: {finding.what} ({finding.where}) needs code that is not in the file"]


def _undocumented(model: Model) -> list[str]:
    missing: list[str] = []
    for what, marks in DOCUMENTED.items():
        keys = [key.lower() for key in _keys(model.metadata)]
        found = any(mark in key for key in keys for mark in marks)
        if what == "preprocessing":
            types = [node.op_type for graph in model.graph.subgraphs() for node in graph.nodes]
            found = found or any(name in types for name in PREPROCESSING_LAYERS)
        if not found:
            missing.append(f"{what}: nothing in the metadata says")
    if Component.TRAINING_DATA not in model.components:
        missing.append("training data: neither in the file nor named by its metadata")
    return missing


def _keys(metadata: Mapping[str, Any]) -> Iterable[str]:
    for key, value in metadata.items():
        yield str(key)
        if isinstance(value, Mapping):
            yield from _keys(value)


def _fits(model: Model, path: str | os.PathLike[str]) -> dict[str, Any]:
    try:
        held = open_model(path)
    except ModelportError as error:
        return {"path": str(path), "fits": False, "why": str(error)}
    features = dict(held.dataset.features) if held.dataset else dict(held.tensors)
    why = _why_not(model, features)
    return {"path": str(path), "fits": why is None, "why": why or "every input has a feature"}


def _why_not(model: Model, features: Mapping[str, Tensor]) -> str | None:
    if model.signature is None or not model.signature.inputs:
        return "the model states no inputs to hold the data against"
    if not features:
        return "the file holds no features"
    for value in model.signature.inputs:
        if not any(_suits(value, name, tensor) for name, tensor in features.items()):
            offered = ", ".join(f"{n} {list(t.shape)}" for n, t in list(features.items())[:4])
            wanted = [("?" if dim is None else dim) for dim in value.shape or ()]
            return f"no feature suits input {value.name!r} {wanted}; the file offers {offered}"
    return None


def _suits(value: Value, name: str, tensor: Tensor) -> bool:
    wanted: Shape = value.shape
    if wanted is None:
        return name == value.name
    if len(wanted) != len(tensor.shape):
        return False
    pairs = list(zip(wanted, tensor.shape, strict=True))[1:]
    numeric = (tensor.dtype.kind == "string") == (
        value.dtype is not None and value.dtype.kind == "string"
    )
    return numeric and all(not isinstance(dim, int) or dim == have for dim, have in pairs)
