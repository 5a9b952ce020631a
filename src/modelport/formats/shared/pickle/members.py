"""Pickles in a zip archive that is no model file, judged by their own content."""

from __future__ import annotations

from modelport.errors import ModelportError
from modelport.formats.shared.numpy_arrays import has_objects
from modelport.formats.shared.pickle.streams import is_old, is_packed, judge_member
from modelport.model.model import Finding, Level
from modelport.wire.compressed import kind, unpack
from modelport.wire.npy import MAGIC, read_header
from modelport.wire.pickle import begins
from modelport.wire.source import ByteSource, SliceSource
from modelport.wire.zip import ZipArchive

MOST = 10_000
"""How many members are looked at; one archive may hold a whole data set."""
_HEAD = 64


def judge_archive(archive: ZipArchive) -> list[Finding]:
    """What the pickles among the members would do, each with the member's name for its place."""
    findings: list[Finding] = []
    for count, name in enumerate(archive.members):
        if count == MOST:
            what = f"only {MOST:,} of {len(archive.members):,} members were looked at"
            findings.append(Finding("ZIP-001", Level.MALFORMED, what, ""))
            break
        try:
            stream = _pickle(archive.open(name, exact_case=True))
            if stream is not None:
                judge_member(stream, findings, name)
        except ModelportError as error:
            findings.extend(error.findings)
            findings.append(Finding("ZIP-001", Level.MALFORMED, str(error), name))
    return findings


def _pickle(source: ByteSource) -> ByteSource | None:
    """The stream in a member, also in a compressed wrapper or behind a header of numpy."""
    head = source.read_at(0, min(_HEAD, source.size))
    wrapper = kind(head)
    if wrapper is not None:
        return unpack(source, wrapper) if is_packed(source, wrapper) else None
    if begins(head):
        return source
    if head.startswith(MAGIC):
        header = read_header(lambda size: source.read_at(0, min(size, source.size)), source.name)
        if not has_objects(header.descr):
            return None
        return SliceSource(source, header.start, source.size - header.start, source.name)
    return source if head and is_old(source) else None
