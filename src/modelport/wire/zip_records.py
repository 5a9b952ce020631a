"""The records of a zip archive: end of directory, directory entries, local headers.

Layouts after APPNOTE 6.3.10 (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT), the
section numbers beside each structure.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

from modelport.errors import LimitExceeded, MalformedFile, UnsupportedFeature
from modelport.wire.source import ByteSource

STORED, DEFLATED = 0, 8
FLAG_ENCRYPTED = 0x2041  # bits 0 and 6: encryption; bit 13: masked headers
FLAG_DESCRIPTOR = 0x0008
FLAG_UTF8 = 0x0800

END = struct.Struct("<4s4H2LH")  # 4.3.16
LOCATOR = struct.Struct("<4sLQL")  # 4.3.15
END64 = struct.Struct("<4sQ2H2L4Q")  # 4.3.14
ENTRY = struct.Struct("<4s6H3L5H2L")  # 4.3.12
LOCAL = struct.Struct("<4s5H3L2H")  # 4.3.7

_MAX_COMMENT = 0xFFFF
NONE16, NONE32 = 0xFFFF, 0xFFFFFFFF
ZIP64, _UNICODE_PATH = 0x0001, 0x7075


@dataclass(frozen=True, slots=True)
class Directory:
    """Where the central directory lies and how many entries it has."""

    offset: int
    size: int
    count: int


@dataclass(frozen=True, slots=True)
class Member:
    """One member as the central directory lists it.

    ``offset`` is where its (perhaps deflated) bytes begin in the archive, ``header`` where its
    local header begins and ``end`` the first byte behind all that belongs to it.
    """

    name: str
    size: int
    compressed_size: int
    method: int
    crc: int
    flags: int
    header: int
    raw_name: bytes
    offset: int = 0
    end: int = 0


def find_directory(source: ByteSource) -> Directory:
    """The central directory that the end record, and the zip64 one before it, point to."""
    at, (_, disk, start_disk, here, count, size, offset, _) = _find_end(source)
    if disk or start_disk or here != count:
        raise UnsupportedFeature(source.name, "a zip archive of several parts")
    found, end = Directory(offset, size, count), at
    zip64 = _find_end64(source, at)
    if zip64 is not None:
        found, end = zip64
        for small, large, unset in (
            (count, found.count, NONE16),
            (size, found.size, NONE32),
            (offset, found.offset, NONE32),
        ):
            if small not in (large, unset):
                raise broken(source, at, "the same directory in both end records", f"{small}")
    if found.offset + found.size != end:
        raise broken(
            source,
            end,
            "the end record directly behind the central directory",
            f"a directory of {found.size:,} bytes at {found.offset:,}",
        )
    return found


def archive_after(source: ByteSource) -> int | None:
    """Where the archive begins whose end record is at the end of the source; None for none.

    It counts from its own beginning, so that other bytes may lie before it.
    """
    try:
        at, (_, _, _, _, _, size, offset, _) = _find_end(source)
    except MalformedFile:
        return None
    return max(at - size - offset, 0) if size and NONE32 not in (size, offset) else None


def read_comment(source: ByteSource) -> bytes:
    """The archive's comment, empty in most."""
    at, _ = _find_end(source)
    return source.read_at(at + END.size, source.size - at - END.size)


def _find_end(source: ByteSource) -> tuple[int, tuple[int, ...]]:
    tail_size = min(source.size, END.size + _MAX_COMMENT)
    tail = source.read_at(source.size - tail_size, tail_size)
    found = tail.rfind(b"PK\x05\x06")
    at = source.size - tail_size + found
    if found < 0 or found + END.size > len(tail):
        raise broken(source, None, "a zip end record in the last 64 KB", "none")
    values = END.unpack_from(tail, found)
    if at + END.size + values[-1] != source.size:
        raise broken(source, at, "a comment up to the end of the file", f"{values[-1]:,} bytes")
    return at, values


