"""Members of a zip archive that are pickles or model files themselves, judged by their content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from modelport.errors import LimitExceeded, MalformedFile, ModelportError, UnsafeFile
from modelport.formats.shared.numpy_arrays import has_objects
from modelport.formats.shared.pickle.sniff import is_old, is_packed
from modelport.formats.shared.pickle.streams import judge_member
from modelport.model.model import Finding, Level
from modelport.wire.compressed import kind, unpack
from modelport.wire.npy import MAGIC, read_header
from modelport.wire.pickle import begins
from modelport.wire.source import ByteSource, SliceSource
from modelport.wire.zip import DEFLATED, KEPT_BYTES, ZipArchive

if TYPE_CHECKING:
    from modelport.formats.candidate import Candidate

DEEPEST = 3
"""How many archives inside each other are looked into."""
_HEAD = 64
_ONNX = b"\x08"
_HDF5 = b"\x89HDF"
_MISSING = "ONX-002"
"""No such side file: what lies beside a model in an archive is another member of it."""


def judge_members(
    archive: ZipArchive, names: Iterable[str] | None = None, depth: int = 0
) -> list[Finding]:
    """What members of a zip archive would do, each with the member's name for its place.

    ``names`` are those that the format itself has no use for; all of them where it is left out.
    ``depth`` is how many archives it lies in itself.
    """
    findings: list[Finding] = []
    for name in archive.members if names is None else names:
        try:
            findings.extend(_judge(archive, name, depth))
        except ModelportError as error:
            findings.extend(error.findings)
            findings.append(Finding("ZIP-001", Level.MALFORMED, str(error), name))
    return findings


def _judge(archive: ZipArchive, name: str, depth: int) -> Iterator[Finding]:
    source = archive.open(name, exact_case=True)
    stream = _pickle(source)
    if stream is not None:
        findings: list[Finding] = []
        judge_member(stream, findings, name)
        yield from findings
        archive.verify(name)
        return
    from modelport.formats.candidate import Candidate  # which itself leads here

    path = Path(f"{archive.source.name}!", name)
    inner = Candidate(path, source=source, depth=depth + 1)
    if _may_be_model(inner):
        yield from _judge_model(archive, inner, name)


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


def _may_be_model(inner: Candidate) -> bool:
    from modelport.formats.table import container  # which itself leads here

    holder = container(inner)
    return holder in ("zip", "tar", "json", "hdf5") or (
        holder == "protobuf" and inner.head.startswith(_ONNX)
    )


def _judge_model(archive: ZipArchive, inner: Candidate, name: str) -> Iterator[Finding]:
    """What a model file, or an archive of some, in a member would do."""
    from modelport.formats.table import read  # which itself leads here

    member = archive.member(name, exact_case=True)
    if inner.depth > DEEPEST:
        what = f"more than {DEEPEST} archives inside each other"
        yield Finding("ZIP-001", Level.MALFORMED, what, name)
        return
    if member.method == DEFLATED and member.size > KEPT_BYTES and inner.head.startswith(_HDF5):
        # Its structure is all over the file, and every way back inflates the file once more.
        what = f"not looked into, for it has {member.size:,} bytes when it is inflated"
        yield Finding("ZIP-002", Level.INERT, what, name)
        return
    try:
        found = tuple(read(inner).findings)
    except ModelportError as error:
        found = (*error.findings, *_of(error))
    for finding in found:
        if finding.rule != _MISSING:
            yield Finding(finding.rule, finding.level, finding.what, f"{name}: {finding.where}")


def _of(error: ModelportError) -> Iterator[Finding]:
    if isinstance(error, UnsafeFile):
        yield Finding("ZIP-003", Level.DANGEROUS, error.what, error.where)
    elif isinstance(error, LimitExceeded | MalformedFile):
        yield Finding("ZIP-001", Level.MALFORMED, str(error), "")
