"""Numbers as Python writes them."""

from __future__ import annotations

import numpy as np

from modelport.model.dtype import FLOAT64, DType


def literal(value: float | int | bool | complex, dtype: DType | None = None) -> str:
    """A number, in brackets where a sign would bind differently.

    A float is written in the fewest digits that mean it in its data type.
    """
    if not isinstance(value, float):
        text = repr(value)
    elif value != value:
        return "math.nan"
    elif value in (float("inf"), float("-inf")):
        return "math.inf" if value > 0 else "(-math.inf)"
    else:
        short = str(np.float32(value)) if dtype is not FLOAT64 else ""
        text = short if short and float(np.float32(short)) == value else repr(value)
    return f"({text})" if text.startswith("-") else text


def nested(items: object, dtype: DType | None) -> str:
    """Numbers in lists, as deep as they lie."""
    if isinstance(items, list):
        return f"[{', '.join(nested(item, dtype) for item in items)}]"
    text = literal(items, dtype) if isinstance(items, float) else repr(items)
    return text[1:-1] if text.startswith("(-") else text
