"""Words and tables for a terminal of 80 columns."""

from __future__ import annotations

import json
import shutil
import unicodedata
from collections.abc import Sequence
from typing import Any

import click

WIDTH = min(max(shutil.get_terminal_size().columns, 80), 120)
"""Columns: those of the terminal within reason, 80 where there is none."""


def size(count: int | None) -> str:
    """A number of bytes for people: ``325 kB``."""
    if count is None:
        return "? bytes"
    if count < 1000:
        return f"{count} bytes"
    scaled = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        scaled /= 1000
        if scaled < 999.5 or unit == "TB":
            return f"{scaled:.1f} {unit}" if scaled < 9.95 else f"{scaled:.0f} {unit}"
    return f"{count} bytes"


def shape(extents: Sequence[int | str | None] | None) -> str:
    """A shape for people: ``[?, 28, 28, 1]``."""
    if extents is None:
        return "?"
    return "[" + ", ".join("?" if extent is None else str(extent) for extent in extents) + "]"


def clean(text: object) -> str:
    """Text from a file without control characters, so that it cannot steer the terminal."""
    shown = str(text)
    if shown.isprintable():
        return shown
    return "".join(c if unicodedata.category(c)[0] != "C" else "?" for c in shown)


def shorten(text: str, width: int) -> str:
    """At most ``width`` characters, the middle left out."""
    if len(text) <= width:
        return text
    head = (width - 1) // 2
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"


def number(value: object) -> str:
    """A number for people; empty for None."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return clean(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.7g}"


def table(
    header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = (), indent: int = 2
) -> str:
    """Columns that fit the width: the widest ones are shortened; ``right`` are right-aligned."""
    cells = [[clean(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(header), *cells]) for i in range(len(header))]
    room = WIDTH - indent - 2 * (len(header) - 1)
    while sum(widths) > room:
        widest = max(range(len(widths)), key=widths.__getitem__)
        widths[widest] -= 1
    lines = [_line(header, widths, right, indent)]
    lines[0] = click.style(lines[0], dim=True)
    return "\n".join([*lines, *(_line(row, widths, right, indent) for row in cells)])


def _line(row: Sequence[str], widths: Sequence[int], right: Sequence[int], indent: int) -> str:
    fitted = [shorten(cell, width) for cell, width in zip(row, widths, strict=True)]
    padded = [
        cell.rjust(width) if i in right else cell.ljust(width)
        for i, (cell, width) in enumerate(zip(fitted, widths, strict=True))
    ]
    return (" " * indent + "  ".join(padded)).rstrip()


def wrap(label: str, words: str, width: int = 17) -> str:
    """A labelled paragraph, continuation lines indented under its text."""
    import textwrap

    lines = textwrap.wrap(clean(words), WIDTH - width - 2) or [""]
    first = "  " + click.style(label.ljust(width - 2), bold=True) + "  " + lines[0]
    return "\n".join([first, *(" " * (width + 2) + line for line in lines[1:])])


def beside(left: str, right: str, indent: int, width: int) -> str:
    """A short text with a longer one beside it, or below it where the first is too long."""
    import textwrap

    start = indent + width + 2
    lines = textwrap.wrap(clean(right), WIDTH - start) or [""]
    left = clean(left)
    if len(left) > width:
        lines.insert(0, "")
        left = shorten(left, WIDTH - indent)
    first = f"{' ' * indent}{left.ljust(width)}  {lines[0]}".rstrip()
    return "\n".join([first, *(" " * start + line for line in lines[1:])])


def echo_json(value: Any) -> None:
    """Print one JSON value; control characters, of any alphabet, only as escapes."""
    written = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if not written.isprintable():
        written = "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in written)
    click.echo(written)
