"""An optimizer's settings, from the words of any Keras era to those of Keras 3."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelport.model.report import Kind
from modelport.optimizers.accepted import expected
from modelport.optimizers.rule import COMMON, COMMON_BOUNDS, Era, Rule
from modelport.optimizers.schedules import SCHEDULES, refused

_OWN_2_3 = re.compile(r"2\.3(\.\d+)?")
"""Keras 2.3, the last with its own optimizers: they said ``learning_rate`` and had no name."""

_EARLIER_WORDS = {"lr": "learning_rate"}
_SPEED_ONLY = frozenset({"jit_compile", "is_legacy_optimizer", "decay", "name"})


@dataclass(slots=True)
class Translated:
    """Settings in the words of Keras 3, and what could not be said in them: (kind, key, why)."""

    settings: dict[str, Any]
    notes: list[tuple[Kind, str, str]] = field(default_factory=list)

    def note(self, kind: Kind, key: str, why: str) -> None:
        """Remember one difference."""
        self.notes.append((kind, key, why))


def era_of(class_name: str, settings: Mapping[str, Any], version: str | None, module: str) -> Era:
    """Whose optimizer a config describes.

    ``version`` is the Keras version of the file, ``module`` the module the config names (only
    ``.keras`` files do), both empty where unknown.
    """
    if "legacy" in module:
        return Era.OPTIMIZER_V2
    if (version or "").split(".")[0] not in ("", "0", "1", "2"):
        return Era.KERAS_3
    if class_name.startswith("Custom>") or "is_legacy_optimizer" in settings:
        return Era.OPTIMIZER_V2 if settings.get("is_legacy_optimizer") else Era.TF_KERAS
    if "lr" in settings or ("name" not in settings and _OWN_2_3.fullmatch(version or "")):
        return Era.KERAS_1_2
    if "jit_compile" in settings or "use_ema" in settings:
        return Era.TF_KERAS if version else Era.KERAS_3
    return Era.OPTIMIZER_V2 if version else Era.KERAS_3


def translate(rule: Rule, given: Mapping[str, Any], era: Era) -> Translated:
    """The complete Keras 3 settings of an optimizer whose config an era wrote."""
    stated = {_EARLIER_WORDS.get(key, key): value for key, value in given.items()}
    defaults = {**COMMON, **rule.settings}
    result = Translated({})
    for key, default in defaults.items():
        if key != "learning_rate":
            result.settings[key] = _accepted(result, rule, key, stated.get(key), default)
    _clipping(result, stated, era)
    rate = _learning_rate(result, rule, stated, era)
    result.settings = {"name": _name(rule, stated), "learning_rate": rate, **result.settings}
    _unknown(result, rule, stated, defaults)
    why = rule.differs(result.settings, era)
    if why:
        result.note(Kind.APPROXIMATED, rule.name, why)
        if rule.squares_epsilon:
            result.settings["epsilon"] = float(result.settings["epsilon"]) ** 2
    return result


def _accepted(result: Translated, rule: Rule, key: str, value: Any, default: Any) -> Any:
    """A stated value where Keras 3 accepts it, with the type it insists on; else the default."""
    if value is None:
        return default
    wanted = expected(key, value, default, {**COMMON_BOUNDS, **rule.bounds})
    if wanted is not None:
        why = f"{value!r:.80} is not {wanted}, as Keras 3 demands; the default {default} stands in"
        result.note(Kind.DROPPED, key, why)
        return default
    if isinstance(default, float) and type(value) is int:
        return float(value)
    return value


def _name(rule: Rule, stated: Mapping[str, Any]) -> str:
    name = stated.get("name")
    return name if isinstance(name, str) and name else rule.name.lower()


def _clipping(result: Translated, stated: Mapping[str, Any], era: Era) -> None:
    settings = result.settings
    for key in ("clipnorm", "clipvalue", "global_clipnorm"):
        value = stated.get(key)
        positive = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
        settings[key] = float(value) if positive and value is not None else None
    if era is Era.KERAS_1_2:
        # Keras 1-2 divided by the norm of all gradients together.
        settings["global_clipnorm"], settings["clipnorm"] = settings["clipnorm"], None
    kept = [
        key for key in ("global_clipnorm", "clipnorm", "clipvalue") if settings[key] is not None
    ]
    for key in kept[1:]:
        settings[key] = None
        result.note(Kind.DROPPED, key, f"Keras 3 clips in one way only; {kept[0]} is kept")


def _learning_rate(result: Translated, rule: Rule, stated: Mapping[str, Any], era: Era) -> Any:
    rate = stated.get("learning_rate")
    decay = 0.0 if "schedule_decay" in rule.obsolete else stated.get("decay")
    if isinstance(rate, Mapping):
        return _schedule(result, rule, rate)
    if isinstance(rate, bool) or not isinstance(rate, int | float):
        default = float(rule.settings["learning_rate"])
        kind = Kind.INVENTED if rate is None else Kind.DROPPED
        result.note(kind, "learning_rate", f"no number is stated; the default {default} stands in")
        return default
    if not isinstance(decay, int | float) or not decay:
        return float(rate)
    # lr / (1 + decay * iterations)
    settings = {
        "initial_learning_rate": float(rate),
        "decay_steps": 1,
        "decay_rate": float(decay),
        "staircase": False,
        "name": "InverseTimeDecay",
    }
    return serialised("keras.optimizers.schedules", "InverseTimeDecay", settings)


def _schedule(result: Translated, rule: Rule, stated: Mapping[str, Any]) -> Any:
    class_name = str(stated.get("class_name", "")).rsplit(">", 1)[-1]
    config = stated.get("config")
    why = f"Keras 3 has no schedule {class_name!r}"
    if class_name in SCHEDULES and isinstance(config, Mapping):
        keys = SCHEDULES[class_name]
        known = {key: config[key] for key in keys if config.get(key) is not None}
        wrong = refused(class_name, known)
        if wrong is None:
            return serialised("keras.optimizers.schedules", class_name, known)
        why = f"Keras 3 takes no such {class_name}: {wrong}"
    start = config.get("initial_learning_rate") if isinstance(config, Mapping) else None
    number = isinstance(start, int | float) and not isinstance(start, bool)
    rate = float(start) if number and start is not None else float(rule.settings["learning_rate"])
    result.note(Kind.DROPPED, "learning_rate", f"{why}; fixed at {rate}")
    return rate


def _unknown(
    result: Translated, rule: Rule, stated: Mapping[str, Any], defaults: Mapping[str, Any]
) -> None:
    for key, value in stated.items():
        if key in defaults or key in _SPEED_ONLY or value is None:
            continue
        if rule.obsolete.get(key) != value:
            result.note(Kind.DROPPED, key, f"Keras 3's {rule.name} has no such setting ({value!r})")


def serialised(module: str, class_name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """A stock object as Keras 3 writes it."""
    return {
        "module": module,
        "class_name": class_name,
        "config": dict(config),
        "registered_name": None,
    }
