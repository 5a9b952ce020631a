"""Tar archives, held against Python's tarfile, which is what loaders of models open them with."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from modelport.errors import MalformedFile, ModelportError, UnsafeFile
from modelport.wire.source import BytesSource
from modelport.wire.tar import BLOCK, entries, holds, is_tar, members

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
KINDS = {
    "folder": tarfile.DIRTYPE,
    "soft link": tarfile.SYMTYPE,
    "hard link": tarfile.LNKTYPE,
    "pipe": tarfile.FIFOTYPE,
    "device": tarfile.CHRTYPE,
    "contiguous": tarfile.CONTTYPE,
}


def made(form: int, *listed: tuple[str, bytes], **common: str) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=form, pax_headers=common or None) as archive:
        for name, kind in listed:
            info = tarfile.TarInfo(name)
            info.type = kind
            info.linkname = "elsewhere" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
            data = b"" if kind in KINDS.values() else name.encode() * 7
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return raw.getvalue()


def checked(raw: bytearray, at: int = 0, *, signed: bool = False) -> bytes:
    """The archive after the header at ``at`` has got the checksum it needs."""
    raw[at + 148 : at + 156] = b" " * 8
    block = raw[at : at + BLOCK]
    total = sum(block) - (256 * sum(byte > 127 for byte in block) if signed else 0)
    raw[at + 148 : at + 156] = b"%06o\0 " % total
    return bytes(raw)


def changed(raw: bytes, start: int, new: bytes, *, signed: bool = False) -> bytes:
    copy = bytearray(raw)
    copy[start : start + len(new)] = new
    return checked(copy, start // BLOCK * BLOCK, signed=signed)


def after(kind: str) -> bytes:
    return made(FORMATS["ustar"], ("first", kind.encode()), ("storages", b"0"))


PLAIN = made(FORMATS["ustar"], ("first", b"0"), ("storages", b"0"), ("last", b"0"))
LONG = "folder/" * 20 + "name"
ODD: dict[str, Callable[[], bytes]] = {
    "a name that a zero ends": lambda: changed(PLAIN, 2 * BLOCK, b"storages\0more"),
    "a name in two parts": lambda: changed(PLAIN, 345, b"above"),
    "a signed checksum": lambda: changed(PLAIN, 0, b"\xe9t\xe9", signed=True),
    "a size in bytes": lambda: changed(PLAIN, 124, b"\x80" + (35).to_bytes(11, "big")),
    "a size of spaces": lambda: changed(PLAIN, 2 * BLOCK + 124, b" " * 12),
    "an unknown kind": lambda: changed(PLAIN, 156, b"V"),
    "an old folder with a size": lambda: changed(changed(after("5"), 156, b"\0"), 134, b"7"),
    "a link with a size": lambda: changed(after("2"), 134, b"7"),
    "other bytes behind": lambda: PLAIN[: 6 * BLOCK] + b"x" * BLOCK + PLAIN,
    "two archives": lambda: PLAIN + PLAIN,
    "a long name": lambda: made(FORMATS["gnu"], (LONG, b"0"), ("storages", b"0")),
    "a long name in records": lambda: made(FORMATS["pax"], (LONG, b"0"), ("storages", b"0")),
    "remarks on all": lambda: made(FORMATS["pax"], ("storages", b"0"), comment="c" * 600),
    "a name for all": lambda: made(FORMATS["pax"], ("other", b"0"), path="storages"),
}


@pytest.mark.parametrize("name", ODD)
def test_a_name_that_tarfile_finds_is_found(name: str) -> None:
    raw = ODD[name]()
    source = BytesSource(raw, "archive")
    with tarfile.open(fileobj=io.BytesIO(raw), mode="r:") as archive:
        wanted = archive.getnames()
    assert is_tar(raw[:BLOCK])
    assert "storages" in wanted
    assert holds(source, "storages")


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", KINDS)
def test_entries_are_those_of_tarfile(form: str, kind: str) -> None:
    raw = made(FORMATS[form], ("a", b"0"), ("odd", KINDS[kind]), (LONG, b"0"), ("é", b"0"))
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        wanted = [(e.name, e.offset_data, e.size) for e in archive.getmembers()]
    found = list(entries(BytesSource(raw, "archive")))
    assert [(e.start, e.size) for e in found] == [(start, size) for _, start, size in wanted]
    for entry, (name, _, _) in zip(found, wanted, strict=True):
        assert name in [one.rstrip("/") for one in entry.names]


def test_members_of_files_and_folders() -> None:
    raw = made(FORMATS["gnu"], ("folder", tarfile.DIRTYPE), (LONG, b"0"), ("a", b"0"))
    found = members(BytesSource(raw, "archive"))
    assert {name: source.read_at(0, source.size) for name, source in found.items()} == {
        LONG: LONG.encode() * 7,
        "a": b"a" * 7,
    }


REFUSED: dict[str, tuple[bytes, type[ModelportError]]] = {
    "a link": (made(FORMATS["ustar"], ("a", b"0"), ("b", tarfile.SYMTYPE)), UnsafeFile),
    "a name outside": (made(FORMATS["ustar"], ("../a", b"0")), UnsafeFile),
    "another name in records": (ODD["a long name in records"](), UnsafeFile),
    "a name for all": (ODD["a name for all"](), UnsafeFile),
    "a sparse file": (changed(PLAIN, 156, b"S"), UnsafeFile),
    "one name twice": (made(FORMATS["ustar"], ("a", b"0"), ("a", b"0")), MalformedFile),
    "a negative size": (changed(PLAIN, 124, b"-00000000005"), MalformedFile),
    "a size past the end": (changed(PLAIN, 124, b"77777777777\0"), MalformedFile),
    "other bytes behind": (ODD["other bytes behind"](), MalformedFile),
    "two archives": (ODD["two archives"](), MalformedFile),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_two_readers_could_see_differently_is_refused(name: str) -> None:
    raw, error = REFUSED[name]
    with pytest.raises(error):
        members(BytesSource(raw, "archive"))


def test_a_name_in_parts_is_one_name() -> None:
    assert "above/first" in members(BytesSource(ODD["a name in two parts"](), "archive"))


def test_a_tar_of_a_folder_is_no_model_file(tmp_path: Path) -> None:
    from modelport.commands.scan import is_unknown, scan_file

    kinds = list(KINDS.items())
    for form in FORMATS.values():
        path = tmp_path / "folder.tar"
        path.write_bytes(made(form, *kinds, (LONG, b"0"), ("../a", b"0"), ("é", b"0")))
        assert is_unknown(scan_file(str(path)))
