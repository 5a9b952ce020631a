"""Tar archives of regular files, read strictly and in place; nothing is ever unpacked to disk.

Format: POSIX.1-1988 (ustar), https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html.
Blocks of 512 bytes: a header, then the file's bytes, padded. ``entries`` walks any tar as Python's
``tarfile`` does, which is what loaders of models use; ``members`` are those of an archive that
holds nothing but files and folders: links, devices and sparse files are refused, and extended
headers may only state times and owners. No model file needs them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from modelport.errors import LimitExceeded, MalformedFile, UnsafeFile
from modelport.wire.source import ByteSource, SliceSource

BLOCK = 512
MOST_MEMBERS = 10_000
MOST_ENTRIES = 1_000_000
_REGULAR = (b"0", b"\x00", b"7")
_FOLDER = b"5"
_SPARSE = b"S"
_NO_BYTES = (b"1", b"2", b"3", b"4", b"5", b"6")  # links, devices, folders, pipes
_LONG_NAME, _LONG_LINK = b"L", b"K"  # of GNU
_EXTENDED, _GLOBAL = (b"x", b"X"), b"g"
_HARMLESS = frozenset(("mtime", "atime", "ctime", "uid", "gid", "uname", "gname", "comment"))
_NAMES = ("path", "GNU.sparse.name")
_LONG, _BROKEN_RECORD = "long name", "a broken record"
_MOST_EXTENDED = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, folder or other thing that an archive lists.

    ``names`` are all that the headers before it call it: its own header, and the extended ones
    that replace this. ``strange`` is what extended headers say beyond times and owners, or None.
    ``at`` is the offset of its header, ``start`` that of its ``size`` bytes, ``end`` the offset
    of what follows.
    """

    names: tuple[str, ...]
    kind: bytes
    strange: str | None
    at: int
    start: int
    size: int
    end: int


def is_tar(head: bytes) -> bool:
    """Whether a file begins with the header of a tar member, by its checksum."""
    return len(head) >= BLOCK and head[0] != 0 and _is_header(head[:BLOCK])


def holds(source: ByteSource, name: str) -> bool:
    """Whether a tar lists anything under a name, whatever else is in it."""
    return any(name in entry.names for entry in entries(source))


def entries(source: ByteSource) -> Iterator[Entry]:
    """What an archive lists, up to the first block of zeros.

    Raises:
        MalformedFile: a header that is broken or cut off, or bytes that leave the file.
        LimitExceeded: over ``MOST_ENTRIES``, or an extended header of an unusual length.
    """
    common: dict[str, str] = {}
    own: dict[str, str] = {}
    at = count = 0
    while at + BLOCK <= source.size:
        header = source.read_at(at, BLOCK)
        if not any(header):
            return
        if not _is_header(header):
            raise _broken(source, at, "a tar header with a right checksum", "another")
        kind, size = header[156:157], _size(source, at, header)
        start = at + BLOCK
        if kind in (*_EXTENDED, _GLOBAL, _LONG_NAME, _LONG_LINK):
            _extend(source, at, size, kind, common if kind == _GLOBAL else own)
            at = start + _padded(size)
            continue
        count += 1
        if count > MOST_ENTRIES:
            raise LimitExceeded(
                source.name, resource="entries", limit=MOST_ENTRIES, actual=MOST_ENTRIES + 1
            )
        name = _name(header)
        if kind == b"\x00" and name.endswith("/"):
            kind = _FOLDER
        if own.get("size", "").isdigit():
            size = int(own["size"][:20])
        start = _after_map(source, at, header) if kind == _SPARSE else start
        size = 0 if kind in _NO_BYTES else size
        following, found = start + _padded(size), common | own
        names = (name, *(found[key] for key in (_LONG, *_NAMES) if key in found))
        strange = next((key for key in found if key not in _HARMLESS | {_LONG}), None)
        yield Entry(names, kind, strange, at, start, size, following)
        at, own = following, {}


def members(source: ByteSource) -> dict[str, SliceSource]:
    """The files by name, in the order of the archive.

    Raises:
        MalformedFile: a header that is broken, a name twice, a member that leaves the file.
        UnsafeFile: a link, a device, or a name that leads out of the archive.
        LimitExceeded: over ``MOST_MEMBERS``.
    """
    found: dict[str, SliceSource] = {}
    end = 0
    for entry in entries(source):
        name = entry.names[-1]
        _check(source, entry, name)
        end = entry.end
        if entry.kind == _FOLDER:
            continue
        if name in found:
            raise _broken(source, entry.at, "every name once", f"{name!r} twice")
        if len(found) == MOST_MEMBERS:
            raise LimitExceeded(
                source.name, resource="members", limit=MOST_MEMBERS, actual=len(found) + 1
            )
        found[name] = SliceSource(source, entry.start, entry.size, f"{source.name}!{name}")
    _check_end(source, end)
    return found


