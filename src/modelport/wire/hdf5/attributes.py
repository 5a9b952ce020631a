"""Attributes of HDF5 objects (specification IV.A.2.m), decoded into plain values."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from modelport.errors import LimitExceeded
from modelport.wire.hdf5.datatype import Element, count, parse_element, parse_shape
from modelport.wire.hdf5.objects import ATTRIBUTE, ATTRIBUTE_INFO, UNDEFINED, ObjectHeader
from modelport.wire.hdf5.window import Window, guarded

MOST_TEXT = 256 << 20


@dataclass(frozen=True, slots=True)
class Opaque:
    """A value whose type has no plain counterpart: what it is, and its stored bytes."""

    what: str
    data: bytes


class GlobalHeaps:
    """The global heaps of a file (III.E), each parsed once.

    ``text_left`` bounds the bytes handed out, because one heap object can be named many times.
    """

    def __init__(self, window: Window) -> None:
        self.window = window
        self._heaps: dict[int, dict[int, bytes]] = {}
        self._text_left = MOST_TEXT

    def spend(self, length: int) -> None:
        """Count bytes that are handed out."""
        self._text_left -= length
        if self._text_left < 0:
            raise LimitExceeded(
                self.window.name,
                resource="bytes of text in HDF5",
                limit=MOST_TEXT,
                actual=MOST_TEXT - self._text_left,
            )

    def get(self, descriptor: bytes) -> bytes:
        """The bytes that a 16-byte descriptor (length, heap address, index) points to."""
        from pyfive.misc_low_level import GlobalHeap

        length, address, index = struct.unpack("<IQI", descriptor)
        if address in (0, UNDEFINED) or length == 0:
            return b""
        if address not in self._heaps:
            self._heaps[address] = GlobalHeap(self.window, address).objects
        self.spend(length)
        stored = self._heaps[address][index]
        if len(stored) < length:
            raise ValueError(f"a text of {length} bytes where the heap holds {len(stored)}")
        return stored[:length]


def read_attributes(header: ObjectHeader, heaps: GlobalHeaps) -> dict[str, Any]:
    """The attributes of an object by name, in the order of the file.

    Text becomes ``str`` (``bytes`` where it is not UTF-8), lists of text become lists, single
    numbers Python numbers, other numbers numpy arrays, an empty dataspace None, and everything
    else Opaque.
    """
    found: dict[str, Any] = {}
    with guarded(header.window.source, "attribute", header.address):
        for body in _bodies(header):
            heaps.spend(len(body))
            name, value = _attribute(body, heaps)
            found[name] = value
    return found


def _bodies(header: ObjectHeader) -> Iterator[bytes]:
    for kind, body in header.messages:
        if kind == ATTRIBUTE:
            yield body
        elif kind == ATTRIBUTE_INFO:
            yield from _dense(header.window, body)


def _dense(window: Window, body: bytes) -> Iterator[bytes]:
    from pyfive.btree import BTreeV2AttrCreationOrder, BTreeV2AttrNames
    from pyfive.misc_low_level import FractalHeap

    flags = body[1]
    start = 2 + 2 * (flags & 1)
    heap_address, by_name, by_order = struct.unpack_from("<QQQ", body + b"\xff" * 8, start)
    if heap_address == UNDEFINED or by_name == UNDEFINED:
        return
    heap = FractalHeap(window, heap_address)
    if flags & 2 and by_order != UNDEFINED:
        tree = BTreeV2AttrCreationOrder(window, by_order)
    else:
        tree = BTreeV2AttrNames(window, by_name)
    for record in sorted(tree.iter_records(), key=lambda record: int(record["creationorder"])):
        yield heap.get_data(record["heapid"])


def _attribute(body: bytes, heaps: GlobalHeaps) -> tuple[str, Any]:
    version, flags, name_size, type_size, space_size = struct.unpack_from("<BBHHH", body)
    if version not in (1, 2, 3):
        raise ValueError(f"attribute message version {version}")
    step = 8 if version == 1 else 1
    start = 9 if version == 3 else 8
    name = body[start : start + name_size].split(b"\0")[0].decode("utf-8")
    start += -(-name_size // step) * step
    if version > 1 and flags & 3:
        return name, Opaque("shared data type", b"")
    element = parse_element(body[start : start + type_size])
    start += -(-type_size // step) * step
    shape = parse_shape(body[start : start + space_size])
    start += -(-space_size // step) * step
    if shape is None:
        return name, None
    data = body[start : start + count(shape) * element.size]
    if len(data) != count(shape) * element.size:
        raise ValueError(f"attribute {name!r} of shape {list(shape)} in {len(data)} bytes")
    return name, _value(element, shape, data, heaps)


def _value(element: Element, shape: tuple[int, ...], data: bytes, heaps: GlobalHeaps) -> Any:
    if element.name == "object":
        return Opaque(element.what, data)
    if not element.numeric:
        texts = [text(item) for item in split_text(element, data, heaps)]
        return texts[0] if shape == () else texts
    import numpy as np

    array = np.frombuffer(data, element.storage).reshape(shape)
    array = array.astype(bool) if element.name == "bool" else array
    return array.item() if shape == () else array.astype(array.dtype.newbyteorder("="))


def split_text(element: Element, data: bytes, heaps: GlobalHeaps) -> Iterator[bytes]:
    """Every text of a run of fixed or variable-length ones, without its padding."""
    if element.name == "vlen" and element.size != 16:
        raise ValueError(f"a text descriptor of {element.size} bytes")
    for start in range(0, len(data), element.size):
        item = data[start : start + element.size]
        yield heaps.get(item) if element.name == "vlen" else item.rstrip(b"\0")


def text(value: bytes) -> str | bytes:
    """The text as ``str`` where it is UTF-8."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value
