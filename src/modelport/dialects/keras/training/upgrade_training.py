"""Training of any Keras era as Keras 3 goes on with it: compile config and optimizer state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from modelport.dialects.keras.history.era import history
from modelport.dialects.keras.training.compile_words import loss, loss_weights, metrics
from modelport.dialects.keras.training.moving_statistics import upgrade_moving_statistics
from modelport.dialects.keras.training.order import annotate
from modelport.dialects.keras.training.rows import upgrade_rows
from modelport.dialects.keras.training.state import native_slots, upgrade_state
from modelport.dialects.keras.training.stated import Stated, stated_optimizer
from modelport.errors import MalformedFile, ModelportError
from modelport.model.component import Component
from modelport.model.model import Model
from modelport.model.report import Change, Kind, Report
from modelport.model.tensor import Tensor
from modelport.model.training import ONLY_IN_KERAS_3, Optimizer, TrainingConfig
from modelport.optimizers.rule import Era


def upgrade_training(native: Model, canonical: Model, report: Report) -> Model:
    """Fill in ``training`` and ``optimizer_state`` of a canonical model, and return it.

    Also notes Keras' order of layers and weights on the canonical graph (``order.annotate``).
    What Keras 3 has no word for is left out and reported; the result always loads.

    Raises:
        MalformedFile: settings or counts of a kind that no Keras writes.
    """
    with _keras_training(native.path):
        return _upgrade_training(native, canonical, report)


def slots(native: Model, canonical: Model) -> dict[str, dict[str, Tensor]]:
    """The slots of a file's optimizer by the file's own names of weights (``native_slots``).

    Raises:
        MalformedFile: settings or counts of a kind that no Keras writes.
    """
    with _keras_training(native.path):
        return native_slots(native, canonical)


@contextmanager
def _keras_training(path: str) -> Iterator[None]:
    try:
        yield
    except ModelportError:
        raise
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise MalformedFile(
            path,
            expected="the training config and optimizer state of a Keras model",
            found=f"{type(error).__name__}: {str(error)[:200]}",
        ) from error


def _upgrade_training(native: Model, canonical: Model, report: Report) -> Model:
    annotate(canonical.graph, canonical.kind == "sequential")
    canonical.training = None
    canonical.optimizer_state = None
    stated = native.training
    if stated is None:
        _no_place_for_state(native, report, "the file states no optimizer")
        return canonical
    upgrade_moving_statistics(native, canonical, history(native, report), report)
    optimizer = stated_optimizer(native, stated, report)
    outputs = max(len(canonical.graph.outputs), 1)
    config = _compile_config(stated, optimizer, outputs, report)
    canonical.training = TrainingConfig(
        "keras",
        config.get("loss"),
        config.get("metrics"),
        None if optimizer is None else Optimizer(optimizer.rule.name, optimizer.settings),
        config,
    )
    if optimizer is None:
        _no_place_for_state(native, report, "its optimizer is unknown to Keras 3")
        return canonical
    upgrade_rows(canonical, optimizer, report)
    if optimizer.fixed_scale and optimizer.era is not Era.KERAS_3:
        canonical.extras.setdefault(ONLY_IN_KERAS_3, []).append(_MOVING_SCALE)
    if native.optimizer_state is not None:
        canonical.optimizer_state = upgrade_state(native, canonical, optimizer, report)
    return canonical


_MOVING_SCALE = Change(
    Kind.INVENTED,
    Component.OPTIMIZER,
    "dynamic_growth_steps",
    "the scale was fixed; Keras 3 knows moving ones alone: this one never grows, but a step whose "
    "gradients overflow is left out and halves it",
)


def _no_place_for_state(native: Model, report: Report, why: str) -> None:
    if native.optimizer_state is not None:
        report.add(Kind.DROPPED, Component.OPTIMIZER_STATE, "optimizer", why)


def _compile_config(
    stated: TrainingConfig, optimizer: Stated | None, outputs: int, report: Report
) -> dict[str, Any]:
    given = stated.config

    def lost(where: str, why: str) -> None:
        report.add(Kind.DROPPED, Component.LOSS, where, why)

    losses = loss(given.get("loss"), "loss", lost)
    if outputs > 1 and losses is not None and _single(losses):
        losses = [losses] * outputs
    sample = given.get("sample_weight_mode")
    if sample:
        lost("sample_weight_mode", f"Keras 3 takes weights of any shape, not a mode ({sample!r})")
    config = {
        "loss": losses,
        "loss_weights": loss_weights(given.get("loss_weights"), lost),
        "metrics": metrics(given.get("metrics"), outputs, "metrics", lost),
        "weighted_metrics": metrics(
            given.get("weighted_metrics"), outputs, "weighted_metrics", lost
        ),
        "run_eagerly": bool(given.get("run_eagerly")),
        "steps_per_execution": given.get("steps_per_execution") or 1,
        "jit_compile": bool(given.get("jit_compile")),
    }
    if optimizer is None:
        return config
    return {"optimizer": optimizer.serialised, **config}


def _single(losses: Any) -> bool:
    return isinstance(losses, str) or (isinstance(losses, dict) and "class_name" in losses)
