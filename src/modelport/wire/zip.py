"""Zip archives, read strictly: what two readers could understand differently is malformed.

The directory, every local header and the bytes between members must agree, so that no loader
sees another file than modelport does. Nothing is ever unpacked to disk.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from modelport.errors import LimitExceeded, MalformedFile
from modelport.wire.native import crc32
from modelport.wire.source import ByteSource, SliceSource, check_range, read_pieces
from modelport.wire.zip_records import (
    DEFLATED,
    Member,
    broken,
    locate,
    read_comment,
    read_directory,
)

__all__ = ["DEFLATED", "KEPT_BYTES", "Limits", "Member", "ZipArchive"]

CHUNK = 1 << 20
_MAX_GAP = 4096  # the largest page anyone aligns members to
KEPT_BYTES = 64 << 20
"""Deflated members up to this are inflated whole, larger ones again for every way back."""
_HEAD = 4096


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may ask for.

    A deflated member over ``small`` bytes may grow ``ratio`` times; all together may grow to
    ``growth`` times the archive, or to ``total`` bytes where that is more. Zeros, of which arrays
    may well be made, grow a thousand times.
    """

    members: int = 200_000
    ratio: int = 200
    small: int = KEPT_BYTES
    growth: int = 4
    total: int = 1 << 30


class ZipArchive:
    """A zip archive over a byte source; opening reads the directory and every local header.

    ``members`` are in the order of the directory. Where two names differ only in case, looking
    up either is refused unless ``exact_case`` says that the format tells them apart.

    Raises:
        MalformedFile: the archive breaks a rule, or could be understood in two ways.
        LimitExceeded: more members or more growth than ``limits`` allows.
        UnsupportedFeature: compression other than deflate, or an archive in parts.
    """

    def __init__(self, source: ByteSource, limits: Limits | None = None) -> None:
        self.source = source
        limits = limits or Limits()
        listed, stop = read_directory(source, limits.members)
        _check_growth(source, listed, limits)
        located = [locate(source, member, stop) for member in listed]
        _check_gaps(source, located, stop)
        self.comment = read_comment(source)
        self.members = {member.name: member for member in located}
        self._twins = _check_names(source, located)
        self._kept: tuple[str, bytes] = ("", b"")
        self.has_checksums = True

    def allow_no_checksums(self) -> None:
        """Let an archive pass whose writer left out all checksums, as ``torch.save`` can.

        It then has 0 for every member (``torch.serialization.set_crc32_options(False)``), and
        nothing in it can be checked. Readers of other formats refuse such an archive.
        """
        self.has_checksums = any(member.crc for member in self.members.values())

    def member(self, name: str, *, exact_case: bool = False) -> Member:
        """The member of that name; MalformedFile where there is none or its case is ambiguous."""
        found = self.members.get(name)
        if found is None:
            raise MalformedFile(self.source.name, expected=f"a member {name!r}", found="none")
        if name in self._twins and not exact_case:
            raise broken(
                self.source, found.header, "names that differ in more than case", repr(name)
            )
        return found

    def open(self, name: str, *, exact_case: bool = False) -> SliceSource | InflatedSource:
        """The bytes of a member: a window of the archive, or inflated as they are asked for.

        Small deflated members are checked against their CRC; for all others ask ``verify``, or
        read through ``open_checked``.
        """
        member = self.member(name, exact_case=exact_case)
        if member.method == DEFLATED:
            return InflatedSource(self, member)
        return SliceSource(self.source, member.offset, member.size, self._label(name))

    def open_checked(self, name: str, *, exact_case: bool = False) -> CheckedSource:
        """As ``open``, but no byte comes of it unless the CRC of the whole member was right."""
        found = self.open(name, exact_case=exact_case)
        return CheckedSource(self, self.members[name], found)

    def read(self, name: str, limit: int, *, exact_case: bool = False) -> bytes:
        """All bytes of a member, checked against its CRC.

        Raises:
            LimitExceeded: the member has more than ``limit`` bytes.
        """
        member = self.member(name, exact_case=exact_case)
        if member.size > limit:
            raise LimitExceeded(
                self._label(name), resource="bytes of a member", limit=limit, actual=member.size
            )
        return b"".join(self._verified(member))

    def verify(self, name: str) -> None:
        """Read a member once through and hold it against its CRC; MalformedFile where it differs.

        Memory is bounded.
        """
        for _ in self._verified(self.member(name, exact_case=True)):
            pass

    def _label(self, name: str) -> str:
        return f"{self.source.name}!{name}"

    def _verified(self, member: Member) -> Iterator[bytes]:
        crc = 0
        for piece in self.raw_pieces(member):
            crc = crc32(piece, crc)
            yield piece
        self.judge(member, crc)

    def judge(self, member: Member, crc: int) -> None:
        """Hold the CRC of a member's bytes against the one it states; MalformedFile."""
        if self.has_checksums and crc != member.crc:
            expected = f"CRC {member.crc:08x} of {member.name!r}"
            raise broken(self.source, member.header, expected, f"{crc:08x}")

    def raw_pieces(self, member: Member) -> Iterator[bytes]:
        """The member's bytes in pieces of about 1 MB, inflated where needed, CRC unchecked."""
        pieces = _chunks(self.source, member.offset, member.compressed_size)
        if member.method == DEFLATED:
            pieces = _inflate(self._label(member.name), pieces, member.size)
        return pieces

    def kept(self, member: Member) -> bytes:
        """The inflated bytes of a small member; the last one asked for stays in memory."""
        if self._kept[0] != member.name:
            self._kept = (member.name, b"".join(self._verified(member)))
        return self._kept[1]


