"""PyTorch before 1.6: five pickles one after the other, then the storages, without an index.

The pickles are a magic number, the protocol version, facts of the machine, the object, and the
keys of the storages in the order of their data; of each storage follow its number of elements
(eight bytes) and the elements. Source: ``torch/serialization.py``, ``_legacy_save``. Holds what
``torch.save`` was given, as the zip form does; of classes also their source code as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modelport.errors import MalformedFile
from modelport.formats.candidate import Candidate
from modelport.formats.format import Format
from modelport.formats.shared.pickle.judge import judge
from modelport.formats.shared.torch.contents import HOLDS, Contents, proofs
from modelport.formats.shared.torch.module import is_class, source_text
from modelport.formats.shared.torch.rewrite import SOURCE_CODE, encoded, keep_object
from modelport.formats.shared.torch.storage import LEGACY_HEAD, Storage
from modelport.formats.shared.torch.tensors import objects_of, storage_type
from modelport.model.model import Finding, Level, Model
from modelport.model.report import Report
from modelport.wire.pickle import PersistentId, Program, Reference, interpret
from modelport.wire.pickle.write import write as write_pickle
from modelport.wire.source import ByteSource

if TYPE_CHECKING:
    from modelport.wire.output import Output

MAGIC = 0x1950A86A20F9469CFC6C
_PARTS = ("magic number", "protocol version", "system facts", "object", "storage keys")
_COUNT_BYTES = 8
_VERSION = 1001
_FACTS = {
    "protocol_version": _VERSION,
    "little_endian": True,
    "type_sizes": {"short": 2, "int": 4, "long": 4},
}
TITLE = "PyTorch checkpoint before 1.6"


def match(candidate: Candidate) -> bool:
    """Whether the file begins with the pickle of torch's magic number."""
    return candidate.head.startswith(LEGACY_HEAD)


def read(candidate: Candidate) -> Model:
    """The saved object; all five pickles are interpreted, the storages are not read.

    Raises:
        MalformedFile: a pickle is broken or says something else than torch writes, or the
            storages do not fill the rest of the file exactly.
    """
    source = candidate.source
    model = Model(format=FORMAT.name, path=str(candidate.path), bytes=source.size)
    programs = _interpret(source, model)
    version, saved = programs[1], programs[3]
    if version.value != _VERSION:
        raise _broken(source, version, f"protocol version {_VERSION}", repr(version.value)[:40])
    storages = StreamStorages(source, programs)
    objects = objects_of(source.name, storages.find)
    keep_object(model, saved.value, objects)
    _keep_sources(model, saved)
    Contents(model, objects).read(saved.value)
    model.producer.name = "PyTorch"
    model.format_version = str(version.value)
    return model


def _interpret(source: ByteSource, model: Model) -> list[Program]:
    programs, start = [], 0
    for part in _PARTS:
        program = interpret(source, start)
        model.findings.extend(judge(program, part))
        if program.error is not None:
            program.error.findings = tuple(model.findings)
            raise program.error
        programs.append(program)
        start = program.end
    return programs


def _keep_sources(model: Model, saved: Program) -> None:
    """Classes whose code is unknown: their source is kept as a text for people."""
    for persistent in saved.persistent:
        text = source_text(persistent)
        if text is None:
            continue
        name = next((str(p) for p in persistent.id if isinstance(p, Reference)), "?")
        finding = Finding(
            "PKL-010",
            Level.NEEDS_CODE,
            f"needs {name}, whose source code is in the file",
            f"object at byte {persistent.offset:,}",
        )
        if finding.what not in [known.what for known in model.findings]:
            model.findings.append(finding)
        model.metadata.setdefault(SOURCE_CODE, {})[name] = text[1]


def write(model: Model, output: Output, report: Report) -> None:
    """Write the object of another file of torch again, or the weights as a state_dict."""
    made = encoded(model, TITLE, report, sources=True)
    name = str(output.path)
    keys = [storage.key for storage in sorted(made.storages, key=lambda found: found.key)]
    by_key = {storage.key: storage for storage in made.storages}

    def renamed(persistent: PersistentId) -> Any:
        found = made.renamed(persistent)
        return (*found, None) if found[:1] == ("storage",) and len(found) == 5 else found

    with output.path.open("wb") as file:
        for value in (MAGIC, _VERSION, _FACTS):
            file.write(write_pickle(value, name))
        file.write(write_pickle(made.value, name, renamed))
        file.write(write_pickle(keys, name))
        for key in keys:
            file.write(by_key[key].count.to_bytes(_COUNT_BYTES, "little"))
            for piece in by_key[key].pieces():
                file.write(piece)


