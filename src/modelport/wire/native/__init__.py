"""Checksums at the speed of memory: CRC-32 as in zip, CRC-32C as in TFRecord.

They are those of ``_crc.c``; where it could not be compiled, that of zlib and one made with numpy.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["Checksum", "crc32", "crc32c"]


class Checksum(Protocol):
    """The checksum of a contiguous buffer that follows what has the checksum ``value``."""

    def __call__(self, data: ReadableBuffer, value: int = 0, /) -> int:
        """A number of 32 bits; TypeError or BufferError where ``data`` is no such buffer."""


crc32: Checksum
crc32c: Checksum

try:
    from modelport.wire.native import _crc
except ImportError:  # installed without a C compiler
    from modelport.wire.native import plain

    crc32, crc32c = zlib.crc32, plain.crc32c
else:
    # Without instructions for it, zlib is the faster of the two.
    crc32 = zlib.crc32 if _crc.IMPLEMENTATIONS[0] == "portable" else _crc.crc32
    crc32c = _crc.crc32c
