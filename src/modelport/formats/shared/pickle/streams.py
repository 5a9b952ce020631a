"""All pickle streams of a source, one after the other, each interpreted and judged.

A real loader may stop after the first, or go on; nobody may hide anything in what follows.
"""

from __future__ import annotations

from modelport.formats.shared.pickle.judge import judge
from modelport.model.model import Finding, Level
from modelport.wire.pickle import Payload, Program, interpret
from modelport.wire.source import ByteSource

_MOST = 10_000


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
