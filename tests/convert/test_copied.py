"""Weights that are copied as they are: read once, and proved by the checksums that went out."""

from __future__ import annotations

import io
import random
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

import modelport
import modelport.commands.convert  # its parts are replaced by name
from modelport.errors import MalformedFile
from modelport.formats.candidate import Candidate
from modelport.model.model import Model
from modelport.wire import copy
from modelport.wire.copy import sums_of
from modelport.wire.native import crc32c
from modelport.wire.source import BytesSource, FileSource, SliceSource
from modelport.wire.zip import ZipArchive

VALUES = {
    "a": np.random.default_rng(0).standard_normal((700, 1000)).astype(np.float32),
    "b": np.arange(12, dtype=np.int64).reshape(3, 4),
    "c": np.random.default_rng(1).standard_normal(300_001).astype(np.float16),
    "none": np.zeros((0, 3), np.float32),
}


def safetensors(path: Path) -> None:
    save_file(VALUES, path)


def pytorch(path: Path) -> None:
    torch.save({name: torch.from_numpy(value) for name, value in VALUES.items()}, path)


def legacy(path: Path) -> None:
    state = {name: torch.from_numpy(value) for name, value in VALUES.items()}
    torch.save(state, path, _use_new_zipfile_serialization=False)


def npz(path: Path) -> None:
    np.savez(path, **VALUES)


def loaded(path: Path) -> dict[str, np.ndarray]:
    """By the format's own library."""
    if path.suffix == ".safetensors":
        return load_file(path)
    if path.suffix == ".npz":
        with np.load(path) as file:
            return dict(file)
    return {name: found.numpy() for name, found in torch.load(path, weights_only=True).items()}


SOURCES = {"s.safetensors": safetensors, "s.pt": pytorch, "s.pth": legacy, "s.npz": npz}
TARGETS = {"t.safetensors": None, "t.pt": None, "t.npz": None, "t.pth": "pytorch-legacy"}


@pytest.fixture(params=[True, False], ids=["native", "plain"])
def native(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """With the checksums of the native module, or without them."""
    if not request.param:
        monkeypatch.setattr("modelport.wire.copy.FAST", False)
        monkeypatch.setattr("modelport.wire.zip.crc32", zlib.crc32)
        monkeypatch.setattr("modelport.wire.zip_write.crc32", zlib.crc32)
        monkeypatch.setattr("modelport.wire.copy.crc32c", None)
    return bool(request.param) and copy.FAST


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("target", TARGETS)
def test_a_copy_is_proved_and_its_source_read_once(
    name: str, target: str, native: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = tmp_path / name, tmp_path / target
    SOURCES[name](source)
    opened: list[FileSource] = []
    begin = FileSource.__init__

    def counted(self: FileSource, path: Path) -> None:
        begin(self, path)
        opened.append(self)

    monkeypatch.setattr(FileSource, "__init__", counted)
    report = modelport.convert(source, out, to=TARGETS[target])
    assert report.verification["status"] == "weights-only"
    assert report.verification["weights_exact"]
    assert report.lossless
    read = sum(file.bytes_read for file in opened if file.path == source)
    size = sum(value.nbytes for value in VALUES.values())
    # Inside one family, objects are kept as they are or the kernel copies: both are compared.
    family = {source.suffix, out.suffix} <= {".pt", ".pth"} or source.suffix == out.suffix
    assert read < (2.2 if family or not native else 1.2) * size
    for key, value in loaded(out).items():
        assert (value.dtype, value.shape) == (VALUES[key].dtype, VALUES[key].shape)
        assert value.tobytes() == VALUES[key].tobytes()


@pytest.mark.parametrize("at", [0.2, 0.5, 0.999])
def test_what_was_damaged_on_its_way_out_is_not_published(
    at: float, native: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "s.pt"
    pytorch(source)
    read: Callable[[Candidate], Model] = modelport.commands.convert.read

    def damaged(candidate: Candidate) -> Model:
        raw = bytearray(candidate.path.read_bytes())
        raw[int(at * len(raw))] ^= 1
        candidate.path.write_bytes(raw)
        return read(Candidate(candidate.path))

    monkeypatch.setattr("modelport.commands.convert.read", damaged)
    report = modelport.convert(source, tmp_path / "t.safetensors")
    assert report.verification["status"] == "disagreed"
    assert not report.published
    with pytest.raises(MalformedFile, match="CRC"):
        modelport.convert(tmp_path / "s.pt", tmp_path / "t.npz")
    assert list(tmp_path.iterdir()) == [source]


DATA = random.Random(3).randbytes(700_000)


def member(data: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a", data)
    return stream.getvalue()


ZIP = member(DATA)


@given(st.integers(0, len(DATA)), st.integers(0, len(DATA)), st.integers(0, 300_000))
def test_sums_are_those_of_the_bytes(start: int, stop: int, lead: int) -> None:
    start, stop = sorted((start, stop))
    wanted = DATA[start:stop]
    checked = ZipArchive(BytesSource(ZIP)).open_checked("a")
    for source in (BytesSource(DATA), SliceSource(BytesSource(b"x" + DATA), 1, len(DATA), "")):
        file = io.BytesIO()
        found = sums_of(source, start, stop - start, file, lead=lead)
        assert found in (None, (zlib.crc32(wanted), crc32c(wanted)))
        assert file.getvalue() == wanted
    for _ in range(2):  # the first time all of the member is read and checked
        file = io.BytesIO()
        assert sums_of(checked, start, stop - start, file, lead=lead) == found
        assert file.getvalue() == wanted
