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
    part = _last_brackets(line, indent, width)
    operands = _operands(_value(line))
    if part is None or len(operands) > 2 or (operands and len(part.tail) > 1):
        return _in_brackets(line, indent, width)
    return [part.head, *_inside(indent + INDENT + part.body, width), indent + part.tail]


def _last_brackets(line: str, indent: str, width: int) -> _Part | None:
    """The last brackets that hold something and leave both ends short enough."""
    for start, end in reversed(list(_spans(line))):
        part = _Part(line[: start + 1], line[start + 1 : end].strip(), line[end:])
        if part.body and len(part.head) <= width and len(indent + part.tail) <= width:
            return part
    return None


def _value(line: str) -> str:
    """What is assigned or returned, if anything is."""
    for word in (" = ", "return "):
        _, found, value = line.partition(word)
        if found:
            return value
    return ""


def _operands(text: str) -> list[str]:
    """An expression cut before its loosest operators outside brackets; empty if it has none."""
    for operator in _OPERATORS:
        pieces = list(_split(text, operator))
        if len(pieces) > 1:
            return [pieces[0], *(operator.lstrip() + piece for piece in pieces[1:])]
    return []


def _in_brackets(line: str, indent: str, width: int) -> list[str]:
    """A statement without brackets to break at gets some around what is assigned or returned."""
    value = _value(line)
    if not value or value.startswith("("):
        return [line]
    before = line.removesuffix(value)
    if len(list(_split(value, ","))) > 1:
        value = value.removesuffix(",") + ","
    return [f"{before}(", *_inside(indent + INDENT + value, width), f"{indent})"]


def _inside(line: str, width: int) -> list[str]:
    """What stands in brackets: on one line, or an item or an operand a line."""
    if len(line) <= width and not line.endswith(","):
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    items = list(_split(line.strip(), ","))
    if len(items) > 1 or line.endswith(","):
        return [found for item in items for found in wrap(f"{indent}{item.strip()},", width)]
    operands = _operands(line.strip()) or [line.strip()]
    return [found for operand in operands for found in wrap(indent + operand, width)]


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