class InflatedSource:
    """A deflated member as a byte source.

    Small members are inflated whole, one at a time kept by the archive. Large ones are inflated
    from the front as reads move on, and again from the front when a read goes back.
    """

    def __init__(self, archive: ZipArchive, member: Member) -> None:
        self.name = f"{archive.source.name}!{member.name}"
        self.size = member.size
        self._archive = archive
        self._member = member
        self._rewind()

    def head(self, length: int) -> bytes:
        """At most the first ``length`` bytes, inflating no more than that needs."""
        member = self._member
        packed = _chunks(self._archive.source, member.offset, member.compressed_size, _HEAD)
        found = bytearray()
        for piece in _inflate(self.name, packed, self.size, _HEAD):
            found += piece
            if len(found) >= length:
                break
        return bytes(found[:length])

    def read_at(self, offset: int, length: int) -> bytes:
        """Exactly ``length`` bytes from ``offset``; MalformedFile past the end or on a bad CRC."""
        check_range(self, offset, length)
        if self.size <= KEPT_BYTES:
            return self._archive.kept(self._member)[offset : offset + length]
        if offset < self._start:
            self._rewind()
        found = bytearray()
        while len(found) < length:
            at = offset + len(found) - self._start
            if at >= len(self._piece):
                self._advance()
                continue
            found += self._piece[at : at + length - len(found)]
        return bytes(found)

    def _rewind(self) -> None:
        self._pieces = self._archive.raw_pieces(self._member)
        self._start, self._piece, self._crc = 0, b"", 0

    def _advance(self) -> None:
        self._start += len(self._piece)
        self._piece = next(self._pieces)
        self._crc = crc32(self._piece, self._crc)
        if self._start + len(self._piece) == self.size:
            for _ in self._pieces:  # ends the stream, which checks that nothing follows
                pass
            self._archive.judge(self._member, self._crc)


