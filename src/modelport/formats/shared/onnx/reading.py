"""What the readers of ONNX' messages share: the walker, side files, findings."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from modelport.errors import MalformedFile, ModelportError, UnreadableFile, UnsafeFile
from modelport.model.model import Finding, Level
from modelport.wire.protobuf import LENGTH, Walker
from modelport.wire.side_file import SideFile
from modelport.wire.source import ByteSource


@dataclass(slots=True)
class Reading:
    """One walk over a file (or, for what is decoded later, over a part of it)."""

    walker: Walker
    files: SideFiles

    def later(self) -> Reading:
        """A reading to go on with when the walker has moved on, at the same nesting."""
        return Reading(Walker(self.walker.source, self.walker.depth), self.files)

    def malformed(self, offset: int, expected: str, found: str) -> NoReturn:
        """Raise MalformedFile."""
        raise MalformedFile(self.walker.source.name, offset=offset, expected=expected, found=found)


@dataclass(slots=True)
class SideFiles:
    """The files that tensors may lie in, each looked at once; refusals become findings."""

    owner: str
    folder: Path
    allowed: tuple[Path, ...] = ()
    findings: list[Finding] = field(default_factory=list)
    known: dict[str, ByteSource | ModelportError] = field(default_factory=dict)

    def find(self, location: str, tensor: str) -> ByteSource | ModelportError:
        """The file, or why there is none to read; noted as a finding the first time."""
        if location in self.known:
            return self.known[location]
        found: ByteSource | ModelportError
        try:
            found = SideFile(self.owner, self.folder, location, *self.allowed)
        except UnsafeFile as error:
            found = error
            what = f"external data: {error.what} ({location!r})"
            self.note("ONX-001", Level.DANGEROUS, what, tensor)
        except UnreadableFile as error:
            found = error
            what = f"external data {location!r}: {error.why}"
            self.note("ONX-002", Level.MALFORMED, what, tensor)
        self.known[location] = found
        return found

    def note(self, rule: str, level: Level, what: str, tensor: str) -> None:
        """Add a finding about a tensor."""
        self.findings.append(Finding(rule, level, what, f"tensor {tensor!r}"))


def read_pair(reading: Reading, start: int, end: int) -> tuple[str, str] | None:
    """A StringStringEntryProto as (key, value); None where it holds anything else."""
    key = value = ""
    for number, wire, first, second, _ in reading.walker.fields(start, end):
        if wire != LENGTH or number not in (1, 2):
            return None
        if number == 1:
            key = reading.walker.text(first, second)
        else:
            value = reading.walker.text(first, second)
    return key, value


def add_pair(
    reading: Reading, entries: dict[str, str], start: int, end: int, field_start: int
) -> bytes:
    """Add a StringStringEntryProto to ``entries``.

    Returns the whole field, to be kept as it is, where the dictionary cannot hold it: the key is
    there already, or the entry says more than key and value.
    """
    pair = read_pair(reading, start, end)
    if pair is None or pair[0] in entries:
        return reading.walker.read(field_start, end)
    entries[pair[0]] = pair[1]
    return b""
