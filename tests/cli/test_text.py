"""Text on a terminal: columns are those of the terminal, not characters."""

from __future__ import annotations

import click
import pytest
from rich.cells import cell_len

from modelport.cli import text

NAMES = ["dense_1", "日本語のレイヤー名前がとても長いものです" * 3, "e\u0301\u0301a", "x" * 200, ""]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [1, 2, 7, 20, 61])
def test_nothing_is_wider_than_its_column(name: str, width: int) -> None:
    assert text.columns(name) == cell_len(name)
    assert cell_len(text.shorten(name, width)) <= width
    assert all(cell_len(line) <= max(width, 2) for line in text.lines(f"a {name} b", width))
    assert "".join(text.lines(f"a {name} b", width)).replace(" ", "") == f"a{name}b"


def test_a_table_fits_and_numbers_stay_whole() -> None:
    rows = [[name, name, "123,456,789", "?×28×28×1"] for name in NAMES]  # noqa: RUF001
    table = text.table(["layer", "type", "params", "output"], [*rows, ["… 3 more"]], [2])
    shown = click.unstyle(table)
    assert all(cell_len(line) <= 80 for line in shown.splitlines())
    assert shown.count("123,456,789") == len(NAMES)
    assert "  … 3 more\n" in shown + "\n"


def test_a_shape_is_not_broken() -> None:
    assert text.lines("name [1, 2, 3]", 12) == ["name", "[1, 2, 3]"]


def test_items_are_folded() -> None:
    shown = text.folded([f"item {i}" for i in range(100_000)], most=2)
    assert len(text.lines(shown, text.WIDTH - 19)) <= 2
    assert shown.endswith("more (--json shows all)")
    assert text.folded([]) == ""
    assert text.folded(["one"]) == "one"


def test_nouns_agree_with_their_number() -> None:
    assert text.counted(1, "tensor") == "1 tensor"
    assert text.counted(1200, "tensor") == "1,200 tensors"
    assert text.size(1) == "1 byte"
