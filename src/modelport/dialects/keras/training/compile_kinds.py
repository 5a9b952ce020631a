"""The kinds of values that the arguments of Keras 3's losses and metrics take.

A file whose ``compile_config`` holds another does not load. Sources: the constructors in
``keras/src/losses`` and ``keras/src/metrics``; what they do not look at may be anything.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from modelport.dialects.keras.words import is_dtype, is_number, is_whole
from modelport.optimizers.accepted import ABOVE_0, Bounds, expected

_BOUNDS: dict[str, Bounds] = {
    "q": (ABOVE_0, math.nextafter(1, 0)),
    **dict.fromkeys(("recall", "precision", "specificity", "sensitivity"), (0, 1)),
    "num_regressors": (0, math.inf),
}
"""Arguments that are one number."""

_NEEDED: dict[str, str] = {
    "PrecisionAtRecall": "recall",
    "RecallAtPrecision": "precision",
    "SensitivityAtSpecificity": "specificity",
    "SpecificityAtSensitivity": "sensitivity",
    **dict.fromkeys(("IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"), "num_classes"),
}

_WORDS: dict[str, tuple[str, ...]] = {
    "curve": ("ROC", "PR", "PRGAIN"),
    "summation_method": (
        *("interpolation", "Interpolation", "majoring", "Majoring", "minoring", "Minoring"),
    ),
    "average": ("micro", "macro", "weighted"),
    "class_aggregation": ("uniform_average", "variance_weighted_average"),
}

_MOST_COUNTERS = 1 << 24
"""What a metric may count at once; Keras makes a tensor of that size as soon as it loads one."""

_F_SCORES = ("F1Score", "FBetaScore")


def refused(class_name: str, config: Mapping[str, Any]) -> str | None:
    """Why Keras 3 makes no such loss or metric out of a config, or None where it does."""
    needed = _NEEDED.get(class_name)
    if needed is not None and config.get(needed) is None:
        return f"it states no {needed}"
    if class_name in ("IoU", "OneHotIoU") and "target_class_ids" not in config:
        return "it states no target_class_ids"
    for key, value in config.items():
        wanted = _wanted(class_name, key, value, config)
        if wanted is not None:
            return f"its {key} is not {wanted} ({value!r:.80})"
    return None


def _counters(class_name: str, key: str, value: int, config: Mapping[str, Any]) -> int:
    """How many numbers a metric counts: a matrix of classes, or some for each label."""
    if key == "num_classes":
        return value * value
    labels: Any = config.get("num_labels")
    return value * int(labels) if class_name == "AUC" and is_whole(labels) else value


def _wanted(class_name: str, key: str, value: Any, config: Mapping[str, Any]) -> str | None:
    """What Keras 3 wants instead of an argument, or None where it takes it."""
    if key == "name":
        return None if isinstance(value, str) else "a name"
    if key == "dtype":
        return None if is_dtype(value) else "a type"
    if key in _BOUNDS:
        return expected(key, value, 0.0, _BOUNDS)
    if key in _WORDS:
        words = _WORDS[key]
        return None if isinstance(value, str) and value in words else f"one of {', '.join(words)}"
    if key in ("num_classes", "num_thresholds"):
        least = 2 if class_name == "AUC" else 1
        if not is_whole(value) or value < least:
            return f"a whole number from {least} on"
        if _counters(class_name, key, value, config) > _MOST_COUNTERS:
            return f"one that a metric of at most {_MOST_COUNTERS:,} counters has"
        return None
    if key == "thresholds":
        listed = value if isinstance(value, list | tuple) else [value]
        fine = all(is_number(item) and 0 <= item <= 1 for item in listed)
        fine = fine and (listed is value or class_name != "AUC")
        return None if fine else "one or several numbers from 0 to 1"
    if key == "label_weights":
        return expected(key, value, [0.0], {})
    if class_name in _F_SCORES and key in ("beta", "threshold"):
        most = 1 if key == "threshold" else math.inf
        return expected(key, value, 0.0, {key: (ABOVE_0, most)})
    if key == "num_labels" and value and not (is_whole(value) and config.get("multi_label")):
        return "a whole number beside multi_label"
    if key == "target_class_ids":
        classes = config.get("num_classes", 2)
        fine = isinstance(value, list | tuple) and len(value) > 0
        fine = fine and all(is_whole(item) and item < classes for item in value)
        return None if fine else "a list of classes"
    return None
