"""JSON from files that nobody trusts: bounded in size and depth, no key twice."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from modelport.errors import LimitExceeded, MalformedFile

MAX_BYTES = 256 << 20
MAX_DEPTH = 200

_NOT_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"|[^\[\]{}"]+', re.DOTALL)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def parse(
    data: bytes,
    name: str,
    *,
    nonfinite: bool = False,
    max_bytes: int = MAX_BYTES,
    max_depth: int = MAX_DEPTH,
) -> Any:
    """The value of one JSON text in UTF-8 (RFC 8259).

    ``name`` is what errors call the text. ``nonfinite`` lets NaN, Infinity and -Infinity pass as
    floats, as Python's own writer spells them.

    Raises:
        MalformedFile: not JSON, not UTF-8, or an object that has one key twice.
        LimitExceeded: more bytes or deeper nesting than allowed.
    """
    if len(data) > max_bytes:
        raise LimitExceeded(name, resource="bytes of JSON", limit=max_bytes, actual=len(data))
    _check_depth(data, name, max_depth)
    text = _decode(data, name)
    try:
        value = json.loads(
            text,
            object_pairs_hook=lambda pairs: _object(pairs, name),
            parse_constant=float if nonfinite else lambda word: _refuse(word, name),
        )
    except json.JSONDecodeError as error:
        offset = len(text[: error.pos].encode())
        raise _broken(name, error.msg, offset) from error
    except ValueError as error:  # a number of more digits than Python converts
        raise _broken(name, str(error)) from error
    if _SURROGATE.search(data):
        _check_surrogates(value, name)
    return value


def _decode(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedFile(
            name, offset=error.start, expected="UTF-8 text", found=f"{data[error.start]:#04x}"
        ) from error


def _check_depth(data: bytes, name: str, limit: int) -> None:
    # With all but brackets gone, every pass takes the innermost pairs away: one level a pass.
    # A run of openers longer than the limit ends it at once.
    if data.count(b"[") + data.count(b"{") <= limit:
        return
    brackets = _NOT_BRACKETS.sub(b"", data)
    too_deep = re.compile(rb"[\[{]{%d}" % (limit + 1))
    for _ in range(limit):
        if too_deep.search(brackets):
            break
        inner = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if len(inner) == len(brackets):
            return  # balanced, or so broken that the parser says where
        brackets = inner
    if b"[" in brackets or b"{" in brackets:
        raise LimitExceeded(name, resource="depth of JSON", limit=limit, actual=limit + 1)


def _object(pairs: list[tuple[str, Any]], name: str) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise MalformedFile(name, expected="every key once", found=f"{key!r} twice")
            seen.add(key)
    return found


def _refuse(word: str, name: str) -> NoReturn:
    raise MalformedFile(name, expected="a finite number", found=word)


def _check_surrogates(value: Any, name: str) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise _broken(name, "half of a surrogate pair in a string") from error


def _broken(name: str, found: str, offset: int | None = None) -> MalformedFile:
    return MalformedFile(name, offset=offset, expected="JSON", found=found)