def _check(source: ByteSource, entry: Entry, name: str) -> None:
    if entry.strange is not None:
        what = f"the tar header {entry.strange[:40]!r}"
        raise UnsafeFile(source.name, what, f"at byte {entry.at:,}")
    if entry.kind not in (*_REGULAR, _FOLDER):
        what = f"a tar member that is no regular file: {name!r}"
        raise UnsafeFile(source.name, what, f"at byte {entry.at:,}")
    if not name or name.startswith("/") or ".." in name.split("/") or "\\" in name:
        what = f"a member outside the archive: {name!r}"
        raise UnsafeFile(source.name, what, f"at byte {entry.at:,}")


def _check_end(source: ByteSource, at: int) -> None:
    """After the last member only zeros may follow, or two readers could see two archives."""
    while at < source.size:
        length = min(1 << 20, source.size - at)
        if any(source.read_at(at, length)):
            raise _broken(source, at, "zeros after the last member", "other bytes")
        at += length


def _extend(source: ByteSource, at: int, size: int, kind: bytes, found: dict[str, str]) -> None:
    """Add what an extended header says; of two before one entry the first counts."""
    if size > _MOST_EXTENDED:
        raise LimitExceeded(
            source.name, resource="bytes of a tar header", limit=_MOST_EXTENDED, actual=size
        )
    raw = source.read_at(at + BLOCK, size)
    if kind == _LONG_NAME:
        found.setdefault(_LONG, _text(raw))
    elif kind != _LONG_LINK:
        for key, value in _records(raw):
            if kind == _GLOBAL or key not in found:
                found[key] = value


def _records(raw: bytes) -> Iterator[tuple[str, str]]:
    """Records ``<length> <key>=<value>`` and a line's end; one that breaks this ends them."""
    while raw:
        digits, _, rest = raw.partition(b" ")
        length = int(digits) if digits.isdigit() and len(digits) < 8 else 0
        key, equals, _ = rest.partition(b"=")
        value = raw[len(digits) + 1 + len(key) + 1 : max(length - 1, 0)]
        yield key.decode("utf-8", "replace"), value.decode("utf-8", "replace")
        if not equals or raw[length - 1 : length] != b"\n":
            yield _BROKEN_RECORD, ""
            return
        raw = raw[length:]


def _name(header: bytes) -> str:
    prefix = "" if header[156:157] == _SPARSE else _text(header[345:500])
    name = _text(header[:100])
    return f"{prefix}/{name}" if prefix else name


def _text(raw: bytes) -> str:
    return raw.split(b"\x00", 1)[0].decode("utf-8", "replace")


def _size(source: ByteSource, at: int, header: bytes) -> int:
    size = _number(header[124:136])
    if size is None or size < 0 or at + BLOCK + size > source.size:
        raise _broken(source, at, "a size that the file has room for", repr(header[124:136]))
    return size


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _after_map(source: ByteSource, at: int, header: bytes) -> int:
    """Where the bytes of an old sparse member of GNU begin: behind blocks that map its holes."""
    more, start = header[482], at + BLOCK
    while more:
        more = source.read_at(start, BLOCK)[504]
        start += BLOCK
    return start


def _number(raw: bytes) -> int | None:
    """A number as tarfile takes it: octal digits, or after a mark bytes, the highest first."""
    if raw[0] in (0x80, 0xFF):
        value = int.from_bytes(raw[1:], "big")
        return value - (1 << 8 * len(raw) - 8) if raw[0] == 0xFF else value
    try:
        return int(raw.split(b"\x00", 1)[0].decode("ascii").strip() or "0", 8)
    except ValueError:
        return None


def _is_header(header: bytes) -> bool:
    """Whether the checksum is right, of bytes or, as some old writers summed up, of signed ones."""
    rest = header[:148] + header[156:BLOCK]
    total = sum(rest) + 8 * 0x20
    signed = total - 256 * sum(byte > 127 for byte in rest)
    return _number(header[148:156]) in (total, signed)


def _broken(source: ByteSource, offset: int, expected: str, found: str) -> MalformedFile:
    return MalformedFile(source.name, offset=offset, expected=expected, found=found)
