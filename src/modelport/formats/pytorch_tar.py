"""PyTorch before 0.1.10: a tar of four members, the storages, the tensors and the object apart.

``storages``: a pickle of their count; of each a pickle (key, location, type), the number of
elements (eight bytes) and the elements; then a pickle of views (key, root key, offset, count).
``tensors``: a pickle of their count; of each a pickle (key, storage key, type), the number of axes
(four bytes, four unused), sizes, strides and offset (eight bytes each). ``pickle``: the object,
which refers to both by key. Source: ``torch/serialization.py``, ``_load`` with ``tarfile``. Holds
what ``torch.save`` was given, as the later forms do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelport.errors import MalformedFile, ModelportError
from modelport.formats.candidate import Candidate
from modelport.formats.format import Format
from modelport.formats.shared.pickle.judge import judge
from modelport.formats.shared.pickle.streams import judge_member
from modelport.formats.shared.torch.array import Array
from modelport.formats.shared.torch.contents import HOLDS, Contents, proofs
from modelport.formats.shared.torch.storage import Storage, view
from modelport.formats.shared.torch.tensors import objects_of, storage_type
from modelport.model.model import Model
from modelport.wire.pickle import PersistentId, Program, Reference, begins, interpret
from modelport.wire.source import ByteSource, SliceSource
from modelport.wire.tar import holds, is_tar, members

FIRST = "storages"
"""The member that torch unpickles first; it asks for no other before that is done."""
_MOST = 1_000_000
_MOST_AXES = 64


def match(candidate: Candidate) -> bool:
    """Whether a tar holds the member that torch begins with, whatever else is in it."""
    return is_tar(candidate.head) and holds(candidate.source, FIRST)


def read(candidate: Candidate) -> Model:
    """The saved object; every pickle in every member is interpreted, no storage is read."""
    model = Model(format=FORMAT.name, path=str(candidate.path), bytes=candidate.source.size)
    try:
        _fill(model, candidate.source)
    except ModelportError as error:
        error.findings = tuple(model.findings)  # what ran in torch before it came to the fault
        raise
    return model


def _fill(model: Model, source: ByteSource) -> None:
    inside = members(source)
    streams = _Streams(model)
    facts = streams.pickle(inside.pop("sys_info"), "sys_info", 0) if "sys_info" in inside else None
    stated = facts.value if facts is not None and isinstance(facts.value, Mapping) else {}
    swapped = stated.get("little_endian") is False
    storages = _storages(streams, inside.pop(FIRST), swapped)
    arrays = _tensors(streams, _needed(source, inside, "tensors"), storages, swapped)
    saved = streams.pickle(_needed(source, inside, "pickle"), "pickle", 0)
    for name, other in inside.items():
        if begins(other.read_at(0, min(4, other.size))):
            judge_member(other, model.findings, name)

    def outside(persistent: PersistentId) -> Any:
        key = persistent.id
        key = int(key) if isinstance(key, str) and key.isdigit() else key
        if type(key) is int and key in arrays:
            return arrays[key]
        if type(key) is int and key in storages:
            return storages[key]
        return persistent

    Contents(model, objects_of(source.name, outside)).read(saved.value)
    model.producer.name = "PyTorch"
    version = stated.get("protocol_version")
    model.format_version = None if version is None else str(version)


def _needed(source: ByteSource, inside: dict[str, SliceSource], name: str) -> SliceSource:
    found = inside.pop(name, None)
    if found is None:
        raise MalformedFile(source.name, expected=f"a member {name!r}", found="none")
    return found


class _Streams:
    """Interprets pickles one after the other and keeps what was found."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def pickle(self, source: ByteSource, place: str, start: int) -> Program:
        program = interpret(source, start)
        self._model.findings.extend(judge(program, place))
        if program.error is not None:
            raise program.error
        return program

    def count(self, source: ByteSource, place: str) -> Program:
        program = self.pickle(source, place, 0)
        if type(program.value) is not int or not 0 <= program.value <= _MOST:
            raise MalformedFile(
                source.name, offset=0, expected="a count", found=repr(program.value)[:40]
            )
        return program


