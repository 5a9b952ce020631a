"""PyTorch checkpoints: what ``torch.save`` writes since 1.6, a pickle and storages in a zip.

Members, under one folder: ``data.pkl`` (the object, protocol 2; tensors refer to storages by
persistent ids), ``data/<n>`` (the bytes of storage n), ``version``, ``byteorder``. Specification:
https://docs.pytorch.org/docs/stable/notes/serialization.html. Holds whatever the user saved:
weights under their names (a state_dict), an optimizer's state, whole modules without their code.
"""

from __future__ import annotations

from typing import Any

from modelport.errors import MalformedFile
from modelport.formats.candidate import Candidate
from modelport.formats.format import Format
from modelport.formats.shared.pickle.judge import judge
from modelport.formats.shared.pickle.objects import Objects
from modelport.formats.shared.torch.contents import Contents
from modelport.formats.shared.torch.storage import Storage
from modelport.formats.shared.torch.tensors import Tensors, storage_type
from modelport.model.component import Component, Holds
from modelport.model.model import Model
from modelport.wire.pickle import PersistentId, Reference, interpret
from modelport.wire.zip import ZipArchive

PICKLE = "data.pkl"
_WORD_BYTES = 64


def match(candidate: Candidate) -> bool:
    """Whether a zip holds one folder with ``data.pkl``, and no code."""
    folder = top_folder(candidate.zip)
    names = candidate.zip.members
    if folder is None or f"{folder}/{PICKLE}" not in names:
        return False
    script = f"{folder}/constants.pkl" in names or any(
        name.startswith(f"{folder}/code/") for name in names
    )
    return not script


def top_folder(archive: ZipArchive) -> str | None:
    """The one folder that all members lie in, or None."""
    tops = {name.split("/", 1)[0] for name in archive.members}
    flat = any("/" not in name for name in archive.members)
    return tops.pop() if len(tops) == 1 and not flat else None


def read(candidate: Candidate) -> Model:
    """The saved object; its pickle is interpreted, its storages are not read."""
    archive, folder = candidate.zip, top_folder(candidate.zip)
    model = Model(format=FORMAT.name, path=str(candidate.path), bytes=candidate.source.size)
    source = archive.open(f"{folder}/{PICKLE}")
    program = interpret(source)
    model.findings.extend(judge(program, PICKLE))
    if program.error is not None:
        program.error.findings = tuple(model.findings)
        raise program.error
    storages = ZipStorages(archive, f"{folder}/")
    tensors = Tensors(source.name)
    objects = Objects(tensors.builders, storages.find)
    tensors.objects = objects
    Contents(model, objects).read(program.value)
    model.producer.name = "PyTorch"
    model.format_version = _word(archive, f"{folder}/version")
    return model


class ZipStorages:
    """Finds the storages that persistent ids name in the members of an archive."""

    def __init__(self, archive: ZipArchive, folder: str) -> None:
        self._archive = archive
        self._folder = folder
        self._swapped = _word(archive, f"{folder}byteorder") == "big"
        self._found: dict[str, Storage] = {}

    def find(self, persistent: PersistentId) -> Any:
        """The storage of ``('storage', type, key, location, numel)``.

        Raises:
            MalformedFile: another kind of id, no such member, or a member of another size.
        """
        parts = persistent.id
        if not (
            isinstance(parts, tuple)
            and len(parts) == 5
            and parts[0] == "storage"
            and isinstance(parts[1], Reference)
            and isinstance(parts[2], str)
            and isinstance(parts[4], int)
        ):
            raise MalformedFile(
                f"{self._archive.source.name}!{self._folder}{PICKLE}",
                offset=persistent.offset,
                expected="a storage with type, key, location and count",
                found="another persistent id",
            )
        key = parts[2]
        if key not in self._found:
            self._found[key] = self._open(parts)
        return self._found[key]

    def _open(self, parts: tuple[Any, ...]) -> Storage:
        _, kind, key, location, count = parts
        dtype = storage_type(kind)
        source = self._archive.open(f"{self._folder}data/{key}")
        needed = count if dtype is None else dtype.nbytes(count)
        if source.size != needed:
            raise MalformedFile(
                source.name, expected=f"{needed:,} bytes", found=f"{source.size:,} bytes"
            )
        return Storage(key, dtype, str(location), source, 0, needed, self._swapped)


def _word(archive: ZipArchive, member: str) -> str | None:
    """A member of one short word, or None where there is none."""
    if member not in archive.members:
        return None
    return archive.read(member, _WORD_BYTES).decode("ascii", "replace").strip()


FORMAT = Format(
    name="pytorch",
    title="PyTorch checkpoint",
    framework="PyTorch",
    status="alive",
    specification="https://docs.pytorch.org/docs/stable/notes/serialization.html",
    extensions=(".pt", ".pth", ".bin", ".ckpt"),
    holds=dict.fromkeys(Component, Holds.MAY),
    samples={},
    match=match,
    read=read,
)
