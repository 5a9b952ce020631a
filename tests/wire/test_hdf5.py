from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tests.corpus import SHARED, corpus, needs_shared

from modelport.errors import (
    MalformedFile,
)
from modelport.wire.hdf5 import HDF5File, Opaque
from modelport.wire.hdf5 import chunks as hdf5_chunks
from modelport.wire.hdf5.chunks import Chunk, ChunkCache
from modelport.wire.source import ByteSource, BytesSource, FileSource

REAL = [
    path
    for path in corpus("keras_h5_full", "keras_h5_weights", "h5_other")
    if not path.endswith(".json")
]
TRUTH = sorted(str(path.relative_to(SHARED)) for path in (SHARED / "truth").glob("keras*/*/*.h5"))


def whole(dataset: Any) -> Any:
    return dataset.read_box(tuple((0, extent) for extent in dataset.shape))


def native(array: Any) -> Any:
    return array.astype(array.dtype.newbyteorder("="))


def same_attribute(ours: Any, theirs: Any) -> bool:
    if isinstance(theirs, h5py.Empty):
        return ours is None
    if isinstance(theirs, np.ndarray) and theirs.dtype.kind in "SO":
        plain = [item.decode() if isinstance(item, bytes) else item for item in theirs.ravel()]
        return list(ours) == plain
    if isinstance(theirs, bytes):
        return ours == theirs.decode()
    return bool(np.array_equal(ours, theirs))


def compare(path: Path) -> int:
    """Hold every object of a file against h5py; the number of datasets."""
    ours, datasets = HDF5File(FileSource(path)), 0
    with h5py.File(path) as theirs:
        seen = []
        theirs.visit(lambda name: seen.append(f"/{name}"))
        assert set(seen) <= set(ours.entries)
        for place, entry in ours.entries.items():
            if entry.kind in ("soft", "alias", "datatype"):
                continue
            expected = theirs[place]
            assert isinstance(expected, h5py.Dataset) == (entry.kind == "dataset")
            found = ours.attributes(place)
            assert set(found) == set(expected.attrs)
            for name, value in expected.attrs.items():
                assert same_attribute(found[name], value), (place, name)
            if entry.kind == "dataset":
                datasets += 1
                check_dataset(ours.dataset(place), expected)
    return datasets


def check_dataset(ours: Any, theirs: h5py.Dataset) -> None:
    if theirs.shape is None:
        assert ours.shape == (0,)
        return
    expected = np.asarray(theirs[()])
    found = whole(ours)
    assert found.shape == expected.shape == ours.shape
    if ours.element.numeric:
        assert found.dtype == native(expected).dtype
        assert found.tobytes() == native(expected).tobytes()
    else:
        assert (found == expected).all()


@needs_shared
@pytest.mark.parametrize("path", REAL)
def test_real_file_equals_h5py(path: str) -> None:
    compare(SHARED / "corpus" / path)


@needs_shared
@pytest.mark.parametrize("path", TRUTH)
def test_truth_file_equals_h5py(path: str) -> None:
    assert compare(SHARED / path) > 0


def many_kinds(file: h5py.File) -> None:
    rng = np.random.default_rng(7)
    for kind in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"):
        for order in "<>":
            values = (rng.random((3, 5)) * 90).astype(order + kind)
            file[f"numbers/{order}{kind}"] = values
    file["bool"] = np.array([[True, False], [False, True]])
    file["scalar"] = np.float32(2.5)
    file["empty"] = h5py.Empty("f4")
    file["nothing"] = np.zeros((0, 4), "f4")
    file["fixed"] = np.array([b"ab", b"", b"abcd"])
    file.create_dataset("texts", data=["one", "", "zw\u00f6lf"], dtype=h5py.string_dtype())
    file["records"] = np.array([(1, 2.0), (3, 4.0)], dtype=[("a", "i4"), ("b", "f8")])
    file["kind"] = np.dtype("f4")
    file.create_dataset("typed", data=np.arange(3, dtype="f4"), dtype=file["kind"])
    file["soft"] = h5py.SoftLink("/numbers/<f4")
    file.attrs["none"] = h5py.Empty("f4")
    file.attrs["list"] = ["a", "bc"]
    file.attrs["numbers"] = np.arange(6.0).reshape(2, 3)
    file.attrs["flag"] = True
    file.attrs["big"] = np.arange(3, dtype=">i4")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"libver": "latest"},
        {"track_order": True},
        {"userblock_size": 1024},
        {"libver": "latest", "track_order": True},
    ],
    ids=str,
)
def test_all_kinds_in_all_versions(made: Callable[..., Path], options: dict[str, Any]) -> None:
    path = made(many_kinds, **options)
    file = HDF5File(FileSource(path))
    with h5py.File(path) as theirs:
        for place in file.datasets():
            if place == "/records":
                assert whole(file.dataset(place)).tobytes() == theirs[place][()].tobytes()
            else:
                check_dataset(file.dataset(place), theirs[place])
        assert file.kind("/kind") == "datatype"
        assert file.dataset("/soft").element.name == "float32"
        for name, value in theirs.attrs.items():
            assert same_attribute(file.attributes()[name], value), name


