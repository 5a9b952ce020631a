"""Which values Keras 3 accepts for a setting: those of its default's kind, within bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Bounds = tuple[float, float]
"""The least and the greatest number."""

ABOVE_0 = math.ulp(0.0)
"""The least number above 0, for bounds that leave 0 out."""

_ANY = (-math.inf, math.inf)


def expected(key: str, value: Any, default: Any, bounds: Mapping[str, Bounds]) -> str | None:
    """What Keras 3 wants instead of a value, in words, or None where it takes it.

    A default of None stands for a number that may be left out, or be 0.
    """
    if isinstance(default, bool):
        return None if isinstance(value, int | float) and value in (0, 1) else "yes or no"
    if isinstance(default, list):
        numbers = bool(default) and _is_number(default[0], _ANY)
        fine = isinstance(value, list | tuple) and all(
            _is_number(item, _ANY) if numbers else isinstance(item, str) for item in value
        )
        return None if fine else f"a list of {'numbers' if numbers else 'names'}"
    if isinstance(default, str):
        return None if isinstance(value, str) else "a name"
    if default is None and value in (None, 0, False):
        return None
    least, most = bounds.get(key, _ANY)
    return None if _is_number(value, (least, most)) else _number(least, most)


def _is_number(value: Any, bounds: Bounds) -> bool:
    fine = isinstance(value, int | float) and not isinstance(value, bool)
    return fine and bounds[0] <= value <= bounds[1]


def _number(least: float, most: float) -> str:
    start = "above 0" if least == ABOVE_0 else f"from {least:g}"
    if least == -math.inf:
        return "a number" if most == math.inf else f"a number up to {most:g}"
    return f"a number {start}" + ("" if most == math.inf else f" to {most:g}")
