"""Loops in place of lines that call one part of a list after the other."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from modelport.dialects.torch.source.wrap import INDENT

FEWEST = 3
"""Lines that are worth a loop."""

_CALL = re.compile(
    r"(?P<left>.+ = )(?P<items>self(?:\.\w+|\[\d+\])*)\[(?P<place>\d+)\]\((?P<rest>.*)\)"
)


def looped(lines: Sequence[str], length: Callable[[str], int]) -> list[str]:
    """The lines with a loop for each run of them that differ only in the place in a list.

    ``length`` gives the number of parts of a list, by the text that reaches it.
    """
    made: list[str] = []
    start = 0
    while start < len(lines):
        stop = _end(lines, start)
        if stop - start < FEWEST:
            made.append(lines[start])
            start += 1
            continue
        made += _loop(lines, start, stop, length)
        start = stop
    return made


def _end(lines: Sequence[str], start: int) -> int:
    """Where a run ends that begins here."""
    first = _CALL.fullmatch(lines[start])
    if first is None:
        return start
    stop = start + 1
    while stop < len(lines):
        found = _CALL.fullmatch(lines[stop])
        wanted = int(first["place"]) + stop - start
        if found is None or int(found["place"]) != wanted:
            break
        if any(found[part] != first[part] for part in ("left", "items", "rest")):
            break
        stop += 1
    return stop


def _loop(
    lines: Sequence[str], start: int, stop: int, length: Callable[[str], int]
) -> tuple[str, str]:
    found = _CALL.fullmatch(lines[start])
    assert found is not None
    items, place = found["items"], int(found["place"])
    if place or stop - start < length(items):
        items += f"[{place or ''}:{place + stop - start}]"
    taken = set(re.findall(r"\w+", " ".join(lines)))
    word = re.sub(r"\W.*", "", found["items"].rpartition(".")[2])
    word = word[:-1] if word.endswith("s") and len(word) > 3 else "layer"
    while word in taken:
        word += "_"
    return f"for {word} in {items}:", f"{INDENT}{found['left']}{word}({found['rest']})"
