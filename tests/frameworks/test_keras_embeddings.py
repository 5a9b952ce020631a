"""Embeddings whose rows repeat in a batch: tf_keras resumed beside the converted file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_keras_to_keras import convert, load

from modelport.model.component import Component
from modelport.model.report import Change, Kind, Report

pytestmark = pytest.mark.filterwarnings("ignore")
_GENERATOR = np.random.default_rng(0)
FIRST = _GENERATOR.integers(0, 4, (6, 4)).astype("int32")
NEXT = [_GENERATOR.integers(2, 5, (6, 4)).astype("int32"), FIRST % 3]
Y = _GENERATOR.normal(size=(6, 2)).astype("float32")

NEW: dict[str, dict[str, Any]] = {
    "SGD": {},
    "SGD momentum": {"momentum": 0.9, "nesterov": True},
    "Adam": {},
    "Adam amsgrad": {"amsgrad": True},
    "AdamW": {},
    "RMSprop": {},
    "RMSprop centered": {"momentum": 0.9, "centered": True},
    "Adagrad": {},
    "Adadelta": {},
    "Adamax": {},
    "Ftrl": {},
    "Lion": {},
    "Adam global_clipnorm": {"global_clipnorm": 0.01},
}
NEVER_CLIPPED = set(NEW) - {"SGD", "SGD momentum", "Lion", "Adam global_clipnorm"}
LEGACY = {name: NEW[name] for name in ("SGD", "Adam", "Adam amsgrad", "Adam global_clipnorm")}
SKIPS_ROWS = {
    "SGD momentum": {"momentum": 0.9},
    "RMSprop momentum": {"momentum": 0.9},
    "Adadelta": {},
    "Adamax": {},
    "Ftrl": {},
}


def network(**embedding: Any) -> Any:
    from tf_keras import Sequential, layers

    return Sequential(
        [
            layers.Input((4,)),
            layers.Embedding(7, 3, name="embedding", **embedding),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )


def saved(folder: Path, made: Any, **embedding: Any) -> Any:
    model = network(**embedding)
    model.compile(made, "mse")
    for _ in range(3):
        model.train_on_batch(FIRST, Y)
    model.save(folder / "in.h5")
    return model


def optimizer(module: Any, name: str, settings: dict[str, Any]) -> Any:
    return getattr(module, name.split()[0])(learning_rate=0.01, **settings)


def difference(source: Any, target: Any) -> float:
    """After two more steps in both, relative to how far the source's weights moved."""
    start = [np.asarray(weight) for weight in source.weights]
    for batch in NEXT:
        source.train_on_batch(batch, Y)
        target.train_on_batch(batch, Y)
    pairs = list(zip(source.weights, target.weights, strict=True))
    moved = max(np.abs(np.asarray(a) - b).max() for (a, _), b in zip(pairs, start, strict=True))
    return float(max(np.abs(np.asarray(a) - np.asarray(b)).max() for a, b in pairs) / moved)


def about_training(report: Report) -> list[Change]:
    concerned = (Component.OPTIMIZER, Component.OPTIMIZER_STATE)
    return [
        change
        for change in report
        if change.component in concerned and change.kind is not Kind.REARRANGED
    ]


def assert_exact(model: Any, folder: Path, never_clipped: bool) -> None:
    report = convert(folder / "in.h5", folder / "out.keras")
    assert report.lossless
    wanted = ["global_clipnorm"] if never_clipped else []
    assert [change.where for change in about_training(report)] == wanted
    assert difference(model, load(folder / "out.keras")) < 1e-5


@pytest.mark.parametrize("name", NEW)
def test_rows_that_repeat_are_added_first(name: str, tmp_path: Path) -> None:
    import tf_keras

    model = saved(tmp_path, optimizer(tf_keras.optimizers, name, NEW[name]))
    assert_exact(model, tmp_path, name in NEVER_CLIPPED)


@pytest.mark.parametrize("name", LEGACY)
def test_legacy_optimizers_that_update_every_row(name: str, tmp_path: Path) -> None:
    import tf_keras

    model = saved(tmp_path, optimizer(tf_keras.optimizers.legacy, name, LEGACY[name]))
    assert_exact(model, tmp_path, name in NEVER_CLIPPED)


@pytest.mark.parametrize("name", SKIPS_ROWS)
def test_legacy_optimizers_that_skip_rows_are_told(name: str, tmp_path: Path) -> None:
    import tf_keras

    model = saved(tmp_path, optimizer(tf_keras.optimizers.legacy, name, SKIPS_ROWS[name]))
    for target in ("out.keras", "out.h5"):
        told = about_training(convert(tmp_path / "in.h5", tmp_path / target))
        assert Kind.APPROXIMATED in {c.kind for c in told if c.where == "embedding/embeddings"}
    assert difference(model, load(tmp_path / "out.keras")) > 1e-3


@pytest.mark.parametrize("clipping", ["clipnorm", "clipvalue"])
def test_a_clipping_in_the_way_is_told(clipping: str, tmp_path: Path) -> None:
    import tf_keras

    model = saved(tmp_path, tf_keras.optimizers.Adam(0.01, **{clipping: 0.01}))
    told = about_training(convert(tmp_path / "in.h5", tmp_path / "out.keras"))
    assert [change.kind for change in told] == [Kind.APPROXIMATED]
    assert difference(model, load(tmp_path / "out.keras")) > 1e-3


@pytest.mark.parametrize("embedding", [{"embeddings_regularizer": "l2"}, {"trainable": False}])
def test_nothing_is_said_where_no_gradient_comes_by_rows(embedding: Any, tmp_path: Path) -> None:
    import tf_keras

    model = saved(tmp_path, tf_keras.optimizers.Adam(0.01), **embedding)
    assert_exact(model, tmp_path, never_clipped=False)


def test_tf_keras_gets_no_norm(tmp_path: Path) -> None:
    import tf_keras

    model = saved(tmp_path, tf_keras.optimizers.Adam(0.01))
    assert not about_training(convert(tmp_path / "in.h5", tmp_path / "out.h5"))
    target = load(tmp_path / "out.h5", "tf_keras")
    assert target.optimizer.global_clipnorm is None
    assert difference(model, target) < 1e-5
