"""The optimizer that a Keras file states, read in the words of Keras 3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelport.model.component import Component
from modelport.model.model import Model
from modelport.model.report import Kind, Report
from modelport.model.training import TrainingConfig
from modelport.optimizers import loss_scale, table
from modelport.optimizers.rule import Era, Rule
from modelport.optimizers.settings import era_of, serialised, translate


@dataclass(frozen=True, slots=True)
class Stated:
    """The optimizer of a file: its rule, its Keras 3 settings, and the words it was read from."""

    rule: Rule
    settings: dict[str, Any]
    era: Era
    given: Mapping[str, Any]
    wrapper: dict[str, Any] | None = None

    @property
    def serialised(self) -> dict[str, Any]:
        """The optimizer as Keras 3 writes it."""
        inner = serialised("keras.optimizers", self.rule.name, self.settings)
        if self.wrapper is None:
            return inner
        config = {"inner_optimizer": inner, **self.wrapper}
        return serialised("keras.optimizers", "LossScaleOptimizer", config)


def stated_optimizer(native: Model, stated: TrainingConfig, report: Report) -> Stated | None:
    """The optimizer of a training config; None (and a report) where Keras 3 has none like it."""
    if stated.optimizer is None:
        return None
    name, given = stated.optimizer.name, stated.optimizer.hyperparameters
    entry = stated.config.get("optimizer_config", stated.config.get("optimizer"))
    module = str(entry.get("module") or "") if isinstance(entry, Mapping) else ""
    version = native.producer.version
    wrapper = None
    if name.rsplit(">", 1)[-1] in loss_scale.NAMES:
        wrapper, inner = _unwrapped(given)
        name, given = str(inner.get("class_name", "")), inner.get("config", {})
        given = given if isinstance(given, Mapping) else {}
    rule = table.find(name)
    if rule is None or (module and not module.startswith(("keras", "tf_keras"))):
        report.add(
            Kind.FOREIGN,
            Component.OPTIMIZER,
            name,
            "no optimizer of Keras 3; the model is written without training config",
        )
        return None
    era = era_of(stated.optimizer.name, given, version, module)
    translated = translate(rule, given, era)
    for kind, key, why in translated.notes:
        report.add(kind, Component.OPTIMIZER, key, why)
    return Stated(rule, translated.settings, era, given, wrapper)


def _unwrapped(given: Mapping[str, Any]) -> tuple[dict[str, Any], Mapping[str, Any]]:
    inner = given.get("inner_optimizer", given.get("optimizer"))
    wrapper = {
        key: given.get(key) if isinstance(given.get(key), int | float) else default
        for key, default in loss_scale.SETTINGS.items()
    }
    name = given.get("name")
    wrapper["name"] = name if isinstance(name, str) and name else "loss_scale_optimizer"
    return wrapper, inner if isinstance(inner, Mapping) else {}
