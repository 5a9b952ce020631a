"""Keras files of every era written again: stock Keras loads them, predicts and trains the same.

The truth is what the writing framework computed and trained: ``../shared/truth``, the recordings
beside the samples in ``tests/files/keras-h5`` and those of the corpus.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import modelport
from modelport.convert.carry import carry
from modelport.errors import ConversionError
from modelport.formats.table import by_name
from modelport.model.component import Component
from modelport.model.report import Kind, Report
from modelport.wire.output import Output

TESTS = Path(__file__).parents[1]
SHARED = TESTS.parents[1] / "shared"
OLD = TESTS / "files" / "keras-h5"
RECORDED = TESTS / "truth" / "corpus"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/truth")
pytestmark = pytest.mark.filterwarnings("ignore")

KERAS_3 = ("branches_nadam", "conv2d_bn_nesterov", "dense_sgdm", "depthwise_sep_adam")
KERAS_3 += ("gru_rmsprop", "lstm_adamw", "nested_ftrl")
KERAS_2 = ("cnn_adam", "func_legacy_rmsprop", "func_sgdm")


def convert(source: Path, target: Path) -> Report:
    report = Report()
    kind = by_name("keras-v3" if target.suffix == ".keras" else "keras-h5")
    carried = carry(modelport.open(source), kind, report)
    assert kind.write is not None
    with Output(target, overwrite=True) as output:
        kind.write(carried, output, report)
        output.publish()
    return report


def load(path: Path, framework: str = "keras") -> Any:
    """The model as the framework loads it: compiled, without custom objects, without a warning."""
    if framework == "tf_keras":
        import tf_keras

        return tf_keras.models.load_model(path)
    import keras

    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*[Ss]kipping.*")
        return keras.saving.load_model(path)


def arrays(recorded: Any, prefix: str) -> list[Any]:
    names = (f"{prefix}{i}" for i in range(20))
    return [recorded[name] for name in names if name in recorded.files]


def alone(values: list[Any]) -> Any:
    return values if len(values) > 1 else values[0]


def predicted(model: Any, inputs: list[Any]) -> list[Any]:
    found = model.predict(alone(inputs), verbose=0)
    return list(found) if isinstance(found, list | tuple) else [found]


def assert_predicts(model: Any, recorded: Any, tolerance: float = 1e-5) -> None:
    outputs = arrays(recorded, "y")
    for want, got in zip(outputs, predicted(model, arrays(recorded, "x")), strict=True):
        assert want.shape == got.shape
        scale = max(1.0, float(np.abs(want).max()))
        np.testing.assert_allclose(got / scale, want / scale, atol=tolerance, rtol=0)


def batch(train: Any, number: int) -> tuple[Any, Any]:
    def part(letter: str) -> Any:
        plain = f"b{letter}{number}"
        if plain in train.files:
            return train[plain]
        return alone([train[n] for j in range(9) if (n := f"{plain}_{j}") in train.files])

    return part("x"), part("y")


def own(name: str) -> str:
    return name.removesuffix(":0")


def weights_by_name(model: Any) -> Iterator[tuple[str, Any]]:
    for variable in model.weights:
        yield own(getattr(variable, "path", variable.name)), np.asarray(variable)


def assert_resumes(model: Any, folder: Path) -> None:
    """Two more steps give the weights that the writing framework had after them."""
    train = np.load(folder / "train.npz")
    before, after = (
        {own(name): weights[name] for name in weights.files}
        for weights in (np.load(folder / "weights3.npz"), np.load(folder / "weights5.npz"))
    )
    assert int(model.optimizer.iterations) == 3
    for number in (3, 4):
        model.train_on_batch(*batch(train, number))
    movement = max(float(np.abs(after[name] - before[name]).max()) for name in after)
    compared = 0
    for name, value in weights_by_name(model):
        matches = [key for key in after if key == name or name.endswith(f"/{key}")]
        assert len(matches) == 1, name
        if "moving_variance" in name and folder.parent.name == "keras2":
            continue  # tf_keras and Keras 3 define it differently
        want = after[matches[0]]
        last_places = 4 * np.spacing(np.abs(want).max().astype(np.float32))
        assert np.abs(value - want).max() <= max(1e-5 * movement, last_places), name
        compared += 1
    assert compared


@needs_shared
@pytest.mark.parametrize("source", ["model.h5", "model.keras"])
@pytest.mark.parametrize("name", KERAS_3)
def test_keras_3_goes_on_where_it_stopped(name: str, source: str, tmp_path: Path) -> None:
    folder = SHARED / "truth" / "keras" / name
    report = convert(folder / source, tmp_path / "a.keras")
    assert report.lossless
    model = load(tmp_path / "a.keras")
    assert_predicts(model, np.load(folder / "io.npz"), 1e-6)
    assert_resumes(model, folder)


@needs_shared
@pytest.mark.parametrize("name", KERAS_3)
def test_keras_3_survives_hdf5_on_the_way(name: str, tmp_path: Path) -> None:
    folder = SHARED / "truth" / "keras" / name
    convert(folder / "model.keras", tmp_path / "a.h5")
    convert(tmp_path / "a.h5", tmp_path / "b.keras")
    assert_resumes(load(tmp_path / "b.keras"), folder)


@needs_shared
def test_the_optimizer_that_keras_lost_is_missed(tmp_path: Path) -> None:
    folder = SHARED / "truth" / "keras" / "_trap_h5_saved_before_keras"
    report = convert(folder / "model.keras", tmp_path / "a.keras")
    assert not load(tmp_path / "a.keras").compiled
    assert any(
        change.kind is Kind.DROPPED and change.component is Component.OPTIMIZER_STATE
        for change in report
    )


@needs_shared
@pytest.mark.parametrize("framework", ["keras", "tf_keras"])
@pytest.mark.parametrize("name", KERAS_2)
def test_tf_keras_goes_on_where_it_stopped(name: str, framework: str, tmp_path: Path) -> None:
    folder = SHARED / "truth" / "keras2" / name
    target = tmp_path / ("a.keras" if framework == "keras" else "a.h5")
    report = convert(folder / "model.h5", target)
    lossy = [change.where for change in report if change.kind is Kind.APPROXIMATED]
    known = name == "cnn_adam" and framework == "keras"  # its moving variance
    assert lossy == (["batch_normalization"] if known else [])
    assert report.lossless == (not known)
    model = load(target, framework)
    assert_predicts(model, np.load(folder / "io.npz"), 1e-6)
    assert_resumes(model, folder)


NOT_IN_KERAS_3 = ("theano-pooling-same", "wrapped-even-pooling")
"""Layers that no stock layer can stand for: the conversion says so."""

OTHER_MEANING = ("up-sampling-bilinear",)
"""Layers whose meaning changed with the version: the report says so."""


def samples() -> list[str]:
    return sorted(path.name.removesuffix(".io.npz") for path in OLD.glob("*.io.npz"))


@pytest.mark.parametrize("name", samples())
def test_old_samples_predict_the_same(name: str, tmp_path: Path) -> None:
    source, target = OLD / f"{name}.h5", tmp_path / "a.keras"
    if any(word in name for word in NOT_IN_KERAS_3):
        with pytest.raises(ConversionError, match=r"no such layer|no stock layer|no layer Theano"):
            convert(source, target)
        assert not target.exists()
        return
    report = convert(source, target)
    model = load(target)
    if f"{name}".endswith(OTHER_MEANING) and name.startswith("keras2.2.4"):
        assert any(
            change.kind is Kind.APPROXIMATED and change.component is Component.ARCHITECTURE
            for change in report
        )
        return
    assert_predicts(model, np.load(OLD / f"{name}.io.npz"))


UNUSABLE = ("nested-frozen",)
"""Keras 2.2.4 itself does not go on from its file (recorded as own_reload_differs_by)."""

TOLERANCES = {"RMSprop": 3e-3, "Adagrad": 1e-5, "Nadam": 1.0}
"""Rules whose formula changed, in units of the movement; all others go on exactly."""

TINY_GRADIENTS = ("keras2.1.3-theano-conv2d", "keras2.2.4-tensorflow-masked-stacked")
"""Gradients near Adam's epsilon, so that another backend's rounding shows in the step."""


def trained_samples() -> list[str]:
    names = (path.name.removesuffix(".train.npz") for path in OLD.glob("*.train.npz"))
    return sorted(name for name in names if not name.endswith(UNUSABLE))


def as_today(weights: list[Any], name: str) -> list[Any]:
    """Weights in the file's order and layout as Keras 3 has them (facts of the old source)."""
    theano = "theano" in name
    if name.startswith("keras1") and "lstm" in name:
        start = 1 if "embedding" in name else 0
        gates = weights[start : start + 12]
        order = (0, 6, 3, 9)
        joined = [np.concatenate([gates[i + j] for i in order], -1) for j in range(3)]
        return [*weights[:start], *joined, *weights[start + 12 :]]
    if name.startswith("keras1") and "gru" in name:
        joined = [np.concatenate([weights[i + j] for i in (0, 3, 6)], -1) for j in range(3)]
        return [*joined, *weights[9:]]
    made = []
    for value in weights:
        if value.ndim == 4 and "th-ordering" in name:
            value = value.transpose(2, 3, 1, 0)
        made.append(value[::-1, ::-1] if value.ndim == 4 and theano else value)
    return made


