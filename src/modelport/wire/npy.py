"""The header of a .npy file, written, and parsed by an own grammar: nothing is evaluated.

Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, versions 1 to 3.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from modelport.errors import LimitExceeded, MalformedFile, UnsupportedFeature

MAGIC = b"\x93NUMPY"
MAX_HEADER = 1 << 20
MAX_RANK = 64
_MAX_DEPTH = 16

_TOKEN = re.compile(
    r"""\s*(?: (?P<text>[bu]?'[^'\\]*'|[bu]?"[^"\\]*")
             | (?P<count>\d{1,20})L?
             | (?P<word>True|False|None)
             | (?P<mark>[{}()\[\],:]) )""",
    re.VERBOSE,
)
_WORDS = {"True": True, "False": False, "None": None}
_CLOSING = {"{": "}", "(": ")", "[": "]"}


@dataclass(frozen=True, slots=True)
class NpyHeader:
    """What a .npy header says.

    ``descr`` is numpy's type string (``<f4``), or a list for structured types. ``start`` is the
    offset of the values.
    """

    descr: Any
    fortran_order: bool
    shape: tuple[int, ...]
    start: int


def head_size(first: bytes, name: str) -> int:
    """How many bytes come before the values, from the first 12 bytes of the file."""
    if first[:6] != MAGIC or len(first) < 12:
        raise _broken(name, 0, "the magic of .npy", repr(first[:6]))
    version = first[6]
    if version not in (1, 2, 3) or first[7] != 0:
        raise UnsupportedFeature(name, f".npy version {version}.{first[7]}")
    width = 2 if version == 1 else 4
    length = int.from_bytes(first[8 : 8 + width], "little")
    if length > MAX_HEADER:
        raise LimitExceeded(
            name, resource="bytes of the .npy header", limit=MAX_HEADER, actual=length
        )
    return 8 + width + length


def parse_header(head: bytes, name: str) -> NpyHeader:
    """The header in ``head``, which are the bytes before the values.

    Raises:
        MalformedFile: not the dictionary numpy writes.
    """
    version = head[6]
    try:
        text = head[10 if version == 1 else 12 :].decode("utf-8" if version == 3 else "latin-1")
    except UnicodeDecodeError as error:
        raise _broken(name, error.start, "a header in UTF-8", "other bytes") from error
    found = _Parser(text, name).parse()
    if not isinstance(found, dict) or set(found) != {"descr", "fortran_order", "shape"}:
        raise _broken(name, 10, "descr, fortran_order and shape", text.strip()[:80])
    shape, order = found["shape"], found["fortran_order"]
    if not isinstance(shape, tuple) or not all(type(item) is int for item in shape):
        raise _broken(name, 10, "a tuple of counts as shape", str(shape)[:80])
    if not isinstance(order, bool) or not isinstance(found["descr"], str | list):
        raise _broken(name, 10, "a type and a truth value for the order", text.strip()[:80])
    if len(shape) > MAX_RANK:
        raise LimitExceeded(name, resource="axes", limit=MAX_RANK, actual=len(shape))
    return NpyHeader(found["descr"], order, shape, len(head))


def read_header(head: Callable[[int], bytes], name: str) -> NpyHeader:
    """The header, given a function that returns at most the first N bytes of the file."""
    size = head_size(head(12), name)
    found = head(size)
    if len(found) < size:
        raise _broken(name, len(found), f"a header of {size:,} bytes", "the end of the file")
    return parse_header(found, name)


def write_header(descr: str, shape: tuple[int, ...]) -> bytes:
    """The header of a C-order array as numpy writes it, padded to a multiple of 64 bytes."""
    extents = "".join(f"{extent}, " for extent in shape)
    inner = extents[:-1] if len(shape) == 1 else extents[:-2]
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': ({inner}), }}"
    padding = -(10 + len(text) + 1) % 64
    body = text.encode("latin-1") + b" " * padding + b"\n"
    return MAGIC + b"\x01\x00" + len(body).to_bytes(2, "little") + body


class _Parser:
    """A recursive-descent parser of the Python literals that a header may hold."""

    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name
        self.at = 0

    def parse(self) -> Any:
        value = self._value(0)
        if self.text[self.at :].strip(" \n\0"):
            raise self._error("the end of the header")
        return value

    def _next(self) -> tuple[str, str]:
        match = _TOKEN.match(self.text, self.at)
        if match is None or match.lastgroup is None:
            raise self._error("a Python literal")
        self.at = match.end()
        return match.lastgroup, match[match.lastgroup]

    def _peek(self) -> str:
        match = _TOKEN.match(self.text, self.at)
        return match["mark"] or "" if match else ""

    def _value(self, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            raise LimitExceeded(
                self.name, resource="depth of the .npy header", limit=_MAX_DEPTH, actual=depth
            )
        kind, token = self._next()
        if kind == "text":
            return token.lstrip("bu")[1:-1]
        if kind == "count":
            return int(token)
        if kind == "word":
            return _WORDS[token]
        if token == "{":
            return self._dictionary(depth)
        if token in ("(", "["):
            items = self._items(token, depth)
            return tuple(items) if token == "(" else items
        raise self._error("a value")

    def _items(self, opening: str, depth: int) -> list[Any]:
        items: list[Any] = []
        while self._peek() != _CLOSING[opening]:
            items.append(self._value(depth + 1))
            if self._peek() != _CLOSING[opening]:
                self._expect(",")
        self._expect(_CLOSING[opening])
        return items

    def _dictionary(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self._peek() != "}":
            key = self._value(depth + 1)
            if not isinstance(key, str) or key in found:
                raise self._error("text keys, each once")
            self._expect(":")
            found[key] = self._value(depth + 1)
            if self._peek() != "}":
                self._expect(",")
        self._expect("}")
        return found

    def _expect(self, mark: str) -> None:
        if self._next()[1] != mark:
            raise self._error(f"{mark!r}")

    def _error(self, expected: str) -> MalformedFile:
        return _broken(self.name, 10 + self.at, expected, repr(self.text[self.at :][:20]))


def _broken(name: str, at: int, expected: str, found: str) -> MalformedFile:
    return MalformedFile(name, offset=at, expected=expected, found=found)
