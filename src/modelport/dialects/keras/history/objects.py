"""What configs hold beside numbers: initializers, regularizers, constraints, dtype policies.

Every era's spelling of them becomes the serialised form of Keras 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelport.dialects.keras.history.era import History
from modelport.dialects.keras.words import is_number, is_seed

_RANDOM = {"seed": None}
_SCALED = ("GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "LecunNormal", "LecunUniform")

INITIALIZERS: dict[str, dict[str, Any]] = {
    "Zeros": {},
    "Ones": {},
    "Constant": {"value": 0.0},
    "RandomNormal": {**_RANDOM, "mean": 0.0, "stddev": 0.05},
    "RandomUniform": {**_RANDOM, "minval": -0.05, "maxval": 0.05},
    "TruncatedNormal": {**_RANDOM, "mean": 0.0, "stddev": 0.05},
    "VarianceScaling": {
        **_RANDOM,
        "scale": 1.0,
        "mode": "fan_in",
        "distribution": "truncated_normal",
    },
    **dict.fromkeys(_SCALED, _RANDOM),
    "Orthogonal": {**_RANDOM, "gain": 1.0},
    "Identity": {"gain": 1.0},
}
"""The arguments of every initializer, with their defaults."""

_OTHER_NAMES = {
    "zero": "Zeros",
    "one": "Ones",
    "normal": "RandomNormal",
    "uniform": "RandomUniform",
    "identityinitializer": "Identity",
    "orthogonalinitializer": "Orthogonal",
}
_BY_NAME = {name.lower(): name for name in INITIALIZERS} | _OTHER_NAMES

_SAME_SCALING = {
    (1.0, "fan_avg", "uniform"): "GlorotUniform",
    (1.0, "fan_avg", "truncated_normal"): "GlorotNormal",
    (1.0, "fan_in", "uniform"): "LecunUniform",
    (1.0, "fan_in", "truncated_normal"): "LecunNormal",
    (2.0, "fan_in", "uniform"): "HeUniform",
    (2.0, "fan_in", "truncated_normal"): "HeNormal",
}
"""What ``VarianceScaling`` (scale, mode, distribution) is called when it has a name of its own."""


def serialised(module: str, class_name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """An object in the form of Keras 3."""
    return {
        "module": module,
        "class_name": class_name,
        "config": dict(config),
        "registered_name": None,
    }


def initializer(name: str, config: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """An initializer of Keras 3 by its class name, with defaults filled in."""
    given = config or {}
    filled = {key: given.get(key, value) for key, value in INITIALIZERS[name].items()}
    return serialised("keras.initializers", name, filled)


def modern_initializer(
    value: Any, history: History, where: str, default: str = "GlorotUniform"
) -> dict[str, Any] | None:
    """An initializer of any era; one of a user's own gives way to the default, and is reported."""
    if value is None:
        return None
    name, config = _named(value)
    found = _BY_NAME.get(name.lower().replace("_", "").removesuffix("v2"))
    if found is None:
        history.dropped(where, f"the initializer {name!r} is no part of Keras")
        return initializer(default)
    if found == "VarianceScaling":
        config = {**INITIALIZERS[found], **config}
        if config["distribution"] == "normal":
            config["distribution"] = "truncated_normal"
        key = (config["scale"], config["mode"], config["distribution"])
        if all(isinstance(part, str | float | int) for part in key):
            found = _SAME_SCALING.get(key, found)
    made = initializer(found, config)
    for key, value in made["config"].items():
        if not _fits(key, value):
            raise history.malformed(where, expected=f"another {key}", found=value)
    return made


_SCALING_WORDS = {
    "mode": ("fan_in", "fan_out", "fan_avg"),
    "distribution": ("uniform", "truncated_normal", "untruncated_normal"),
}


