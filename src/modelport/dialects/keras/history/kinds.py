"""The kinds of values that the arguments of stock Keras 3 layers take.

A config comes from a file and may say anything. What Keras refuses is refused once, here, so that
no lowering and no writer meets it. Sources: the constructors in ``keras/src/layers``.
"""

from __future__ import annotations

import math
from typing import Any

from modelport.dialects.keras.defaults import DEFAULTS, REQUIRED
from modelport.dialects.keras.history.era import History
from modelport.dialects.keras.roles import knows
from modelport.dialects.keras.words import FLOATS, is_dtype, is_number, is_seed, is_whole

_MOST = (1 << 31) - 1

_ANY = (-math.inf, math.inf)
_NUMBERS: dict[str, tuple[float, float]] = {
    "rate": (0, 1),
    **dict.fromkeys(("negative_slope", "threshold", "stddev"), (0, math.inf)),
    **dict.fromkeys(("dropout", "recurrent_dropout", "momentum", "epsilon", "fill_value"), _ANY),
}
"""Arguments that are one number, with the least and the greatest that Keras accepts."""

_OPTIONAL_NUMBERS: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("max_value", "logit_soft_cap", "l1", "l2"), (0, math.inf)),
    "alpha": _ANY,
}

_COUNTS = frozenset(
    {
        *("groups", "height", "width", "num_tokens", "input_dim", "value_dim", "head_dim"),
        *("num_query_heads", "num_key_value_heads", "power_iterations", "num_oov_indices"),
    }
)
"""Arguments that count something, beside those that ``shapes`` has spelt as integers."""

_OPTIONAL_COUNTS = frozenset({"value_dim", "num_tokens"})

_WORDS: dict[str, tuple[Any, ...]] = {
    "merge_mode": ("sum", "mul", "concat", "ave", None),
    "score_mode": ("dot", "concat"),
    "fill_mode": ("constant", "reflect", "wrap", "nearest"),
}

_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
_OLD_INTERPOLATIONS = ("bilinear_keras2", "area", "gaussian", "mitchellcubic")


def check_kinds(name: str, config: dict[str, Any], history: History, where: str) -> None:
    """Hold a canonical config against what Keras accepts; flags of 0 and 1 become booleans.

    Raises:
        MalformedFile: a value that no Keras takes for the argument.
    """
    absent = [key for key in REQUIRED.get(name, ()) if key not in config and key != "value_dim"]
    if absent:
        raise history.malformed(where, expected=f"a value for {absent[0]}", found="none")
    for key, value in config.items():
        expected = _mismatch(name, key, value)
        if expected is not None:
            raise history.malformed(where, expected=f"{expected} as {key}", found=value)
        if _is_flag(name, key):
            config[key] = bool(value)
    dtype = config.get("dtype", "float32")
    if dtype not in FLOATS and _has_floats(name):
        raise history.malformed(where, expected="a type of floats as dtype", found=dtype)


def _has_floats(name: str) -> bool:
    """Whether a layer makes weights of its own type, which Keras draws as floats."""
    return knows(name) and name not in ("BatchNormalization", "TimeDistributed", *_OF_CELLS)


_OF_CELLS = ("RNN", "StackedRNNCells", "Bidirectional", "Wrapper")


def _is_flag(name: str, key: str) -> bool:
    return key == "trainable" or isinstance(DEFAULTS.get(name, {}).get(key), bool)


def _mismatch(name: str, key: str, value: Any) -> str | None:
    """What was expected instead of a value, or None where it may stand."""
    if _is_flag(name, key):
        fine = value in (False, True) if isinstance(value, int | float) else value is None
        return None if fine and not (value is None and key == "trainable") else "yes or no"
    if key in _NUMBERS or key in _OPTIONAL_NUMBERS:
        least, most = (_NUMBERS | _OPTIONAL_NUMBERS)[key]
        fine = is_number(value) and least <= value <= most
        fine = fine or (value is None and key in _OPTIONAL_NUMBERS)
        return None if fine else "a number" + ("" if most == math.inf else " between 0 and 1")
    if key in _COUNTS:
        fine = is_whole(value) and (key != "num_oov_indices") <= value <= _MOST
        return None if fine or (value is None and key in _OPTIONAL_COUNTS) else "a whole number"
    if key == "seed":
        return None if is_seed(value) else "a whole number"
    if key == "name":
        return None if isinstance(value, str) else "text"
    if key == "dtype":
        return None if is_dtype(value) else "a type"
    return _mismatched_word(name, key, value) or _mismatched_shape(name, key, value)


def _mismatched_word(name: str, key: str, value: Any) -> str | None:
    words = _WORDS.get(key)
    if key == "padding" and not name.startswith("ZeroPadding"):
        words = ("valid", "same", "causal") if "1D" in name and "Conv" in name else _EDGES
    if key == "interpolation":
        words = (*_INTERPOLATIONS, *_OLD_INTERPOLATIONS)
    if words is None or (isinstance(value, str | None) and value in words):
        return None
    return "one of " + ", ".join(str(word) for word in words)


_EDGES = ("valid", "same")


def _mismatched_shape(name: str, key: str, value: Any) -> str | None:
    if key == "axis":
        return None if _are_axes(name, value) else "an axis"
    if key == "batch_shape":
        fine = isinstance(value, list | tuple) and all(
            item is None or (is_whole(item) and item >= 0) for item in value
        )
        return None if fine else "a shape"
    if key == "target_shape":
        fine = isinstance(value, list | tuple) and all(
            item is None or (is_whole(item) and item >= -1) for item in value
        )
        return None if fine else "a shape"
    if key == "dims" and name == "Permute":
        fine = isinstance(value, list | tuple) and all(is_whole(item) for item in value)
        return None if fine and sorted(value) == list(range(1, len(value) + 1)) else "axes"
    return None


def _are_axes(name: str, value: Any) -> bool:
    if isinstance(value, list | tuple):
        return name in _SEVERAL_AXES and all(is_whole(item) for item in value)
    return is_whole(value) or (value is None and name == "Normalization")


_SEVERAL_AXES = (
    "LayerNormalization",
    "RMSNormalization",
    "Normalization",
    "Softmax",
    "UnitNormalization",
)
