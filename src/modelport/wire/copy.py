"""Bytes carried from a source to a file, and held against what was written."""

from __future__ import annotations

import io
from typing import NamedTuple

from modelport.wire.native import FAST, crc32, crc32c
from modelport.wire.source import (
    COPY_BYTES,
    PAGE_BYTES,
    ByteSource,
    Checked,
    FileSource,
    Sink,
    check,
    check_range,
    read_pieces,
    whole_of,
)

_FILES = (io.BufferedWriter, io.BufferedRandom)


class Sums(NamedTuple):
    """Two checksums of the same bytes, which together miss one change in 2**64.

    Each alone finds every change that lies within 32 bits.
    """

    crc32: int
    crc32c: int


def sums_of(
    source: ByteSource, offset: int, length: int, file: Sink | None = None, *, lead: int = 0
) -> Sums | None:
    """The checksums of a run of bytes, each piece of which is appended to ``file`` if there is one.

    None where checksums would cost more than reading the bytes once more. ``lead`` is that of
    ``read_pieces``.
    """
    source, offset = whole_of(source, offset)
    stated = source.stated(offset, length) if isinstance(source, Checked) else None
    first = second = 0
    for piece in read_pieces(source, offset, length, lead=lead):
        if FAST:
            first = first if stated is not None else crc32(piece, first)
            second = crc32c(piece, second)
        if file is not None:
            file.write(piece)
    return Sums(first if stated is None else stated, second) if FAST else None


def copy_range(source: ByteSource, offset: int, length: int, file: Sink) -> Sums | None:
    """Append ``length`` bytes of a source to a file; their checksums, where they came by here.

    From file to file the kernel copies, and the bytes never come here, if they stand at the same
    place of a page in both. Where they do not, it would fill page after page in two steps, for a
    third more; then pieces are written that the kernel can keep together. Bytes with a checksum
    come here to be checked.

    Raises:
        MalformedFile: the range leaves the source, or does not have its checksum.
    """
    check_range(source, offset, length)
    source, offset = whole_of(source, offset)
    at, done = file.tell(), 0
    aligned = (at - offset) % PAGE_BYTES == 0
    if aligned and isinstance(source, FileSource) and isinstance(file, _FILES):
        file.flush()
        done = source.send(offset, length, file.fileno())
        at = file.seek(at + done)
        offset, length = offset + done, length - done
    found = sums_of(source, offset, length, file, lead=-at % COPY_BYTES)
    return None if done else found


def same_range(a: ByteSource, offset: int, b: ByteSource, other_offset: int, length: int) -> bool:
    """Whether the same ``length`` bytes stand in two sources; MalformedFile past an end.

    Where they differ, it may be because one of the two is damaged: then that is the error.
    """
    check_range(a, offset, length)
    check_range(b, other_offset, length)
    left = read_pieces(a, offset, length)
    right = read_pieces(b, other_offset, length)
    if all(one == other for one, other in zip(left, right, strict=True)):
        return True
    check(a)
    check(b)
    return False
