"""Windows, strides and margins: one number or a list in old configs, lists in canonical ones."""

from __future__ import annotations

from typing import Any

from modelport.dialects.keras.history.era import History
from modelport.dialects.keras.words import sequence

_WINDOWS = ("kernel_size", "strides", "dilation_rate", "pool_size", "output_padding", "output_size")


def rank(name: str) -> int | None:
    """How many spatial axes a class works on (``Conv2D``: 2), or None."""
    for n in (1, 2, 3):
        if f"{n}D" in name:
            return n
    return None


_COUNTS = ("units", "filters", "output_dim", "depth_multiplier", "num_heads", "key_dim", "n")
_MOST = (1 << 31) - 1


def whole_counts(config: dict[str, Any], history: History, where: str) -> None:
    """Spell what counts units, filters or heads as an integer (old files may say 64.0).

    Raises:
        MalformedFile: it is no whole number, or one that no layer has.
    """
    for key in _COUNTS:
        value = config.get(key)
        if isinstance(value, float) and value.is_integer():
            value = config[key] = int(value)
        if value is not None and not _is_count(value, 1):
            raise history.malformed(where, expected=f"a whole number as {key}", found=value)


def _is_count(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= _MOST


def window_lists(name: str, config: dict[str, Any], history: History, where: str) -> None:
    """Spell out windows and margins as lists; absent strides of a pooling are its window.

    Raises:
        MalformedFile: another number of entries than the layer has spatial axes.
    """
    n = rank(name)
    if n is None:
        return
    for key in _WINDOWS:
        if config.get(key) is not None:
            config[key] = _per_axis(config[key], n, key, history, where)
    if "Pooling" in name and "Global" not in name and "Adaptive" not in name:
        window = config.get("pool_size", [2] * n)
        if config.get("strides") is None:
            config["strides"] = list(window)
    if name.startswith("UpSampling") and n > 1 and "size" in config:
        config["size"] = _per_axis(config["size"], n, "size", history, where)
    for key in ("padding", "cropping"):
        if name.startswith(("ZeroPadding", "Cropping")) and key in config:
            config[key] = _margins(config[key], n, key, history, where)


def _per_axis(value: Any, n: int, key: str, history: History, where: str) -> list[int]:
    items = [value] * n if isinstance(value, int) else sequence(value)
    if items is None or len(items) != n:
        raise history.malformed(where, expected=f"{n} numbers as {key}", found=value)
    least = 0 if key == "output_padding" else 1
    if not all(_is_count(item, least) or (item is None and key == "output_size") for item in items):
        raise history.malformed(where, expected=f"whole numbers as {key}", found=value)
    return list(items)


def _margins(value: Any, n: int, key: str, history: History, where: str) -> Any:
    """Margins as ``[before, after]`` for each axis; a flat pair for one axis."""
    if n == 1:
        inner = sequence(value)
        if inner is not None and len(inner) == 1:
            value = inner[0]
        pair = [value, value] if isinstance(value, int) else sequence(value)
        if pair is None or len(pair) != 2 or not all(_is_count(x, 0) for x in pair):
            raise history.malformed(where, expected=f"two numbers as {key}", found=value)
        return list(pair)
    items = [value] * n if isinstance(value, int) else sequence(value)
    if items is None or len(items) != n:
        raise history.malformed(where, expected=f"{n} pairs as {key}", found=value)
    return [_margins(item, 1, key, history, where) for item in items]
