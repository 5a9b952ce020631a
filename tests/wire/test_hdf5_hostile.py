from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tests.wire.mutate import run_child
from tests.wire.test_hdf5 import chunked, many_kinds

from modelport.errors import (
    LimitExceeded,
    MalformedFile,
    UnreadableFile,
    UnsafeFile,
    UnsupportedFeature,
)
from modelport.wire.hdf5 import HDF5File
from modelport.wire.source import BytesSource, FileSource


def external_link(file: h5py.File) -> None:
    file["inner/out"] = h5py.ExternalLink("other.h5", "/secret")


def external_storage(file: h5py.File) -> None:
    file.create_dataset("a", (8,), "f4", external=[("passwd", 0, 32)])


def virtual_dataset(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "a", (4,))
    file.create_virtual_dataset("a", layout)


def read_all(path: Path) -> None:
    file = HDF5File(FileSource(path))
    for place in file.datasets():
        file.dataset(place)


@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.parametrize("fill", [external_link, external_storage, virtual_dataset])
def test_what_leads_to_other_files_is_refused(
    made: Callable[..., Path], fill: Callable[[h5py.File], None], libver: str
) -> None:
    with pytest.raises(UnsafeFile):
        read_all(made(fill, libver=libver))


def test_external_links_in_dense_storage_are_refused(made: Callable[..., Path]) -> None:
    def fill(file: h5py.File) -> None:
        for number in range(40):
            file[f"group/{number}"] = h5py.ExternalLink("other.h5", "/a")

    with pytest.raises(UnsafeFile, match="external link"):
        read_all(made(fill, libver="latest"))


def test_circle_of_hard_links_is_walked_once(made: Callable[..., Path]) -> None:
    def fill(file: h5py.File) -> None:
        inner = file.create_group("a/b")
        inner["up"] = file["a"]
        inner["root"] = file["/"]

    file = HDF5File(FileSource(made(fill)))
    assert {path: entry.kind for path, entry in file.entries.items()} == {
        "/": "group",
        "/a": "group",
        "/a/b": "group",
        "/a/b/root": "alias",
        "/a/b/up": "alias",
    }


def test_soft_links_that_lead_nowhere(made: Callable[..., Path]) -> None:
    def fill(file: h5py.File) -> None:
        file["one"], file["two"] = h5py.SoftLink("/two"), h5py.SoftLink("/one")
        file["dangling"] = h5py.SoftLink("/nothing")

    file = HDF5File(FileSource(made(fill)))
    assert file.kind("/dangling") == "soft"
    with pytest.raises(MalformedFile, match="loop"):
        file.dataset("/one")
    with pytest.raises(MalformedFile, match="nothing"):
        file.dataset("/dangling")


def test_group_as_dataset_is_an_error(made: Callable[..., Path]) -> None:
    file = HDF5File(FileSource(made(lambda file: file.create_group("a"))))
    with pytest.raises(MalformedFile, match="a group"):
        file.dataset("/a")


@pytest.mark.parametrize("options", [{}, {"chunks": (1 << 20,), "compression": "gzip"}], ids=str)
def test_declared_terabytes_are_refused(made: Callable[..., Path], options: dict[str, Any]) -> None:
    path = made(lambda file: file.create_dataset("a", (1 << 40,), "f4", **options))
    with pytest.raises(LimitExceeded, match="declared"):
        read_all(path)


def test_chunk_that_grows_over_its_size_is_refused(made: Callable[..., Path]) -> None:
    path = made(
        lambda file: file.create_dataset(
            "a", data=np.zeros(1 << 16, "u1"), chunks=(1 << 16,), compression="gzip"
        )
    )
    data = bytearray(path.read_bytes())
    place = data.index(struct.pack("<BBBQII", 3, 2, 2, data_address(data), 1 << 16, 1))
    data[place + 11 : place + 15] = struct.pack("<I", 1 << 10)
    dataset = HDF5File(BytesSource(data)).dataset("/a")
    with pytest.raises(MalformedFile, match="compressed chunk"):
        dataset.read_box(((0, 16),))


def data_address(data: bytes) -> int:
    """Where the chunk B-tree of the only dataset is (node type 1)."""
    return data.index(b"TREE\x01")


def test_groups_too_deep_are_refused(made: Callable[..., Path]) -> None:
    path = made(lambda file: file.create_group("/".join("d" * 70)))
    with pytest.raises(LimitExceeded, match="depth"):
        read_all(path)


def test_unknown_filter_shows_shape_but_no_values(made: Callable[..., Path]) -> None:
    path = made(
        lambda file: file.create_dataset("a", data=np.arange(100), compression="lzf", chunks=(10,))
    )
    dataset = HDF5File(FileSource(path)).dataset("/a")
    assert dataset.shape == (100,)
    with pytest.raises(UnsupportedFeature, match="lzf"):
        dataset.read_box(((0, 100),))


