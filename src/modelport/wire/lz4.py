"""LZ4 frames, unpacked without a library.

Format: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md and ``lz4_Block_format.md``.
Checksums are passed over: what is inside has its own rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

from modelport.errors import MalformedFile
from modelport.wire.source import ByteSource

MAGIC = b"\x04\x22\x4d\x18"
_WINDOW = 64 << 10
_RAW = 1 << 31
_BLOCK_SIZES = {4: 64 << 10, 5: 256 << 10, 6: 1 << 20, 7: 4 << 20}


def unpack(source: ByteSource) -> Iterator[bytes]:
    """The blocks of every frame, unpacked.

    Raises:
        MalformedFile: no frame, a block that is broken or larger than its frame allows.
    """
    at = 0
    while at < source.size:
        if source.read_at(at, 4) != MAGIC:
            _broken(source, at, "an LZ4 frame")
        flags, sizes = source.read_at(at + 4, 2)
        largest = _BLOCK_SIZES.get(sizes >> 4 & 7)
        if flags >> 6 != 1 or largest is None:
            _broken(source, at + 4, "version 1 of LZ4 frames")
        at += 7 + (8 if flags & 8 else 0) + (4 if flags & 1 else 0)
        window = b""
        while True:
            word = int.from_bytes(source.read_at(at, 4), "little")
            at += 4
            if word == 0:
                break
            length = word & (_RAW - 1)
            if length > largest:
                _broken(source, at - 4, f"a block of at most {largest:,} bytes")
            raw = source.read_at(at, length)
            block = raw if word & _RAW else _block(source, at, raw, window, largest)
            yield block
            window = (window + block)[-_WINDOW:] if not flags & 0x20 else b""
            at += length + (4 if flags & 0x10 else 0)
        at += 4 if flags & 4 else 0


def _block(source: ByteSource, place: int, raw: bytes, window: bytes, largest: int) -> bytes:
    """One block: runs of literals, each followed by a copy of what came before."""
    out, at, most = bytearray(window), 0, len(window) + largest
    try:
        while at < len(raw):
            token = raw[at]
            count, at = _length(raw, at + 1, token >> 4)
            if at + count > len(raw) or len(out) + count > most:
                _broken(source, place + at, "literals inside the block")
            out += raw[at : at + count]
            at += count
            if at == len(raw):
                break
            back = raw[at] | raw[at + 1] << 8
            count, at = _length(raw, at + 2, token & 15)
            count += 4
            if not 0 < back <= len(out) or len(out) + count > most:
                _broken(source, place + at, "a copy of bytes that came before")
            start = len(out) - back
            while count > 0:  # a copy may reach into what it has just written
                piece = out[start : start + min(count, back)]
                out += piece
                count -= len(piece)
                start += len(piece)
    except IndexError:
        _broken(source, place + len(raw), "more of the block")
    return bytes(out[len(window) :])


def _length(raw: bytes, at: int, count: int) -> tuple[int, int]:
    if count == 15:
        while True:
            more = raw[at]
            at += 1
            count += more
            if more != 255:
                break
    return count, at


def _broken(source: ByteSource, offset: int, expected: str) -> NoReturn:
    raise MalformedFile(source.name, offset=offset, expected=expected, found="something else")
