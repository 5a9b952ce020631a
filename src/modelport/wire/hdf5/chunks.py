"""Chunks of a dataset: their index (specification III.A.1, node type 1) and their filters."""

from __future__ import annotations

import struct
import threading
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelport.errors import LimitExceeded
from modelport.wire.hdf5.layout import DEFLATE, SHUFFLE
from modelport.wire.source import ByteSource

if TYPE_CHECKING:
    import numpy as np

FREE_CHUNK_BYTES = 64 << 20
CACHED_BYTES = 64 << 20
MOST_RATIO = 1100
"""Deflate cannot shrink further than 1,032 to 1."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One stored chunk: where it lies, its stored bytes, and the filters that were left out."""

    address: int
    length: int
    skipped: int


def chunk_index(source: ByteSource, root: int, axes: int) -> dict[tuple[int, ...], Chunk]:
    """Every stored chunk by the position of its first element.

    Each node is visited once, so a B-tree whose nodes point back ends as well.

    Raises:
        struct.error, ValueError: a node is no chunk B-tree node.
    """
    found: dict[tuple[int, ...], Chunk] = {}
    seen: set[int] = set()
    waiting = [root]
    width = 8 + 8 * (axes + 1) + 8
    entries_left = source.size // width
    while waiting:
        address = waiting.pop()
        if address in seen:
            raise ValueError(f"a B-tree node that is reached twice (byte {address:,})")
        seen.add(address)
        signature, kind, level, used = struct.unpack("<4sBBH", source.read_at(address, 8))
        if signature != b"TREE" or kind != 1:
            raise ValueError(f"no chunk B-tree node at byte {address:,}")
        entries_left -= used
        if entries_left < 0:
            raise ValueError("B-tree nodes that overlap")
        body = source.read_at(address + 24, used * width)
        for start in range(0, len(body), width):
            length, skipped, *offsets = struct.unpack_from(f"<II{axes + 2}Q", body, start)
            if level:
                waiting.append(offsets[-1])
            else:
                found[tuple(offsets[:axes])] = Chunk(offsets[-1], length, skipped)
    return found


class ChunkCache:
    """The chunks of one file that were decoded last, so that reading on decodes none again.

    Together they take ``limit`` bytes at most, but the last one is kept however large it is, as
    whoever reads it in pieces would decode it for each. Room is made before the next is decoded,
    so that no more is in memory at a time than the decoding needs anyway.
    """

    def __init__(self, source: ByteSource, limit: int = CACHED_BYTES) -> None:
        self._source = source
        self._limit = limit
        self._kept: dict[tuple[Chunk, tuple[int, ...], int, int], bytes] = {}
        self._lock = threading.Lock()

    def read(self, chunk: Chunk, filters: tuple[int, ...], size: int, width: int) -> bytes:
        """What ``read_chunk`` gives."""
        if not filters:
            return read_chunk(self._source, chunk, filters, size, width)
        key = (chunk, filters, size, width)
        with self._lock:
            data = self._kept.pop(key, None)
            if data is None:
                held = sum(len(other) for other in self._kept.values())
                while self._kept and held + size > self._limit:
                    held -= len(self._kept.pop(next(iter(self._kept))))
                data = read_chunk(self._source, chunk, filters, size, width)
            self._kept[key] = data
        return data


def read_chunk(
    source: ByteSource, chunk: Chunk, filters: tuple[int, ...], size: int, width: int
) -> bytes:
    """The ``size`` bytes of a chunk of elements ``width`` wide, with its filters undone.

    Raises:
        LimitExceeded: the chunk claims to hold more than its bytes can.
        ValueError: the stored bytes give another size, or a checksum is wrong.
    """
    if size > FREE_CHUNK_BYTES and size > MOST_RATIO * chunk.length:
        raise LimitExceeded(
            source.name,
            resource="bytes of one chunk",
            limit=max(FREE_CHUNK_BYTES, MOST_RATIO * chunk.length),
            actual=size,
        )
    data = source.read_at(chunk.address, chunk.length)
    for index in range(len(filters) - 1, -1, -1):
        if chunk.skipped >> index & 1:
            continue
        if filters[index] == DEFLATE:
            # Room for the checksum that may have been added before compression.
            data = _inflate(data, size + 4)
        elif filters[index] == SHUFFLE:
            data = _unshuffle(data, width)
        else:
            data = _check_fletcher32(data)
    if len(data) != size:
        raise ValueError(f"a chunk of {len(data):,} bytes where {size:,} are declared")
    return data


def _inflate(data: bytes, most: int) -> bytes:
    machine = zlib.decompressobj()
    found = machine.decompress(data, most)
    if not machine.eof:
        raise ValueError(f"a compressed chunk that is cut short or gives over {most:,} bytes")
    return found


def _unshuffle(data: bytes, width: int) -> bytes:
    """Bytes of equal rank apart to elements together; a tail shorter than an element stays."""
    import numpy as np

    whole = len(data) // width * width
    planes = np.frombuffer(data, np.uint8, whole).reshape(width, -1)
    return planes.T.tobytes() + data[whole:]


def _check_fletcher32(data: bytes) -> bytes:
    """The data without its checksum (specification of H5_checksum_fletcher32, big-endian words)."""
    import numpy as np

    if len(data) < 4:
        raise ValueError("a chunk shorter than its checksum")
    body, stored = data[:-4], struct.unpack("<I", data[-4:])[0]
    words = np.frombuffer(body + b"\0" * (len(body) % 2), ">u2").astype(np.uint64)
    first, second = _fletcher(words)
    # Zero is written as 0 or as 65,535; both mean the same modulo 65,535.
    if (first % 65535, second % 65535) != ((stored & 0xFFFF) % 65535, (stored >> 16) % 65535):
        raise ValueError("a chunk whose Fletcher32 checksum is wrong")
    return body


def _fletcher(words: np.ndarray) -> tuple[int, int]:
    import numpy as np

    first = second = 0
    for start in range(0, len(words), 1 << 16):
        part = words[start : start + (1 << 16)]
        weights = np.arange(len(part), 0, -1, dtype=np.uint64)
        # Each running sum counts word i once for every word from i on.
        second = (second + first * len(part) + int((part * weights % 65535).sum())) % 65535
        first = (first + int(part.sum())) % 65535
    return first, second
