"""Short texts for the values of a pickle, for findings and messages."""

from __future__ import annotations

from typing import Any

from modelport.wire.pickle import Blob, PersistentId, Reference, Stub

_LONGEST = 60


def short(value: Any, depth: int = 2) -> str:
    """A value on a few characters: never more of a nested one than fits, never its code."""
    if isinstance(value, Stub):
        return f"{short(value.callable, depth - 1)}(…)" if depth > 0 else "…"
    if isinstance(value, Reference):
        return str(value)
    if isinstance(value, PersistentId):
        return "an object outside the stream"
    if isinstance(value, Blob):
        return f"{value.length:,} bytes of {value.kind}"
    if isinstance(value, list | tuple | set | frozenset | dict):
        return f"{type(value).__name__} of {len(value):,}"
    if isinstance(value, str | bytes | bytearray):
        value = value[:_LONGEST]
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
