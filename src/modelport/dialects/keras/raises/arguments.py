"""Arguments of calls as the canonical form of Keras has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from modelport.dialects.keras.raises.value import Held


def values_in(args: Sequence[Any]) -> list[Held]:
    """The values among arguments, also inside lists."""
    found: list[Held] = []
    for item in args:
        if isinstance(item, Held):
            found.append(item)
        elif isinstance(item, list | tuple):
            found += values_in(item)
    return found


def placed(value: Any, inputs: list[str]) -> Any:
    """An argument as the canonical form has it: operands by number, arrays spelt out."""
    if isinstance(value, Held):
        inputs.append(value.name)
        return {"tensor": len(inputs) - 1}
    if isinstance(value, list | tuple):
        return [placed(item, inputs) for item in value]
    if isinstance(value, np.ndarray):
        spelt = value if value.dtype.kind in "biuf" else value.astype(np.float32)  # bfloat16
        config = {"value": spelt.tolist(), "dtype": value.dtype.name}
        return {"class_name": "__numpy__", "config": config}
    return value.item() if isinstance(value, np.generic) else value
