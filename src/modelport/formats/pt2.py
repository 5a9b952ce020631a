"""PyTorch exported programs (``.pt2``): a graph of aten operators as JSON, weights beside it.

Written by ``torch.export.save``. Since torch 2.8 a zip with one folder: ``archive_format``,
``models/<name>.json``, ``data/weights/*`` and their table. Before, a zip without a folder:
``serialized_exported_program.json`` and state dicts in zips of their own. Specification:
https://pytorch.org/docs/stable/export/pt2_archive.html. Holds architecture, weights and
signature.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelport.errors import MalformedFile, ModelportError, UnsupportedFeature
from modelport.formats.candidate import Candidate
from modelport.formats.format import Format
from modelport.formats.shared.torch.archive import read_object, top_folder, word
from modelport.formats.shared.torch.array import Array
from modelport.formats.shared.torch.program import Program, dtype_of
from modelport.formats.shared.torch.program_judge import judge_object, judge_program
from modelport.formats.shared.torch.storage import Storage, view
from modelport.model.component import Component, Holds
from modelport.model.model import CONSTANTS, RANGES, Finding, Level, Model
from modelport.model.signature import Signature
from modelport.model.tensor import Tensor, TensorData
from modelport.wire.json import parse
from modelport.wire.zip import ZipArchive

_OLD_PROGRAM = "serialized_exported_program.json"
_OLD_STATES = ("serialized_state_dict", "serialized_constants")
_TABLES = (
    ("data/weights/", "_weights_config.json"),
    ("data/constants/", "_constants_config.json"),
)
_MOST_JSON = 256 << 20
_STRIDED = 7


def match(candidate: Candidate) -> bool:
    """Whether a zip holds an exported program, in the new layout or the old one."""
    archive = candidate.zip
    if _OLD_PROGRAM in archive.members:
        return True
    folder = top_folder(archive)
    return folder is not None and word(archive, f"{folder}/archive_format") == "pt2"


def read(candidate: Candidate) -> Model:
    """The program as a native graph, its weights lazily.

    Raises:
        MalformedFile: the program or the tables of weights are not what torch writes.
    """
    model = Model(format=FORMAT.name, path=str(candidate.path), bytes=candidate.source.size)
    try:
        _read(candidate.zip, model, candidate.depth)
    except ModelportError as error:
        error.findings = error.findings or tuple(model.findings)
        raise
    return model


def _read(archive: ZipArchive, model: Model, depth: int) -> None:
    old = _OLD_PROGRAM in archive.members
    folder = "" if old else f"{top_folder(archive)}/"
    member = _OLD_PROGRAM if old else _program(archive, folder)
    written = parse(archive.read(member, _MOST_JSON), f"{archive.source.name}!{member}")
    judge_program(archive, folder, member, written, model, depth)
    program = Program(f"{archive.source.name}!{member}", written)
    model.graph = program.read()
    tensors = _old_weights(archive, model) if old else _weights(archive, folder, model)
    model.graph.tensors.update((name, Tensor(name, data)) for name, data in tensors)
    model.extras[CONSTANTS] = program.constants()
    _check_weights(model, archive)
    model.dialect, model.kind = "torch", "graph"
    model.signature = Signature(model.graph.inputs, model.graph.outputs)
    model.extras[RANGES] = program.ranges()
    model.opsets = {
        key: version
        for key, version in (written.get("opset_version") or {}).items()
        if type(version) is int
    }
    model.producer.name = "PyTorch"
    version = written.get("torch_version")
    model.producer.version = version if isinstance(version, str) else None
    model.format_version = _schema(written)
    model.evidence[Component.ARCHITECTURE] = f"aten operators in {member}"
    model.evidence[Component.SIGNATURE] = f"the user's inputs and outputs in {member}"
    if model.graph.tensors:
        model.evidence[Component.WEIGHTS] = "parameters, buffers and constants beside the program"


def _program(archive: ZipArchive, folder: str) -> str:
    """The one program of the archive."""
    found = [
        name
        for name in archive.members
        if name.startswith(f"{folder}models/") and name.endswith(".json")
    ]
    if len(found) > 1:
        raise UnsupportedFeature(archive.source.name, f"{len(found)} programs in one archive")
    if not found:
        raise MalformedFile(archive.source.name, expected="models/*.json", found="none")
    return found[0]


def _schema(written: Mapping[str, Any]) -> str | None:
    version = written.get("schema_version")
    if isinstance(version, Mapping):
        return f"{version.get('major')}.{version.get('minor')}"
    return None


def _weights(archive: ZipArchive, folder: str, model: Model) -> Iterator[tuple[str, TensorData]]:
    for place, suffix in _TABLES:
        for member in archive.members:
            if member.startswith(f"{folder}{place}") and member.endswith(suffix):
                table = parse(archive.read(member, _MOST_JSON), f"{archive.source.name}!{member}")
                entries = table.get("config") if isinstance(table, Mapping) else None
                if not isinstance(entries, Mapping):
                    raise _broken(archive, member, "an object under 'config'", entries)
                for name, entry in entries.items():
                    data = _weight(archive, f"{folder}{place}", member, name, entry, model)
                    if data is not None:
                        yield name, data


def _weight(
    archive: ZipArchive, place: str, member: str, name: str, entry: Any, model: Model
) -> TensorData | None:
    meta = entry.get("tensor_meta") if isinstance(entry, Mapping) else None
    path = entry.get("path_name") if isinstance(entry, Mapping) else None
    if not isinstance(path, str):
        raise _broken(archive, member, "a path for every weight", entry)
    if entry.get("use_pickle"):
        what = f"{name!r} is a pickled object"
        model.findings.append(Finding("PKL-010", Level.NEEDS_CODE, what, f"{place}{path}"))
        judge_object(archive.open(f"{place}{path}"), f"{place}{path}", model)
        return None
    if not isinstance(meta, Mapping) or meta.get("layout", _STRIDED) != _STRIDED:
        raise UnsupportedFeature(archive.source.name, f"the layout of {name!r}")
    dtype = dtype_of(meta.get("dtype"))
    if dtype is None:
        raise UnsupportedFeature(archive.source.name, f"the dtype of {name!r}")
    source = archive.open_checked(f"{place}{path}")
    storage = Storage(path, None, "cpu", source, 0, source.size)
    size, stride = _extents(meta, "sizes"), _extents(meta, "strides")
    offset = _extents({"offset": [meta.get("storage_offset")]}, "offset")
    if size is None or stride is None or offset is None:
        raise _broken(archive, member, f"whole extents of {name!r}", meta.get("sizes"))
    return view(storage, dtype, offset[0], size, stride)


def _extents(meta: Mapping[str, Any], key: str) -> tuple[int, ...] | None:
    items = meta.get(key)
    if not isinstance(items, list):
        return None
    numbers = [item.get("as_int") if isinstance(item, Mapping) else None for item in items]
    whole = [number for number in numbers if type(number) is int and number >= 0]
    return tuple(whole) if len(whole) == len(numbers) else None


def _old_weights(archive: ZipArchive, model: Model) -> Iterator[tuple[str, TensorData]]:
    """The state dicts of the old layout, each a zip of ``torch.save`` inside the zip."""
    for stem in _OLD_STATES:
        for suffix in (".pt", ".json"):
            member = f"{stem}{suffix}"
            if member not in archive.members or archive.members[member].size == 0:
                continue
            inner = ZipArchive(archive.open(member))
            value, objects = read_object(inner, f"{top_folder(inner)}/", model)
            state = objects.build(value)
            for name, item in state.items() if isinstance(state, Mapping) else ():
                built = objects.build(item)
                if isinstance(built, Array) and isinstance(name, str):
                    yield name, built.data


def _check_weights(model: Model, archive: ZipArchive) -> None:
    for node in model.graph.nodes:
        for name in node.parameters.values():
            if name not in model.graph.tensors:
                raise MalformedFile(
                    archive.source.name, expected=f"a weight {name!r}", found="none of that name"
                )


def _broken(archive: ZipArchive, member: str, expected: str, found: Any) -> MalformedFile:
    return MalformedFile(
        f"{archive.source.name}!{member}", expected=expected, found=repr(found)[:80]
    )


FORMAT = Format(
    name="pt2",
    title="PyTorch exported program",
    framework="PyTorch",
    status="alive",
    specification="https://pytorch.org/docs/stable/export/pt2_archive.html",
    extensions=(".pt2",),
    holds=dict.fromkeys(Component, Holds.NEVER)
    | {
        Component.ARCHITECTURE: Holds.ALWAYS,
        Component.WEIGHTS: Holds.MAY,
        Component.SIGNATURE: Holds.ALWAYS,
    },
    samples=dict.fromkeys(
        (Component.ARCHITECTURE, Component.WEIGHTS, Component.SIGNATURE), "pt2/network.pt2"
    ),
    match=match,
    read=read,
    dialect="torch",
)
