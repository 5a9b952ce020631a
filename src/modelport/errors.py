"""Every error of modelport.

ModelportError
├── UnreadableFile        the path is missing, not a file, or not permitted
├── UnknownFormat         the bytes belong to no format modelport knows
├── MalformedFile         the bytes break their own format (path, offset, expected, found)
├── UnsupportedFeature    the file is valid, but uses a clause modelport does not read or write
├── UnsafeFile            the file asks for something modelport refuses (a path outside, a link)
├── LimitExceeded         the file wants more than a stated limit (resource, limit, actual)
├── ConversionError       the target cannot hold the model (carries the changes known so far)
├── OutputExists          the target is there already and ``overwrite`` was not given
├── WrongUsage            what was asked for does not go together (a format nobody knows ...)
├── MissingRuntime        a runtime was demanded that is not installed (names the extra)
└── RuntimeFailure        a runtime was there, but could not run the model
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

LONGEST = 1000
"""Characters of a message; what a file calls its parts may be longer, and loses its middle."""


class ModelportError(Exception):
    """The base of every error that modelport raises on purpose."""

    def __init__(self, message: str) -> None:
        if len(message) > LONGEST:
            message = f"{message[: LONGEST // 2]}…{message[-LONGEST // 2 + 1 :]}"
        super().__init__(message)
        self._findings: tuple[Any, ...] = ()

    @property
    def findings(self) -> tuple[Any, ...]:
        """What was found (``modelport.model.model.Finding``) before the file could not be read."""
        return self._findings

    @findings.setter
    def findings(self, found: tuple[Any, ...]) -> None:
        self._findings = found

    @property
    def fields(self) -> dict[str, Any]:
        """What the JSON form of the error carries beside its type and message."""
        return {key: value for key, value in vars(self).items() if not key.startswith("_")}


class UnreadableFile(ModelportError):
    """The path is missing, is no file of the kind needed, or may not be read."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path
        self.why = why


class UnknownFormat(ModelportError):
    """The bytes belong to no format modelport knows."""

    def __init__(self, path: str, hint: str = "") -> None:
        super().__init__(f"{path}: not a model file of any format modelport knows{hint}")
        self.path = path


class MalformedFile(ModelportError):
    """The bytes break the rules of their own format.

    ``offset`` is a byte offset in the file (or in the member that ``path`` names after ``!``), or
    None where the defect has no single place.
    """

    def __init__(self, path: str, *, expected: str, found: str, offset: int | None = None) -> None:
        at = "" if offset is None else f" at byte {offset:,}"
        super().__init__(f"{path}{at}: expected {expected}, found {found}")
        self.path = path
        self.offset = offset
        self.expected = expected
        self.found = found


class UnsupportedFeature(ModelportError):
    """The file is valid, but uses a clause of its format that modelport does not handle."""

    def __init__(self, path: str, clause: str) -> None:
        super().__init__(f"{path}: {clause} is not supported")
        self.path = path
        self.clause = clause


class UnsafeFile(ModelportError):
    """The file asks for something that modelport refuses, such as reading another file."""

    def __init__(self, path: str, what: str, where: str) -> None:
        super().__init__(f"{path}: refused: {what} ({where})")
        self.path = path
        self.what = what
        self.where = where


class LimitExceeded(ModelportError):
    """The file wants more of a resource than the stated limit allows."""

    def __init__(self, path: str, *, resource: str, limit: int, actual: int) -> None:
        super().__init__(f"{path}: {resource}: {actual:,} is over the limit of {limit:,}")
        self.path = path
        self.resource = resource
        self.limit = limit
        self.actual = actual


class ConversionError(ModelportError):
    """The target cannot hold the model; names the node and the reason.

    ``changes`` are the changes that were known when the conversion stopped.
    """

    def __init__(self, where: str, why: str, changes: Sequence[Any] = ()) -> None:
        super().__init__(f"{where}: {why}" if where else why)
        self.where = where
        self.why = why
        self._changes = tuple(changes)

    @property
    def changes(self) -> tuple[Any, ...]:
        """The changes (``modelport.model.report.Change``) known when the conversion stopped."""
        return self._changes


class OutputExists(ModelportError):
    """The target is there already and overwriting was not asked for."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} exists already; give --overwrite (overwrite=True) to replace it")
        self.path = path


class WrongUsage(ModelportError):
    """What was asked for makes no sense: an unknown format, inputs under names nobody has."""

    def __init__(self, argument: str, why: str) -> None:
        super().__init__(f"{argument}: {why}")
        self.argument = argument
        self.why = why


class MissingRuntime(ModelportError):
    """A runtime was demanded that is not installed."""

    def __init__(self, runtime: str, extra: str) -> None:
        super().__init__(
            f"{runtime} is not installed; install it with: pip install 'modelport[{extra}]'"
        )
        self.runtime = runtime
        self.extra = extra


class RuntimeFailure(ModelportError):
    """A runtime was installed, but could not load or run the model.

    ``limit`` says that it was ended for the time or memory it took, so that no other try is worth
    its while.
    """

    def __init__(self, runtime: str, path: str, why: str, *, limit: bool = False) -> None:
        super().__init__(f"{runtime} could not run {path}: {why}")
        self.runtime = runtime
        self.path = path
        self.why = why
        self.limit = limit