def chunked(file: h5py.File) -> None:
    rng = np.random.default_rng(3)
    values = rng.integers(0, 9, (37, 23)).astype("f4")
    for name, options in {
        "plain": {},
        "gzip": {"compression": "gzip"},
        "shuffled": {"compression": "gzip", "shuffle": True},
        "checked": {"compression": "gzip", "shuffle": True, "fletcher32": True},
        "summed": {"fletcher32": True},
        "filled": {"fillvalue": 7.5},
    }.items():
        if name == "filled":
            file.create_dataset(name, (37, 23), "f4", chunks=(8, 8), **options)[:9, :9] = 1
        else:
            file.create_dataset(name, data=values, chunks=(8, 8), **options)
    file.create_dataset("odd", data=np.arange(1001, dtype="i8"), chunks=(333,), shuffle=True)
    file.create_dataset(
        "text", data=["x" * n for n in range(9)], dtype=h5py.string_dtype(), chunks=(4,)
    )
    file.create_dataset("unwritten", (4, 4), "f4", fillvalue=3)


def test_chunks_equal_h5py(made: Callable[..., Path]) -> None:
    assert compare(made(chunked)) == 9


def test_box_of_chunks_reads_only_its_part(made: Callable[..., Path]) -> None:
    path = made(chunked)
    dataset = HDF5File(FileSource(path)).dataset("/checked")
    with h5py.File(path) as theirs:
        for box in (((0, 1), (0, 1)), ((7, 20), (5, 23)), ((36, 37), (22, 23)), ((5, 5), (0, 3))):
            rows, columns = (slice(start, stop) for start, stop in box)
            assert (dataset.read_box(box) == theirs["checked"][rows, columns]).all()


def test_wrong_checksum_is_found(made: Callable[..., Path]) -> None:
    path = made(lambda file: file.create_dataset("a", data=np.arange(64.0), fletcher32=True))
    data = bytearray(path.read_bytes())
    place = data.index(np.float64(33).tobytes())
    data[place + 1] ^= 1
    with pytest.raises(MalformedFile, match="Fletcher32"):
        whole(HDF5File(BytesSource(data)).dataset("/a"))


def test_order_is_that_of_the_file(made: Callable[..., Path]) -> None:
    def fill(file: h5py.File) -> None:
        for name in ("zebra", "apple", "mango"):
            file.create_group(name)

    assert HDF5File(FileSource(made(fill, track_order=True))).links("/") == [
        "zebra",
        "apple",
        "mango",
    ]


def test_dense_groups_and_attributes(made: Callable[..., Path]) -> None:
    def fill(file: h5py.File) -> None:
        for number in range(300):
            file.create_dataset(f"group/{number}", data=number)
            file.attrs[f"attribute {number}"] = f"value {number}"

    assert compare(made(fill, libver="latest", track_order=True)) == 300


def test_listing_reads_no_values(made: Callable[..., Path]) -> None:
    path = made(lambda file: file.create_dataset("a", data=np.zeros(2_000_000)))
    source = FileSource(path)
    dataset = HDF5File(source).dataset("/a")
    assert (dataset.shape, dataset.nbytes) == ((2_000_000,), 16_000_000)
    assert source.bytes_read < 10_000


def test_opaque_attribute_is_shown(made: Callable[..., Path]) -> None:
    def fill(file: h5py.File) -> None:
        file.attrs["record"] = np.array((1, 2.0), dtype=[("a", "i4"), ("b", "f8")])

    found = HDF5File(FileSource(made(fill))).attributes()["record"]
    assert isinstance(found, Opaque)
    assert found.what == "compound"


@pytest.mark.parametrize(
    ("chunks", "limit", "decoded"),
    [
        ((64, 64), 64 << 20, 1),  # one chunk, many pieces
        ((64, 64), 0, 1),  # also where it is over the limit
        ((16, 16), 64 << 20, 16),  # each once, while a row of them fits
        ((64, 1), 64 << 20, 64),
        ((64, 32), 1 << 12, 64 * 2),  # pieces that go to and fro in too little room
    ],
)
def test_a_chunk_is_decoded_once(
    chunks: tuple[int, int],
    limit: int,
    decoded: int,
    made: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = np.arange(64 * 64, dtype="f4").reshape(64, 64)
    path = made(
        lambda file: file.create_dataset("a", data=values, chunks=chunks, compression="gzip")
    )
    calls: list[Chunk] = []
    sizes: list[int] = []
    read = hdf5_chunks.read_chunk

    def counted(source: ByteSource, chunk: Chunk, *more: Any) -> bytes:
        calls.append(chunk)
        return read(source, chunk, *more)

    monkeypatch.setattr(hdf5_chunks, "read_chunk", counted)
    file = HDF5File(FileSource(path))
    file._chunks = ChunkCache(file.source, limit)
    found = []
    for row in range(64):  # a new dataset each time, as commands that go over a file twice make
        found.append(file.dataset("/a").read_box(((row, row + 1), (0, 64))))
        sizes.append(sum(len(data) for data in file._chunks._kept.values()))
    assert np.array_equal(np.concatenate(found), values)
    assert len(calls) == decoded
    assert max(sizes) <= max(limit, 4 * chunks[0] * chunks[1])
