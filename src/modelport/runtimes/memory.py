"""How much memory there is for a child, and how much a runtime needs for a model."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MEMINFO = Path("/proc/meminfo")
CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")
UNLIMITED = 1 << 60
"""What control groups of version 1 say, about, where they set no limit."""


@dataclass(frozen=True, slots=True)
class Appetite:
    """What a runtime takes: a fixed part, then per byte of weights, then per byte of the largest.

    Frameworks copy a weight several times while they load it, one weight at a time.
    """

    base: int
    weights: float
    largest: float

    def need(self, sizes: list[int]) -> int:
        """The bytes that a model takes whose weights have these sizes."""
        return self.base + int(self.weights * sum(sizes) + self.largest * max(sizes, default=0))


def available() -> int:
    """The bytes that can be taken now: what the machine has free, or less where a group says so."""
    return max(0, min([_machine(), *_groups()]))


def _machine() -> int:
    if MEMINFO.is_file():
        for line in MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    if "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return UNLIMITED


def _groups() -> Iterator[int]:
    """What each control group around this process leaves, of both versions."""
    if not OWN_CGROUP.is_file():
        return
    for line in OWN_CGROUP.read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        top = CGROUPS / "memory" if controllers else CGROUPS
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
        limit_name, usage_name = names if controllers else ("memory.max", "memory.current")
        folder = top / path.lstrip("/")
        for group in (folder, *folder.parents):
            if not group.is_relative_to(top):
                break
            limit, usage = _number(group / limit_name), _number(group / usage_name)
            if limit is not None and usage is not None and limit < UNLIMITED:
                yield limit - usage + _reclaimable(group)


def _number(path: Path) -> int | None:
    """The number a file of the kernel holds; None where there is none, or no limit (``max``)."""
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None


def _reclaimable(group: Path) -> int:
    """The bytes of a group that are copies of files, which the kernel gives back when asked."""
    try:
        rows = [line.split() for line in (group / "memory.stat").read_text().splitlines()]
    except OSError:
        return 0
    held = {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdecimal()}
    return held.get("total_inactive_file", held.get("inactive_file", 0))
