"""What a format is to modelport: one object a format file defines and everything else reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelport.formats.candidate import Candidate
from modelport.model.component import Component, Holds
from modelport.model.model import Model
from modelport.model.report import Report

if TYPE_CHECKING:
    from modelport.wire.output import Output


@dataclass(frozen=True, slots=True)
class Format:
    """One file format.

    ``match`` looks at content only and raises nothing for a file of another format. ``read``
    returns the model with lazy tensors. ``write`` writes a model whose graph speaks ``dialect``
    (None: a format of weights alone) and reports what it cannot hold; ``write_external`` does the
    same with the weights in a file beside it, where the format has such a form. ``extensions``
    begins with the one that a new file gets. ``samples`` names, for every component the format may
    hold, a file below ``tests/files`` that proves it.
    """

    name: str
    title: str
    framework: str
    status: str  # alive | historic
    specification: str
    extensions: tuple[str, ...]
    holds: Mapping[Component, Holds]
    samples: Mapping[Component, str]
    match: Callable[[Candidate], bool]
    read: Callable[[Candidate], Model]
    write: Callable[[Model, Output, Report], None] | None = None
    write_external: Callable[[Model, Output, Report], None] | None = None
    dialect: str | None = None
