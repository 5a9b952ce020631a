"""What code takes out of its parameters, read off its text: how long a list, which keys of a dict.

A parameter that is used whole (passed on, gone through, measured) tells nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from modelport.wire.torchscript import syntax


@dataclass(slots=True)
class Taken:
    """The uses of one parameter: ``exact`` items of it unpacked, ``items`` looked up in it.

    ``whole`` tells that it is used in another way too.
    """

    exact: int = 0
    items: list[int | str] = field(default_factory=list)
    whole: bool = False


def taken(function: syntax.Function) -> dict[str, Taken]:
    """The uses of each parameter in the body of a function."""
    found = {parameter.name: Taken() for parameter in function.parameters}
    _look(function.body, found)
    return found


def _look(part: Any, found: dict[str, Taken]) -> None:
    """Go through statements and expressions."""
    waiting = [part]
    while waiting:
        part = waiting.pop()
        if isinstance(part, syntax.Name) and part.id in found:
            found[part.id].whole = True
        elif _unpacks(part) and part.value.id in found:
            found[part.value.id].exact = len(part.target.items)
        elif _looks_up(part) and part.value.id in found:
            found[part.value.id].items.append(part.index.value)
        else:
            waiting.extend(_parts(part))


def _unpacks(part: Any) -> bool:
    return (
        isinstance(part, syntax.Assign)
        and isinstance(part.target, syntax.Sequence)
        and isinstance(part.value, syntax.Name)
    )


def _looks_up(part: Any) -> bool:
    """Whether an expression is ``name[constant]``; a place from the end tells no length."""
    if not isinstance(part, syntax.Subscript) or not isinstance(part.value, syntax.Name):
        return False
    index = part.index
    if not isinstance(index, syntax.Literal) or isinstance(index.value, bool):
        return False
    return isinstance(index.value, str) or (isinstance(index.value, int) and index.value >= 0)


def _parts(part: Any) -> Iterator[Any]:
    if isinstance(part, list):
        yield from part
    elif isinstance(part, dict):
        yield from part.values()
    elif is_dataclass(part) and not isinstance(part, type):
        for item in fields(part):
            if item.name not in ("type", "target"):
                yield getattr(part, item.name)
