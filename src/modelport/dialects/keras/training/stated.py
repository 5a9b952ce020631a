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
    def fixed_scale(self) -> bool:
        """Whether the scale of the loss never moved."""
        steps = None if self.wrapper is None else self.wrapper["dynamic_growth_steps"]
        return steps == loss_scale.NEVER_GROWS

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
    wrapper = _wrapper(native, name, given, report)
    if loss_scale.is_wrapper(name):
        inner = loss_scale.inner(given)
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
    written = entry.get("class_name") if isinstance(entry, Mapping) else stated.optimizer.name
    era = era_of(str(written), given, version, module)
    if isinstance(entry, str) and era is Era.OPTIMIZER_V2:
        era = Era.TF_KERAS  # only its ``.keras`` files name an optimizer without settings
    translated = translate(rule, given, era)
    for kind, key, why in translated.notes:
        report.add(kind, Component.OPTIMIZER, key, why)
    return Stated(rule, translated.settings, era, given, wrapper)


def _wrapper(
    native: Model, name: str, given: Mapping[str, Any], report: Report
) -> dict[str, Any] | None:
    """The settings of the loss scale around an optimizer, also of one that only its state shows."""
    state = native.optimizer_state.tensors if native.optimizer_state is not None else {}
    if loss_scale.is_wrapper(name):
        return loss_scale.translate(given)
    if not any(path.startswith("optimizer/inner_optimizer/") for path in state):
        return None
    why = (
        "Keras put it around the optimizer by itself (policy mixed_float16) and did not say so; "
        "now it is stated, so that the state loads under any policy"
    )
    report.add(Kind.INVENTED, Component.OPTIMIZER, loss_scale.NAMES[0], why)
    return loss_scale.translate({})
