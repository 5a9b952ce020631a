"""Files that two loaders understand in two ways are malformed, and an attack in either is seen."""

from __future__ import annotations

import io
import pickletools
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from tests.formats.hostile_pickles import CONTAINERS
from tests.formats.pickle_streams import Call, write
from tests.samples import FILES

from modelport.commands.scan import scan_file

ATTACK = write(Call("os.system", "touch x"), 0)


def onnx_pickle() -> bytes:
    """A model version (``(``), then a text of 18 bytes (``U``) that ends inside the producer."""
    producer = b"a" * 17 + ATTACK
    head = b"(U\x12" + bytes([len(producer)]) + producer
    data = head + (FILES / "onnx/attributes.onnx").read_bytes()
    onnx.load_from_string(data)
    return data


def tar_pickle() -> bytes:
    """A tar that torch would load, whose first member has the attack for a name."""
    inner = io.BytesIO(CONTAINERS["torch tar"](b"\x80\x02}."))
    made = io.BytesIO()
    with tarfile.open(fileobj=inner) as old, tarfile.open(fileobj=made, mode="w") as new:
        new.addfile(tarfile.TarInfo(ATTACK.decode()))
        for member in old.getmembers():
            new.addfile(member, old.extractfile(member))
    return made.getvalue()


BEFORE: dict[str, Callable[[], bytes]] = {
    "onnx": onnx_pickle,
    "tar": tar_pickle,
    "hdf5": lambda: ATTACK.ljust(512, b"\0") + (FILES / "hdf5/arrays.h5").read_bytes(),
    "json": lambda: b"S'aaaaaa{\"x\"'\n0" + ATTACK,
}


@pytest.mark.parametrize("name", BEFORE)
def test_a_pickle_that_begins_another_file(name: str, tmp_path: Path) -> None:
    data = BEFORE[name]()
    *_, last = pickletools.genops(data)
    assert last[0].name == "STOP"
    path = tmp_path / "file"
    path.write_bytes(data)
    described = scan_file(str(path), sha256=False)
    assert described["level"] == "dangerous"
    rules = [finding["rule"] for finding in described["findings"]]
    assert rules[:2] == ["FIL-005", "PKL-001"]


ENDINGS = [
    "hdf5/arrays.h5",
    "onnx/attributes.onnx",
    "safetensors/all_dtypes.safetensors",
    "pickle/forest.joblib",
]


@pytest.mark.parametrize("sample", ENDINGS)
def test_an_archive_that_ends_another_file(sample: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    clean = (FILES / sample).read_bytes()
    path.write_bytes(clean)
    before = scan_file(str(path), sha256=False)["findings"]
    assert "FIL-005" not in {finding["rule"] for finding in before}
    path.write_bytes(clean + CONTAINERS["torch zip"](write(Call("os.system", "touch x"), 2)))
    with zipfile.ZipFile(path) as archive:  # which Keras reads with this module
        assert "archive/data.pkl" in archive.namelist()
    described = scan_file(str(path), sha256=False)
    assert described["level"] == "dangerous"
    found = {finding["rule"]: finding["level"] for finding in described["findings"]}
    assert found["FIL-005"] == "malformed"
    assert found["PKL-001"] == "dangerous"


def test_an_archive_of_other_things_at_the_end_is_none(tmp_path: Path) -> None:
    path = tmp_path / "setup"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("readme.txt", "text")
    path.write_bytes(b"#!/bin/sh\nexit\n" + archive.getvalue())
    assert scan_file(str(path), sha256=False)["findings"] == []