def _fits(key: str, value: Any) -> bool:
    """Whether an initializer takes a value for an argument."""
    if key == "seed":
        return is_seed(value)
    if key in _SCALING_WORDS:
        return isinstance(value, str) and value in _SCALING_WORDS[key]
    # The value of a Constant may be a serialised array.
    return is_number(value) or (key == "value" and isinstance(value, Mapping | list))


def _named(value: Any) -> tuple[str, dict[str, Any]]:
    """The class name and the arguments of an object, whatever form it has."""
    if isinstance(value, Mapping):
        name = value.get("class_name", value.get("name"))
        config = value.get("config")
        if name == "function" and isinstance(config, str):
            return config, {}
        if config is None:
            config = {key: part for key, part in value.items() if key not in ("class_name", "name")}
        return str(name), dict(config) if isinstance(config, Mapping) else {}
    return str(value), {}


def modern_regularizer(value: Any, history: History, where: str) -> dict[str, Any] | None:
    """A regularizer of any era; one of a user's own is dropped and reported."""
    if value is None:
        return None
    name, config = _named(value)
    plain = name.lower().replace("_", "").removesuffix("regularizer")
    if plain in ("l1l2", "weight", "activity", "l1", "l2"):
        # A bare string means the default strength of the function of that name.
        stated = config or ({part: 0.01 for part in ("l1", "l2") if part in plain})
        kept = {key: _real(stated.get(key), history, where) for key in ("l1", "l2")}
        return serialised("keras.regularizers", "L1L2", kept)
    if plain == "orthogonal":
        full = {"factor": 0.01, "mode": "rows", **config}
        return serialised("keras.regularizers", "OrthogonalRegularizer", full)
    history.dropped(where, f"the regularizer {name!r} is no part of Keras")
    return None


def _real(value: Any, history: History, where: str) -> float:
    if value is None:
        return 0.0
    if isinstance(value, Mapping):
        # Keras 3 may state a scalar tensor as a serialised array.
        inner = value.get("config")
        value = inner.get("value") if isinstance(inner, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise history.malformed(where, expected="a number as its strength", found=value)
    return float(value)


_CONSTRAINTS: dict[str, tuple[str, dict[str, Any]]] = {
    "maxnorm": ("MaxNorm", {"max_value": 2, "axis": 0}),
    "nonneg": ("NonNeg", {}),
    "unitnorm": ("UnitNorm", {"axis": 0}),
    "minmaxnorm": ("MinMaxNorm", {"min_value": 0.0, "max_value": 1.0, "rate": 1.0, "axis": 0}),
}
_OLD_ARGUMENTS = {"max_value": "m", "min_value": "low"}


def modern_constraint(value: Any, history: History, where: str) -> dict[str, Any] | None:
    """A constraint of any era; one of a user's own is dropped and reported."""
    if value is None:
        return None
    name, config = _named(value)
    known = _CONSTRAINTS.get(name.lower().replace("_", ""))
    if known is None:
        history.dropped(where, f"the constraint {name!r} is no part of Keras")
        return None
    kept = {
        key: config.get(key, config.get(_OLD_ARGUMENTS.get(key, key), default))
        for key, default in known[1].items()
    }
    return serialised("keras.constraints", known[0], kept)


def modern_dtype(value: Any, default: str = "float32") -> str:
    """The name of a dtype policy of any era."""
    if isinstance(value, Mapping):
        config = value.get("config")
        if isinstance(config, Mapping) and isinstance(config.get("mode"), str):
            # A QuantizedDTypePolicy: int8_from_float32.
            return f"{config['mode']}_from_{config.get('source_name', default)}"
        name = config.get("name") if isinstance(config, Mapping) else None
        if name is None and isinstance(config, Mapping):
            name = config.get("default_policy")  # a DTypePolicyMap states one for the rest
        return modern_dtype(name, default)
    if not isinstance(value, str) or value in ("", "infer", "_infer"):
        return default
    return value.removesuffix("_with_float32_vars")
