"""Configs that no Keras writes: every command ends in a result or in one typed error, fast."""

from __future__ import annotations

import copy
import json
import random
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.samples import FILES

import modelport
from modelport.cli.text import clean, echo_json
from modelport.errors import LimitExceeded, ModelportError
from modelport.formats.shared.keras import model as keras_model

SAMPLES = [FILES / "keras-v3" / name for name in ("gru_rmsprop.keras", "graphs_keras3.keras")]
MUTANTS = 25
SLOWEST = 5.0
"""Seconds; generous, because the machine may be busy with other tests."""

STEERING = "\u202e\x1b[31m\n\0"
NESTED: dict[str, Any] = {"class_name": "Dense", "config": {}}
for _ in range(60):
    NESTED = {"class_name": "TimeDistributed", "config": {"layer": NESTED}}
WILD: list[Any] = [
    *(None, -1, 0, 1.5, float("inf"), float("nan"), "", "x" * 10_000, [], {}, [[]], True, 1 << 63),
    *(NESTED, STEERING, "../../up", "same", "int32", [1, 1], [None]),
]


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, inner in items:
        yield (*at, key)
        yield from places(inner, (*at, key))


def changed(config: Any, place: tuple[Any, ...], value: Any) -> Any:
    config = copy.deepcopy(config)
    at = config
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = value
    return config


def repacked(source: Path, target: Path, config: Any) -> Path:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, json.dumps(config) if name == "config.json" else old.read(name))
    return target


def config_of(source: Path) -> Any:
    with zipfile.ZipFile(source) as archive:
        return json.loads(archive.read("config.json"))


def try_all(path: Path, folder: Path) -> None:
    started = time.monotonic()
    for target in ("out.onnx", "out.keras", "out.h5", "out.safetensors"):
        try:
            modelport.convert(path, folder / target, verify=False, overwrite=True)
            modelport.inspect(folder / target)
        except ModelportError as error:
            assert str(error)
    try:
        echo_json(modelport.inspect(path, tensors=True))
        modelport.ready(path)
    except ModelportError as error:
        assert clean(error)
    assert time.monotonic() - started < SLOWEST
    assert not list(folder.glob(".modelport*"))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
def test_one_value_replaced(
    sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, chance = config_of(sample), random.Random(7)
    everywhere = list(places(config))
    for _ in range(MUTANTS):
        mutant = changed(config, chance.choice(everywhere), chance.choice(WILD))
        try_all(repacked(sample, tmp_path / "a.keras", mutant), tmp_path)
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def tower(config: Any) -> list[Any]:
    layers: list[Any] = config["config"]["layers"]
    return layers


def test_layers_removed_and_doubled(tmp_path: Path) -> None:
    config = config_of(SAMPLES[1])
    for index in range(len(tower(config))):
        for by in ([], [0, 0]):
            mutant = copy.deepcopy(config)
            layer = tower(mutant).pop(index)
            tower(mutant)[index:index] = [copy.deepcopy(layer) for _ in by]
            with pytest.raises(ModelportError):
                modelport.open(repacked(SAMPLES[1], tmp_path / "a.keras", mutant))


@pytest.mark.parametrize("history", [["out", 0, 0], ["none", 0, 0], ["shared", 9, 0], ["sum", 0]])
def test_calls_in_circles_and_from_nowhere(history: list[Any], tmp_path: Path) -> None:
    config = config_of(SAMPLES[1])
    found = [place for place in places(config) if place[-1] == "keras_history"]
    for place in found:
        if "out" in place or place[0] != "config":
            continue
        mutant = changed(config, place, history)
        try_all(repacked(SAMPLES[1], tmp_path / "a.keras", mutant), tmp_path)


def test_a_call_on_no_tensor_is_refused(tmp_path: Path) -> None:
    config = config_of(SAMPLES[1])
    place = next(place for place in places(config) if place[-1] == "args")
    for args in ([], [False], ["same"], [{"class_name": "int32", "config": {}}]):
        mutant = changed(config, place, args)
        with pytest.raises(ModelportError, match=r"call on no tensor|of the class"):
            modelport.open(repacked(SAMPLES[1], tmp_path / "a.keras", mutant))


def test_a_layer_without_its_weights_is_named(tmp_path: Path) -> None:
    """Keras finds weights by the names of layers, and so a renamed layer has none."""
    config = config_of(SAMPLES[0])
    layer = next(layer for layer in tower(config) if layer["class_name"] == "GRU")
    layer["config"]["name"] = "other"
    path = repacked(SAMPLES[0], tmp_path / "a.keras", config)
    with pytest.raises(ModelportError, match=r"other.*no weight"):
        modelport.convert(path, tmp_path / "b.keras", verify=False)


def test_too_many_layers_are_refused_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = [{"class_name": "Dense", "config": {"units": 1}}] * 50_001
    config = {"class_name": "Sequential", "config": {"layers": layers}}
    path = repacked(SAMPLES[0], tmp_path / "many.keras", config)
    monkeypatch.setattr(keras_model, "find", pytest.fail)
    monkeypatch.setattr(keras_model, "model_graph", pytest.fail)
    with pytest.raises(LimitExceeded, match="layers of a model"):
        modelport.inspect(path)
