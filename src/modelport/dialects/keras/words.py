"""Small questions asked of configs everywhere: numbers, names, whether a layer is a model."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from modelport.model.dtype import DTYPES

MODEL_CLASSES = frozenset({"Functional", "Sequential", "Model"})
"""The class names that stand for a model in configs of all eras."""


def number(config: Mapping[str, Any], key: str) -> int | None:
    """An integer of a config, or None where it is absent or no integer."""
    value = config.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def length(config: Mapping[str, Any], key: str, default: int) -> int:
    """How many entries a list of a config has."""
    value = config.get(key)
    return len(value) if isinstance(value, list | tuple) else default


def sequence(value: Any) -> Sequence[Any] | None:
    """The value if it is a list or tuple, else None."""
    return value if isinstance(value, list | tuple) else None


def is_model(class_name: Any, config: Any) -> bool:
    """Whether a serialised layer is a model that holds layers of its own."""
    if class_name not in MODEL_CLASSES:
        return False
    return isinstance(config, list) or (isinstance(config, Mapping) and "layers" in config)


_WORD_STARTS = re.compile(r"(?<=.)(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])")


def snake_case(name: str) -> str:
    """The name of a class as groups of ``.keras`` files spell it (``p_re_lu``, ``conv2d``)."""
    return _WORD_STARTS.sub("_", re.sub(r"\W", "", name)).lower()


def is_whole(value: Any) -> bool:
    """Whether it is an integer, and no boolean."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether it is a finite number, and no boolean."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_seed(value: Any) -> bool:
    """Whether Keras draws random numbers from it: a number, its own generator, or nothing."""
    if isinstance(value, Mapping):
        return value.get("class_name") == "SeedGenerator"
    return value is None or (is_whole(value) and -(1 << 31) <= value < 1 << 32)


FLOATS = (*("float16", "bfloat16", "float32", "float64"), "mixed_float16", "mixed_bfloat16")
"""The types and policies whose numbers are floats."""


def is_dtype(value: Any) -> bool:
    """Whether it is the name of a type, or of a policy, that Keras 3 knows."""
    return isinstance(value, str) and (value in DTYPES or value in FLOATS)
