"""Where a dataset's values lie: the layout and filter messages (specification IV.A.2.i and .l)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from modelport.wire.hdf5.objects import UNDEFINED
from modelport.wire.hdf5.window import UnknownClause

DEFLATE, SHUFFLE, FLETCHER32 = 1, 2, 3

_FILTER_NAMES = {
    4: "szip",
    5: "n-bit",
    6: "scale-offset",
    32000: "lzf",
    32001: "blosc",
    32015: "zstd",
}


@dataclass(frozen=True, slots=True)
class Compact:
    """Values inside the object header."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Contiguous:
    """Values in one run; ``address`` is None where none were written yet.

    ``length`` is None where the message does not state it (versions 1 and 2).
    """

    address: int | None
    length: int | None


@dataclass(frozen=True, slots=True)
class Chunked:
    """Values in chunks of ``shape``, found through the B-tree at ``address`` (None: no chunks)."""

    address: int | None
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Virtual:
    """Values in other datasets and files."""


Layout = Compact | Contiguous | Chunked | Virtual


def parse_layout(body: bytes) -> Layout:
    """The layout that a data layout message states.

    Raises:
        struct.error, ValueError: the message is cut short or impossible.
        UnknownClause: a chunk index of version 4.
    """
    version = body[0]
    if version in (1, 2):
        return _old_layout(body)
    if version not in (3, 4):
        raise ValueError(f"data layout version {version}")
    kind = body[1]
    if kind == 0:
        size = struct.unpack_from("<H", body, 2)[0]
        return Compact(body[4 : 4 + size])
    if kind == 1:
        address, length = struct.unpack_from("<QQ", body, 2)
        return Contiguous(_defined(address), length)
    if kind == 2 and version == 3:
        axes, address = struct.unpack_from("<BQ", body, 2)
        return Chunked(_defined(address), _chunk_shape(body, 11, axes))
    if kind == 2:
        raise UnknownClause("the chunk index of layout version 4 (libver='latest')")
    if kind == 3:
        return Virtual()
    raise ValueError(f"data layout class {kind}")


def _old_layout(body: bytes) -> Layout:
    axes, kind = body[1], body[2]
    if kind == 0:
        start = 8 + 4 * axes
        size = struct.unpack_from("<I", body, start)[0]
        return Compact(body[start + 4 : start + 4 + size])
    address = struct.unpack_from("<Q", body, 8)[0]
    if kind == 1:
        return Contiguous(_defined(address), None)
    if kind == 2:
        return Chunked(_defined(address), _chunk_shape(body, 16, axes))
    raise ValueError(f"data layout class {kind}")


def _chunk_shape(body: bytes, start: int, axes: int) -> tuple[int, ...]:
    """The extents of a chunk; the last number of the message is the size of one element."""
    shape = struct.unpack_from(f"<{axes}I", body, start)[: axes - 1]
    if not axes or 0 in shape:
        raise ValueError(f"chunks of shape {list(shape)}")
    return shape


def _defined(address: int) -> int | None:
    return None if address == UNDEFINED else address


def parse_filters(body: bytes) -> tuple[int, ...]:
    """The filters of a pipeline message, in the order they were applied.

    Raises:
        UnknownClause: a filter other than deflate, shuffle and Fletcher32.
    """
    version, amount = body[0], body[1]
    if version not in (1, 2):
        raise ValueError(f"filter pipeline version {version}")
    position = 8 if version == 1 else 2
    found = []
    for _ in range(amount):
        kind = struct.unpack_from("<H", body, position)[0]
        position += 2
        name_size = 0
        if version == 1 or kind > 255:
            name_size = struct.unpack_from("<H", body, position)[0]
            position += 2
        values = struct.unpack_from("<2xH", body, position)[0]
        name_size = -(-name_size // 8) * 8 if version == 1 else name_size
        position += 4 + name_size + 4 * (values + (values % 2 if version == 1 else 0))
        if kind not in (DEFLATE, SHUFFLE, FLETCHER32):
            raise UnknownClause(f"the filter {_FILTER_NAMES.get(kind, kind)}")
        found.append(kind)
    return tuple(found)
