"""Files that are a second thing beside what their first bytes say: another loader sees that one.

A pickle of protocol 0 needs no sign, so one may begin a file of another format; a zip archive is
found from its end by most readers, whatever lies before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from modelport.errors import ModelportError, UnknownFormat
from modelport.model.model import Finding, Level
from modelport.wire.source import SliceSource

if TYPE_CHECKING:
    from modelport.formats.candidate import Candidate

_ZIP = b"PK"
_HDF5 = b"\x89HDF"
BEGINNINGS = frozenset(b"(cNIJKMLSTUVXFGBC])}P\x80\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x95\x96")
"""The opcodes of pickle that may come first, for they need nothing on the stack."""


def also_a_pickle(candidate: Candidate) -> Iterator[Finding]:
    """That the file is a pickle too, and what that would do."""
    head = candidate.head
    if not head or head[0] not in BEGINNINGS or head.startswith(_HDF5):
        return
    from modelport.wire.pickle import interpret  # what hardly any file needs

    program = interpret(candidate.source)
    if not program.stubs and not program.references:
        return
    from modelport.formats.shared.pickle.judge import judge
    from modelport.formats.shared.pickle.sniff import means_something

    if means_something(program):
        yield Finding("FIL-005", Level.MALFORMED, "the file is a pickle too", "at byte 0")
        yield from judge(program)


def also_an_archive(candidate: Candidate) -> Iterator[Finding]:
    """That a zip archive with a model ends a file of another kind, and what that model would do."""
    if candidate.head.startswith(_ZIP):
        return
    from modelport.wire.zip_records import archive_after  # what start-up has no use for

    start = archive_after(candidate.source)
    if start is None:
        return
    from modelport.formats.candidate import Candidate  # which itself leads here

    place = f"{candidate.source.name}!zip"
    source = SliceSource(candidate.source, start, candidate.source.size - start, place)
    inner = Candidate(Path(place), source=source, depth=candidate.depth + 1)
    try:
        found = tuple(inner.format.read(inner).findings)
    except UnknownFormat as error:
        found = error.findings
        if not found:
            return
    except ModelportError as error:
        found = (*error.findings, Finding("ZIP-001", Level.MALFORMED, str(error), ""))
    what = "a zip archive ends the file, which other readers take for all of it"
    yield Finding("FIL-005", Level.MALFORMED, what, f"at byte {start:,}")
    yield from found
