"""Numbers as Python writes them."""

from __future__ import annotations

import numpy as np

from modelport.model.dtype import FLOAT64, DType

_LARGEST = float(np.finfo(np.float32).max)
_NEARLY = 3.38e38
"""Below the largest numbers of float32 and bfloat16."""


def literal(value: float | int | bool | complex, dtype: DType | None = None) -> str:
    """A number, in brackets where a sign would bind differently.

    A float is written in the fewest digits that mean it in its data type, but for those at the end
    of the range: rounded up, they would be beyond what torch takes for the type.
    """
    if not isinstance(value, float):
        text = repr(value)
    elif value != value:
        return "math.nan"
    elif value in (float("inf"), float("-inf")):
        return "math.inf" if value > 0 else "(-math.inf)"
    elif abs(value) == _LARGEST:
        return f"torch.finfo(torch.float32).{'max' if value > 0 else 'min'}"
    elif abs(value) > _NEARLY:
        text = repr(value)
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