def _find_end64(source: ByteSource, end: int) -> tuple[Directory, int] | None:
    if end < LOCATOR.size + END64.size:
        return None
    locator_at = end - LOCATOR.size
    magic, disk, at, disks = LOCATOR.unpack(source.read_at(locator_at, LOCATOR.size))
    if magic != b"PK\x06\x07":
        return None
    if disk or disks > 1:
        raise UnsupportedFeature(source.name, "a zip archive of several parts")
    if at + END64.size > locator_at:
        raise broken(source, locator_at, "the zip64 end record before its locator", f"at {at:,}")
    values = END64.unpack(source.read_at(at, END64.size))
    magic, length, _, _, disk, start_disk, here, count, size, offset = values
    if magic != b"PK\x06\x06" or at + 12 + length != locator_at:
        raise broken(source, at, "a zip64 end record up to its locator", repr(magic))
    if disk or start_disk or here != count:
        raise UnsupportedFeature(source.name, "a zip archive of several parts")
    return Directory(offset, size, count), at


def read_directory(source: ByteSource, limit: int) -> tuple[list[Member], int]:
    """The entries of the central directory, and the offset where the directory begins.

    The entries are not yet held against their local headers.

    Raises:
        LimitExceeded: more than ``limit`` entries.
    """
    directory = find_directory(source)
    if directory.count > limit:
        raise LimitExceeded(
            source.name, resource="zip members", limit=limit, actual=directory.count
        )
    if directory.count * ENTRY.size > directory.size:
        raise broken(source, directory.offset, f"{directory.count:,} entries", "fewer bytes")
    data = source.read_at(directory.offset, directory.size)
    members: list[Member] = []
    at = 0
    for _ in range(directory.count):
        member, at = _read_entry(source, directory.offset, data, at)
        members.append(member)
    if at != len(data):
        raise broken(source, directory.offset + at, "the end of the directory", "more bytes")
    return members, directory.offset


def _read_entry(source: ByteSource, base: int, data: bytes, at: int) -> tuple[Member, int]:
    if at + ENTRY.size > len(data):
        raise broken(source, base + at, "a directory entry", "the end of the directory")
    values = ENTRY.unpack_from(data, at)
    magic, _, _, flags, method, _, _, crc, packed, size = values[:10]
    name_size, extra_size, comment_size, disk, _, _, header = values[10:]
    name_at = at + ENTRY.size
    end = name_at + name_size + extra_size + comment_size
    if magic != b"PK\x01\x02" or end > len(data):
        raise broken(source, base + at, "a directory entry", repr(magic))
    raw_name = data[name_at : name_at + name_size]
    extras = split_extra(source, base + at, data[name_at + name_size : end - comment_size])
    size, packed, header, disk = _widen(
        source, base + at, extras, [(size, 8), (packed, 8), (header, 8), (disk, 4)]
    )
    name = _decode(source, base + at, raw_name, flags, extras)
    _check_kind(source, base + at, name, flags, method)
    if disk:
        raise UnsupportedFeature(source.name, "a zip archive of several parts")
    return Member(name, size, packed, method, crc, flags, header, raw_name), end


def split_extra(source: ByteSource, at: int, data: bytes) -> dict[int, bytes]:
    """The extra fields by id (4.5.1); a zero-filled rest is alignment padding."""
    found: dict[int, bytes] = {}
    position = 0
    while position < len(data):
        if not any(data[position:]):
            break
        if position + 4 > len(data):
            raise broken(source, at, "an extra field", f"{len(data) - position} bytes")
        key, length = struct.unpack_from("<2H", data, position)
        position += 4
        if position + length > len(data) or key in found:
            raise broken(source, at, "extra fields, each once and whole", f"id {key:#06x}")
        found[key] = data[position : position + length]
        position += length
    return found


def _widen(
    source: ByteSource, at: int, extras: dict[int, bytes], fields: list[tuple[int, int]]
) -> list[int]:
    """Fields whose 32 (or 16) bits are all ones have their value in the zip64 extra (4.5.3)."""
    extra, position, widened = extras.get(ZIP64), 0, []
    for value, width in fields:
        unset = NONE32 if width == 8 else NONE16
        if extra is None or value != unset:
            widened.append(value)
            continue
        piece = extra[position : position + width]
        if len(piece) != width:
            raise broken(source, at, "a 64-bit value in the zip64 extra field", "none")
        widened.append(int.from_bytes(piece, "little"))
        position += width
    return widened


