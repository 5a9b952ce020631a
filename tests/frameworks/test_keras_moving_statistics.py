"""BatchNormalization that goes on otherwise in Keras 3: told, and only where it is so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from test_keras_to_keras import OLD, convert, load

from modelport.model.component import Component
from modelport.model.report import Kind, Report

pytestmark = pytest.mark.filterwarnings("ignore")
_GENERATOR = np.random.default_rng(0)


def told(report: Report) -> list[str]:
    return [
        change.why
        for change in report
        if change.kind is Kind.APPROXIMATED and change.component is Component.OPTIMIZER_STATE
    ]


def moved(source: Any, target: Any, x: Any, y: Any) -> dict[str, float]:
    """How far the moving statistics of two models part in one step, by their names."""
    for model in (source, target):
        model.train_on_batch(x, y)
    return {
        a.name.split("/")[-1].split(":")[0]: float(np.abs(np.asarray(a) - np.asarray(b)).max())
        for a, b in zip(source.weights, target.weights, strict=True)
        if "moving" in a.name
    }


@pytest.mark.parametrize("shape", [(5,), (4, 4, 5), (3, 4, 4, 5), (4, 5)])
def test_tf_keras_uses_the_unbiased_variance_of_images_and_volumes(
    shape: tuple[int, ...], tmp_path: Path
) -> None:
    from tf_keras import Sequential, layers

    source = Sequential([layers.Input(shape), layers.BatchNormalization()])
    source.compile("sgd", "mse")
    source.save(tmp_path / "in.h5")
    why = told(convert(tmp_path / "in.h5", tmp_path / "out.keras"))
    x = _GENERATOR.normal(size=(4, *shape)).astype("float32")
    parted = moved(source, load(tmp_path / "out.keras"), x, x)
    assert parted["moving_mean"] < 1e-6
    assert (parted["moving_variance"] > 1e-5) == bool(why) == (len(shape) in (3, 4))


def test_keras_2_corrects_the_averages_for_their_start(tmp_path: Path) -> None:
    name = "keras2.2.4-tensorflow-nested-frozen"
    why = told(convert(OLD / f"{name}.h5", tmp_path / "out.keras"))
    assert any("corrected for their start" in each for each in why)
    train = np.load(OLD / f"{name}.train.npz")
    target = load(tmp_path / "out.keras")
    for number in range(2):
        target.train_on_batch(train[f"bx{number}"], train[f"by{number}"])
    wanted = {weight: train[f"w{i}"] for i, weight in enumerate(names_in_file(OLD / f"{name}.h5"))}
    for variable in target.weights:
        apart = np.abs(np.asarray(variable) - wanted[f"{variable.path}:0"]).max()
        assert (apart > 1e-2) == ("moving" in variable.name), variable.path
        assert apart < 1e-6 or "moving" in variable.name


def names_in_file(path: Path) -> list[str]:
    with h5py.File(path) as file:
        group = file["model_weights"]
        layers = [group[name] for name in group.attrs["layer_names"]]
        return [name.decode() for layer in layers for name in layer.attrs["weight_names"]]


def shared(path: Path, version: str, backend: str, calls: int, trainable: bool = True) -> Path:
    """A layer called several times, in a file that says another Keras wrote it."""
    from tf_keras import Model, layers

    normalization = layers.BatchNormalization(trainable=trainable)
    inputs = [layers.Input((5,)) for _ in range(calls)]
    outputs = [normalization(each) for each in inputs]
    model = Model(inputs, layers.add(outputs) if calls > 1 else outputs[0])
    model.compile("sgd", "mse")
    model.save(path)
    with h5py.File(path, "r+") as file:
        for group in (file, file["model_weights"]):
            group.attrs["keras_version"] = version
            group.attrs["backend"] = backend
    return path


@pytest.mark.parametrize(
    ("version", "backend", "calls", "words"),
    [
        ("2.1.3", "theano", 2, ["plus epsilon", "only the first"]),
        ("2.1.3", "theano", 1, ["plus epsilon"]),
        ("2.2.4", "theano", 1, ["plus epsilon", "unbiased"]),
        ("2.1.2", "tensorflow", 2, []),
        ("2.1.3", "tensorflow", 1, ["for their start"]),
        ("2.3.1", "tensorflow", 1, ["unbiased"]),
        ("2.1.3", "cntk", 1, []),
        ("2.15.0", "tensorflow", 2, []),
    ],
)
def test_what_the_sources_of_keras_say(
    version: str, backend: str, calls: int, words: list[str], tmp_path: Path
) -> None:
    path = shared(tmp_path / "in.h5", version, backend, calls)
    found = told(convert(path, tmp_path / "out.keras"))
    assert len(found) == len(words)
    assert all(word in why for word, why in zip(words, found, strict=True))


@pytest.mark.parametrize(("version", "frozen"), [("2.1.3", 1), ("2.15.0", 0)])
def test_a_frozen_layer_of_keras_2(version: str, frozen: int, tmp_path: Path) -> None:
    path = shared(tmp_path / "in.h5", version, "tensorflow", 1, trainable=False)
    assert len(told(convert(path, tmp_path / "out.keras"))) == frozen
