"""``scan``: what a file could do to the one who loads it with its framework."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from modelport.commands import plain
from modelport.commands.open import Folders, open_model
from modelport.errors import (
    LimitExceeded,
    MalformedFile,
    ModelportError,
    UnknownFormat,
    UnreadableFile,
    UnsafeFile,
)
from modelport.model.model import Finding, Level, strongest
from modelport.wire.source import FileSource

SCHEMA = "modelport.scan/1"
RULES = "6"
"""The version of the rules: whoever keeps verdicts has to scan again when it changes."""

_CHUNK = 1 << 20


def scan(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    jobs: int = 1,
    sha256: bool = True,
    side_files: str | os.PathLike[str] | None = None,
) -> dict[str, Any]:
    """The verdict on every file (folders are walked), as the JSON of ``modelport scan --json``.

    ``paths`` is one file or folder, or several. ``side_files`` is one more folder that the files
    may lead to.
    """
    # The letters of a path are paths, too, the root among them.
    several = [paths] if isinstance(paths, str | os.PathLike) else paths
    each = scan_each(several, jobs=jobs, sha256=sha256, side_files=side_files)
    files = sorted(each, key=lambda found: found["path"])
    return {"schema": SCHEMA, "rules": RULES, "files": files}


def scan_each(
    paths: Iterable[str | os.PathLike[str]],
    *,
    jobs: int = 1,
    sha256: bool = True,
    side_files: str | os.PathLike[str] | None = None,
) -> Iterator[dict[str, Any]]:
    """The verdict on one file after the other, as they are done."""
    files = [(path, (folder, side_files)) for path, folder in walk(paths)]
    if jobs <= 1 or len(files) < 2:
        for path, folders in files:
            yield scan_file(path, sha256=sha256, side_files=folders)
        return
    from concurrent.futures import ProcessPoolExecutor, as_completed  # a tenth of one small scan
    from concurrent.futures.process import BrokenProcessPool

    with ProcessPoolExecutor(jobs) as pool:
        waiting = {
            pool.submit(scan_file, path, sha256=sha256, side_files=folders): path
            for path, folders in files
        }
        for done in as_completed(waiting):
            try:
                yield done.result()
            except BrokenProcessPool:
                yield _failed(waiting[done], "the process that read it ended without a word")


def walk(paths: Iterable[str | os.PathLike[str]]) -> Iterator[tuple[str, str | None]]:
    """The files that are meant: those named, and in order all below the folders named.

    With each stands the folder that was named, whose files it may lead to: in the caches of hubs a
    model's folder has links to files that lie elsewhere in the cache.
    """
    for path in paths:
        if not Path(path).is_dir():
            yield str(path), None
            continue
        for folder, inside, names in os.walk(path):
            inside.sort()
            for name in sorted(names):
                yield str(Path(folder, name)), str(path)


def scan_file(path: str, *, sha256: bool = True, side_files: Folders = None) -> dict[str, Any]:
    """Format, verdict and findings of one file; it never raises for what the file holds.

    ``side_files`` is one more folder that files may lie in that this one leads to, or several.
    """
    described: dict[str, Any] = {
        "path": path,
        "sha256": None,
        "format": None,
        "level": None,
        "findings": [],
    }
    try:
        if sha256:
            described["sha256"] = digest(path)
        model = open_model(path, side_files=side_files)
    except ModelportError as error:
        return described | _of_error(error, path)
    findings = [*model.findings, *_second(path)]
    return described | {
        "format": model.format,
        "level": str(strongest(findings)),
        "findings": [plain.finding(finding) for finding in findings],
    }


def _second(path: str) -> list[Finding]:
    """What a loader would meet that looks for an archive at the end of the file."""
    from modelport.formats.candidate import Candidate  # what no other command needs
    from modelport.formats.shared.polyglot import also_an_archive

    found = Path(path)
    return list(also_an_archive(Candidate(found))) if found.is_file() else []


def digest(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file, read piece by piece."""
    found = hashlib.sha256()
    with FileSource(path) as source:
        for start in range(0, source.size, _CHUNK):
            found.update(source.read_at(start, min(_CHUNK, source.size - start)))
    return found.hexdigest()


def _of_error(error: ModelportError, path: str) -> dict[str, Any]:
    """What is known of a file that does not open: what was found before, and why it does not."""
    findings = list(error.findings)
    own = _finding(error)
    if own is not None and all(finding.what != own.what for finding in findings):
        findings.append(own)
    if not isinstance(error, UnreadableFile):
        findings.extend(_second(path))
    level = strongest(findings) if findings else None
    told = {"type": type(error).__name__, "message": str(error)}
    return {
        "level": str(level) if level else None,
        "findings": [plain.finding(finding) for finding in findings],
        "error": told,
    }


def _finding(error: ModelportError) -> Finding | None:
    if isinstance(error, UnsafeFile):
        return Finding("FIL-001", Level.DANGEROUS, error.what, error.where)
    if isinstance(error, LimitExceeded):
        return Finding("FIL-003", Level.MALFORMED, str(error), "")
    if isinstance(error, MalformedFile):
        return Finding("FIL-002", Level.MALFORMED, str(error), "")
    return None


def _failed(path: str, why: str) -> dict[str, Any]:
    finding = Finding("FIL-004", Level.MALFORMED, why, "")
    return {
        "path": path,
        "sha256": None,
        "format": None,
        "level": str(Level.MALFORMED),
        "findings": [plain.finding(finding)],
    }


def is_unknown(described: dict[str, Any]) -> bool:
    """Whether a file is no model file at all, which is no fault of it; nor does it hold pickles."""
    error = described.get("error") or {}
    return not described["findings"] and error.get("type") == UnknownFormat.__name__
