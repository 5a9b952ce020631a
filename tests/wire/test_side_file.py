"""Side files: only plain files inside the folder (or one allowed beside it) open."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modelport.errors import MalformedFile, ModelportError, UnreadableFile, UnsafeFile
from modelport.wire.side_file import SideFile


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "model"
    (home / "inner").mkdir(parents=True)
    (home / "data.bin").write_bytes(b"0123456789")
    (home / "inner" / "data.bin").write_bytes(b"inner")
    (tmp_path / "outside.bin").write_bytes(b"secret")
    return home


def test_reads_inside(folder: Path) -> None:
    side = SideFile("model", folder, "data.bin")
    assert side.size == 10
    assert side.read_at(2, 3) == b"234"
    assert SideFile("model", folder, "inner/data.bin").read_at(0, 5) == b"inner"
    with pytest.raises(MalformedFile):
        side.read_at(8, 3)


@pytest.mark.parametrize(
    "name",
    [
        "../outside.bin",
        "inner/../../outside.bin",
        "/etc/hostname",
        "C:\\data.bin",
        "data.bin\0.txt",
        "link.bin",
        "chain.bin",
        "hard.bin",
        "out/outside.bin",
        "inner",
        ".",
        "",
        "pipe",
        "loop",
    ],
)
def test_refuses(folder: Path, name: str) -> None:
    (folder / "link.bin").symlink_to(folder.parent / "outside.bin")
    (folder / "chain.bin").symlink_to("link.bin")
    (folder / "out").symlink_to(folder.parent)
    (folder / "loop").symlink_to("loop")
    os.link(folder.parent / "outside.bin", folder / "hard.bin")
    os.mkfifo(folder / "pipe")
    with pytest.raises((UnsafeFile, UnreadableFile)):
        SideFile("model", folder, name)


def test_missing(folder: Path) -> None:
    with pytest.raises(UnreadableFile, match="no such file"):
        SideFile("model", folder, "none.bin")
    with pytest.raises(ModelportError):
        SideFile("model", folder, "n" * 5000)


def test_another_folder_may_be_allowed(folder: Path) -> None:
    cache = folder.parent / "cache"
    cache.mkdir()
    (cache / "blob").write_bytes(b"blob")
    (folder / "link.bin").symlink_to(cache / "blob")
    with pytest.raises(UnsafeFile):
        SideFile("model", folder, "link.bin")
    assert SideFile("model", folder, "link.bin", cache).read_at(0, 4) == b"blob"


def test_a_replaced_file_is_noticed(folder: Path) -> None:
    side = SideFile("model", folder, "data.bin")
    (folder / "new.bin").write_bytes(b"x" * 10)
    (folder / "new.bin").replace(folder / "data.bin")
    with pytest.raises(UnreadableFile, match="changed while"):
        side.read_at(0, 1)
    os.utime(folder / "inner" / "data.bin", ns=(1, 1))
    inner = SideFile("model", folder, "inner/data.bin")
    assert inner.read_at(0, 5) == b"inner"
    (folder / "inner" / "data.bin").write_bytes(b"other")
    with pytest.raises(UnreadableFile, match="changed while"):
        inner.read_at(0, 5)
    (folder / "data.bin").unlink()
    (folder / "data.bin").symlink_to(folder.parent / "outside.bin")
    with pytest.raises(UnreadableFile):
        side.read_at(0, 1)
