"""Scanning from Python."""

from __future__ import annotations

from pathlib import Path

import modelport

FILES = Path(__file__).parents[1] / "files"


def test_one_path_is_as_good_as_several() -> None:
    path = FILES / "pytorch" / "state_dict.pt"
    found = modelport.scan([path])
    assert [each["level"] for each in found["files"]] == ["inert"]
    assert modelport.scan(path) == modelport.scan(str(path)) == found
