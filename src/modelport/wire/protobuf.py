"""A bounded walker over protobuf messages that skips payloads without reading them.

Layout: https://protobuf.dev/programming-guides/encoding/. A message is a run of fields; a field is
a tag (number and wire type) and a number, or a length and that many bytes. Only tags and lengths
are read, through a small window, so that a field of any size costs nothing to pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from modelport.errors import LimitExceeded, MalformedFile
from modelport.wire.source import ByteSource

if TYPE_CHECKING:
    from numpy.typing import NDArray

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5

MAX_DEPTH = 64
MAX_FIELDS = 20_000_000
MAX_BYTES = 256 << 20

Field: TypeAlias = tuple[int, int, int, int, int]
"""(number, wire type, value or start, end, start of the tag); offsets are those of the source.

For ``VARINT`` the third item is the value (unsigned, 64 bits); for the others the payload lies from
the third to the fourth. The whole field, to be kept as it is, lies from the fifth to the fourth.
"""

_WINDOW_FIRST = 4096
_WINDOW_MOST = 256 << 10
_HEADER = 20  # two varints of ten bytes: the most that a tag and a length (or value) can take
_PADDING = bytes(_HEADER)


class Walker:
    """Walks the messages of one source, one at a time, each message while its parent waits.

    ``depth`` is the number of messages already around the first one walked. Budgets count over the
    whole life of the walker: fields passed, and bytes taken by ``read``.

    Raises:
        MalformedFile: a field leaves its message, a varint is over 10 bytes, a group (none of the
            formats here has any) or an undefined wire type.
        LimitExceeded: nesting, fields or bytes over the limits above.
    """

    __slots__ = (
        "_base",
        "_bytes",
        "_data",
        "_depth",
        "_fields",
        "_reach",
        "_step",
        "_valid",
        "source",
    )

    def __init__(self, source: ByteSource, depth: int = 0) -> None:
        self.source = source
        self._data = b""
        self._base = 0
        self._valid = 0  # the end of the window, as an offset in the source
        self._reach = -1  # the last offset where a header surely lies in the window
        self._step = _WINDOW_FIRST
        self._depth = depth
        self._fields = 0
        self._bytes = 0

    @property
    def depth(self) -> int:
        """How many messages are open now."""
        return self._depth

    def fields(self, start: int, end: int) -> Iterator[Field]:
        """The fields of the message from ``start`` to ``end``."""
        if self._depth >= MAX_DEPTH:
            self._exceeded("protobuf nesting depth", MAX_DEPTH, self._depth + 1)
        self._depth += 1
        try:
            yield from self._walk(start, end)
        finally:
            self._depth -= 1

    def _walk(self, start: int, end: int) -> Iterator[Field]:
        position = start
        while position < end:
            at = position
            index = at - self._base
            if index < 0 or at > self._reach:
                self._fill(at)
                index = at - self._base
            data = self._data
            tag = data[index]
            index += 1
            if tag > 127:
                tag, index = self._varint(data, index - 1)
            wire = tag & 7
            if wire == LENGTH:
                length = data[index]
                index += 1
                if length > 127:
                    length, index = self._varint(data, index - 1)
                first = self._base + index
                position = first + length
            elif wire == VARINT:
                first = data[index]
                index += 1
                if first > 127:
                    first, index = self._varint(data, index - 1)
                position = self._base + index
            else:
                first = self._base + index
                position = first + self._fixed(wire, at)
            if position > end:
                self._truncated(at, position - end)
            self._fields += 1
            if tag < 8 or tag >> 32 or self._fields > MAX_FIELDS:
                self._refuse(at, tag)
            yield tag >> 3, wire, first, position, at

    def read(self, start: int, end: int) -> bytes:
        """The bytes from ``start`` to ``end``."""
        if start >= self._base and end <= self._valid:
            return self._data[start - self._base : end - self._base]
        self._bytes += end - start
        if self._bytes > MAX_BYTES:
            self._exceeded("bytes of names, texts and attributes", MAX_BYTES, self._bytes)
        return self.source.read_at(start, end - start)

    def text(self, start: int, end: int) -> str:
        """The bytes from ``start`` to ``end`` as UTF-8; MalformedFile where they are not."""
        raw = self.read(start, end)
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            raise MalformedFile(
                self.source.name,
                offset=start + error.start,
                expected="UTF-8 text",
                found=f"byte 0x{raw[error.start]:02x}",
            ) from None

    def varints(self, start: int, end: int) -> Iterator[int]:
        """The packed varints from ``start`` to ``end``, as unsigned numbers of 64 bits."""
        data = self.read(start, end) + b"\x00"  # so that a last varint without end shows
        index, stop = 0, end - start
        while index < stop:
            value = data[index]
            index += 1
            if value > 127:
                value, index = self._varint(data, index - 1, start)
            if index > stop:
                self._truncated(start, 1)
            yield value

    def run(self, start: int, end: int, pattern: re.Pattern[bytes]) -> int:
        """Where a run of short fields ends, passed at the speed of a regular expression.

        ``pattern`` matches one or more whole fields of at most 20 bytes each.
        """
        position = start
        while position < end:
            index = position - self._base
            if index < 0 or position > self._reach:
                self._fill(position)
                index = 0
            found = pattern.match(self._data, index, min(self._valid, end) - self._base)
            if found is None:
                break
            position = self._base + found.end()
        return position

    def _fixed(self, wire: int, at: int) -> int:
        if wire == FIXED32:
            return 4
        if wire == FIXED64:
            return 8
        found = "a group" if wire in (3, 4) else f"wire type {wire}"
        raise MalformedFile(self.source.name, offset=at, expected="a protobuf field", found=found)

    def _varint(self, data: bytes, index: int, base: int | None = None) -> tuple[int, int]:
        value = 0
        for shift in range(0, 70, 7):
            byte = data[index]
            index += 1
            value |= (byte & 0x7F) << shift
            if byte < 128:
                return value & 0xFFFFFFFFFFFFFFFF, index
        raise MalformedFile(
            self.source.name,
            offset=(self._base if base is None else base) + index - 10,
            expected="a varint of at most 10 bytes",
            found="a longer one",
        )

    def _fill(self, position: int) -> None:
        """Move the window to ``position``; it grows while reading goes on in sequence."""
        onward = self._base < position <= self._valid
        self._step = min(self._step * 2, _WINDOW_MOST) if onward else _WINDOW_FIRST
        length = max(0, min(self._step, self.source.size - position))
        data = self.source.read_at(position, length)
        self._base = position
        self._valid = position + length
        if self._valid == self.source.size:
            # Past the end stand zeros, so that a cut header reads as a field that is too long.
            self._data = data + _PADDING
            self._reach = self._valid
        else:
            self._data = data
            self._reach = self._valid - _HEADER

    def _truncated(self, at: int, missing: int) -> None:
        raise MalformedFile(
            self.source.name,
            offset=at,
            expected="a protobuf field inside its message",
            found=f"one that is {missing:,} bytes too long",
        )

    def _refuse(self, at: int, tag: int) -> None:
        if self._fields > MAX_FIELDS:
            self._exceeded("protobuf fields", MAX_FIELDS, self._fields)
        raise MalformedFile(
            self.source.name, offset=at, expected="a field number", found=str(tag >> 3)
        )

    def _exceeded(self, resource: str, limit: int, actual: int) -> None:
        raise LimitExceeded(self.source.name, resource=resource, limit=limit, actual=actual)


def decode_varints(raw: bytes) -> NDArray[Any]:
    """Packed varints as unsigned numbers of 64 bits, many at a time.

    Raises:
        ValueError: the last one has no end, or one is over 10 bytes.
    """
    import numpy as np

    data = np.frombuffer(raw, np.uint8)
    last = np.flatnonzero(data < 0x80)
    values = np.zeros(len(last), np.uint64)
    if len(data) == 0:
        return values
    if len(last) == 0 or last[-1] != len(data) - 1:
        raise ValueError("a varint without end")
    first = np.concatenate(([0], last[:-1] + 1))
    lengths = last - first + 1
    longest = int(lengths.max())
    if longest > 10:
        raise ValueError("a varint of over 10 bytes")
    for index in range(longest):
        longer = lengths > index
        bits = (data[first[longer] + index] & 0x7F).astype(np.uint64)
        values[longer] |= bits << np.uint64(7 * index)
    return values


def signed(value: int) -> int:
    """A varint's value as a signed number of 64 bits (protobuf's int32 and int64)."""
    return value - (1 << 64) if value >> 63 else value
