"""The table of formats on a terminal."""

from __future__ import annotations

import json

from tests.cli.test_main import run

from modelport.commands.formats import markdown


def test_the_table_fits_and_names_every_format() -> None:
    lines = run("formats").stdout.splitlines()
    assert all(len(line) <= 80 for line in lines)
    for row in json.loads(run("formats", "--json").stdout)["formats"]:
        assert sum(line.split()[:1] == [row["name"]] for line in lines) == 2
        assert any(row["specification"] in line for line in lines)


def test_markdown_is_the_document() -> None:
    assert run("formats", "--markdown").stdout == markdown()
