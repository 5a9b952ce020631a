"""Operators of old versions of the archive, as the operators of today.

Source: ``torch/csrc/jit/operator_upgraders/upgraders_entry.cpp``, by the version that an archive
states: what is older than the number is meant by the old rule.
"""

from __future__ import annotations

from typing import Any

WHOLE_DIVISION = "old_div"
"""``div`` before version 4: whole numbers divide into whole numbers."""


def upgraded(
    name: str, args: list[Any], keywords: dict[str, Any], version: int
) -> tuple[str, list[Any], dict[str, Any]]:
    """Name and arguments of a call in the newest form."""
    if name in ("div", "div_") and version < 4 and "rounding_mode" not in keywords:
        return WHOLE_DIVISION + name[3:], args, keywords
    if name == "full" and version < 5 and "dtype" not in keywords:
        return name, args, {**keywords, "dtype": 6}
    if name in ("linspace", "logspace") and version < 8 and len(args) == 2:
        return name, [*args, 100], keywords
    return name, args, keywords
