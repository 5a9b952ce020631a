"""Words and tables for a terminal of 80 columns."""

from __future__ import annotations

import json
import os
import re
import shutil
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click

WIDTH = min(max(shutil.get_terminal_size().columns, 80), 120)
"""Columns: those of the terminal within reason, 80 where there is none."""

NARROWEST = 12
"""To how many columns a text in a table is cut before numbers and shapes are."""


_SPACE = re.compile(r" (?![^\[\]]*\])")
"""Where a line may be broken: not inside a shape."""


def colours() -> bool | None:
    """Whether to colour: as NO_COLOR and FORCE_COLOR say, else (None) only on a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    return True if os.environ.get("FORCE_COLOR", "0") not in ("", "0") else None


def size(count: int | None) -> str:
    """A number of bytes for people: ``325 kB``."""
    if count is None:
        return "? bytes"
    if count < 1000:
        return counted(count, "byte")
    scaled = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        scaled /= 1000
        if scaled < 999.5 or unit == "TB":
            return f"{scaled:.1f} {unit}" if scaled < 9.95 else f"{scaled:.0f} {unit}"
    return f"{count} bytes"


def counted(count: int, thing: str) -> str:
    """A number with its noun: ``1 tensor``, ``1,200 tensors``."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


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


def columns(text: str) -> int:
    """How many columns of a terminal a text takes: two for a Chinese character."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _start(text: str, width: int) -> str:
    """As much of the beginning of a text as fits."""
    if text.isascii():
        return text[:width]
    taken = 0
    for index, character in enumerate(text):
        taken += _columns(character)
        if taken > width:
            return text[:index]
    return text


def shorten(text: str, width: int) -> str:
    """At most ``width`` columns, the middle left out."""
    if columns(text) <= width:
        return text
    head = _start(text, (width - 1) // 2)
    return f"{head}…{_start(text[::-1], width - 1 - columns(head))[::-1]}"


def pad(text: str, width: int) -> str:
    """A text with spaces behind it, ``width`` columns in all."""
    return text + " " * (width - columns(text))


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
    """Columns that fit the width; ``right`` are right-aligned, a row of one cell goes across all.

    The first two are shortened first, the widest of them before the other, then the widest of all.
    """
    cells = [[clean(cell) for cell in row] for row in rows]
    full = [list(header), *(row for row in cells if len(row) > 1)]
    widths = [max(columns(row[i]) for row in full) for i in range(len(header))]
    room = WIDTH - indent - 2 * (len(header) - 1)
    while sum(widths) > room:
        soft = [i for i in range(min(2, len(widths))) if widths[i] > NARROWEST]
        widest = max(soft or range(len(widths)), key=widths.__getitem__)
        widths[widest] -= 1
    lines = [_line(header, widths, right, indent)]
    lines[0] = click.style(lines[0], dim=True)
    return "\n".join([*lines, *(_line(row, widths, right, indent) for row in cells)])


def _line(row: Sequence[str], widths: Sequence[int], right: Sequence[int], indent: int) -> str:
    if len(row) == 1:
        return " " * indent + row[0]
    padded = []
    for i, (cell, width) in enumerate(zip(row, widths, strict=True)):
        fitted = shorten(cell, width)
        space = " " * (width - columns(fitted))
        padded.append(space + fitted if i in right else fitted + space)
    return (" " * indent + "  ".join(padded)).rstrip()


def lines(words: str, width: int) -> list[str]:
    """A text broken into lines of at most ``width`` columns, one at least."""
    broken: list[str] = []
    line = ""
    for word in _SPACE.split(clean(words)):
        joined = f"{line} {word}" if line else word
        if columns(joined) <= width:
            line = joined
            continue
        *full, line = [*([line] if line else []), *_parts(word, width)]
        broken += full
    return [*broken, line]


def _parts(word: str, width: int) -> Iterator[str]:
    while columns(word) > width:
        part = _start(word, width) or word[0]  # a wide character needs two columns all the same
        yield part
        word = word[len(part) :]
    yield word


def wrap(label: str, words: str, width: int = 17) -> str:
    """A labelled paragraph, continuation lines indented under its text."""
    first, *others = lines(words, WIDTH - width - 2)
    start = "  " + click.style(pad(label, width - 2), bold=True) + "  "
    return "\n".join([start + first, *(" " * (width + 2) + line for line in others)])


def folded(
    items: Sequence[str],
    separator: str = ", ",
    *,
    most: int = 3,
    width: int | None = None,
    rest: Callable[[int], str] = "and {} more (--json shows all)".format,
) -> str:
    """Items in a row, as many as fit on ``most`` lines, and how many there are beside them."""
    room = width or WIDTH - 19
    # Whole texts of many MB take long to break into lines, of which few are shown.
    items = [*(shorten(item, room * most + 1) for item in items[:40]), *items[40:]]
    for count in range(min(len(items), 40), 0, -1):
        left = len(items) - count
        shown = separator.join([*items[:count], *([rest(left)] if left else [])])
        if len(lines(shown, room)) <= most:
            return shown
    if not items:
        return ""
    more = [rest(len(items) - 1)] if len(items) > 1 else []
    return separator.join([shorten(items[0], room), *more])


def beside(left: str, right: str, indent: int, width: int) -> str:
    """A short text with a longer one beside it, or below it where the first is too long."""
    start = indent + width + 2
    broken = lines(right, WIDTH - start)
    left = clean(left)
    if columns(left) > width:
        broken.insert(0, "")
        left = shorten(left, WIDTH - indent)
    first = f"{' ' * indent}{pad(left, width)}  {broken[0]}".rstrip()
    return "\n".join([first, *(" " * start + line for line in broken[1:])])


def echo_json(value: Any) -> None:
    """Print one JSON value; control characters, of any alphabet, only as escapes."""
    written = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if not written.isprintable():
        written = "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in written)
    click.echo(written)
