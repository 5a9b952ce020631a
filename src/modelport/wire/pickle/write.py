"""Writing pickle streams: plain values, and stubs as the calls they stand for.

Protocol 2 is what torch reads everywhere, 4 is for bytes of any number. Values that are the same
object are written once, so shared and cyclic ones stay so; nothing recurses, however deep the
values lie in each other.
"""

from __future__ import annotations

import struct
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from modelport.errors import UnsupportedFeature
from modelport.wire.pickle.values import Blob, BlobKind, PersistentId, Reference, Stub

_Step: TypeAlias = bytes | tuple[str, Any]
_BATCH = 1000
_BLOB_PIECE = 16 << 20
_CONTAINERS = (list, dict, tuple, set, frozenset, bytearray, Stub, Reference, PersistentId, str)


def write(value: Any, name: str, renamed: Callable[[PersistentId], Any] | None = None) -> bytes:
    """The stream of one value.

    ``renamed`` gives the id that a persistent one is to have now, or the global to write instead.

    Raises:
        UnsupportedFeature: a value of a kind that no interpreted stream holds; ``name`` is the
            file's.
    """
    return b"".join(_Writer(name, renamed).run(value))


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Bytes of a known number that come in pieces; for streams of protocol 4."""

    length: int
    pieces: Callable[[], Iterator[bytes | memoryview]]


def stream(value: Any, name: str) -> Iterator[bytes | memoryview]:
    """The stream of one value in protocol 4, piece by piece; errors as for ``write``."""
    return _Writer(name, None, 4).run(value)


class _Writer:
    """Works off a list of steps: bytes to put out, or values to take apart into more steps."""

    def __init__(
        self, name: str, renamed: Callable[[PersistentId], Any] | None, protocol: int = 2
    ) -> None:
        self._name = name
        self._protocol = protocol
        self._renamed = renamed or (lambda persistent: persistent.id)
        self._memo: dict[int, int] = {}
        self._texts: dict[str, int] = {}
        self._names: dict[tuple[str, str], int] = {}
        self._alive: list[Any] = []
        self._count = 0

    def run(self, value: Any) -> Iterator[bytes | memoryview]:
        yield b"\x80" + bytes([self._protocol])
        steps: list[_Step] = [b".", ("value", value)]
        while steps:
            step = steps.pop()
            if isinstance(step, bytes):
                yield step
            elif step[0] == "keep":
                yield self._keep(step[1])
            elif step[0] == "pieces":
                yield from step[1].pieces()
            else:
                steps.extend(reversed(self._taken_apart(step[1])))

    def _taken_apart(self, value: Any) -> list[_Step]:
        known = self._known(value)
        if known is not None:
            return [b"j" + struct.pack("<I", known) if known > 255 else b"h" + bytes([known])]
        if isinstance(value, Stub):
            return self._stub(value)
        if isinstance(value, Reference):
            return [self._global(value), ("keep", value)]
        if isinstance(value, PersistentId):
            found = self._renamed(value)
            if isinstance(found, Reference):
                return [("value", found)]
            return [("value", found), b"Q", ("keep", value)]
        if isinstance(value, dict):
            return [b"}", ("keep", value), *self._pairs(list(value.items()))]
        if isinstance(value, list):
            return [b"]", ("keep", value), *self._items(value)]
        if isinstance(value, tuple):
            # Not kept: a tuple could hold itself only through something that is.
            return [b"(", *(("value", item) for item in value), b"t"] if value else [b")"]
        if isinstance(value, set | frozenset):
            made = Stub("REDUCE", Reference("__builtin__", type(value).__name__, 0), (), {}, 0)
            made.args = (sorted(value, key=repr),)
            self._alive.append(made)
            return [("value", made)]
        if isinstance(value, complex):
            made = Stub("REDUCE", Reference("__builtin__", "complex", 0), (), {}, 0)
            made.args = (value.real, value.imag)
            self._alive.append(made)
            return [("value", made)]
        if isinstance(value, Blob) and self._protocol >= 4 and value.kind is not BlobKind.TEXT:
            raw = Pieces(value.length, partial(_of_blob, value))
            if value.kind is BlobKind.BYTEARRAY:
                kind = self._global(Reference("__builtin__", "bytearray", 0))
                return [kind, b"(", ("value", raw), b"tR"]
            value = raw
        if isinstance(value, Pieces):
            return [b"\x8e" + struct.pack("<Q", value.length), ("pieces", value)]
        return [self._plain(value), *([("keep", value)] if isinstance(value, str) else [])]

    def _global(self, reference: Reference) -> bytes:
        """The name; from protocol 3 on nobody translates the names of Python 2 when loading."""
        module, name = reference.module, reference.name
        if self._protocol >= 3:
            module, name = NAME_MAPPING.get((module, name), (module, name))
            module = IMPORT_MAPPING.get(module, module)
        return f"c{module}\n{name}\n".encode()

    def _stub(self, stub: Stub) -> list[_Step]:
        """The call itself, then everything that was done to the object afterwards."""
        if stub.payload is not None:
            raise UnsupportedFeature(self._name, "writing an array of joblib")
        opcode = {"NEWOBJ": b"\x81", "NEWOBJ_EX": b"\x81"}.get(stub.opcode, b"R")
        if stub.opcode == "NEWOBJ_EX" and stub.kwargs:
            raise UnsupportedFeature(self._name, "keyword arguments of a class in protocol 2")
        called: list[_Step] = [("value", stub.callable), ("value", stub.args), opcode]
        after = [*self._items(stub.items), *self._pairs(stub.pairs)]
        states = [step for state in stub.states for step in (("value", state), b"b")]
        return [*called, ("keep", stub), *after, *states]

    def _items(self, values: list[Any]) -> list[_Step]:
        steps: list[_Step] = []
        for start in range(0, len(values), _BATCH):
            part = values[start : start + _BATCH]
            steps += [b"(", *(("value", item) for item in part), b"e"]
        return steps

    def _pairs(self, pairs: list[tuple[Any, Any]]) -> list[_Step]:
        steps: list[_Step] = []
        for start in range(0, len(pairs), _BATCH):
            steps.append(b"(")
            for key, value in pairs[start : start + _BATCH]:
                steps += [("value", key), ("value", value)]
            steps.append(b"u")
        return steps

    def _plain(self, value: Any) -> bytes:
        if value is None:
            return b"N"
        if isinstance(value, bool):
            return b"\x88" if value else b"\x89"
        if isinstance(value, int):
            return _integer(value)
        if isinstance(value, float):
            return b"G" + struct.pack(">d", value)
        if isinstance(value, str):
            return _text(value.encode("utf-8", "surrogatepass"))
        if isinstance(value, bytes | bytearray):
            return self._bytes(bytes(value), isinstance(value, bytearray))
        if isinstance(value, Blob):
            raw = value.read()
            if value.kind is BlobKind.TEXT:
                return _text(raw)
            return self._bytes(raw, value.kind is BlobKind.BYTEARRAY)
        raise UnsupportedFeature(self._name, f"writing a value of type {type(value).__name__}")

    def _bytes(self, raw: bytes, changeable: bool) -> bytes:
        """Bytes; in protocol 2 text in Latin-1, which is encoded when it is loaded."""
        if self._protocol >= 3:
            encoded = b"B" + struct.pack("<I", len(raw)) + raw
        else:
            text = raw.decode("latin-1").encode("utf-8")
            encoded = b"c_codecs\nencode\n(" + _text(text) + _text(b"latin1") + b"tR"
        kind = self._global(Reference("__builtin__", "bytearray", 0))
        return kind + b"(" + encoded + b"tR" if changeable else encoded

    def _known(self, value: Any) -> int | None:
        if isinstance(value, str):
            return self._texts.get(value)
        if isinstance(value, Reference):
            return self._names.get((value.module, value.name))
        return self._memo.get(id(value)) if isinstance(value, _CONTAINERS) else None

    def _keep(self, value: Any) -> bytes:
        """Put the value on top into the memo of whoever reads the stream."""
        index = self._count
        self._count += 1
        if isinstance(value, str):
            self._texts[value] = index
        elif isinstance(value, Reference):
            self._names[value.module, value.name] = index
        else:
            self._memo[id(value)] = index
            self._alive.append(value)
        return b"q" + bytes([index]) if index < 256 else b"r" + struct.pack("<I", index)


def _integer(value: int) -> bytes:
    if 0 <= value < 256:
        return b"K" + bytes([value])
    if 0 <= value < 65536:
        return b"M" + struct.pack("<H", value)
    if -(1 << 31) <= value < 1 << 31:
        return b"J" + struct.pack("<i", value)
    raw = value.to_bytes((value.bit_length() // 8) + 1, "little", signed=True)
    if len(raw) < 256:
        return b"\x8a" + bytes([len(raw)]) + raw
    return b"\x8b" + struct.pack("<i", len(raw)) + raw


def _text(raw: bytes) -> bytes:
    return b"X" + struct.pack("<I", len(raw)) + raw


def _of_blob(blob: Blob) -> Iterator[bytes]:
    for start in range(0, blob.length, _BLOB_PIECE):
        length = min(_BLOB_PIECE, blob.length - start)
        yield blob.source.read_at(blob.offset + start, length)