def _decode(source: ByteSource, at: int, raw: bytes, flags: int, extras: dict[int, bytes]) -> str:
    try:
        name = raw.decode("utf-8" if flags & FLAG_UTF8 else "cp437")
        second = extras.get(_UNICODE_PATH, b"")[5:].decode("utf-8")
    except UnicodeDecodeError as error:
        raise broken(source, at, "a member name in UTF-8", repr(raw)) from error
    if second and second != name:
        raise broken(source, at, "one name a member", f"{name!r} and {second!r}")
    return name


def _check_kind(source: ByteSource, at: int, name: str, flags: int, method: int) -> None:
    if flags & FLAG_ENCRYPTED:
        raise broken(source, at, "members without encryption", f"flags {flags:#06x} of {name!r}")
    if method not in (STORED, DEFLATED):
        raise UnsupportedFeature(source.name, f"zip compression method {method} (of {name!r})")
    if not is_contained(name):
        raise broken(source, at, "member names inside the archive", repr(name))


def is_contained(name: str) -> bool:
    """Whether a member name stays below the folder it would be unpacked in."""
    parts = name.replace("\\", "/").split("/")
    return (
        bool(name)
        and "\0" not in name
        and parts[0] != ""
        and ":" not in parts[0][1:2]
        and (".." not in parts)
    )


def locate(source: ByteSource, member: Member, stop: int) -> Member:
    """The member with the place of its data, after its local header agreed in everything.

    ``stop`` is the offset of the central directory, which no member may reach into.
    """
    at = member.header
    if at + LOCAL.size + len(member.raw_name) > stop:
        raise broken(source, at, "a local header before the central directory", "the directory")
    head = source.read_at(at, min(stop - at, LOCAL.size + len(member.raw_name) + 64))
    magic, _, flags, method, _, _, crc, packed, size, name_size, extra_size = LOCAL.unpack_from(
        head
    )
    start = at + LOCAL.size + name_size + extra_size
    if magic != b"PK\x03\x04":
        raise broken(source, at, f"the local header of {member.name!r}", repr(magic))
    if start + member.compressed_size > stop:
        raise broken(source, at, f"{member.compressed_size:,} bytes of {member.name!r}", "fewer")
    if start - at > len(head):
        head = source.read_at(at, start - at)
    name_end = LOCAL.size + name_size
    if head[LOCAL.size : name_end] != member.raw_name:
        found = repr(head[LOCAL.size : name_end])
        raise broken(source, at, f"the name {member.name!r} in the local header", found)
    extras = split_extra(source, at, head[name_end : start - at])
    size, packed = _widen(source, at, extras, [(size, 8), (packed, 8)])
    stated, listed = (crc, packed, size), (member.crc, member.compressed_size, member.size)
    deferred = bool(flags & FLAG_DESCRIPTOR) and stated in ((0, 0, 0), (crc, 0, 0))
    if (flags, method) != (member.flags, member.method) or (stated != listed and not deferred):
        raise broken(source, at, f"the directory's values for {member.name!r}", f"{stated}")
    end = start + member.compressed_size
    if flags & FLAG_DESCRIPTOR:
        end = _skip_descriptor(source, member, end, stop)
    return replace(member, offset=start, end=end)


def _skip_descriptor(source: ByteSource, member: Member, at: int, stop: int) -> int:
    """The first byte behind a data descriptor (4.3.9), which must repeat the directory."""
    found = source.read_at(at, min(24, stop - at))
    values = (member.crc, member.compressed_size, member.size)
    narrow = values[1] <= NONE32 and values[2] <= NONE32
    wanted = [struct.pack("<L2Q", *values)] + ([struct.pack("<3L", *values)] if narrow else [])
    for body in [b"PK\x07\x08" + body for body in wanted] + wanted:
        if found.startswith(body):
            return at + len(body)
    raise broken(source, at, f"the data descriptor of {member.name!r}", "other values")


def broken(source: ByteSource, at: int | None, expected: str, found: str) -> MalformedFile:
    """The error for a zip record that breaks the rules."""
    return MalformedFile(source.name, offset=at, expected=expected, found=found)
