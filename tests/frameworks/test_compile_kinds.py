"""Nonsense in a training config: stock Keras makes every object that a conversion leaves in it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import pytest
from tests.contracts.test_hostile_configs import config_of, repacked
from tests.samples import FILES

import modelport
from modelport.dialects.keras.training.compile_words import loss, metrics
from modelport.model.component import Component
from modelport.optimizers import table
from modelport.optimizers.rule import Era
from modelport.optimizers.settings import translate

pytestmark = pytest.mark.filterwarnings("ignore")

WILD: list[Any] = [None, -1, 0, 1.5, "a", [], {}, [2.0], True]

NEEDED: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("IoU", "OneHotIoU"), (3, [0])),
    **dict.fromkeys(("MeanIoU", "OneHotMeanIoU"), (3,)),
    **dict.fromkeys(("PrecisionAtRecall", "RecallAtPrecision"), (0.5,)),
    **dict.fromkeys(("SensitivityAtSpecificity", "SpecificityAtSensitivity"), (0.5,)),
}
BASES = ("Loss", "Metric", "MeanMetricWrapper", "CompileMetrics", "Optimizer")


def classes(module: Any, base: type) -> list[type]:
    found = [getattr(module, name) for name in sorted(dir(module)) if name not in BASES]
    return [each for each in found if inspect.isclass(each) and issubclass(each, base)]


LOSSES = classes(keras.losses, keras.losses.Loss)
METRICS = classes(keras.metrics, keras.metrics.Metric)
OPTIMIZERS = [
    each
    for each in classes(keras.optimizers, keras.optimizers.Optimizer)
    if table.find(each.__name__) is not None
]
SCHEDULES = [
    keras.optimizers.schedules.CosineDecay(0.1, 10, warmup_target=0.2, warmup_steps=3),
    keras.optimizers.schedules.CosineDecayRestarts(0.1, 10),
    keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9),
    keras.optimizers.schedules.InverseTimeDecay(0.1, 10, 0.9),
    keras.optimizers.schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2, 0.3]),
    keras.optimizers.schedules.PolynomialDecay(0.1, 10),
]


def mutants(config: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield dict(config)
    for key in (*config, "thresholds"):
        yield {name: value for name, value in config.items() if name != key}
        for value in WILD:
            yield {**config, key: value}


def entry(module: str, made: type, config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "module": module,
        "class_name": made.__name__,
        "config": dict(config),
        "registered_name": None,
    }


@pytest.mark.parametrize("made", LOSSES, ids=lambda each: each.__name__)
def test_losses(made: type) -> None:
    told: list[str] = []
    for number, config in enumerate(mutants(made().get_config())):
        told.clear()
        found = loss(entry("keras.losses", made, config), "loss", lambda _, why: told.append(why))
        assert (found is None) == bool(told)
        assert found is not None or number
        if found is not None:
            keras.losses.deserialize(found)


@pytest.mark.parametrize("made", METRICS, ids=lambda each: each.__name__)
def test_metrics(made: type) -> None:
    told: list[str] = []
    for number, config in enumerate(mutants(made(*NEEDED.get(made.__name__, ())).get_config())):
        stated = [entry("keras.metrics", made, config)]
        told.clear()
        found = metrics(stated, 1, "metrics", lambda _, why: told.append(why))
        assert (found == []) == bool(told)
        assert found or number
        for each in found:
            keras.metrics.deserialize(each)


def optimizer(made: type, config: Mapping[str, Any]) -> list[str]:
    rule = table.find(made.__name__)
    assert rule is not None
    found = translate(rule, config, Era.KERAS_3)
    keras.optimizers.deserialize(entry("keras.optimizers", made, found.settings))
    return [key for _, key, _ in found.notes]


@pytest.mark.parametrize("made", OPTIMIZERS, ids=lambda each: each.__name__)
def test_optimizers(made: type) -> None:
    given = made().get_config()
    assert not optimizer(made, given)
    for config in mutants(given):
        optimizer(made, config)
    for key in ("gradient_accumulation_steps", "ema_momentum"):
        assert key in optimizer(made, {**given, "use_ema": True, key: -1})


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda each: type(each).__name__)
def test_schedules(schedule: Any) -> None:
    for number, config in enumerate(mutants(schedule.get_config())):
        rate = entry("keras.optimizers.schedules", type(schedule), config)
        notes = optimizer(keras.optimizers.SGD, {"learning_rate": rate})
        assert number or not notes


@pytest.mark.parametrize(
    ("part", "value"),
    [
        *(("loss_weights", value) for value in (-1, 3, "a", True)),
        ("optimizer", {"class_name": "SGD", "config": {"momentum": 2.0}, "module": "keras"}),
        ("metrics", [{"class_name": "FBetaScore", "config": {"beta": -1.0}, "module": "keras"}]),
    ],
)
def test_whole_files_load_and_tell(part: str, value: Any, tmp_path: Path) -> None:
    config = config_of(FILES / "keras-v3" / "gru_rmsprop.keras")
    config["compile_config"][part] = value
    path = repacked(FILES / "keras-v3" / "gru_rmsprop.keras", tmp_path / "a.keras", config)
    with pytest.raises((TypeError, ValueError)):
        keras.saving.load_model(path)
    report = modelport.convert(path, tmp_path / "b.keras", verify=False)
    told = {change.component for change in report}
    numbers = part == "loss_weights" and value in (-1, 3) and value is not True
    assert numbers or told & {Component.LOSS, Component.OPTIMIZER}
    assert keras.saving.load_model(tmp_path / "b.keras").compiled
