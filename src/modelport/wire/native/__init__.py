"""Checksums at the speed of memory: CRC-32 as in zip, CRC-32C as in TFRecord.

They are those of ``_crc.c``; where it could not be compiled, that of zlib and one made with numpy.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["FAST", "Checksum", "crc32", "crc32c"]


class Checksum(Protocol):
    """The checksum of a contiguous buffer that follows what has the checksum ``value``."""

    def __call__(self, data: ReadableBuffer, value: int = 0, /) -> int:
        """A number of 32 bits; TypeError or BufferError where ``data`` is no such buffer."""


crc32: Checksum
crc32c: Checksum
FAST: bool
"""Whether both of some bytes cost less than reading the bytes again."""

try:
    from modelport.wire.native import _crc
except ImportError:  # installed without a C compiler
    from modelport.wire.native import plain

    crc32, crc32c, FAST = zlib.crc32, plain.crc32c, False
else:
    # Without instructions for it, zlib is the faster of the two.
    FAST = _crc.IMPLEMENTATIONS[0] != "portable"
    crc32 = _crc.crc32 if FAST else zlib.crc32
    crc32c = _crc.crc32c
