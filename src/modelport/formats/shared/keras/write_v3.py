"""Writing the ``.keras`` archive."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from modelport.errors import ConversionError
from modelport.formats.shared.keras.foreign import foreign_metadata, write_datasets
from modelport.formats.shared.keras.lookups import take_out
from modelport.formats.shared.keras.write_config import model_entry
from modelport.formats.shared.keras.write_rows import adding_rows
from modelport.formats.shared.keras.write_store import write_model, write_optimizer
from modelport.model.component import Component
from modelport.model.model import Model
from modelport.model.report import Kind, Report
from modelport.model.training import ONLY_IN_KERAS_3
from modelport.wire.copy import copy_range
from modelport.wire.hdf5_write import HDF5Writer
from modelport.wire.output import Output
from modelport.wire.source import FileSource
from modelport.wire.zip_write import ZipWriter

KERAS_VERSION = "3.15.1"
"""The Keras whose layout is written; what a file says that comes from an older Keras."""

NO_DATE = "1980-01-01@00:00:00"


def write(model: Model, output: Output, report: Report) -> None:
    """Write a canonical Keras model as an archive that stock Keras 3 loads and trains on.

    Raises:
        ConversionError: the model has no architecture, or its input shape is unknown.
    """
    check(model)
    take_out(model.graph)
    entry = model_entry(model.graph, report)
    optimizer = compiled_optimizer(model)
    entry["compile_config"] = {}
    if model.training is not None and optimizer is not None:
        stated = adding_rows(model, optimizer, report)
        entry["compile_config"] = {**model.training.config, "optimizer": stated}
    with tempfile.TemporaryDirectory(dir=output.path.parent, prefix=".modelport.") as folder:
        weights = Path(folder) / "model.weights.h5"
        with HDF5Writer(weights) as writer:
            assets = write_model(writer, model.graph)
            if model.optimizer_state is not None and optimizer is not None:
                write_optimizer(writer, optimizer, model.optimizer_state)
            write_datasets(writer, model, report)
        _pack(model, output, entry, weights, assets)
    for change in model.extras.get(ONLY_IN_KERAS_3, ()):
        report.add(change.kind, change.component, change.where, change.why)
    for name in model.extras.get("members", {}):
        report.add(Kind.DROPPED, Component.METADATA, name, "a member that modelport does not copy")


def compiled_optimizer(model: Model) -> dict[str, Any] | None:
    """The serialised optimizer of a compiled model, or None."""
    found = model.training.config.get("optimizer") if model.training is not None else None
    return found if isinstance(found, dict) else None


def check(model: Model) -> None:
    """Whether the model can be written with its architecture.

    Raises:
        ConversionError: it has none, or an input has no shape.
    """
    if model.dialect is None or not model.graph.nodes:
        raise ConversionError(
            "architecture",
            "a .keras file is nothing without an architecture, and the source holds weights alone; "
            "write .weights.h5, .safetensors or .npz instead, or convert the model's full file",
        )
    for value in model.graph.inputs:
        if value.shape is None:
            raise ConversionError(
                f"input {value.name!r}",
                "the file states no input shape (a model that was never built), and Keras builds "
                "no weights without one",
            )


def _pack(
    model: Model, output: Output, entry: dict[str, Any], weights: Path, assets: Mapping[str, str]
) -> None:
    version = str(model.producer.version or "")
    metadata = {
        "keras_version": version if version.split(".")[0] == "3" else KERAS_VERSION,
        "date_saved": str(model.metadata.get("date_saved", NO_DATE)),
        **foreign_metadata(model),
    }
    with ZipWriter(output.path) as archive:
        for name, value in (("metadata.json", metadata), ("config.json", entry)):
            archive.add(name, json.dumps(value).encode())
        with FileSource(weights) as source:
            copy = partial(copy_range, source, 0, source.size)
            archive.stream("model.weights.h5", source.size, copy)
        for path, asset in assets.items():
            archive.add(f"assets/{path}", asset.encode())
