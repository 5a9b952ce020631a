"""Output appears complete or not at all; what is there is replaced only when asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.samples import FILES, WRITERS

import modelport
from modelport.errors import ConversionError, OutputExists, UnreadableFile
from modelport.formats.format import Format
from modelport.wire.output import Output

SOURCE = FILES / "safetensors" / "plain.safetensors"


def test_nothing_is_left_when_writing_fails(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), Output(tmp_path / "a.bin") as output:
        output.path.write_bytes(b"half")
        output.companion("a.data").write_bytes(b"half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_companions_appear_with_their_entry(tmp_path: Path) -> None:
    with Output(tmp_path / "a.bin") as output:
        output.path.write_bytes(b"entry")
        output.companion("a.data").write_bytes(b"rest")
        assert [path.name for path in tmp_path.glob("[!.]*")] == []
        output.publish()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.bin", "a.data"]


def test_an_existing_file_is_replaced_only_when_asked(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    with pytest.raises(OutputExists):
        Output(target)
    with Output(target, overwrite=True) as output:
        output.path.write_bytes(b"new")
        assert target.read_bytes() == b"old"
        output.publish()
    assert target.read_bytes() == b"new"


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile):
        Output(tmp_path / "none" / "a.bin")


@pytest.mark.parametrize("found", WRITERS, ids=[found.name for found in WRITERS])
def test_a_conversion_that_fails_leaves_nothing(found: Format, tmp_path: Path) -> None:
    target = tmp_path / f"a{found.extensions[0]}"
    try:
        modelport.convert(SOURCE, target, to=found.name)
    except ConversionError:
        assert list(tmp_path.iterdir()) == []
    else:
        assert [path.name for path in tmp_path.iterdir()] == [target.name]
        with pytest.raises(OutputExists):
            modelport.convert(SOURCE, target, to=found.name)
