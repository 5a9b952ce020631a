"""Tar archives of regular files, read strictly and in place; nothing is ever unpacked to disk.

Format: POSIX.1-1988 (ustar), https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html.
Blocks of 512 bytes: a header, then the file's bytes, padded. Extended headers may only state times
and owners; links, devices, sparse files and other names are refused: no model file needs them.
"""

from __future__ import annotations

from modelport.errors import LimitExceeded, MalformedFile, UnsafeFile
from modelport.wire.source import ByteSource, SliceSource

BLOCK = 512
MOST_MEMBERS = 10_000
_REGULAR = (b"0", b"\x00", b"7")
_EXTENDED = (b"x", b"g")
_HARMLESS = frozenset(("mtime", "atime", "ctime", "uid", "gid", "uname", "gname", "comment"))
_MOST_EXTENDED = 64 << 10


def is_tar(head: bytes) -> bool:
    """Whether a file begins with the header of a tar member, by its checksum."""
    return len(head) >= BLOCK and head[0] != 0 and _checksum(head[:BLOCK]) == _octal(head[148:156])


def members(source: ByteSource) -> dict[str, SliceSource]:
    """The members by name, in the order of the archive.

    Raises:
        MalformedFile: a header that is broken, a name twice, a member that leaves the file.
        UnsafeFile: a link, a device, or a name that leads out of the archive.
        LimitExceeded: over ``MOST_MEMBERS``.
    """
    found: dict[str, SliceSource] = {}
    at = 0
    while at + BLOCK <= source.size:
        header = source.read_at(at, BLOCK)
        if not any(header):
            break
        size = _octal(header[124:136])
        if _checksum(header) != _octal(header[148:156]) or size is None:
            raise _broken(source, at, "a tar header with a right checksum", "another")
        following = at + BLOCK + -(-size // BLOCK) * BLOCK
        if header[156:157] in _EXTENDED:
            _check_extended(source, at, size)
            at = following
            continue
        name = header[:100].rstrip(b"\x00").decode("utf-8", "replace")
        _check(source, header, name, at)
        if name in found:
            raise _broken(source, at, "every name once", f"{name!r} twice")
        if len(found) == MOST_MEMBERS:
            raise LimitExceeded(
                source.name, resource="members", limit=MOST_MEMBERS, actual=len(found) + 1
            )
        found[name] = SliceSource(source, at + BLOCK, size, f"{source.name}!{name}")
        at = following
    _check_end(source, at)
    return found


def _check(source: ByteSource, header: bytes, name: str, at: int) -> None:
    if header[156:157] not in _REGULAR:
        what = f"a tar member that is no regular file: {name!r}"
        raise UnsafeFile(source.name, what, f"at byte {at:,}")
    if not name or name.startswith("/") or ".." in name.split("/") or "\\" in name:
        raise UnsafeFile(source.name, f"a member outside the archive: {name!r}", f"at byte {at:,}")


def _check_extended(source: ByteSource, at: int, size: int) -> None:
    """Records ``<length> <key>=<value>`` that say nothing about what the members are."""
    if size > _MOST_EXTENDED:
        raise LimitExceeded(
            source.name, resource="bytes of a tar header", limit=_MOST_EXTENDED, actual=size
        )
    rest = source.read_at(at + BLOCK, size)
    while rest:
        digits = rest.split(b" ", 1)[0]
        length = int(digits) if digits.isdigit() and len(digits) < 8 else 0
        key = rest[len(digits) + 1 : length].split(b"=", 1)[0].decode("utf-8", "replace")
        if key not in _HARMLESS or rest[length - 1 : length] != b"\n":
            raise UnsafeFile(source.name, f"the tar header {key[:40]!r}", f"at byte {at:,}")
        rest = rest[length:]


def _check_end(source: ByteSource, at: int) -> None:
    """After the last member only zeros may follow, or two readers could see two archives."""
    while at < source.size:
        length = min(1 << 20, source.size - at)
        if any(source.read_at(at, length)):
            raise _broken(source, at, "zeros after the last member", "other bytes")
        at += length


def _octal(raw: bytes) -> int | None:
    digits = raw.strip(b" \x00")
    if not digits or digits.strip(b"01234567"):
        return None
    return int(digits, 8)


def _checksum(header: bytes) -> int:
    return sum(header[:148]) + sum(header[156:]) + 8 * 0x20


def _broken(source: ByteSource, offset: int, expected: str, found: str) -> MalformedFile:
    return MalformedFile(source.name, offset=offset, expected=expected, found=found)
