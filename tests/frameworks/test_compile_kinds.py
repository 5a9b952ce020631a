"""Nonsense in a training config: stock Keras makes every object that a conversion leaves in it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tf_keras
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


def same_or_told(made: Any, config: Mapping[str, Any], found: Any, told: list[str]) -> None:
    """What Keras itself makes of a config is what it makes of the converted one, or it is told."""
    try:
        want = made.from_config(dict(config)).get_config()
    except (AttributeError, TypeError, ValueError):
        return
    if isinstance(found, str) or told:
        return  # Keras 3.15 gives the name of a loss that its own table of losses lacks
    made_config = found.get_config()
    for key, value in config.items():
        if value is not None:
            np.testing.assert_array_equal(made_config[key], want[key])


@pytest.mark.parametrize("made", LOSSES, ids=lambda each: each.__name__)
def test_losses(made: type) -> None:
    told: list[str] = []
    for number, config in enumerate(mutants(made().get_config())):
        told.clear()
        found = loss(entry("keras.losses", made, config), "loss", lambda _, why: told.append(why))
        assert found is not None or (told and number)
        if found is not None:
            same_or_told(made, config, keras.losses.deserialize(found), told)


@pytest.mark.parametrize("made", METRICS, ids=lambda each: each.__name__)
def test_metrics(made: type) -> None:
    told: list[str] = []
    for number, config in enumerate(mutants(made(*NEEDED.get(made.__name__, ())).get_config())):
        stated = [entry("keras.metrics", made, config)]
        told.clear()
        found = metrics(stated, 1, "metrics", lambda _, why: told.append(why))
        assert found or (told and number)
        for each in found:
            same_or_told(made, config, keras.metrics.deserialize(each), told)


@pytest.mark.parametrize("reduction", ["sum", "mean", "mean_with_sample_weight", "none", None])
def test_reductions_stay(reduction: str | None) -> None:
    config = {"name": "own", "reduction": reduction}
    told: list[str] = []
    stated = entry("keras.losses", keras.losses.MeanSquaredError, config)
    made = keras.losses.deserialize(loss(stated, "loss", lambda _, why: told.append(why)))
    assert not told
    args = (np.arange(6.0).reshape(2, 3), np.ones((2, 3)))
    want = keras.losses.MeanSquaredError(reduction=reduction)(*args)
    np.testing.assert_array_equal(made(*args), want)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("AUC", {"num_thresholds": 2**70}),
        ("AUC", {"num_thresholds": 2**20, "multi_label": True, "num_labels": 2**20}),
        ("PrecisionAtRecall", {"recall": 0.5, "num_thresholds": 2**40}),
        ("MeanIoU", {"num_classes": 2**20}),
        ("OneHotIoU", {"num_classes": 2**20, "target_class_ids": [0]}),
    ],
)
def test_no_metric_eats_all_memory(name: str, config: dict[str, Any]) -> None:
    told: list[str] = []
    stated = [entry("keras.metrics", getattr(keras.metrics, name), config)]
    assert metrics(stated, 1, "metrics", lambda _, why: told.append(why)) == []
    assert "counters" in told[0]


def test_what_metrics_had_counted_is_told(tmp_path: Path) -> None:
    x = tf_keras.Input((3,))
    model = tf_keras.Model(x, tf_keras.layers.Dense(2)(x))
    model.compile("sgd", "mse", metrics=["mae"])
    model.train_on_batch(np.ones((4, 3)), np.ones((4, 2)))
    model.save(tmp_path / "a.keras")
    for target in ("b.keras", "b.h5", "b.onnx", "b.safetensors"):
        report = modelport.convert(tmp_path / "a.keras", tmp_path / target, verify=False)
        told = [change for change in report if change.where.startswith("metrics/")]
        assert [change.component for change in told] == [Component.LOSS]


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
