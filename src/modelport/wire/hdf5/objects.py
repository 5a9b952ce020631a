"""Object headers and the links between objects (specification IV.A and IV.A.2.g)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelport.errors import UnsafeFile
from modelport.wire.hdf5.window import UnknownClause, Window, guarded

if TYPE_CHECKING:
    from pyfive.dataobjects import DataObjects

UNDEFINED = 0xFFFFFFFFFFFFFFFF

DATASPACE, LINK_INFO, DATATYPE, FILL, LINK, EXTERNAL = 0x1, 0x2, 0x3, 0x5, 0x6, 0x7
LAYOUT, GROUP_INFO, FILTERS, ATTRIBUTE, SYMBOL_TABLE, ATTRIBUTE_INFO = (
    0x8,
    0xA,
    0xB,
    0xC,
    0x11,
    0x15,
)

OLD_HEADER_BYTES, NEW_HEADER_BYTES, HEADER_BLOCKS = 8 << 20, 1 << 20, 500
MOST_NAME = 4096

_READ = {
    *(DATASPACE, LINK_INFO, DATATYPE, FILL, LINK, EXTERNAL),
    *(LAYOUT, GROUP_INFO, FILTERS, ATTRIBUTE, SYMBOL_TABLE, ATTRIBUTE_INFO),
}
_SHARED = 2
_HARD, _SOFT, _EXTERNAL_LINK = 0, 1, 64


@dataclass(frozen=True, slots=True)
class Link:
    """A name in a group: the address of an object, or the path that a soft link holds."""

    name: str
    target: int | str


class ObjectHeader:
    """The messages of one object: ``(type, body)`` pairs in the order of the file."""

    __slots__ = ("address", "kinds", "messages", "window")

    def __init__(self, window: Window, address: int) -> None:
        self.window = window
        self.address = address
        with guarded(window.source, "object header", address):
            self.messages = list(_messages(window, address))
        self.kinds = frozenset(kind for kind, _ in self.messages)
        window.keep(len(self.messages))

    def first(self, kind: int) -> bytes | None:
        """The body of the first message of that type, or None."""
        return next((body for found, body in self.messages if found == kind), None)

    @property
    def is_dataset(self) -> bool:
        """Whether the object holds values."""
        return {DATASPACE, LAYOUT} <= self.kinds

    @property
    def is_group(self) -> bool:
        """Whether the object holds links."""
        return not self.kinds.isdisjoint((SYMBOL_TABLE, LINK_INFO, LINK, GROUP_INFO))

    def links(self) -> Iterator[Link]:
        """The links of a group: by name, or by creation where the file keeps that order.

        Raises:
            UnsafeFile: a link leads out of the file, or is of a user's own kind.
        """
        with guarded(self.window.source, "group", self.address):
            for kind, body in self.messages:
                if kind == SYMBOL_TABLE:
                    yield from _symbol_table(self.window, body)
                elif kind == LINK:
                    yield _link(self.window, body)[1]
                elif kind == LINK_INFO:
                    yield from _dense_links(self.window, body)


def _parse(window: Window, address: int) -> DataObjects:
    """The header as pyfive sees it.

    A block that continues in the next is copied together with it, so the size and number of blocks
    are bounded; a header of version 2 does not even say how many messages it has.
    """
    from pyfive.dataobjects import DataObjects

    window.seek(address)
    old = window.read(1) == b"\1"
    with window.at_most(OLD_HEADER_BYTES if old else NEW_HEADER_BYTES, HEADER_BLOCKS):
        return DataObjects(window, address)


def _messages(window: Window, address: int) -> Iterator[tuple[int, bytes]]:
    parsed = _parse(window, address)
    for message in parsed.msgs:
        start, size = message["offset_to_message"], message["size"]
        kind = int(message["type"])
        if kind not in _READ:
            continue
        body = parsed.msg_data[start : start + size]
        if len(body) < size:
            raise ValueError("a message that leaves its header")
        if message["flags"] & _SHARED and kind in (DATASPACE, DATATYPE, FILL, FILTERS):
            body = _shared(window, body, kind)
        yield kind, body


def _shared(window: Window, body: bytes, kind: int) -> bytes:
    """The message that a shared one points to (IV.A.2, a committed data type)."""
    version = body[0]
    if version == 3 and body[1] == 1:
        raise UnknownClause("a message shared through the file's own heap")
    address = struct.unpack_from("<Q", body, 8 if version == 1 else 2)[0]
    parsed = _parse(window, address)
    for message in parsed.msgs:
        if message["type"] == kind and not message["flags"] & _SHARED:
            start = message["offset_to_message"]
            return bytes(parsed.msg_data[start : start + message["size"]])
    raise ValueError("a shared message that points nowhere")


def _symbol_table(window: Window, body: bytes) -> Iterator[Link]:
    from pyfive.btree import BTreeV1Groups
    from pyfive.misc_low_level import Heap, SymbolTable

    tree, heap_address = struct.unpack_from("<QQ", body)
    heap = Heap(window, heap_address)
    for address in BTreeV1Groups(window, tree).symbol_table_addresses():
        for entry in SymbolTable(window, address).entries:
            name = _heap_name(heap.data, entry["link_name_offset"])
            if entry["cache_type"] == 2:
                offset = struct.unpack_from("<I", entry["scratch"])[0]
                yield Link(name, _heap_name(heap.data, offset))
            else:
                yield Link(name, int(entry["object_header_address"]))


def _heap_name(data: bytes, offset: int) -> str:
    end = data.index(b"\0", offset, offset + MOST_NAME + 1)
    return data[offset:end].decode("utf-8")


def _dense_links(window: Window, body: bytes) -> Iterator[Link]:
    from pyfive.btree import BTreeV2GroupNames, BTreeV2GroupOrders
    from pyfive.misc_low_level import FractalHeap

    flags = body[1]
    heap_address, by_name, by_order = struct.unpack_from(
        "<QQQ", body + b"\xff" * 8, 2 + 8 * (flags & 1)
    )
    if heap_address == UNDEFINED or by_name == UNDEFINED:
        return
    heap = FractalHeap(window, heap_address)
    ordered = bool(flags & 2) and by_order != UNDEFINED
    tree = BTreeV2GroupOrders(window, by_order) if ordered else BTreeV2GroupNames(window, by_name)
    found = [_link(window, heap.get_data(record["heapid"])) for record in tree.iter_records()]
    for _, link in sorted(found, key=lambda item: item[0] if ordered else item[1].name):
        yield link


def _link(window: Window, body: bytes) -> tuple[int, Link]:
    """The creation index (0 where none is kept) and the link of a link message."""
    if body[0] != 1:
        raise ValueError(f"link message version {body[0]}")
    flags, position, kind, order = body[1], 2, _HARD, 0
    if flags & 8:
        kind, position = body[position], position + 1
    if flags & 4:
        order, position = struct.unpack_from("<Q", body, position)[0], position + 8
    position += 1 if flags & 16 else 0
    width = 1 << (flags & 3)
    length = int.from_bytes(body[position : position + width], "little")
    position += width
    name = _text(body, position, length)
    position += length
    if kind == _HARD:
        return order, Link(name, struct.unpack_from("<Q", body, position)[0])
    if kind == _SOFT:
        length = struct.unpack_from("<H", body, position)[0]
        return order, Link(name, _text(body, position + 2, length))
    what = "an external link" if kind == _EXTERNAL_LINK else f"a user-defined link (type {kind})"
    raise UnsafeFile(window.name, f"{what} named {name!r}", "HDF5 group")


def _text(body: bytes, start: int, length: int) -> str:
    text = body[start : start + length]
    if len(text) != length or length > MOST_NAME:
        raise ValueError(f"a name of {length:,} bytes")
    return text.decode("utf-8")
