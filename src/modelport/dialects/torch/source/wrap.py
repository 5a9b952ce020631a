"""Breaking long lines of Python the way the common formatters do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

WIDTH = 88
INDENT = "    "

_OPENING, _CLOSING = "([{", ")]}"
_OPERATORS = (" or ", " and ", " | ", " + ", " - ", " * ", " / ", " // ", " @ ")
"""Where a line may be broken before an operator, the loosest first."""


class _Part(NamedTuple):
    """A line cut at its last brackets: ``head(body)tail``."""

    head: str
    body: str
    tail: str


def wrap(line: str, width: int = WIDTH) -> list[str]:
    """One logical line as lines of at most ``width`` columns, where brackets allow it.

    A line that is short enough stays as it is. Else what stands in its last brackets moves to a
    line of its own, and from there to a line an item.
    """
    if len(line) <= width:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    part = _last_brackets(line)
    if part is None or len(part.head) > width:
        return _in_brackets(line, indent, width)
    inner = indent + INDENT
    closed = indent + part.tail
    if not closed.rstrip().endswith(("]", "}", ")", ":", ",")) and len(closed) > width:
        return _in_brackets(line, indent, width)
    return [part.head, *_inside(inner + part.body, width), closed]


def _last_brackets(line: str) -> _Part | None:
    """The last brackets that hold something, outside any other."""
    spans = [(start, end) for start, end in _spans(line) if line[start + 1 : end].strip()]
    if not spans:
        return None
    start, end = spans[-1]
    return _Part(line[: start + 1], line[start + 1 : end].strip(), line[end:])


def _in_brackets(line: str, indent: str, width: int) -> list[str]:
    """A statement without brackets to break at gets some around what is assigned or returned."""
    for word in (" = ", "return "):
        before, found, value = line.partition(word)
        if found and value and not value.startswith("("):
            inner = indent + INDENT
            return [f"{before}{word}(", *_inside(inner + value, width), f"{indent})"]
    return [line]


def _inside(line: str, width: int) -> list[str]:
    """What stands in brackets: on one line, or an item or an operand a line."""
    if len(line) <= width:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    items = list(_split(line.strip(), ","))
    if len(items) > 1 or line.endswith(","):
        return [found for item in items for found in wrap(f"{indent}{item.strip()},", width)]
    for operator in _OPERATORS:
        pieces = list(_split(line.strip(), operator))
        if len(pieces) > 1:
            lines = wrap(indent + pieces[0], width)
            for piece in pieces[1:]:
                lines += wrap(f"{indent}{operator.lstrip()}{piece}", width)
            return lines
    return wrap(line, width)


def _split(text: str, separator: str) -> Iterator[str]:
    """The pieces of a text between separators that stand outside all brackets and strings."""
    start = 0
    for position, depth in _depths(text):
        if depth == 0 and position >= start and text.startswith(separator, position):
            yield text[start:position]
            start = position + len(separator)
    if text[start:].strip():
        yield text[start:]


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Where the outermost brackets open and close."""
    opened = 0
    for position, depth in _depths(text):
        if text[position] in _OPENING and depth == 0:
            opened = position
        elif text[position] in _CLOSING and depth == 1:
            yield opened, position


def _depths(text: str) -> Iterator[tuple[int, int]]:
    """Every position outside strings, with the number of brackets that are open before it."""
    depth, quote, escaped = 0, "", False
    for position, letter in enumerate(text):
        if quote:
            if not escaped and letter == quote:
                quote = ""
            escaped = letter == "\\" and not escaped
            continue
        if letter in "\"'":
            quote = letter
        yield position, depth
        if letter in _OPENING:
            depth += 1
        elif letter in _CLOSING:
            depth -= 1
