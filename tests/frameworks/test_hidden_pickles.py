"""Pickles that numpy and torch run, in archives that do not look as their writers leave them."""

from __future__ import annotations

import io
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from modelport.commands.scan import scan_file
from modelport.wire.npy import write_header


class Payload:
    """Makes a folder where it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> object:
        return Path.mkdir, (self.marker,)


def tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


NONE = pickle.dumps(0, 2)
EMPTY = {"storages": NONE + pickle.dumps([], 2), "tensors": NONE}
BEFORE = {"sys_info": pickle.dumps({}, 2)}


def payload(marker: Path) -> bytes:
    return pickle.dumps(Payload(marker), 2)


TARS = {
    "one member more": (BEFORE | EMPTY, "pickle", {"readme": b"text"}),
    "one member fewer": (EMPTY, "pickle", {}),
    "the first member alone": ({}, "storages", {}),
    "instead of the first count": (BEFORE, "storages", {"tensors": NONE, "pickle": NONE}),
    "instead of the second count": (BEFORE | EMPTY, "tensors", {"pickle": NONE}),
}


@pytest.mark.parametrize("name", TARS)
def test_tars_that_torch_runs_are_dangerous(name: str, tmp_path: Path) -> None:
    before, where, after = TARS[name]
    marker = tmp_path / "marker"
    path = tar(tmp_path / "model.pt", before | {where: payload(marker)} | after)
    assert scan_file(str(path))["level"] == "dangerous"
    assert not marker.exists()


def test_a_tar_that_torch_opens_though_it_holds_more(tmp_path: Path) -> None:
    saved = {"epoch": 3}
    members = EMPTY | {"pickle": pickle.dumps(saved, 2), "readme": b"text"}
    path = tar(tmp_path / "model.pt", members)
    assert torch.load(path, weights_only=False) == saved  # harmless, and read by torch itself
    found = scan_file(str(path))
    assert (found["format"], found["level"]) == ("pytorch-tar", "inert")


def text_of_tar(size: int) -> bytes:
    """The beginning of a pickle of one text that all the rest of the archive belongs to."""
    return b"\x80\x02X" + (size - 8).to_bytes(4, "little")


DISGUISES: dict[str, Callable[[int], bytes]] = {
    "a pickle of a text": text_of_tar,
    "the beginning of HDF5": lambda size: b"\x89HDF\r\n\x1a\n",
    "the beginning of safetensors": lambda size: bytes((90, *bytes(7))) + b'{"a":',
    "the beginning of an array": lambda size: b"\x93NUMPY\x01",
}


def disguised(path: Path, members: dict[str, bytes], disguise: str) -> Path:
    """The tar with another name for its first member, and that member's name behind a zero."""
    raw = bytearray(tar(path, {"first": b"", **members}).read_bytes())
    name = DISGUISES[disguise](len(raw))
    raw[: len(name)] = name
    raw[-1:] = b"."
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw[:512])
    at = raw.index(b"storages")
    raw[at + 9 : at + 13] = b"more"
    raw[at + 148 : at + 156] = b" " * 8
    raw[at + 148 : at + 156] = b"%06o\0 " % sum(raw[at : at + 512])
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize("disguise", DISGUISES)
def test_tars_that_look_like_other_files_are_those_that_torch_sees(
    disguise: str, tmp_path: Path
) -> None:
    saved, marker = {"epoch": 3}, tmp_path / "marker"
    path = disguised(tmp_path / "m.pt", EMPTY | {"pickle": pickle.dumps(saved, 2)}, disguise)
    assert torch.load(path, weights_only=False) == saved  # harmless, and read by torch itself
    disguised(path, EMPTY | {"pickle": payload(marker)}, disguise)
    assert scan_file(str(path))["level"] in ("dangerous", "malformed")
    assert not marker.exists()


@pytest.mark.parametrize("structured", [False, True])
def test_objects_in_npz_are_judged(structured: bool, tmp_path: Path) -> None:
    marker, path = tmp_path / "marker", tmp_path / "arrays.npz"
    objects = np.array([Payload(marker)], dtype=object)
    if structured:
        objects = np.array([(1.0, objects[0])], dtype=[("a", "<f4"), ("b", "O")])
    np.savez(path, weights=np.zeros(3), objects=objects)
    found = scan_file(str(path))
    assert found["level"] == "dangerous"
    assert any(finding["where"].startswith("objects.npy") for finding in found["findings"])
    assert not marker.exists()


def test_an_array_of_objects_without_its_pickle(tmp_path: Path) -> None:
    path = tmp_path / "arrays.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("objects.npy", write_header("|O", (1,)) + pickle.dumps([1], 2)[:-1])
    assert scan_file(str(path))["level"] == "malformed"