def test_new_chunk_index_shows_shape_but_no_values(made: Callable[..., Path]) -> None:
    path = made(
        lambda file: file.create_dataset("a", data=np.arange(100), chunks=(10,)), libver="latest"
    )
    dataset = HDF5File(FileSource(path)).dataset("/a")
    assert dataset.shape == (100,)
    with pytest.raises(UnsupportedFeature, match="version 4"):
        dataset.read_box(((0, 100),))


def continuation(version: int, target: int, length: int) -> bytes:
    """A message that says where the header goes on."""
    if version == 1:
        return struct.pack("<HHB3xQQ", 16, 16, 0, target, length)
    return struct.pack("<BHBQQ", 16, 16, 0, target, length)


def new_header_in_a_circle(file: bytes) -> bytes:
    data = bytearray(file)
    place, block = data.index(b"OHDR"), len(data)
    first = place + (23 if data[place + 5] & 0x20 else 7)
    data[first : first + 20] = continuation(2, block, 28)
    data += b"OCHK" + continuation(2, block, 28) + bytes(4)
    data[28:36] = struct.pack("<Q", len(data))
    return bytes(data)


def old_header_in_a_circle(file: bytes) -> bytes:
    data, place = bytearray(file), len(file)
    data += struct.pack("<BBHIII", 1, 0, 65535, 1, 24, 0) + continuation(1, place + 16, 24)
    data[64:72], data[40:48] = struct.pack("<Q", place), struct.pack("<Q", len(data))
    return bytes(data)


def flood_of_empty_messages(file: bytes) -> bytes:
    data = bytearray(file)
    place, block = data.index(b"OHDR"), len(data)
    first = place + (23 if data[place + 5] & 0x20 else 7)
    data[first : first + 20] = continuation(2, block, 4 << 20)
    data += b"OCHK" + bytes(4 << 20)
    data[28:36] = struct.pack("<Q", len(data))
    return bytes(data)


@pytest.mark.parametrize(
    ("libver", "spoil"),
    [
        ("latest", new_header_in_a_circle),
        ("earliest", old_header_in_a_circle),
        ("latest", flood_of_empty_messages),
    ],
)
def test_endless_headers_end_soon(
    made: Callable[..., Path], libver: str, spoil: Callable[[bytes], bytes]
) -> None:
    data = spoil(made(lambda file: file.create_group("a"), libver=libver).read_bytes())
    start = time.process_time()
    with pytest.raises(LimitExceeded):
        read_bytes(data)
    assert time.process_time() - start < 3


def read_bytes(data: bytes) -> None:
    file = HDF5File(BytesSource(data))
    for place in file.datasets():
        file.dataset(place)


def test_not_hdf5() -> None:
    with pytest.raises(MalformedFile, match="signature"):
        HDF5File(BytesSource(b"PK\x03\x04" + bytes(600)))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile):
        FileSource(tmp_path / "nothing.h5")


def test_cut_at_every_length(made: Callable[..., Path]) -> None:
    path = made(lambda file: file.create_dataset("group/a", data=np.arange(10.0)))
    data = path.read_bytes()
    for length in range(0, len(data), 7):
        with pytest.raises(MalformedFile):
            read_bytes(data[:length])


FUZZ = """
    import signal, sys, pathlib
    from tests.wire.mutate import mutations
    from modelport.errors import ModelportError
    from modelport.wire.hdf5 import HDF5File
    from modelport.wire.source import BytesSource

    def read(data):
        file = HDF5File(BytesSource(data))
        for path, entry in file.entries.items():
            file.attributes(path)
            if entry.kind == "dataset":
                dataset = file.dataset(path)
                if dataset.nbytes < 1 << 24:
                    dataset.read_box(tuple((0, extent) for extent in dataset.shape))

    errors = 0
    data = pathlib.Path(sys.argv[1]).read_bytes()
    for number, broken in enumerate(mutations(data, int(sys.argv[2]), int(sys.argv[3]))):
        signal.alarm(10)
        try:
            read(broken)
        except ModelportError:
            errors += 1
        signal.alarm(0)
    print("errors", errors)
"""


@pytest.mark.parametrize("options", [{}, {"libver": "latest", "track_order": True}], ids=str)
def test_mutations_end_in_typed_errors(made: Callable[..., Path], options: dict[str, Any]) -> None:
    def fill(file: h5py.File) -> None:
        many_kinds(file)
        if not options:
            chunked(file)
        for number in range(30):
            file.attrs[f"more {number}"] = number
            file[f"wide/{number}"] = number

    path = made(fill, **options)
    out = run_child(FUZZ, os.fspath(path), "11", "400")
    assert out.startswith("errors "), out
    assert int(out.split()[1]) > 25
