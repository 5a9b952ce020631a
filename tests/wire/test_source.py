from __future__ import annotations

import os
from pathlib import Path

import pytest

from modelport.errors import MalformedFile, UnreadableFile
from modelport.wire.source import BytesSource, FileSource, SliceSource


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
