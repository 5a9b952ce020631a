"""A flipped bit in a payload that has a checksum ends every way out in one typed error."""

from __future__ import annotations

import io
import re
import struct
import zipfile
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.samples import FILES

import modelport
from modelport.commands.diff import diff
from modelport.commands.inspect import inspect
from modelport.errors import MalformedFile
from modelport.formats.candidate import Candidate
from modelport.formats.table import identify
from modelport.wire.zip import ZipArchive


def state() -> dict[str, torch.Tensor]:
    base = torch.arange(4000, dtype=torch.float32)
    return {
        "whole": torch.arange(300_000, dtype=torch.float32).reshape(300, 1000),
        "head": base[:1000].reshape(10, 100),
        "columns": base[1000:3000].reshape(20, 100)[:, 5:9],
        "turned": base[3000:3600].reshape(20, 30).t(),
        "small": torch.tensor([1, 2, 3]),
    }


def saved(path: Path) -> None:
    torch.save(state(), path)


def rewritten(path: Path, method: int, changes: dict[str, bytes]) -> None:
    """Pack the members again, by Python's own zip."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    folder = next(iter(members)).split("/")[0]
    members.update({f"{folder}/{name}": data for name, data in changes.items()})
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def big_endian(path: Path) -> None:
    saved(path)
    rewritten(path, zipfile.ZIP_STORED, {"byteorder": b"big"})


def compressed(path: Path) -> None:
    saved(path)
    rewritten(path, zipfile.ZIP_DEFLATED, {})


def arrays() -> dict[str, np.ndarray]:
    return {
        "c": np.arange(100_000, dtype="f4").reshape(100, 1000),
        "fortran": np.asfortranarray(np.arange(600.0).reshape(20, 30)),
        "big": np.arange(500, dtype=">f4"),
    }


def npz(path: Path) -> None:
    np.savez(path, **arrays())


def npz_compressed(path: Path) -> None:
    np.savez_compressed(path, **arrays())


def keras(path: Path) -> None:
    path.write_bytes((FILES / "keras-v3" / "gru_rmsprop.keras").read_bytes())


def pt2(path: Path) -> None:
    path.write_bytes((FILES / "pt2" / "network.pt2").read_bytes())


def script(path: Path) -> None:
    path.write_bytes((FILES / "torchscript" / "scripted.pt").read_bytes())


MAKERS = {
    "a.pt": saved,
    "big.pt": big_endian,
    "packed.pt": compressed,
    "a.npz": npz,
    "packed.npz": npz_compressed,
    "a.keras": keras,
    "a.pt2": pt2,
    "script.pt": script,
}
PAYLOAD = re.compile(r".*(/data/\d+|\.npy|\.h5|/weights/weight_\d+)")


def payloads(path: Path) -> Iterator[tuple[str, int, int]]:
    """Members that hold values: name, first byte in the file, and how many; told by zipfile."""
    raw = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            counted = info.file_size == 8  # torch's count of batches, which no other format has
            if PAYLOAD.fullmatch(info.filename) and not counted:
                lengths = struct.unpack_from("<2H", raw, info.header_offset + 26)
                start = info.header_offset + 30 + sum(lengths)
                yield info.filename, start, info.compress_size


def flipped(path: Path, at: int) -> Path:
    raw = bytearray(path.read_bytes())
    raw[at] ^= 0x10
    found = path.with_stem(f"{path.stem}_flipped")
    found.write_bytes(raw)
    return found


def places(start: int, size: int) -> set[int]:
    """Behind the header of an array or an HDF5 file, in the middle, and at the end."""
    return {start + min(200, size // 3), start + size // 2, start + size - 1}


@pytest.fixture(params=MAKERS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    found = tmp_path / str(request.param)
    MAKERS[request.param](found)
    return found


def test_a_flipped_bit_is_never_carried_on(path: Path, tmp_path: Path) -> None:
    weights = path.suffix in (".pt", ".npz") and path.stem != "script"
    targets = ["safetensors", "npz", "pytorch", "pytorch-legacy", "hdf5"] if weights else ["onnx"]
    found = list(payloads(path))
    assert found
    for _, start, size in found:
        for at in sorted(places(start, size)):
            broken = flipped(path, at)
            for to, verify in product(targets, (False, True)):
                with pytest.raises(MalformedFile) as caught:
                    modelport.convert(broken, tmp_path / "out", to=to, verify=verify)
                assert str(broken) in str(caught.value)
            broken.unlink()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("limit", [10, None], ids=["streamed", "kept"])
def test_the_error_says_which_entry_and_which_checksums(
    limit: int | None, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if limit:
        monkeypatch.setattr("modelport.wire.zip.KEPT_BYTES", limit)
    name, start, size = max(payloads(path), key=lambda item: item[2])
    broken = flipped(path, start + size // 2)
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(name)
    for values in (numpy, pieces):
        with pytest.raises(MalformedFile) as caught:
            for tensor in modelport.open(broken).tensors.values():
                values(tensor)
        if info.compress_type == zipfile.ZIP_STORED:
            text = str(caught.value)
            assert f"{info.CRC:08x}" in text
            assert name in text
            assert caught.value.offset == info.header_offset


def numpy(tensor: modelport.Tensor) -> object:
    return tensor.numpy()


def pieces(tensor: modelport.Tensor) -> object:
    return tensor.numpy() if tensor.dtype.bits == 0 else list(tensor.pieces())


def test_verify_and_diff_tell_damage_from_difference(path: Path) -> None:
    _, start, size = max(payloads(path), key=lambda item: item[2])
    broken = flipped(path, start + size // 2)
    commands: list[Callable[[Path, Path], object]] = [diff]
    if path.suffix != ".pt2" and path.stem != "script":  # of whose weights verify claims nothing
        commands.append(modelport.verify)
    for command in commands:
        for sides in ((path, broken), (broken, path)):
            with pytest.raises(MalformedFile):
                command(*sides)


def test_inspecting_reads_no_payload_to_check_it(path: Path) -> None:
    _, start, size = max(payloads(path), key=lambda item: item[2])
    if "packed" not in path.stem:
        inspect(flipped(path, start + size - 1))
    if path.name == "a.pt":
        candidate = Candidate(path)
        identify(candidate).read(candidate)
        assert candidate.source.bytes_read < 200_000


@pytest.mark.parametrize("view", ["head", "columns", "turned"])
def test_a_view_is_checked_with_all_of_its_storage(view: str, tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    torch.save({view: state()[view]}, path)
    _, start, size = next(payloads(path))
    assert size == 16_000
    for at in (start, start + size - 1):
        broken = flipped(path, at)
        for to in ("safetensors", "npz"):
            with pytest.raises(MalformedFile, match="CRC"):
                modelport.convert(broken, tmp_path / "out", to=to)
        with pytest.raises(MalformedFile, match="CRC"):
            modelport.open(broken).tensors[view].numpy()


def test_torch_files_without_checksums_are_opened_and_say_so(tmp_path: Path) -> None:
    path, target = tmp_path / "a.pt", tmp_path / "a.safetensors"
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        saved(path)
    finally:
        torch.serialization.set_crc32_options(before)
    with zipfile.ZipFile(path) as archive:
        assert not any(info.CRC for info in archive.infolist())
    assert "without checksums" in inspect(path)["evidence"]["weights"]
    modelport.convert(path, target)
    found = modelport.open(target).tensors
    for name, tensor in state().items():
        assert np.array_equal(found[name].numpy(), tensor.numpy())
    again = tmp_path / "again.pt"
    modelport.convert(target, again)
    with zipfile.ZipFile(again) as archive:
        assert archive.testzip() is None
    assert "without checksums" not in inspect(again)["evidence"]["weights"]


def test_one_checksum_left_out_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    saved(path)
    with zipfile.ZipFile(path) as archive:
        crc = max(archive.infolist(), key=lambda info: info.file_size).CRC
    path.write_bytes(path.read_bytes().replace(struct.pack("<L", crc), bytes(4)))
    with pytest.raises(MalformedFile, match="CRC 00000000"):
        modelport.convert(path, tmp_path / "out.safetensors")


def test_other_archives_without_checksums_are_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, a=np.arange(5.0))
    with zipfile.ZipFile(path) as archive:
        crc = archive.infolist()[0].CRC
    path.write_bytes(path.read_bytes().replace(struct.pack("<L", crc), bytes(4)))
    with pytest.raises(zipfile.BadZipFile), np.load(path) as file:
        file["a"]
    with pytest.raises(MalformedFile, match="CRC"):
        modelport.open(path).tensors["a"].numpy()


def test_a_storage_is_read_once_and_its_views_once_more() -> None:
    stream = io.BytesIO()
    torch.save({"all": torch.arange(1 << 20, dtype=torch.float32)}, stream)
    source = Counted(stream.getvalue())
    checked = ZipArchive(source).open_checked("archive/data/0")
    source.bytes_read = 0
    assert sum(len(piece) for piece in checked.pieces(0, 4 << 20, 1 << 18, 0)) == 4 << 20
    assert source.bytes_read == 4 << 20
    assert checked.read_at(400, 4) == struct.pack("<f", 100.0)
    assert source.bytes_read == (4 << 20) + 4


class Counted:
    """Bytes that count what was asked for."""

    name = "counted"

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)
        self.bytes_read = 0

    def read_at(self, offset: int, length: int) -> bytes:
        self.bytes_read += length
        return self.data[offset : offset + length]
