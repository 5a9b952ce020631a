"""Objects that ``torch.save`` put into a zip archive: a pickle, and its storages as members."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelport.errors import MalformedFile
from modelport.formats.shared.pickle.members import judge_members
from modelport.formats.shared.pickle.objects import Objects
from modelport.formats.shared.pickle.streams import read_streams
from modelport.formats.shared.torch.encode import Encoded
from modelport.formats.shared.torch.storage import Storage
from modelport.formats.shared.torch.tensors import objects_of, storage_type
from modelport.model.model import Model
from modelport.wire.pickle import PersistentId, Reference
from modelport.wire.pickle.write import write
from modelport.wire.zip import ZipArchive
from modelport.wire.zip_write import ZipWriter

PICKLE = "data.pkl"
_EARLY_DATA = "tensors"
"""Where torch 1.4 put the storages of ``torch.save``."""
_STORAGE = re.compile(r"(data|constants|tensors|traced_inputs|attributes)/\d+")
_WORD_BYTES = 64
_ALIGNMENT = 64
_VERSION = b"3\n"
_WORDS = {".format_version": b"1", ".storage_alignment": b"64", "byteorder": b"little"}


def top_folder(archive: ZipArchive) -> str | None:
    """The one folder that all members lie in, or None."""
    tops = {name.split("/", 1)[0] for name in archive.members}
    flat = any("/" not in name for name in archive.members)
    return tops.pop() if len(tops) == 1 and not flat else None


def read_object(
    archive: ZipArchive,
    folder: str,
    model: Model,
    *,
    member: str = PICKLE,
    data: str = "data",
    own: str = "",
) -> tuple[Any, Objects]:
    """The object in a pickle of the archive, and what builds the values inside it.

    ``data`` is the folder of the storages. What the pickle would do goes into the model's
    findings; names that begin with ``own`` are classes that the file itself describes.

    Raises:
        MalformedFile, LimitExceeded: the pickle is broken; what was found before is with the error.
    """
    archive.allow_no_checksums()
    source = archive.open(f"{folder}{member}")
    program = read_streams(source, model.findings, member, own=own)[0]
    _check_crc(archive, f"{folder}{member}", model)
    storages = ZipStorages(archive, folder, data)
    return program.value, objects_of(source.name, storages.find)


def _check_crc(archive: ZipArchive, name: str, model: Model) -> None:
    """Refuse a pickle that was changed after it was saved; torch itself does not look."""
    try:
        archive.verify(name)
    except MalformedFile as error:
        error.findings = tuple(model.findings)
        raise


def write_object(path: Path, folder: str, encoded: Encoded) -> None:
    """Write an object and its storages as ``torch.save`` lays them out, under one folder."""
    stream = write(encoded.value, str(path), encoded.renamed)
    with ZipWriter(path, alignment=_ALIGNMENT) as archive:
        archive.add(f"{folder}/{PICKLE}", stream)
        for name, text in _WORDS.items():
            archive.add(f"{folder}/{name}", text)
        for storage in encoded.storages:
            archive.stream(f"{folder}/data/{storage.key}", storage.nbytes, storage.copy)
        archive.add(f"{folder}/version", _VERSION)


def judge_others(
    archive: ZipArchive, folder: str, model: Model, known: tuple[str, ...], depth: int = 0
) -> None:
    """Judge every member that is a pickle or a model file and not one of ``known``.

    Storages are left out: their bytes may be anything. ``depth`` is how many archives it lies in.
    """
    names = [
        name
        for name in archive.members
        if name.removeprefix(folder) not in known and not _STORAGE.fullmatch(name, len(folder))
    ]
    for finding in judge_members(archive, names, depth):
        model.findings.append(replace(finding, where=finding.where.removeprefix(folder)))


class ZipStorages:
    """Finds the storages that persistent ids name in the members of an archive."""

    def __init__(self, archive: ZipArchive, folder: str, data: str) -> None:
        self._archive = archive
        self._folder = folder
        self._data = data
        self._swapped = _is_swapped(archive, f"{folder}byteorder")
        self._found: dict[str, Storage] = {}

    def find(self, persistent: PersistentId) -> Any:
        """The storage of ``('storage', type, key, location, numel)``.

        The archives of torch 1.3 and 1.4 add None, as the stream before them said of no view.

        Raises:
            MalformedFile: another kind of id, no such member, or a member of another size.
        """
        parts = persistent.id
        if not (
            isinstance(parts, tuple)
            and (len(parts) == 5 or (len(parts) == 6 and parts[5] is None))
            and parts[0] == "storage"
            and isinstance(parts[1], Reference)
            and isinstance(parts[2], str)
            and isinstance(parts[4], int)
        ):
            raise MalformedFile(
                f"{self._archive.source.name}!{self._folder}",
                offset=persistent.offset,
                expected="a storage with type, key, location and count",
                found="another persistent id",
            )
        key = parts[2]
        if key not in self._found:
            self._found[key] = self._open(parts)
        return self._found[key]

    def _open(self, parts: tuple[Any, ...]) -> Storage:
        _, kind, key, location, count = parts[:5]
        dtype = storage_type(kind)
        member = f"{self._folder}{self._data}/{key}"
        early = f"{self._folder}{_EARLY_DATA}/{key}"
        source = self._archive.open_checked(early if early in self._archive.members else member)
        # Of types narrower than a byte, it counts bytes.
        needed = count if dtype is None or dtype.bits < 8 else dtype.nbytes(count)
        if source.size != needed:
            raise MalformedFile(
                source.name, expected=f"{needed:,} bytes", found=f"{source.size:,} bytes"
            )
        return Storage(key, dtype, str(location), source, 0, needed, self._swapped)


def _is_swapped(archive: ZipArchive, member: str) -> bool:
    stated = word(archive, member)
    if stated not in (None, "little", "big"):
        raise MalformedFile(
            f"{archive.source.name}!{member}", expected="little or big", found=repr(stated)
        )
    return stated == "big"


def word(archive: ZipArchive, member: str) -> str | None:
    """A member of one short word, or None where there is none."""
    if member not in archive.members:
        return None
    return archive.read(member, _WORD_BYTES).decode("ascii", "replace").strip()
