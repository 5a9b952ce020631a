"""All pickle streams of a source, one after the other, each interpreted and judged.

A real loader may stop after the first, or go on; nobody may hide anything in what follows.
"""

from __future__ import annotations

from modelport.errors import MalformedFile, ModelportError
from modelport.formats.shared.pickle.judge import judge
from modelport.formats.shared.pickle.known import is_territory
from modelport.formats.shared.pickle.names import canonical
from modelport.model.model import Finding, Level
from modelport.wire.compressed import peek, unpack
from modelport.wire.pickle import Payload, Program, Reference, begins, interpret
from modelport.wire.source import ByteSource, BytesSource

_MOST = 10_000


def is_old(source: ByteSource) -> bool:
    """Whether a source is a pickle of protocol 0 or 1, which have no sign of their own."""
    program = interpret(source)
    return program.error is None or _means_something(program)


def is_packed(source: ByteSource, wrapper: str) -> bool:
    """Whether a pickle of any protocol is in a compressed wrapper.

    All of it is unpacked only where its first bytes could be those of protocol 0 or 1.
    """
    head = peek(source, wrapper)
    if begins(head):
        return True
    program = interpret(BytesSource(head, source.name))
    if program.error is None or _means_something(program):
        return bool(head)
    if not isinstance(program.error, MalformedFile) or not program.error.found.endswith("the end"):
        return False
    try:
        return is_old(unpack(source, wrapper))
    except ModelportError:  # another format's file, which is broken or too large to look into
        return False


def _means_something(program: Program) -> bool:
    """Whether a broken stream has called or named something before it broke.

    The first lines of any text that begins with c or i are a name in protocol 0, so a name alone
    counts only where it may be meant.
    """
    if any(isinstance(stub.callable, Reference) for stub in program.stubs):
        return True
    return any(is_territory(canonical(found)) for found in program.references)


def read_streams(
    source: ByteSource,
    findings: list[Finding],
    place: str = "",
    *,
    own: str = "",
    payload: Payload | None = None,
) -> list[Program]:
    """Interpret streams up to the end of the source; what they would do goes into ``findings``.

    Raises:
        MalformedFile, LimitExceeded: a stream is broken, or something else follows one. All
            findings are with the error.
    """
    programs: list[Program] = []
    start = 0
    while start < source.size or not programs:
        program = interpret(source, start, payload=payload)
        number = f"stream {len(programs) + 1}" if programs else ""
        findings.extend(judge(program, f"{place} {number}".strip(), own))
        if program.error is not None:
            program.error.findings = tuple(findings)
            raise program.error
        programs.append(program)
        start = program.end
        if len(programs) == _MOST:
            findings.append(Finding("PKL-021", Level.MALFORMED, f"over {_MOST:,} streams", place))
            break
    return programs


def judge_member(source: ByteSource, findings: list[Finding], place: str) -> None:
    """Judge a pickle that its file does not need, such as one hidden beside the real one."""
    for program in _until_broken(source):
        findings.extend(judge(program, place))


def _until_broken(source: ByteSource) -> list[Program]:
    programs = [interpret(source)]
    while programs[-1].error is None and programs[-1].end < source.size:
        programs.append(interpret(source, programs[-1].end))
        if len(programs) == _MOST:
            break
    return programs
