from __future__ import annotations

import errno
import os
import random
from pathlib import Path

import pytest

from modelport.errors import MalformedFile, UnreadableFile
from modelport.wire.copy import copy_range, same_range
from modelport.wire.source import (
    COPY_BYTES,
    PAGE_BYTES,
    ByteSource,
    BytesSource,
    FileSource,
    SliceSource,
)


def test_ranges_are_checked_before_anything_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"0123456789")
    with FileSource(path) as source:
        assert source.read_at(2, 3) == b"234"
        assert source.bytes_read == 3
        for offset, length in ((8, 3), (-1, 2), (0, 1 << 60), (11, 0)):
            with pytest.raises(MalformedFile):
                source.read_at(offset, length)
    window = SliceSource(BytesSource(b"0123456789"), 2, 4, "window")
    assert window.read_at(1, 3) == b"345"
    with pytest.raises(MalformedFile):
        window.read_at(2, 3)


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "nul"])
def test_what_is_no_regular_file_is_one_error(kind: str, tmp_path: Path) -> None:
    path = tmp_path / ("a" if kind != "nul" else "a\0b")
    if kind == "folder":
        path.mkdir()
    if kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(UnreadableFile):
        FileSource(path)


def refused(*_: int) -> int:
    raise OSError(errno.EXDEV, "Invalid cross-device link")


@pytest.mark.parametrize("kernel", ["whole", "short", "refuses", "missing"])
@pytest.mark.parametrize("kind", ["file", "window", "memory"])
@pytest.mark.parametrize("offset", [10, 4109, 4106])
def test_ranges_are_copied_behind_what_was_written(
    offset: int, kernel: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = random.Random(1).randbytes(1_280_000)
    (tmp_path / "source").write_bytes(data)
    monkeypatch.setattr("modelport.wire.source.SENT_BYTES", 100_000)
    sent: list[int] = []
    copy = os.copy_file_range

    def counted(a: int, b: int, length: int, at: int) -> int:
        sent.append(copy(a, b, length // 3 if kernel == "short" else length, at))
        return sent[-1]

    monkeypatch.setattr(os, "copy_file_range", refused if kernel == "refuses" else counted)
    if kernel == "missing":
        monkeypatch.delattr(os, "copy_file_range")
    head = b"h" * (4096 + 13)
    with FileSource(tmp_path / "source") as file, (tmp_path / "target").open("wb") as target:
        source: ByteSource = BytesSource(data) if kind == "memory" else file
        if kind == "window":
            source = SliceSource(SliceSource(file, 3, 900_000, "outer"), 0, 800_000, "inner")
        target.write(head)
        copy_range(source, offset, 700_001, target)
        target.write(b"tail")
    start = offset + 3 if kind == "window" else offset
    assert (tmp_path / "target").read_bytes() == head + data[start : start + 700_001] + b"tail"
    # By the kernel exactly where both stand at the same place of a page.
    able = kernel in ("whole", "short") and kind != "memory"
    assert bool(sent) == (able and start % PAGE_BYTES == len(head) % PAGE_BYTES)


@pytest.mark.parametrize("size", [0, 1, 4096, COPY_BYTES - 1, COPY_BYTES, 3 * COPY_BYTES + 5])
def test_ranges_are_the_same_only_where_every_byte_is(size: int, tmp_path: Path) -> None:
    data = random.Random(2).randbytes(size)
    (tmp_path / "a").write_bytes(b"front" + data + b"back")
    for place in sorted({0, size // 2, size - 1} if size else {}):
        other = bytearray(data)
        other[place] ^= 1
        (tmp_path / "b").write_bytes(other)
        with FileSource(tmp_path / "a") as a, FileSource(tmp_path / "b") as b:
            assert not same_range(a, 5, b, 0, size)
            assert not same_range(BytesSource(data), 0, b, 0, size)
            assert same_range(a, 5, SliceSource(BytesSource(data), 0, size, "x"), 0, size)
    with FileSource(tmp_path / "a") as a:
        assert same_range(a, 5, a, 5, size)
        with pytest.raises(MalformedFile):
            same_range(a, 5, BytesSource(data), 0, size + 1)


def test_reading_into_memory_goes_on_where_the_system_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytes(range(256))
    (tmp_path / "a").write_bytes(data)
    read = os.preadv
    monkeypatch.setattr(os, "preadv", lambda fd, views, at: read(fd, [views[0][:10]], at))
    target = memoryview(bytearray(100))
    with FileSource(tmp_path / "a") as file:
        file.read_into(7, target)
        assert (target, file.bytes_read) == (data[7:107], 100)
        monkeypatch.setattr("modelport.wire.source._READS_INTO_MEMORY", False)
        file.read_into(20, target)
        assert target == data[20:120]
        with pytest.raises(MalformedFile):
            file.read_into(200, target)


def test_no_range_past_the_end_is_copied(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(bytes(100))
    with FileSource(tmp_path / "source") as file, (tmp_path / "target").open("wb") as target:
        for source in (file, SliceSource(file, 10, 20, "window")):
            with pytest.raises(MalformedFile):
                copy_range(source, 0, source.size + 1, target)
    assert not (tmp_path / "target").read_bytes()
