"""How a Keras model was trained: its compile config and the state of its optimizer."""

from __future__ import annotations

import re
from typing import Any

from modelport.model.tensor import Tensor
from modelport.model.training import Optimizer, OptimizerState, TrainingConfig
from modelport.optimizers import loss_scale

_STEP = re.compile(r"(^|/)(iterations?|iter)(_\d+)?(:0)?$")
_UNNAMED = re.compile(r"(Variable|param)(_\d+)?(:0)?")
"""What Keras 1 calls a variable on TensorFlow, and on Theano."""


def training_config(config: Any) -> TrainingConfig | None:
    """``training_config`` (HDF5) or ``compile_config`` (``.keras``) in the file's own words.

    None where the model was not compiled.
    """
    if not isinstance(config, dict) or not config:
        return None
    stated = config.get("optimizer_config", config.get("optimizer"))
    return TrainingConfig(
        dialect="keras",
        loss=config.get("loss"),
        metrics=config.get("metrics"),
        optimizer=_optimizer(stated),
        config=config,
    )


def _optimizer(stated: Any) -> Optimizer | None:
    if isinstance(stated, str):
        return Optimizer(stated)
    if not isinstance(stated, dict) or not isinstance(stated.get("class_name"), str):
        return None
    config = stated.get("config")
    # tf_keras registers its own optimizers in a package of that name.
    name = stated["class_name"].removeprefix("Custom>")
    return Optimizer(name, config if isinstance(config, dict) else {})


def optimizer_state(tensors: dict[str, Tensor]) -> OptimizerState | None:
    """The state whose tensors these are; None where there are none.

    The step is the count of iterations: by its name, variable 0 of a Keras 3 store, or the single
    number that Keras 1 keeps first without a name. Only that one number is read.
    """
    if not tensors:
        return None
    # A loss scale counts nothing; the count of the optimizer inside it comes later.
    counts = [item for name, item in tensors.items() if _STEP.search(name)]
    found = counts[-1] if counts else None
    first = tensors.get("optimizer/inner_optimizer/vars/0", tensors.get("optimizer/vars/0"))
    if found is None and first is not None and first.dtype.kind in ("int", "uint"):
        found = first
    name, unnamed = next(iter(tensors.items()))
    if found is None and unnamed.shape == () and _UNNAMED.fullmatch(name):
        found = unnamed
    step = None
    if found is not None and found.size == 1 and found.dtype.kind in ("int", "uint", "float"):
        value = float(found.peek().reshape(-1)[0])
        step = int(value) if value == value and abs(value) < 1 << 53 else None
    return OptimizerState(step=step, tensors=tensors)


def learning_rate(training: TrainingConfig | None) -> Any:
    """The learning rate that the optimizer's config states (``lr`` up to Keras 2.2), or None."""
    if training is None or training.optimizer is None:
        return None
    settings: Any = training.optimizer.hyperparameters
    if loss_scale.is_wrapper(training.optimizer.name):
        settings = loss_scale.inner(settings).get("config")
    if not isinstance(settings, dict):
        return None
    return settings.get("learning_rate", settings.get("lr"))
