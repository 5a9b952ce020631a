from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import ml_dtypes
import numpy as np
import pytest
from tests.model.chains import ramp, stored

from modelport.errors import LimitExceeded, MalformedFile, UnsupportedFeature
from modelport.model.boxes import boxes_of_run, covering_run, pieces_of, volume
from modelport.model.dtype import DTYPES, FLOAT32, FLOAT64, from_numpy
from modelport.model.expression import Expression, concatenate, source
from modelport.model.pieces import read_file_box
from modelport.model.tensor import FileSlice, InMemory, Tensor
from modelport.wire.source import BytesSource

WIDE = [found for found in DTYPES.values() if found.bits >= 8]
NARROW = [found for found in DTYPES.values() if 0 < found.bits < 8]


def packed(codes: np.ndarray, bits: int) -> bytes:
    """An independent packer: one big integer, the first element lowest."""
    total = sum(int(code) << (index * bits) for index, code in enumerate(codes.reshape(-1)))
    return total.to_bytes((codes.size * bits + 7) // 8, "little")


@pytest.mark.parametrize("dtype", WIDE, ids=str)
def test_every_box_of_a_file_slice_equals_numpy(dtype) -> None:
    shape = (3, 4, 5)
    raw = bytes(range(240)) * (dtype.bits // 8)
    raw = raw[: 60 * dtype.bits // 8]
    if dtype.name == "bool":
        raw = bytes(value & 1 for value in raw)
    expected = np.frombuffer(raw, dtype.numpy).reshape(shape)
    data = FileSlice(BytesSource(b"abc" + raw), 3, len(raw), dtype, shape)
    for box in [((0, 3), (0, 4), (0, 5)), ((1, 2), (1, 3), (0, 5)), ((0, 3), (2, 3), (1, 4))]:
        wanted = expected[tuple(slice(start, stop) for start, stop in box)]
        for limit in (1, 16, 1 << 20):
            assert read_file_box(data, box, limit).tobytes() == wanted.tobytes()
    assert data.read_box(((0, 0), (0, 4), (0, 5))).shape == (0, 4, 5)
    tensor = Tensor("t", data)
    assert b"".join(tensor.pieces(7)) == raw
    flipped = Tensor("f", source(tensor).flip(1).transpose(2, 0, 1))
    wanted = expected[:, ::-1].transpose(2, 0, 1)
    assert b"".join(flipped.pieces(10)) == np.ascontiguousarray(wanted).tobytes()


@pytest.mark.parametrize("dtype", NARROW, ids=str)
@pytest.mark.parametrize("shape", [(), (1,), (5,), (3, 5), (4, 3, 2)], ids=str)
def test_packed_types_are_unpacked_and_packed_again(dtype, shape: tuple[int, ...]) -> None:
    count = int(np.prod(shape))
    codes = (np.arange(count) * 7 + 3) % (1 << dtype.bits)
    raw = packed(codes, dtype.bits)
    data = FileSlice(BytesSource(raw), 0, len(raw), dtype, shape)
    if dtype.kind == "int":
        half = 1 << (dtype.bits - 1)
        expected = ((codes + half) % (2 * half) - half).astype(dtype.numpy)
    elif dtype.kind == "uint":
        expected = codes.astype(dtype.numpy)
    else:
        expected = codes.astype(np.uint8).view(dtype.numpy)
    expected = expected.reshape(shape)
    tensor = Tensor("t", data)
    assert tensor.numpy().dtype == dtype.numpy
    assert np.array_equal(tensor.numpy().astype(float), expected.astype(float))
    assert b"".join(tensor.pieces()) == raw
    turned = Tensor("x", source(tensor).transpose())
    wanted = packed(codes.reshape(shape).T, dtype.bits)
    for limit in (1, 2, 3, 1 << 20):
        assert b"".join(turned.pieces(limit)) == wanted
    in_memory = Tensor("m", InMemory(expected))
    assert in_memory.dtype == dtype
    assert b"".join(in_memory.pieces(3)) == raw


@pytest.mark.parametrize("order", ["<", ">"])
def test_values_in_memory_come_out_little_endian(order: str) -> None:
    array = np.arange(12, dtype=order + "i4").reshape(3, 4)
    tensor = Tensor("t", InMemory(array.T))
    wanted = np.ascontiguousarray(array.T).astype("<i4").tobytes()
    assert b"".join(tensor.pieces(5)) == wanted
    assert b"".join(Tensor("s", InMemory(np.array(7, order + "i8"))).pieces()) == b"\7" + bytes(7)


def test_strings_have_no_plain_bytes() -> None:
    tensor = Tensor("s", InMemory(np.array([b"a", b"bc"], object)))
    with pytest.raises(UnsupportedFeature, match="object"):
        list(tensor.pieces())
    assert from_numpy(np.dtype("S3")).name == "string"


def test_pieces_are_no_larger_than_asked_for() -> None:
    tensor = stored(ramp((30, 40)))
    for data in (tensor, Tensor("x", source(tensor).transpose(1, 0))):
        sizes = [len(piece) for piece in data.pieces(1000)]
        assert max(sizes) <= 1000
        assert sum(sizes) == 4800


DERIVATIONS: dict[str, Callable[[Expression], Expression]] = {
    "transposed": lambda e: e.transpose(1, 0),
    "regrouped": lambda e: e.reshape(4, 256, 8, 1024).transpose(3, 2, 0, 1).reshape(1024, -1),
    "across atoms": lambda e: e.reshape(2, 512, 8192).transpose(1, 0, 2).reshape(-1, 64),
    "gates": lambda e: concatenate([e.split(1, 4)[i] for i in (2, 0, 3, 1)], 1).flip(0),
    "strided": lambda e: e.slice(0, None, None, -3).transpose(1, 0),
    "stuck slice": lambda e: e.reshape(-1).slice(0, 5, -6, 2),
}


@pytest.mark.parametrize("name", DERIVATIONS)
def test_memory_stays_bounded_however_values_are_rearranged(name: str) -> None:
    raw = np.arange(1024 * 8192, dtype=np.float32).tobytes()  # 32 MB
    data = FileSlice(BytesSource(raw), 0, len(raw), FLOAT32, (1024, 8192))
    expression = DERIVATIONS[name](source(Tensor("w", data)))
    size = 0
    tracemalloc.start()
    for piece in Tensor("x", expression).pieces(2 << 20):
        size += len(piece)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size == Tensor("x", expression).nbytes
    assert peak < 24 << 20


def test_declared_shapes_are_checked_before_anything_is_read() -> None:
    with pytest.raises(MalformedFile, match="4,000,000,000,000 bytes"):
        FileSlice(BytesSource(b"1234"), 0, 4, FLOAT32, (10**6, 10**6))
    with pytest.raises(LimitExceeded):
        FileSlice(BytesSource(b""), 0, 0, FLOAT64, (0, 1 << 62))
    with pytest.raises(MalformedFile):
        FileSlice(BytesSource(b"1234"), 4, 4, FLOAT32, (1,)).read_box(((0, 1),))


def test_runs_cover_boxes_and_boxes_make_up_runs() -> None:
    shape = (3, 4, 5)
    flat = np.arange(60).reshape(shape)
    for start in range(60):
        for stop in range(start + 1, 61):
            parts = list(boxes_of_run(shape, start, stop))
            cut = [flat[tuple(slice(*pair) for pair in box)].reshape(-1) for box in parts]
            assert np.array_equal(np.concatenate(cut), np.arange(start, stop))
            assert len(parts) <= 5
    run = covering_run(shape, ((1, 2), (1, 3), (2, 4)))
    assert (run.start, run.stop, run.lead) == (25, 35, 1)
    assert sum(volume(box) for box in pieces_of(shape, 7)) == 60
    assert list(pieces_of((), 1)) == [()]


def test_ml_dtypes_are_known_by_name() -> None:
    for dtype in (ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.int4):
        assert from_numpy(np.dtype(dtype)).numpy == np.dtype(dtype)
