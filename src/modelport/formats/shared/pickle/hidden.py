"""Pickles in the bytes and texts that a pickle holds, which do nothing until somebody loads them.

The verdict on the file stays what it is: the finding says what the inner pickle would do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from modelport.errors import ModelportError
from modelport.formats.shared.pickle.names import canonical
from modelport.formats.shared.pickle.objects import encoded
from modelport.formats.shared.pickle.sniff import is_packed, means_something
from modelport.formats.shared.polyglot import BEGINNINGS
from modelport.formats.shared.torch.storage import LEGACY_HEAD
from modelport.model.model import Level
from modelport.wire.compressed import kind, unpack
from modelport.wire.pickle import Blob, Program, Reference, Stub, begins, interpret
from modelport.wire.source import ByteSource, BytesSource, SliceSource

DEEPEST = 3
_MOST = 1_000_000
_LEAST = 4
_HEAD = 256

_Found = tuple[str, Level, str, int]
Judge = Callable[[Program], Iterator[_Found]]


def hidden(program: Program, judged: Judge, depth: int = 1) -> Iterator[_Found]:
    """One finding for each pickle in the bytes that a program makes; ``judged`` tells its own."""
    for place, source in _sources(program):
        inner = interpret(source)
        if inner.error is not None and not inner.stubs and not inner.references:
            continue
        found = list(judged(inner))
        if depth < DEEPEST:
            found.extend(hidden(inner, judged, depth + 1))
        yield (
            "PKL-015",
            Level.INERT,
            f"holds a pickle in {source.size:,} bytes; {_told(found)}",
            place,
        )


def _told(found: list[_Found]) -> str:
    """What loading the inner pickle would mean, in a few words."""
    for level in (Level.DANGEROUS, Level.MALFORMED, Level.NEEDS_CODE):
        for _, said, what, _ in found:
            if said is level:
                return f"if it is loaded, it is {level}: {what}"
    inside = [what for rule, _, what, _ in found if rule == "PKL-015"]
    return f"which {inside[0]}" if inside else "it is inert"


def _sources(program: Program) -> Iterator[tuple[int, ByteSource]]:
    """Where bytes or texts are pickles, each once, with the place to tell."""
    waiting: list[tuple[int, Any]] = [
        (stub.offset, part) for stub in program.stubs for part in _parts(stub)
    ]
    waiting.append((program.start, program.value))
    seen, left = set[int](), _MOST
    while waiting and left:
        place, value = waiting.pop()
        left -= 1
        if isinstance(value, dict):
            inside: Any = [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple | set | frozenset):
            inside = value
        else:
            source = _pickle(value)
            if source is not None and id(value) not in seen:
                seen.add(id(value))
                yield place, source
            continue
        if id(value) not in seen:
            seen.add(id(value))
            waiting.extend((place, item) for item in inside)


def _parts(stub: Stub) -> Iterator[Any]:
    yield stub.args
    yield from stub.states
    yield stub.items
    yield stub.pairs
    if isinstance(stub.callable, Reference) and canonical(stub.callable) == "_codecs.encode":
        yield encoded(stub) if isinstance(stub.args, tuple) else None


def _pickle(value: Any) -> ByteSource | None:
    """The pickle that bytes, or a text of one character a byte, hold, also a packed one."""
    source = _bytes(value)
    if source is None or source.size < _LEAST:
        return None
    head = source.read_at(0, min(_HEAD, source.size))
    if begins(head):
        return None if head.startswith(LEGACY_HEAD) else source
    wrapper = kind(head)
    if wrapper is not None:
        try:
            return unpack(source, wrapper) if is_packed(source, wrapper) else None
        except ModelportError:  # compressed data of another kind, which is broken or too large
            return None
    if head[0] not in BEGINNINGS or b"\n" not in head:
        return None  # what protocol 0 names, it names on a line of its own
    return source if means_something(interpret(source)) else None


def _bytes(value: Any) -> ByteSource | None:
    if isinstance(value, Blob):
        name = f"{value.source.name}!bytes"
        return SliceSource(value.source, value.offset, value.length, name)
    if isinstance(value, str) and value[:1] < "\u0100":
        try:
            value = value.encode("latin-1")
        except UnicodeEncodeError:
            return None
    return BytesSource(value, "bytes") if isinstance(value, bytes | bytearray) else None
