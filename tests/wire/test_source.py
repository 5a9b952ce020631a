from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from modelport.errors import MalformedFile, UnreadableFile
from modelport.wire.source import ByteSource, BytesSource, FileSource, SliceSource, copy_range


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
def test_ranges_are_copied_behind_what_was_written(
    kernel: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytes(range(256)) * 5000
    (tmp_path / "source").write_bytes(data)
    monkeypatch.setattr("modelport.wire.source.SENT_BYTES", 100_000)
    if kernel == "short":
        copy = os.copy_file_range
        monkeypatch.setattr(os, "copy_file_range", lambda a, b, n, at: copy(a, b, n // 3, at))
    elif kernel == "refuses":
        monkeypatch.setattr(os, "copy_file_range", refused)
    elif kernel == "missing":
        monkeypatch.delattr(os, "copy_file_range")
    with FileSource(tmp_path / "source") as file, (tmp_path / "target").open("wb") as target:
        source: ByteSource = BytesSource(data) if kind == "memory" else file
        if kind == "window":
            source = SliceSource(SliceSource(file, 3, 900_000, "outer"), 4, 800_000, "inner")
        target.write(b"head")
        copy_range(source, 10, 700_001, target)
        target.write(b"tail")
    start = 17 if kind == "window" else 10
    assert (tmp_path / "target").read_bytes() == b"head" + data[start : start + 700_001] + b"tail"


def test_no_range_past_the_end_is_copied(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(bytes(100))
    with FileSource(tmp_path / "source") as file, (tmp_path / "target").open("wb") as target:
        for source in (file, SliceSource(file, 10, 20, "window")):
            with pytest.raises(MalformedFile):
                copy_range(source, 0, source.size + 1, target)
    assert not (tmp_path / "target").read_bytes()