class StreamStorages:
    """Finds the storages that follow the pickles, from the keys and the types in the object."""

    def __init__(self, source: ByteSource, programs: list[Program]) -> None:
        _, _, facts, saved, keys = programs
        self._source = source
        self._swapped = isinstance(facts.value, Mapping) and (
            facts.value.get("little_endian") is False
        )
        self._ids = {
            persistent.id[2]: persistent
            for persistent in saved.persistent
            if _is_storage(persistent)
        }
        self._found = dict(self._lay_out(keys))

    def _lay_out(self, keys: Program) -> Any:
        if not isinstance(keys.value, list):
            raise _broken(self._source, keys, "a list of storage keys", type(keys.value).__name__)
        at = keys.end
        for key in keys.value:
            if not isinstance(key, str) or key not in self._ids:
                raise _broken(self._source, keys, "keys that the object uses", repr(key)[:40])
            persistent = self._ids[key]
            dtype, count = storage_type(persistent.id[1]), persistent.id[4]
            stored = int.from_bytes(
                self._source.read_at(at, _COUNT_BYTES), "big" if self._swapped else "little"
            )
            if stored != count:
                raise MalformedFile(
                    self._source.name,
                    offset=at,
                    expected=f"{count:,} elements of storage {key[:40]}",
                    found=f"{stored:,}",
                )
            length = count if dtype is None else dtype.nbytes(count)
            yield (
                key,
                Storage(
                    key,
                    dtype,
                    str(persistent.id[3]),
                    self._source,
                    at + _COUNT_BYTES,
                    length,
                    self._swapped,
                ),
            )
            at += _COUNT_BYTES + length
        if at != self._source.size:
            raise MalformedFile(
                self._source.name,
                offset=min(at, self._source.size),
                expected="the end of the file after the last storage",
                found=f"byte {self._source.size:,} as its end",
            )

    def find(self, persistent: PersistentId) -> Any:
        """The storage of ``('storage', type, key, location, numel, view)``, or a class as it is.

        Raises:
            MalformedFile: another kind of id, or a storage that is not there.
        """
        if is_class(persistent):
            return persistent
        if not _is_storage(persistent) or persistent.id[2] not in self._found:
            raise MalformedFile(
                self._source.name,
                offset=persistent.offset,
                expected="a storage with type, key, location, count and view",
                found="another persistent id",
            )
        storage = self._found[persistent.id[2]]
        view = persistent.id[5] if len(persistent.id) > 5 else None
        return storage if view is None else self._view(persistent, storage, view)

    def _view(self, persistent: PersistentId, storage: Storage, view: Any) -> Storage:
        dtype = storage_type(persistent.id[1])
        fits = isinstance(view, tuple) and len(view) == 3
        whole = fits and all(type(number) is int and number >= 0 for number in view[1:])
        if whole and dtype is not None:
            start, length = dtype.nbytes(view[1]), dtype.nbytes(view[2])
            if start + length <= storage.length:
                return Storage(
                    str(view[0]),
                    dtype,
                    storage.location,
                    storage.source,
                    storage.offset + start,
                    length,
                    storage.swapped,
                )
        raise MalformedFile(
            self._source.name,
            offset=persistent.offset,
            expected="a view inside its storage",
            found=repr(view)[:60],
        )


def _is_storage(persistent: PersistentId) -> bool:
    parts = persistent.id
    return (
        isinstance(parts, tuple)
        and len(parts) in (5, 6)
        and parts[0] == "storage"
        and isinstance(parts[1], Reference)
        and isinstance(parts[2], str)
        and type(parts[4]) is int
        and parts[4] >= 0
    )


def _broken(source: ByteSource, program: Program, expected: str, found: str) -> MalformedFile:
    return MalformedFile(source.name, offset=program.start, expected=expected, found=found)


FORMAT = Format(
    name="pytorch-legacy",
    title=TITLE,
    framework="PyTorch",
    status="historic",
    specification="https://pytorch.org/docs/stable/notes/serialization.html",
    extensions=(".pth", ".pt", ".th"),
    holds=HOLDS,
    samples=proofs("pytorch-legacy/checkpoint.pth", "pytorch-legacy/module.pth"),
    match=match,
    read=read,
    write=write,
)
