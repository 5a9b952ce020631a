"""The report of a conversion: everything that differs between source and target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from modelport.model.component import Component


class Kind(StrEnum):
    """How something differs."""

    REARRANGED = "rearranged"
    APPROXIMATED = "approximated"
    DROPPED = "dropped"
    INVENTED = "invented"
    FOREIGN = "foreign"


PLAIN_WORDS = {
    Kind.REARRANGED: "same values, new layout",
    Kind.APPROXIMATED: "approximated",
    Kind.DROPPED: "dropped",
    Kind.INVENTED: "assumed",
    Kind.FOREIGN: "unsupported",
}

AS_NUMBER = "its value is a number in the graph now"
"""Why a weight is no tensor of the target although it holds the value."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between source and target.

    ``where`` names the layer, tensor or key; ``error`` bounds the numeric difference where there
    is one (absolute, in the units of the value).
    """

    kind: Kind
    component: Component
    where: str
    why: str
    error: float | None = None


@dataclass(slots=True)
class Report:
    """The changes of one conversion, each once, in the order they were met.

    ``kept`` says for each component ``all | part | none | absent``; ``verification`` is the
    outcome of running both sides; ``published`` is whether the target appeared. ``other_meanings``
    says which other formats the target's ending stands for; ``notes`` are remarks on what was asked
    for and made no difference.
    """

    source: str = ""
    target: str = ""
    source_format: str = ""
    target_format: str = ""
    other_meanings: str = ""
    notes: list[str] = field(default_factory=list)
    published: bool = False
    changes: list[Change] = field(default_factory=list)
    kept: dict[Component, str] = field(default_factory=dict)
    verification: dict[str, Any] = field(default_factory=dict)
    _noted: set[Change] = field(default_factory=set, repr=False)

    def add(
        self,
        kind: Kind,
        component: Component,
        where: str,
        why: str,
        error: float | None = None,
    ) -> None:
        """Note one difference; the same one twice is noted once."""
        change = Change(kind, component, where, why, error)
        if change not in self._noted:
            self._noted.add(change)
            self.changes.append(change)

    @property
    def lossless(self) -> bool:
        """Whether nothing was dropped, approximated or unsupported."""
        lossy = (Kind.DROPPED, Kind.APPROXIMATED, Kind.FOREIGN)
        return not any(change.kind in lossy for change in self.changes)

    def __repr__(self) -> str:
        counts = Counter(change.kind for change in self.changes)
        told = [f"{counts[kind]:,} {PLAIN_WORDS[kind]}" for kind in Kind if counts[kind]]
        written = "" if self.published else ", not written"
        lossless = "lossless" if self.lossless else "not lossless"
        changes = f" ({'; '.join(told)})" if told else ""
        return f"<Report {self.source} → {self.target}: {lossless}{changes}{written}>"

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)
