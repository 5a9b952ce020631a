"""An HDF5 file: its objects by path, their attributes and datasets."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from modelport.errors import LimitExceeded, MalformedFile, UnsupportedFeature
from modelport.wire.hdf5.attributes import GlobalHeaps, read_attributes
from modelport.wire.hdf5.chunks import ChunkCache
from modelport.wire.hdf5.dataset import HDF5Dataset
from modelport.wire.hdf5.objects import Link, ObjectHeader
from modelport.wire.hdf5.window import Window, guarded
from modelport.wire.source import ByteSource, SliceSource, unchecked

SIGNATURE = b"\x89HDF\r\n\x1a\n"
MOST_OBJECTS = 1_000_000
MOST_DEPTH = 64
MOST_LETTERS = 128 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One place in the tree.

    ``kind`` is ``group``, ``dataset``, ``datatype``, ``alias`` (a second name of a group listed
    before, not walked again) or ``soft``; ``target`` is the path a soft link holds, else empty.
    """

    path: str
    kind: str
    address: int
    target: str = ""


class HDF5File:
    """An HDF5 file over a byte source (version 0 to 3 of the superblock, 64-bit addresses).

    Paths are absolute (``/model_weights/dense/dense/kernel:0``). Walking and asking for attributes,
    shapes and types reads no values.

    Raises:
        MalformedFile: not HDF5, cut short, or broken.
        UnsupportedFeature: a clause of HDF5 that is not read here.
        UnsafeFile: a link that leads out of the file.
    """

    def __init__(self, source: ByteSource) -> None:
        base, root = _superblock(unchecked(source))
        self.source = SliceSource(source, base, source.size - base, source.name) if base else source
        self._window = Window(self.source)
        self._heaps = GlobalHeaps(self._window)
        self._chunks = ChunkCache(self.source)
        self._headers: dict[int, ObjectHeader] = {}
        self._root = root

    @cached_property
    def entries(self) -> dict[str, Entry]:
        """Everything in the file by path, depth first, in the order of the file.

        Raises:
            LimitExceeded: more than 1,000,000 objects, or groups more than 64 deep.
        """
        return {entry.path: entry for entry in self._walk()}

    def links(self, path: str) -> list[str]:
        """The names directly in a group, in the order of the file."""
        start = path.rstrip("/") + "/"
        return [found[len(start) :] for found in self._children.get(path.rstrip("/") or "/", ())]

    def kind(self, path: str) -> str | None:
        """``group``, ``dataset`` and so on (see Entry), or None where there is nothing."""
        entry = self.entries.get(path)
        return None if entry is None else entry.kind

    def datasets(self, below: str = "/") -> list[str]:
        """The paths of all datasets in or below a group, in the order of the file."""
        start = below.rstrip("/") + "/"
        return [
            path
            for path, entry in self.entries.items()
            if entry.kind == "dataset" and path.startswith(start)
        ]

    def attributes(self, path: str = "/") -> dict[str, Any]:
        """The attributes of the object at ``path`` as plain values; none where nothing is there.

        Text is ``str`` (``bytes`` where not UTF-8), arrays of text are lists, a single number is a
        Python number, other numbers are numpy arrays, an empty dataspace is None.
        """
        entry = self._resolve(path)
        return {} if entry is None else read_attributes(self._header(entry.address), self._heaps)

    def dataset(self, path: str) -> HDF5Dataset:
        """The dataset at ``path``; soft links are followed.

        Raises:
            MalformedFile: there is none; otherwise as HDF5Dataset.
        """
        entry = self._resolve(path)
        if entry is None or entry.kind != "dataset":
            found = "nothing" if entry is None else f"a {entry.kind}"
            raise MalformedFile(self.source.name, expected=f"a dataset {path}", found=found)
        return HDF5Dataset(path, self._header(entry.address), self._heaps, self._chunks)

    def place(self, path: str) -> str:
        """Where a path leads to in the end: itself, but for soft links."""
        entry = self._resolve(path)
        return path if entry is None else entry.path

    def _resolve(self, path: str) -> Entry | None:
        """The entry that a path leads to, through at most 32 soft links."""
        for _ in range(32):
            entry = self.entries.get(path)
            if entry is None or entry.kind != "soft":
                return entry
            folder = path.rsplit("/", 1)[0]
            path = entry.target if entry.target.startswith("/") else f"{folder}/{entry.target}"
        raise MalformedFile(
            self.source.name, expected="a soft link that ends", found=f"a loop of links at {path}"
        )

    @cached_property
    def _children(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for path in self.entries:
            if path != "/":
                found.setdefault(path.rsplit("/", 1)[0] or "/", []).append(path)
        return found

    def _header(self, address: int) -> ObjectHeader:
        if address not in self._headers:
            self._headers[address] = ObjectHeader(self._window, address)
        return self._headers[address]

    def _walk(self) -> Iterator[Entry]:
        seen: set[int] = set()
        listed = letters = 0
        waiting: list[tuple[str, int, Link]] = [("/", 0, Link("", self._root))]
        while waiting:
            path, depth, link = waiting.pop()
            listed, letters = listed + 1, letters + len(path)
            self._check_limits(listed, letters, depth)
            entry = self._entry(path, link, seen)
            yield entry
            if entry.kind != "group":
                continue
            seen.add(entry.address)
            start = path.rstrip("/")
            inner = [
                (f"{start}/{found.name}", depth + 1, found)
                for found in self._header(entry.address).links()
            ]
            self._check_names(path, inner)
            waiting.extend(reversed(inner))

    def _entry(self, path: str, link: Link, seen: set[int]) -> Entry:
        if isinstance(link.target, str):
            return Entry(path, "soft", 0, link.target)
        if link.target in seen:
            return Entry(path, "alias", link.target)
        header = self._header(link.target)
        if header.is_dataset:
            return Entry(path, "dataset", link.target)
        return Entry(path, "group" if header.is_group else "datatype", link.target)

    def _check_limits(self, listed: int, letters: int, depth: int) -> None:
        for resource, limit, actual in (
            ("objects in HDF5", MOST_OBJECTS, listed),
            ("letters of HDF5 paths", MOST_LETTERS, letters),
            ("depth of HDF5 groups", MOST_DEPTH, depth),
        ):
            if actual > limit:
                raise LimitExceeded(self.source.name, resource=resource, limit=limit, actual=actual)

    def _check_names(self, path: str, inner: list[tuple[str, int, Link]]) -> None:
        names = [link.name for _, _, link in inner]
        wrong = next((name for name in names if not name or "/" in name or "\0" in name), None)
        if wrong is not None or len(set(names)) != len(names):
            raise MalformedFile(
                self.source.name,
                expected=f"different plain names in {path}",
                found="a name twice" if wrong is None else repr(wrong),
            )


def _superblock(source: ByteSource) -> tuple[int, int]:
    """The base address and the address of the root group (specification II)."""
    start = _find_signature(source)
    head = source.read_at(start, min(96, source.size - start))
    with guarded(source, "superblock", start):
        version = head[8]
        if version in (0, 1):
            sizes, at = head[13:15], 24 + 4 * version
            root = struct.unpack_from("<Q", head, at + 40)[0]
        elif version in (2, 3):
            sizes, at = head[9:11], 12
            root = struct.unpack_from("<Q", head, at + 24)[0]
        else:
            raise ValueError(f"superblock version {version}")
        base, end = struct.unpack_from("<Q8xQ", head, at)
    if sizes != b"\x08\x08":
        raise UnsupportedFeature(source.name, "HDF5 with addresses of other than 8 bytes")
    if base != start or end > source.size:
        raise MalformedFile(
            source.name,
            offset=start,
            expected=f"an HDF5 file of {end:,} bytes that starts at {base:,}",
            found=f"{source.size:,} bytes, start at {start:,}",
        )
    return base, root


def _find_signature(source: ByteSource) -> int:
    """Where the superblock is: at 0, 512, 1024 and so on."""
    start = 0
    while start + len(SIGNATURE) + 40 <= source.size:
        if source.read_at(start, len(SIGNATURE)) == SIGNATURE:
            return start
        start = max(2 * start, 512)
    raise MalformedFile(source.name, offset=0, expected="an HDF5 signature", found="none")
