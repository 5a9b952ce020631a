"""Weights in several files with an index: one JSON text that says which file holds which tensor.

Written by the Hugging Face libraries beside the files it names (``model.safetensors.index.json``,
``pytorch_model.bin.index.json``, ``diffusion_pytorch_model.safetensors.index.json``), and by Keras
(``model.weights.json``): under ``weight_map`` the file of each tensor, in Keras the files of each
object's variables, under ``metadata`` what else is known. Specification:
https://huggingface.co/docs/huggingface_hub/package_reference/serialization. Holds weights and
metadata, values that files of torch hold among their tensors, and the optimizer's state that Keras
saves with the weights. The files are read only where
they lie in the index's folder (or an allowed one), and have to hold what the index says.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modelport.errors import (
    LimitExceeded,
    MalformedFile,
    ModelportError,
    UnreadableFile,
    UnsupportedFeature,
)
from modelport.formats.candidate import Candidate
from modelport.formats.format import Format
from modelport.formats.shared.keras.shards import is_tree, read_shards
from modelport.model.component import Component, Holds
from modelport.model.model import Finding, Level, Model
from modelport.model.tensor import FileSlice, Tensor
from modelport.wire.json import parse

MAX_BYTES = 64 << 20
MAX_DEPTH = 16
_MAP = "weight_map"
_TOTAL = "total_size"
_SHARDS = ("safetensors", "pytorch", "pytorch-legacy")
_CARRIED = {Component.WEIGHTS, Component.METADATA, Component.HYPERPARAMETERS}
_ENDINGS = (".index.json", ".weights.json")


def index_in(folder: Path) -> Path:
    """The index that a folder stands for.

    Raises:
        UnreadableFile: the folder has none, or several.
    """
    try:
        found = sorted(path for path in folder.iterdir() if path.name.endswith(_ENDINGS))
    except OSError as error:
        raise UnreadableFile(str(folder), error.strerror or "cannot be listed") from error
    if len(found) == 1:
        return found[0]
    names = ", ".join(path.name for path in found[:5])
    why = f"a folder with several indexes; give one of them: {names}" if found else "a folder"
    raise UnreadableFile(str(folder), why)


def match(candidate: Candidate) -> bool:
    """Whether a JSON object maps names under ``weight_map``, as far as it can be read."""
    source = candidate.source
    raw = source.read_at(0, source.size) if source.size <= MAX_BYTES else candidate.head
    if f'"{_MAP}"'.encode() not in raw:
        return False
    if len(raw) < source.size:
        return True
    try:
        value = parse(raw.lstrip(b"\xef\xbb\xbf"), source.name, nonfinite=True)
    except ModelportError:
        return True  # it is to be one: read says where it breaks
    return isinstance(value, dict) and _MAP in value


def read(candidate: Candidate) -> Model:
    """The tensors of all files, file by file in the order of their names.

    Raises:
        MalformedFile: the index or a file is broken, or a file does not hold exactly the tensors
            that the index says; UnsafeFile, UnreadableFile: a file lies outside, or is missing.
    """
    index = _index(candidate)
    model = Model(format=FORMAT.name, path=str(candidate.path), bytes=candidate.source.size)
    model.metadata.update(index.pop("metadata"))
    listed = index.pop(_MAP)
    model.metadata.update(index)
    if isinstance(listed, dict) and listed and is_tree(listed):
        sizes = read_shards(candidate, model, listed)
    else:
        sizes = _read_files(candidate, model, _files(candidate, listed))
    _check_total(model, sum(sizes))
    if model.tensors:
        count = f"{len(sizes)} files" if len(sizes) > 1 else "one file"
        model.evidence[Component.WEIGHTS] = f"the tensors of {count}; no architecture"
    if model.metadata:
        model.evidence[Component.METADATA] = "the index, and texts in the files it names"
    return model


def _read_files(candidate: Candidate, model: Model, files: dict[str, list[str]]) -> list[int]:
    """Put the tensors of all files into the model; returns the bytes of each."""
    sizes = []
    for name in sorted(files):
        try:
            shard = _open(candidate.beside(name))
        except ModelportError as error:
            error.findings = (*model.findings, *error.findings)
            raise
        _add(candidate, model, name, shard, files[name])
        sizes.append(shard.bytes)
    return sizes


def _index(candidate: Candidate) -> dict[str, Any]:
    source = candidate.source
    if source.size > MAX_BYTES:
        raise LimitExceeded(
            source.name, resource="bytes of the index", limit=MAX_BYTES, actual=source.size
        )
    raw = source.read_at(0, source.size).lstrip(b"\xef\xbb\xbf")
    index: dict[str, Any] = parse(raw, source.name, max_depth=MAX_DEPTH)
    if index.get("metadata") is None:
        index["metadata"] = {}
    if not isinstance(index["metadata"], dict):
        raise _broken(candidate, "an object under 'metadata'", type(index["metadata"]).__name__)
    return index


def _files(candidate: Candidate, listed: Any) -> dict[str, list[str]]:
    """The names of the tensors in each file."""
    if not isinstance(listed, dict) or not listed:
        raise _broken(candidate, f"names of tensors under {_MAP!r}", repr(listed)[:40])
    files: dict[str, list[str]] = {}
    for name, file in listed.items():
        if isinstance(file, list):
            raise UnsupportedFeature(candidate.source.name, "one tensor in several files")
        if not isinstance(file, str):
            raise _broken(candidate, f"the name of a file for {name[:60]!r}", repr(file)[:40])
        files.setdefault(file, []).append(name)
    return files


def _open(candidate: Candidate) -> Model:
    found = candidate.format
    if found.name not in _SHARDS:
        raise UnsupportedFeature(candidate.source.name, f"a file of {found.name} below an index")
    model = found.read(candidate)
    strange = model.components - _CARRIED
    if strange:
        error = UnsupportedFeature(candidate.source.name, f"{min(strange)} below an index")
        error.findings = tuple(model.findings)
        raise error
    return model


def _add(candidate: Candidate, model: Model, file: str, shard: Model, listed: list[str]) -> None:
    for found in shard.findings:
        where = f"{file}: {found.where}" if found.where else file
        model.findings.append(Finding(found.rule, found.level, found.what, where))
    held = {*shard.tensors, *shard.hyperparameters, *shard.metadata}
    missing = next((name for name in listed if name not in held), None)
    unlisted = next(iter(shard.tensors.keys() - set(listed)), None)
    if missing is not None:
        expected, other = f"the tensor {missing!r} in {file!r}", "none of that name"
    elif unlisted is not None:
        expected, other = f"only tensors of the index in {file!r}", repr(unlisted)
    if missing is not None or unlisted is not None:
        error = _broken(candidate, expected, other)
        error.findings = tuple(model.findings)
        raise error
    model.graph.tensors.update(shard.graph.tensors)
    model.hyperparameters.update(shard.hyperparameters)
    for key, value in shard.metadata.items():
        same = model.metadata.setdefault(key, value) == value
        if not same:
            model.metadata[f"{file}: {key}"] = value
    if Component.HYPERPARAMETERS in shard.components:
        model.evidence[Component.HYPERPARAMETERS] = "values in the files that are no tensors"


def _check_total(model: Model, stored: int) -> None:
    """Note a total that no way of counting gives; loaders do not look at it.

    Writers count values, shared storages once or each time, a bool as a bit, or whole files.
    """
    total = model.metadata.get(_TOTAL)
    if total is None:
        return
    tensors = list(model.tensors.values())
    distinct = {_place(tensor): tensor for tensor in tensors}
    least = sum(
        tensor.size // 8 if tensor.dtype.name == "bool" else tensor.nbytes
        for tensor in distinct.values()
    )
    held = sum(tensor.nbytes for tensor in tensors)
    whole = isinstance(total, int | float) and not isinstance(total, bool)
    if not whole or not least <= total <= max(stored, held):
        what = f"{_TOTAL} is {total!r:.40}, but the tensors take {held:,} bytes"
        model.findings.append(Finding("IDX-001", Level.INERT, what, "metadata"))


def _place(tensor: Tensor) -> object:
    data = tensor.data
    return (id(data.source), data.offset) if isinstance(data, FileSlice) else id(tensor)


def _broken(candidate: Candidate, expected: str, found: str) -> MalformedFile:
    return MalformedFile(candidate.source.name, expected=expected, found=found)


FORMAT = Format(
    name="sharded",
    title="Weights in several files with an index",
    framework="Hugging Face (any framework)",
    status="alive",
    specification="https://huggingface.co/docs/huggingface_hub/package_reference/serialization",
    extensions=(".safetensors.index.json", ".bin.index.json", *_ENDINGS),
    holds=dict.fromkeys(Component, Holds.NEVER)
    | dict.fromkeys(_CARRIED, Holds.MAY)
    | {Component.WEIGHTS: Holds.ALWAYS, Component.OPTIMIZER_STATE: Holds.MAY},
    samples={
        Component.WEIGHTS: "sharded/model.safetensors.index.json",
        Component.METADATA: "sharded/model.safetensors.index.json",
        Component.OPTIMIZER_STATE: "sharded/keras/model.weights.json",
        Component.HYPERPARAMETERS: "sharded/pytorch_model.bin.index.json",
    },
    match=match,
    read=read,
)