class CheckedSource:
    """A member of which no byte is given away that was not held against its CRC.

    What is read all, or in pieces, is checked on the way; before anything else the member is read
    through once. Memory is bounded.
    """

    def __init__(self, archive: ZipArchive, member: Member, window: SliceSource | InflatedSource):
        self.name = window.name
        self.size = window.size
        self.unchecked = window
        self._archive = archive
        self._member = member
        self._good = False

    def head(self, length: int) -> bytes:
        """At most the first ``length`` bytes, unchecked."""
        if isinstance(self.unchecked, InflatedSource):
            return self.unchecked.head(length)
        return self.unchecked.read_at(0, min(length, self.size))

    def read_at(self, offset: int, length: int) -> bytes:
        """Exactly ``length`` bytes from ``offset``; MalformedFile past the end or on a bad CRC."""
        check_range(self, offset, length)
        if length == self.size and not self._good:
            found = self.unchecked.read_at(offset, length)
            self._judge(crc32(found))
            return found
        self.check()
        return self.unchecked.read_at(offset, length)

    def check(self) -> None:
        """Read the member through once and hold it against its CRC; MalformedFile."""
        for _ in self.pieces(0, 0 if self._good else self.size, CHUNK, 0):
            pass

    def stated(self, offset: int, length: int) -> int | None:
        """The CRC-32 of these bytes, where they are all of the member and it has one."""
        whole = length == self.size and self._archive.has_checksums
        return self._member.crc if whole else None

    def pieces(
        self, offset: int, length: int, chunk: int, lead: int
    ) -> Iterator[bytes | bytearray]:
        """A run of the bytes as ``read_pieces`` gives it; the first time, all others are read too.

        MalformedFile on a bad CRC, at the latest behind the last piece.
        """
        check_range(self, offset, length)
        if self._good:
            yield from read_pieces(self.unchecked, offset, length, chunk=chunk, lead=lead)
            return
        crc, end = 0, offset + length
        for piece in read_pieces(self.unchecked, 0, offset):
            crc = crc32(piece, crc)
        for piece in read_pieces(self.unchecked, offset, length, chunk=chunk, lead=lead):
            crc = crc32(piece, crc)
            yield piece
        for piece in read_pieces(self.unchecked, end, self.size - end):
            crc = crc32(piece, crc)
        self._judge(crc)

    def _judge(self, crc: int) -> None:
        self._archive.judge(self._member, crc)
        self._good = True


def _chunks(source: ByteSource, offset: int, length: int, chunk: int = CHUNK) -> Iterator[bytes]:
    for start in range(offset, offset + length, chunk):
        yield source.read_at(start, min(chunk, offset + length - start))


def _inflate(name: str, pieces: Iterator[bytes], size: int, chunk: int = CHUNK) -> Iterator[bytes]:
    """Inflate a raw deflate stream that must hold exactly ``size`` bytes."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    left = size
    try:
        for waiting in pieces:
            while not stream.eof:
                piece = stream.decompress(waiting, min(chunk, left + 1))
                waiting = stream.unconsumed_tail
                if len(piece) > left:
                    raise MalformedFile(name, expected=f"{size:,} bytes inflated", found="more")
                left -= len(piece)
                if piece:
                    yield piece
                elif not waiting:
                    break  # all that was given is out; more is needed
            if stream.unused_data or (stream.eof and waiting):
                raise MalformedFile(name, expected="the end of the deflate stream", found="more")
    except zlib.error as error:
        raise MalformedFile(name, expected="a deflate stream", found=str(error)) from error
    if left or not stream.eof:
        raise MalformedFile(name, expected=f"{size:,} bytes inflated", found="fewer")


def _check_growth(source: ByteSource, members: list[Member], limits: Limits) -> None:
    for member in members:
        if member.method != DEFLATED and member.size != member.compressed_size:
            raise broken(source, member.header, "equal sizes of a stored member", member.name)
        if member.size > max(limits.small, limits.ratio * member.compressed_size):
            raise LimitExceeded(
                f"{source.name}!{member.name}",
                resource="growth of a compressed member",
                limit=limits.ratio,
                actual=member.size // max(member.compressed_size, 1),
            )
    total = sum(member.size for member in members)
    allowed = max(limits.total, limits.growth * source.size)
    if total > allowed:
        raise LimitExceeded(
            source.name, resource="bytes of all members", limit=allowed, actual=total
        )


def _check_gaps(source: ByteSource, members: list[Member], stop: int) -> None:
    end = 0
    for start, following in [
        *sorted((member.header, member.end) for member in members),
        (stop, stop),
    ]:
        gap = start - end
        if gap < 0:
            raise broken(source, start, "members that do not overlap", f"{-gap:,} shared bytes")
        if gap and (end == 0 or gap > _MAX_GAP or any(source.read_at(end, gap))):
            raise broken(source, end, "a member, or the directory", f"{gap:,} other bytes")
        end = following


def _check_names(source: ByteSource, members: list[Member]) -> frozenset[str]:
    """Refuse two members of one name; the names that only case tells apart are returned."""
    exact: dict[str, Member] = {}
    folded: dict[str, list[str]] = {}
    for member in members:
        parts = member.name.replace("\\", "/").split("/")
        path = "/".join(part for part in parts if part not in ("", "."))
        if path in exact:
            raise broken(source, member.header, "every name once", f"{member.name!r} twice")
        exact[path] = member
        folded.setdefault(path.casefold(), []).append(member.name)
    return frozenset(name for names in folded.values() if len(names) > 1 for name in names)
