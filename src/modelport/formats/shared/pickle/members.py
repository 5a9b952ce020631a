"""Pickles among the members of a zip archive that no format needs, judged by their content."""

from __future__ import annotations

from collections.abc import Iterable

from modelport.errors import ModelportError
from modelport.formats.shared.numpy_arrays import has_objects
from modelport.formats.shared.pickle.streams import is_old, is_packed, judge_member
from modelport.model.model import Finding, Level
from modelport.wire.compressed import kind, unpack
from modelport.wire.npy import MAGIC, read_header
from modelport.wire.pickle import begins
from modelport.wire.source import ByteSource, SliceSource
from modelport.wire.zip import CheckedSource, InflatedSource, ZipArchive

_HEAD = 64


def judge_archive(archive: ZipArchive, names: Iterable[str]) -> list[Finding]:
    """What the pickles among these members would do, each with the member's name for its place."""
    findings: list[Finding] = []
    for name in names:
        try:
            stream = _pickle(archive.open_checked(name, exact_case=True))
            if stream is not None:
                judge_member(stream, findings, name)
        except ModelportError as error:
            findings.extend(error.findings)
            findings.append(Finding("ZIP-001", Level.MALFORMED, str(error), name))
    return findings


def _pickle(source: CheckedSource | InflatedSource) -> ByteSource | None:
    """The stream in a member, also in a compressed wrapper or behind a header of numpy."""
    head = source.head(_HEAD)
    wrapper = kind(head)
    if wrapper is not None:
        return unpack(source, wrapper) if is_packed(source, wrapper) else None
    if begins(head):
        return source
    if head.startswith(MAGIC):
        header = read_header(source.head, source.name)
        if not has_objects(header.descr):
            return None
        return SliceSource(source, header.start, source.size - header.start, source.name)
    return source if head and is_old(source) else None