def _storages(streams: _Streams, source: ByteSource, swapped: bool) -> dict[int, Storage]:
    found: dict[int, Storage] = {}
    counted = streams.count(source, "storages")
    at = counted.end
    for _ in range(counted.value):
        program = streams.pickle(source, "storages", at)
        key, location, kind = _three(source, program)
        dtype = storage_type(kind)
        count = _number(source, program.end, 8, swapped)
        length = count if dtype is None else dtype.nbytes(count)
        at = program.end + 8
        source.read_at(at + length, 0)  # refuses a storage that leaves the member
        found[key] = Storage(str(key), dtype, str(location), source, at, length, swapped)
        at += length
    views = streams.pickle(source, "storages", at)
    for entry in views.value if isinstance(views.value, list) else ():
        _add_view(source, views, found, entry)
    return found


def _add_view(source: ByteSource, program: Program, found: dict[int, Storage], entry: Any) -> None:
    if isinstance(entry, tuple) and len(entry) == 4 and all(type(part) is int for part in entry):
        target, root, offset, count = entry
        base = found.get(root)
        if base is not None and base.dtype is not None and min(offset, count) >= 0:
            start, length = base.dtype.nbytes(offset), base.dtype.nbytes(count)
            if start + length <= base.length:
                place = (base.source, base.offset + start, length, base.swapped)
                found[target] = Storage(str(target), base.dtype, base.location, *place)
                return
    raise MalformedFile(
        source.name, offset=program.start, expected="a view of a storage", found=repr(entry)[:60]
    )


def _tensors(
    streams: _Streams, source: ByteSource, storages: dict[int, Storage], swapped: bool
) -> dict[int, Array]:
    found: dict[int, Array] = {}
    counted = streams.count(source, "tensors")
    at = counted.end
    for _ in range(counted.value):
        program = streams.pickle(source, "tensors", at)
        key, storage_key, _ = _three(source, program)
        axes = _number(source, program.end, 4, swapped)
        storage = storages.get(storage_key)
        if storage is None or storage.dtype is None or axes > _MOST_AXES:
            raise MalformedFile(
                source.name,
                offset=program.start,
                expected=f"a tensor of a storage, of at most {_MOST_AXES} axes",
                found=f"storage {storage_key!r}, {axes:,} axes",
            )
        at = program.end + 8
        numbers = [_number(source, at + 8 * place, 8, swapped) for place in range(2 * axes + 1)]
        at += 8 * len(numbers)
        size, stride = tuple(numbers[:axes]), tuple(numbers[axes : 2 * axes])
        found[key] = Array(view(storage, storage.dtype, numbers[-1], size, stride))
    return found


def _three(source: ByteSource, program: Program) -> tuple[int, Any, Any]:
    parts = program.value
    if isinstance(parts, tuple) and len(parts) == 3 and type(parts[0]) is int:
        kind = parts[2]
        if isinstance(kind, Reference) and kind.name.endswith(("Storage", "Tensor")):
            return parts
    raise MalformedFile(
        source.name,
        offset=program.start,
        expected="a key, a place and a type of torch",
        found=repr(parts)[:60],
    )


def _number(source: ByteSource, at: int, length: int, swapped: bool) -> int:
    order = "big" if swapped else "little"
    return int.from_bytes(source.read_at(at, length), order)  # type: ignore[arg-type]


FORMAT = Format(
    name="pytorch-tar",
    title="PyTorch checkpoint before 0.1.10",
    framework="PyTorch",
    status="historic",
    specification="https://pytorch.org/docs/stable/notes/serialization.html",
    extensions=(".pt",),
    holds=HOLDS,
    samples=proofs("pytorch-tar/checkpoint.pt", "pytorch-tar/module.pt"),
    match=match,
    read=read,
)
