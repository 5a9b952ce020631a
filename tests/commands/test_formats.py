from __future__ import annotations

from pathlib import Path

from modelport.commands.formats import formats, markdown
from modelport.model.component import Component

DOCUMENT = Path(__file__).parents[2] / "docs" / "formats.md"


def test_the_document_is_what_the_code_says() -> None:
    assert DOCUMENT.read_text() == markdown()


def test_every_sample_of_the_document_is_there() -> None:
    for row in formats()["formats"]:
        assert set(row["components"]) == {str(part) for part in Component}
        for sample in row["samples"].values():
            assert (DOCUMENT.parents[1] / "tests" / "files" / sample).is_file()