def in_order(variables: list[Any]) -> list[Any]:
    """Forward before backward where a Bidirectional is said in parts, as the file has them."""
    plain = [re.sub("_(forward|backward)/", "/", own(variable.path)) for variable in variables]
    layers = list(dict.fromkeys(path.split("/")[0] for path in plain))
    places = {
        id(variable): (layers.index(path.split("/")[0]), "_backward/" in variable.path)
        for variable, path in zip(variables, plain, strict=True)
    }
    return sorted(variables, key=lambda variable: places[id(variable)])


@pytest.mark.parametrize("name", trained_samples())
def test_old_samples_go_on_where_they_stopped(name: str, tmp_path: Path) -> None:
    train = np.load(OLD / f"{name}.train.npz")
    facts = json.loads(str(train["meta"]))
    report = convert(OLD / f"{name}.h5", tmp_path / "a.keras")
    model = load(tmp_path / "a.keras")
    variables = in_order(model.weights)
    start = [np.asarray(weight) for weight in variables]
    for number in range(2):
        model.train_on_batch(train[f"bx{number}"], train[f"by{number}"])
    names = sorted((n for n in train.files if n[0] == "w"), key=lambda n: int(n[1:]))
    wanted = as_today([train[n] for n in names], name)
    tolerance = TOLERANCES.get(facts["optimizer"], 1e-2 if name in TINY_GRADIENTS else 1e-5)
    told = any(
        change.kind is Kind.APPROXIMATED and change.component is Component.OPTIMIZER
        for change in report
    )
    assert told == (facts["optimizer"] in TOLERANCES)
    movement = max(float(np.abs(w - s).max()) for w, s in zip(wanted, start, strict=True))
    for want, weight in zip(wanted, variables, strict=True):
        last_places = 8 * np.spacing(np.abs(want).max().astype(np.float32))
        limit = max(tolerance * movement, last_places)
        assert np.abs(np.asarray(weight) - want).max() <= limit


