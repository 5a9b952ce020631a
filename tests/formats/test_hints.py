"""Files that no format claims: the message says what they are, where that helps."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from tests.samples import FILES

import modelport
from modelport.errors import UnknownFormat

with zipfile.ZipFile(FILES / "keras-v3" / "gru_rmsprop.keras") as _archive:
    CONFIG = _archive.read("config.json")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "it is empty"),
        (CONFIG, "Keras model and no weights"),
        (json.dumps(CONFIG.decode()).encode(), "Keras model and no weights"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
        (b'{"a": 1}', "any format modelport knows$"),
        (b"[" * 5000, "any format modelport knows$"),
        (b"x", "any format modelport knows$"),
    ],
    ids=["empty", "architecture", "text", "pointer", "json", "deep", "byte"],
)
def test_what_it_is(data: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_bytes(data)
    with pytest.raises(UnknownFormat, match=told):
        modelport.open(path)
