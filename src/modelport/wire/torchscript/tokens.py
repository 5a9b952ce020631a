"""Words of a TorchScript text, with the indentation of its lines.

Written by ``torch/csrc/jit/serialization/python_print.cpp``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from modelport.errors import LimitExceeded, MalformedFile

MAX_BYTES = 16 << 20
MAX_DIGITS = 40

_WORD = re.compile(
    r"""
    (?P<space>[ \t\r\f]+|\#[^\n]*|\\\n)
  | (?P<line>\n)
  | (?P<number>(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?j?)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
  | (?P<sign>->|[()\[\]{}:,.=*+\-])
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|[0-7]{1,3}|.)", re.DOTALL)
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class Token(NamedTuple):
    """A word: kind (``name number text sign line indent dedent end``), text, place."""

    kind: str
    text: str
    at: int


def tokens(data: bytes, name: str) -> Iterator[Token]:
    """The words of a text; lines inside brackets go on.

    Raises:
        MalformedFile: not UTF-8, or a character that begins no word.
        LimitExceeded: more bytes than any code has.
    """
    if len(data) > MAX_BYTES:
        raise LimitExceeded(name, resource="bytes of code", limit=MAX_BYTES, actual=len(data))
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedFile(
            name, offset=error.start, expected="UTF-8 text", found=f"{data[error.start]:#04x}"
        ) from error
    yield from _lines(data.decode("latin-1"), name)  # a character a byte, so that offsets are bytes


def _lines(text: str, name: str) -> Iterator[Token]:
    at, brackets, fresh = 0, 0, True
    levels = [0]
    while at < len(text):
        match = _WORD.match(text, at)
        if match is None:
            raise MalformedFile(name, offset=at, expected="TorchScript", found=repr(text[at]))
        kind = str(match.lastgroup)
        word, begin, at = match[0], at, match.end()
        if kind == "line":
            if not fresh and not brackets:
                yield Token("line", word, begin)
                fresh = True
            continue
        if kind == "space":
            continue
        if fresh and not brackets:
            yield from _indent(text, begin, levels, name)
            fresh = False
        if word in ("(", "[", "{"):
            brackets += 1
        elif word in (")", "]", "}"):
            brackets = max(0, brackets - 1)
        yield Token(kind, word, begin)
    if not fresh:
        yield Token("line", "", at)
    for _ in levels[1:]:
        yield Token("dedent", "", at)
    yield Token("end", "the end", at)


def _indent(text: str, at: int, levels: list[int], name: str) -> Iterator[Token]:
    """What the first word of a line says by how far it stands in."""
    column = at - (text.rfind("\n", 0, at) + 1)
    if column > levels[-1]:
        levels.append(column)
        yield Token("indent", "", at)
    while column < levels[-1]:
        levels.pop()
        yield Token("dedent", "", at)
    if column != levels[-1]:
        raise MalformedFile(
            name, offset=at, expected="the indentation of a line before", found=f"{column} spaces"
        )


def text_value(word: str) -> str:
    """The text that a quoted word stands for: its escapes are bytes of UTF-8."""
    found = _ESCAPE.sub(lambda match: _unescaped(match[1]), word[1:-1])
    return found.encode("latin-1").decode("utf-8", "replace")


def _unescaped(word: str) -> str:
    if word[0] == "x" and len(word) == 3:
        return chr(int(word[1:], 16))
    if word[0] in "01234567":
        return chr(int(word, 8) & 0xFF)
    return _ESCAPED.get(word, word)


def number_value(word: str) -> int | float | complex:
    """The number that a word of digits stands for.

    Raises:
        ValueError: a number of more digits than any has.
    """
    if word.endswith("j"):
        return complex(0.0, float(word[:-1]))
    if word.isdigit():
        if len(word) > MAX_DIGITS:
            raise ValueError(f"{len(word)} digits")
        return int(word)
    return float(word)