CUSTOM = ("lambda", "space_to_depth", "megnet")
CORPUS = sorted((SHARED / "corpus" / "keras_h5_full").glob("*")) if SHARED.is_dir() else []


@needs_shared
@pytest.mark.parametrize(
    "path", [p for p in CORPUS if not any(word in p.name for word in CUSTOM)], ids=lambda p: p.name
)
def test_real_files_load_and_predict_the_same(path: Path, tmp_path: Path) -> None:
    compiled = modelport.open(path).training is not None
    report = convert(path, tmp_path / "a.keras")
    assert not any(change.kind is Kind.FOREIGN for change in report)
    import keras

    model = keras.saving.load_model(tmp_path / "a.keras")
    assert model.compiled == compiled
    assert_predicts(model, np.load(RECORDED / f"{path.name}.npz"), 1e-4)


def _twice(x: Any) -> Any:
    return x * 2


def test_the_code_of_lambdas_goes_along_and_is_run_only_by_who_allows_it(tmp_path: Path) -> None:
    import keras
    import tf_keras

    layers = tf_keras.layers
    x = tf_keras.Input((3,))
    y = layers.Lambda(lambda x, by: x + by, arguments={"by": 3}, name="adds")(x)
    y = layers.TimeDistributed(layers.Lambda(lambda x: x[:, :1]))(layers.Reshape((3, 1))(y))
    y = layers.Lambda(_twice, name="doubles")(y)
    source, target = tmp_path / "model.h5", tmp_path / "model.keras"
    model = tf_keras.Model(x, y)
    model.save(source)
    kinds = {change.kind for change in modelport.convert(source, target, verify=False).changes}
    assert Kind.FOREIGN in kinds
    with pytest.raises(ValueError, match=r"unsafe|safe_mode"):
        keras.saving.load_model(target)
    known = {"_twice": _twice}
    loaded = keras.saving.load_model(target, safe_mode=False, custom_objects=known)
    values = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    np.testing.assert_allclose(loaded.predict(values, verbose=0), np.asarray(model(values)))


def test_what_was_carried_to_keras_3_goes_on_to_onnx(tmp_path: Path) -> None:
    convert(OLD / "keras1.2.2-theano-masked-stacked.h5", tmp_path / "new.keras")
    report = modelport.convert(tmp_path / "new.keras", tmp_path / "new.onnx")
    assert report.verification["status"] == "agreed"
