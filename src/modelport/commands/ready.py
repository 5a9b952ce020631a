"""``ready``: is a file enough to use, to go on training, to archive?"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from modelport.commands.fit import fit
from modelport.commands.open import open_model
from modelport.model.component import Component
from modelport.model.model import Level, Model

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

NO_DATA = "training data: neither in the file nor given beside it"

PREPROCESSING_LAYERS = ("Rescaling", "Normalization", "TextVectorization", "StringLookup")


def ready(
    path: str | os.PathLike[str],
    data: Sequence[str | os.PathLike[str]] = (),
    *,
    side_files: str | os.PathLike[str] | None = None,
) -> dict[str, Any]:
    """What one can do with a file, as the JSON object of ``modelport ready --json``.

    A file of data that does not open is an answer too (``fits`` is false, ``error`` its type).
    ``side_files`` is one more folder that files may lie in that the model leads to.

    Raises:
        ModelportError: the file cannot be opened.
    """
    model = open_model(path, side_files=side_files)
    use = _missing(model, USE) + _code(model)
    train = use + _missing(model, TRAIN)
    answers = fit(model, data)
    held = Component.TRAINING_DATA in model.components or any(item["fits"] for item in answers)
    archive = use + _undocumented(model) + ([] if held else [NO_DATA])
    return {
        "schema": SCHEMA,
        "path": str(path),
        "use": {"ok": not use, "missing": use},
        "train": {"ok": not train, "missing": train},
        "archive": {"ok": not archive, "missing": archive},
        "data": answers,
    }


def _missing(model: Model, needed: Mapping[Component, str]) -> list[str]:
    return [text for component, text in needed.items() if component not in model.components]


def _code(model: Model) -> list[str]:
    if model.level is Level.INERT:
        return []
    finding = next(f for f in model.findings if f.level is model.level)
    if finding.level is Level.NEEDS_CODE:
        return [f"code: {finding.what} ({finding.where}) needs code that is not in the file"]
    return [f"{finding.level}: {finding.what} ({finding.where})"]


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
    return missing


def _keys(metadata: Mapping[str, Any]) -> Iterable[str]:
    for key, value in metadata.items():
        yield str(key)
        if isinstance(value, Mapping):
            yield from _keys(value)
