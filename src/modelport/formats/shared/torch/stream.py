"""What ``torch.save`` wrote before 1.6: five pickles one after the other, then the storages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelport.errors import MalformedFile
from modelport.formats.shared.pickle.inner import inner_source
from modelport.formats.shared.torch.module import is_class
from modelport.formats.shared.torch.storage import Storage
from modelport.formats.shared.torch.tensors import storage_type
from modelport.wire.pickle import PersistentId, Program, Reference, Stub, interpret
from modelport.wire.source import ByteSource

VERSION = 1001
COUNT_BYTES = 8
_PARTS = ("magic number", "protocol version", "system facts", "object", "storage keys")


def parts(source: ByteSource) -> Iterator[tuple[str, Program]]:
    """The five streams, each with what it is called; the last one yielded may be broken."""
    start = 0
    for part in _PARTS:
        program = interpret(source, start)
        yield part, program
        if program.error is not None:
            return
        start = program.end


def pickled_storage(stub: Stub) -> Any:
    """The storage that a plain pickle holds as a file of torch, see ``shared.pickle.inner``.

    Raises:
        MalformedFile, LimitExceeded: it is broken, or the storages do not fill the rest of it.
    """
    source = inner_source(stub)
    if source is None:
        return stub
    programs = [program for _, program in parts(source)]
    error = programs[-1].error
    if error is not None:
        raise error
    storages = StreamStorages(source, programs)
    saved = programs[3].value
    return storages.find(saved) if isinstance(saved, PersistentId) else stub


class StreamStorages:
    """Finds the storages that follow the pickles, from the keys and the types in the object."""

    def __init__(self, source: ByteSource, programs: list[Program]) -> None:
        _, _, facts, saved, keys = programs
        self._source = source
        self._swapped = isinstance(facts.value, Mapping) and (
            facts.value.get("little_endian") is False
        )
        self._ids = {
            persistent.id[2]: persistent
            for persistent in saved.persistent
            if _is_storage(persistent)
        }
        self._found = dict(self._lay_out(keys))

    def _lay_out(self, keys: Program) -> Any:
        if not isinstance(keys.value, list):
            raise broken(self._source, keys, "a list of storage keys", type(keys.value).__name__)
        at = keys.end
        for key in keys.value:
            if not isinstance(key, str) or key not in self._ids:
                raise broken(self._source, keys, "keys that the object uses", repr(key)[:40])
            persistent = self._ids[key]
            dtype, count = storage_type(persistent.id[1]), persistent.id[4]
            stored = int.from_bytes(
                self._source.read_at(at, COUNT_BYTES), "big" if self._swapped else "little"
            )
            if stored != count:
                raise MalformedFile(
                    self._source.name,
                    offset=at,
                    expected=f"{count:,} elements of storage {key[:40]}",
                    found=f"{stored:,}",
                )
            length = count if dtype is None else dtype.nbytes(count)
            yield (
                key,
                Storage(
                    key,
                    dtype,
                    str(persistent.id[3]),
                    self._source,
                    at + COUNT_BYTES,
                    length,
                    self._swapped,
                ),
            )
            at += COUNT_BYTES + length
        if at != self._source.size:
            raise MalformedFile(
                self._source.name,
                offset=min(at, self._source.size),
                expected="the end of the file after the last storage",
                found=f"byte {self._source.size:,} as its end",
            )

    def find(self, persistent: PersistentId) -> Any:
        """The storage of ``('storage', type, key, location, numel, view)``, or a class as it is.

        Raises:
            MalformedFile: another kind of id, or a storage that is not there.
        """
        if is_class(persistent):
            return persistent
        if not _is_storage(persistent) or persistent.id[2] not in self._found:
            raise MalformedFile(
                self._source.name,
                offset=persistent.offset,
                expected="a storage with type, key, location, count and view",
                found="another persistent id",
            )
        storage = self._found[persistent.id[2]]
        view = persistent.id[5] if len(persistent.id) > 5 else None
        return storage if view is None else self._view(persistent, storage, view)

    def _view(self, persistent: PersistentId, storage: Storage, view: Any) -> Storage:
        dtype = storage_type(persistent.id[1])
        fits = isinstance(view, tuple) and len(view) == 3
        whole = fits and all(type(number) is int and number >= 0 for number in view[1:])
        if whole and dtype is not None:
            start, length = dtype.nbytes(view[1]), dtype.nbytes(view[2])
            if start + length <= storage.length:
                return Storage(
                    str(view[0]),
                    dtype,
                    storage.location,
                    storage.source,
                    storage.offset + start,
                    length,
                    storage.swapped,
                )
        raise MalformedFile(
            self._source.name,
            offset=persistent.offset,
            expected="a view inside its storage",
            found=repr(view)[:60],
        )


def _is_storage(persistent: PersistentId) -> bool:
    parts = persistent.id
    return (
        isinstance(parts, tuple)
        and len(parts) in (5, 6)
        and parts[0] == "storage"
        and isinstance(parts[1], Reference)
        and isinstance(parts[2], str)
        and type(parts[4]) is int
        and parts[4] >= 0
    )


def broken(source: ByteSource, program: Program, expected: str, found: str) -> MalformedFile:
    """The error at the place of a stream."""
    return MalformedFile(source.name, offset=program.start, expected=expected, found=found)
