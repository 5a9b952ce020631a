"""Lambda layers of Keras 1 and 2 in the words of Keras 3; their code is carried, never run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelport.dialects.keras.history.objects import modern_dtype

_FUNCTIONS = ("function", "output_shape", "mask")


def modern(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config with each function as one object, where older ones had its type beside it."""
    kept = {key: config[key] for key in ("name", "trainable", "arguments") if key in config}
    kept["dtype"] = modern_dtype(config.get("dtype"))
    for key in _FUNCTIONS:
        if key in config:
            module = config.get("module" if key == "function" else f"{key}_module")
            kept[key] = _function(config[key], config.get(f"{key}_type"), module)
    return kept


def _function(value: Any, kind: Any, module: Any) -> Any:
    if kind == "lambda":
        code, defaults, closure = value if isinstance(value, list) else (value, None, None)
        inner = {"code": code, "defaults": defaults, "closure": closure}
        return {"class_name": "__lambda__", "config": inner}
    if kind == "function":
        place = {"module": module or "builtins", "registered_name": "function"}
        return {"class_name": "function", "config": value, **place}
    return value
