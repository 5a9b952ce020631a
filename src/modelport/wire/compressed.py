"""Whole files in a compressed wrapper (gzip, zlib, bzip2, xz, lzma, LZ4), unpacked into memory.

Every wrapper may be in several members one after the other, as its own tool allows. What comes out
is bounded while it comes, so that a few bytes cannot ask for all memory.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

from modelport.errors import LimitExceeded, MalformedFile
from modelport.wire import lz4
from modelport.wire.source import ByteSource, BytesSource

RATIO = 200
SMALL = 64 << 20
MOST = 4 << 30
_CHUNK = 1 << 20
_HEAD = 64


class _Stream(Protocol):
    """What the decompressors of Python's own modules have in common."""

    @property
    def eof(self) -> bool:
        """Whether the member is complete."""

    @property
    def unused_data(self) -> bytes:
        """What follows the member."""


def kind(head: bytes) -> str | None:
    """The wrapper that a file begins with, or None."""
    if head[:2] == b"\x1f\x8b":
        return "gzip"
    if head[:3] == b"BZh" and head[3:4] in b"123456789" and head[4:10] in _BZIP_MARKS:
        return "bzip2"
    if head[:6] == b"\xfd7zXZ\x00":
        return "xz"
    if head[:3] == b"\x5d\x00\x00" and len(head) >= 13:
        return "lzma"
    if head[:4] == b"\x04\x22\x4d\x18":
        return "lz4"
    if head[:1] == b"\x78" and len(head) > 1 and int.from_bytes(head[:2], "big") % 31 == 0:
        return "zlib"
    return None


_BZIP_MARKS = (b"1AY&SY", b"\x17rE8P\x90")


def unpack(source: ByteSource, wrapper: str) -> BytesSource:
    """Everything inside the wrapper.

    Raises:
        MalformedFile: the wrapper is broken, cut short or followed by something else.
        LimitExceeded: more than ``RATIO`` times the file (over ``SMALL`` bytes), or than ``MOST``.
    """
    unpacked = bytearray()
    allowed = min(MOST, max(SMALL, RATIO * source.size))
    for piece in _pieces(source, wrapper):
        unpacked += piece
        if len(unpacked) > allowed:
            raise LimitExceeded(
                source.name, resource="bytes unpacked", limit=allowed, actual=len(unpacked)
            )
    return BytesSource(unpacked, source.name)


def peek(source: ByteSource, wrapper: str) -> bytes:
    """The first bytes inside the wrapper; none where it is broken at once."""
    try:
        return next(_pieces(source, wrapper), b"")[:_HEAD]
    except MalformedFile:
        return b""


def _pieces(source: ByteSource, wrapper: str) -> Iterator[bytes]:
    if wrapper == "lz4":
        return lz4.unpack(source)
    return _members(source, _OPENERS[wrapper])


def _members(source: ByteSource, opener: Callable[[], _Stream]) -> Iterator[bytes]:
    at, waiting, stream = 0, b"", opener()
    while True:
        if not waiting and at < source.size:
            length = min(_CHUNK, source.size - at)
            waiting, at = source.read_at(at, length), at + length
        if not waiting:
            break
        try:
            piece, waiting = _step(stream, waiting)
        except (zlib.error, OSError, lzma.LZMAError, ValueError, EOFError) as error:
            raise MalformedFile(
                source.name, offset=at, expected="compressed data", found=str(error)
            ) from error
        if piece:
            yield piece
        if stream.eof and (waiting or at < source.size):
            stream = opener()
    if not stream.eof:
        raise MalformedFile(
            source.name, offset=at, expected="the end of the compressed data", found="the file's"
        )


def _step(stream: _Stream, waiting: bytes) -> tuple[bytes, bytes]:
    """At most a chunk out of what waits, and what then still waits."""
    if isinstance(stream, bz2.BZ2Decompressor | lzma.LZMADecompressor):
        piece = stream.decompress(waiting if stream.needs_input else b"", _CHUNK)
        if stream.eof:
            return piece, stream.unused_data
        return piece, b"" if stream.needs_input else waiting
    piece = stream.decompress(waiting, _CHUNK)  # type: ignore[attr-defined]
    return piece, stream.unused_data if stream.eof else stream.unconsumed_tail  # type: ignore[attr-defined]


_OPENERS: dict[str, Callable[[], _Stream]] = {
    "gzip": lambda: zlib.decompressobj(16 + zlib.MAX_WBITS),
    "zlib": lambda: zlib.decompressobj(zlib.MAX_WBITS),
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=256 << 20),
    "lzma": lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=256 << 20),
}
