"""``inspect``: what is inside a file."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

from modelport.commands import plain
from modelport.commands.layers import Layers, describe_layers
from modelport.commands.open import open_model
from modelport.errors import LimitExceeded, MalformedFile, ModelportError
from modelport.formats.candidate import Candidate
from modelport.formats.table import by_name, identify
from modelport.model.component import Component
from modelport.model.graph import TURNED
from modelport.model.model import Level, Model, strongest
from modelport.wire.source import FileSource

SCHEMA = "modelport.inspect/1"


def inspect(
    path: str | os.PathLike[str],
    *,
    tensors: bool = False,
    side_files: str | os.PathLike[str] | None = None,
) -> dict[str, Any]:
    """What a file holds, as the JSON object of ``modelport inspect --json``.

    ``side_files`` is one more folder that companion files (external weights) may lie in.

    Raises:
        ModelportError: the file cannot be opened.
    """
    return describe(open_model(path, side_files=side_files), tensors=tensors)


def describe(model: Model, *, tensors: bool = False) -> dict[str, Any]:
    """The description of a model that is open already."""
    present = model.components
    layers = describe_layers(model)
    signature = _signature(model, layers)
    described = {
        "schema": SCHEMA,
        "path": model.path,
        "bytes": model.bytes,
        "format": _format(model.format, model.format_version),
        "producer": {
            "name": model.producer.name,
            "version": model.producer.version,
            "backend": model.producer.backend,
        },
        "verdict": _verdict(model),
        "components": {str(component): component in present for component in Component},
        "evidence": {str(key): text for key, text in model.evidence.items()},
        "architecture": _architecture(model, layers, signature),
        "weights": _weights(model),
        "loss": plain.plain(model.training.loss) if model.training else None,
        "metrics": plain.plain(model.training.metrics) if model.training else None,
        "optimizer": _optimizer(model),
        "optimizer_state": _optimizer_state(model),
        "hyperparameters": plain.plain(model.hyperparameters),
        "signature": signature,
        "training_data": _training_data(model),
        "metadata": plain.plain(model.metadata),
        "python_objects": plain.plain(model.extras.get("python_objects")),
    }
    if tensors:
        described["tensors"] = [
            {**plain.tensor(tensor), "name": name} for name, tensor in model.tensors.items()
        ]
    return described


def unreadable(path: str | os.PathLike[str], error: ModelportError) -> dict[str, Any]:
    """What can be said of a file that does not open: the same keys, the verdict, the finding."""
    broken = isinstance(error, MalformedFile | LimitExceeded)
    findings = [plain.finding(found) for found in error.findings]
    if broken and all(found["what"] != str(error) for found in findings):
        findings.append({"level": "malformed", "what": str(error), "where": str(path)})
    level = strongest(error.findings) if error.findings else Level.MALFORMED if broken else None
    described: dict[str, Any] = {
        "schema": SCHEMA,
        "path": str(path),
        "bytes": _size(path),
        "format": {"name": _name(path), "title": None, "version": None},
        "producer": {"name": None, "version": None, "backend": None},
        "verdict": {
            "level": str(level) if level else None,
            "findings": findings,
        },
        "components": {str(component): False for component in Component},
        "evidence": {},
    }
    absent = ("architecture", "weights", "loss", "metrics", "optimizer", "optimizer_state")
    described |= dict.fromkeys(absent)
    described |= {"hyperparameters": {}, "signature": None, "training_data": None, "metadata": {}}
    described["python_objects"] = None
    described["error"] = {"type": type(error).__name__, "message": str(error), **error.fields}
    return described


def _size(path: str | os.PathLike[str]) -> int | None:
    try:
        with FileSource(path) as source:
            return source.size
    except ModelportError:
        return None


def _name(path: str | os.PathLike[str]) -> str | None:
    try:
        return identify(Candidate(Path(path))).name
    except ModelportError:
        return None


def _format(name: str, version: str | None) -> dict[str, Any]:
    return {"name": name, "title": by_name(name).title, "version": version}


def _verdict(model: Model) -> dict[str, Any]:
    findings = [plain.finding(found) for found in model.findings]
    return {"level": str(model.level), "findings": findings}


def _architecture(
    model: Model, described: Layers, signature: dict[str, Any] | None
) -> dict[str, Any] | None:
    if model.dialect is None:
        return None
    ends = signature or {"inputs": [], "outputs": []}
    return {
        "dialect": model.dialect,
        "kind": model.kind,
        "nodes": sum(
            TURNED not in node.metadata for graph in model.graph.subgraphs() for node in graph.nodes
        ),
        "inputs": [value["name"] for value in ends["inputs"]],
        "outputs": [value["name"] for value in ends["outputs"]],
        "layers": described.layers,
        "convertible_to": described.convertible_to,
        "missing": model.extras.get("code", model.extras.get("forward")),
    }


def _weights(model: Model) -> dict[str, Any] | None:
    held = model.tensors
    if not held:
        return None
    return {
        "tensors": len(held),
        "parameters": sum(tensor.size for tensor in held.values()),
        "bytes": sum(tensor.nbytes for tensor in held.values()),
        "dtypes": dict(Counter(tensor.dtype.name for tensor in held.values())),
    }


def _optimizer(model: Model) -> dict[str, Any] | None:
    optimizer = model.training.optimizer if model.training else None
    if optimizer is None:
        return None
    return {
        "name": optimizer.name,
        "hyperparameters": plain.plain(optimizer.hyperparameters),
    }


def _optimizer_state(model: Model) -> dict[str, Any] | None:
    state = model.optimizer_state
    if state is None:
        return None
    return {"step": state.step, "tensors": len(state.tensors)}


def _signature(model: Model, described: Layers) -> dict[str, Any] | None:
    if model.signature is None:
        return None
    outputs = [plain.value(value) for value in model.signature.outputs]
    # A Keras file does not state what comes out of a layer; the layers tell.
    for output, (dtype, extents) in zip(outputs, described.outputs, strict=False):
        output["dtype"] = output["dtype"] or dtype
        output["shape"] = output["shape"] or extents
    return {
        "inputs": [plain.value(value) for value in model.signature.inputs],
        "outputs": outputs,
    }


def _training_data(model: Model) -> dict[str, Any] | None:
    if model.dataset is None:
        return None
    features = {
        name: {"dtype": tensor.dtype.name, "shape": list(tensor.shape)}
        for name, tensor in model.dataset.features.items()
    }
    return {"records": model.dataset.records, "features": features}
