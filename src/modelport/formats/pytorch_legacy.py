"""PyTorch before 1.6: five pickles one after the other, then the storages, without an index.

The pickles are a magic number, the protocol version, facts of the machine, the object, and the
keys of the storages in the order of their data; of each storage follow its number of elements
(eight bytes) and the elements. Source: ``torch/serialization.py``, ``_legacy_save``. Holds what
``torch.save`` was given, as the zip form does; of classes also their source code as text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelport.errors import ModelportError
from modelport.formats.candidate import Candidate
from modelport.formats.format import Format
from modelport.formats.shared.pickle.judge import judge
from modelport.formats.shared.torch.contents import HOLDS, Contents, proofs
from modelport.formats.shared.torch.module import source_text
from modelport.formats.shared.torch.rewrite import SOURCE_CODE, encoded, keep_object
from modelport.formats.shared.torch.storage import LEGACY_HEAD
from modelport.formats.shared.torch.stream import (
    COUNT_BYTES,
    VERSION,
    StreamStorages,
    broken,
    parts,
)
from modelport.formats.shared.torch.tensors import objects_of, storage_type
from modelport.model.model import Finding, Level, Model
from modelport.model.report import Report
from modelport.wire.pickle import PersistentId, Program, Reference
from modelport.wire.pickle.write import write as write_pickle
from modelport.wire.source import ByteSource

if TYPE_CHECKING:
    from modelport.wire.output import Output

MAGIC = 0x1950A86A20F9469CFC6C
_FACTS = {
    "protocol_version": VERSION,
    "little_endian": True,
    "type_sizes": {"short": 2, "int": 4, "long": 4},
}
TITLE = "PyTorch checkpoint before 1.6"
_BYTES = Reference("torch", "ByteStorage", 0)


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
    try:
        _read_object(source, model, programs)
    except ModelportError as error:
        error.findings = tuple(model.findings)
        raise
    return model


def _read_object(source: ByteSource, model: Model, programs: list[Program]) -> None:
    version, saved = programs[1], programs[3]
    if version.value != VERSION:
        raise broken(source, version, f"protocol version {VERSION}", repr(version.value)[:40])
    storages = StreamStorages(source, programs)
    objects = objects_of(source.name, storages.find)
    keep_object(model, saved.value, objects)
    _keep_sources(model, saved)
    Contents(model, objects).read(saved.value)
    model.producer.name = "PyTorch"
    model.format_version = str(version.value)


def _interpret(source: ByteSource, model: Model) -> list[Program]:
    programs = []
    for part, program in parts(source):
        model.findings.extend(judge(program, part))
        if program.error is not None:
            program.error.findings = tuple(model.findings)
            raise program.error
        programs.append(program)
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
        if found[:1] != ("storage",) or len(found) != 5:
            return found
        word, kind, *rest = found
        # The loader of this form knows no untyped storages; the tensors state their own type.
        return (word, _BYTES if storage_type(kind) is None else kind, *rest, None)

    with output.path.open("wb") as file:
        for value in (MAGIC, VERSION, _FACTS):
            file.write(write_pickle(value, name))
        file.write(write_pickle(made.value, name, renamed))
        file.write(write_pickle(keys, name))
        for key in keys:
            file.write(by_key[key].count.to_bytes(COUNT_BYTES, "little"))
            by_key[key].copy(file)


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
