"""Vocabularies that lookup layers learnt, kept beside the config: carried, and run by Keras."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnxruntime
import pytest
import tf_keras

import modelport
from modelport.dialects.keras.history.vocabularies import front_tokens
from modelport.errors import ConversionError, LimitExceeded, MalformedFile
from modelport.model.report import Kind

layers = keras.layers
pytestmark = pytest.mark.filterwarnings("ignore")

WORDS = [["a", "ü b", "日本"], ["b\t", "a", "ü b"], ["a", "x", "b\t"]]
ASKED = np.array([["a", "ü b", "?"], ["b\t", "日本", ""], ["x", "x", "a"]], object)
NUMBERS = [[5, 7, -3], [5, 9, 7]]
COUNTED = np.array([[5, 7, 8], [-3, 9, 0], [-1, 5, 5]], np.int64)

STRINGS: dict[str, dict[str, Any]] = {
    "int": {},
    "masked": {"mask_token": ""},
    "other tokens": {"mask_token": "-", "oov_token": "?"},
    "at most": {"max_tokens": 3},
    "one_hot": {"output_mode": "one_hot"},
    "multi_hot": {"output_mode": "multi_hot", "mask_token": ""},
    "count": {"output_mode": "count"},
    "tf_idf": {"output_mode": "tf_idf"},
}
INTEGERS: dict[str, dict[str, Any]] = {
    "int": {},
    "masked": {"mask_token": 0},
    "several outside": {"num_oov_indices": 3},
    "multi_hot": {"output_mode": "multi_hot", "num_oov_indices": 2},
    "tf_idf": {"output_mode": "tf_idf"},
}
CASES = [("StringLookup", name) for name in STRINGS] + [
    ("IntegerLookup", name) for name in INTEGERS
]


def learnt(kind: str, name: str) -> tuple[Any, np.ndarray]:
    """A model with a lookup that learnt its vocabulary, and an input."""
    text = kind == "StringLookup"
    layer = getattr(layers, kind)(**(STRINGS if text else INTEGERS)[name])
    layer.adapt(np.array(WORDS if text else NUMBERS))
    x = keras.Input((3,), dtype="string" if text else "int64")
    return keras.Model(x, layer(x)), ASKED if text else COUNTED


def run(model: Any, x: np.ndarray) -> np.ndarray:
    return np.asarray(
        model(keras.ops.convert_to_tensor(x.tolist(), "string") if x.dtype == object else x)
    )


def assets(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if "assets" in name}


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_onnx_finds_the_words(kind: str, name: str, tmp_path: Path) -> None:
    model, x = learnt(kind, name)
    model.save(tmp_path / "a.keras")
    modelport.convert(tmp_path / "a.keras", tmp_path / "a.onnx", verify=False)
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: x})
    np.testing.assert_allclose(found, run(model, x), atol=1e-6)


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_keras_reads_them_again(kind: str, name: str, tmp_path: Path) -> None:
    model, x = learnt(kind, name)
    model.save(tmp_path / "a.keras")
    for target in ("b.keras", "c.keras", "d.h5"):
        report = modelport.convert(tmp_path / "a.keras", tmp_path / target, verify=False)
        assert {change.kind for change in report} <= {Kind.REARRANGED}
        np.testing.assert_array_equal(
            run(keras.saving.load_model(tmp_path / target), x), run(model, x)
        )
    assert assets(tmp_path / "a.keras") == assets(tmp_path / "b.keras") != {}
    assert (tmp_path / "b.keras").read_bytes() == (tmp_path / "c.keras").read_bytes()
    modelport.convert(tmp_path / "d.h5", tmp_path / "e.keras", verify=False)
    np.testing.assert_array_equal(
        run(keras.saving.load_model(tmp_path / "e.keras"), x), run(model, x)
    )


def test_an_empty_word_at_the_end_is_not_lost(tmp_path: Path) -> None:
    """Keras drops empty lines at the end of what it wrote, and then does not load its own file."""
    layer = layers.StringLookup(output_mode="count")
    layer.adapt(np.array([["a", "b"], ["a", ""]]))
    x = keras.Input((3,), dtype="string")
    model = keras.Model(x, layer(x))
    model.save(tmp_path / "a.keras")
    modelport.convert(tmp_path / "a.keras", tmp_path / "b.keras", verify=False)
    loaded = keras.saving.load_model(tmp_path / "b.keras")
    np.testing.assert_array_equal(run(loaded, ASKED), run(model, ASKED))


def test_texts_keep_their_vocabulary(tmp_path: Path) -> None:
    for mode in ("int", "tf_idf"):
        layer = layers.TextVectorization(output_mode=mode)
        layer.adapt(["Ein Wort, zwei", "zwei Worte"])
        x = keras.Input((1,), dtype="string")
        model = keras.Model(x, layer(x))
        model.save(tmp_path / "a.keras")
        asked = np.array([["zwei Wort"], ["nie"]], object)
        for target in ("b.keras", "b.h5"):
            modelport.convert(tmp_path / "a.keras", tmp_path / target, verify=False, overwrite=True)
            loaded = keras.saving.load_model(tmp_path / target)
            np.testing.assert_array_equal(run(loaded, asked), run(model, asked))
        assert assets(tmp_path / "a.keras") == assets(tmp_path / "b.keras")


def test_numbers_give_words_back(tmp_path: Path) -> None:
    layer = layers.StringLookup(vocabulary=["a", "ü"], invert=True)
    x = keras.Input((3,), dtype="int64")
    model = keras.Model(x, layer(x))
    model.save(tmp_path / "a.keras")
    modelport.convert(tmp_path / "a.keras", tmp_path / "a.onnx", verify=False)
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx")
    asked = np.array([[0, 1, 2]])
    (found,) = session.run(None, {session.get_inputs()[0].name: asked})
    assert found.tolist() == [[word.decode() for word in run(model, asked)[0]]]


@pytest.mark.parametrize("dtype", ["int64", "float32"])
def test_words_are_no_numbers(dtype: str, tmp_path: Path) -> None:
    layer = layers.StringLookup(vocabulary=["1", "2"])
    x = keras.Input((3,), dtype=dtype)
    model = keras.Model(x, layer(x))
    with pytest.raises(Exception, match=r"[Cc]ast"):
        model(np.zeros((1, 3), dtype))
    model.save(tmp_path / "a.keras")
    with pytest.raises(ConversionError, match="texts"):
        modelport.convert(tmp_path / "a.keras", tmp_path / "a.onnx", verify=False)


def test_inspect_counts_the_words(tmp_path: Path) -> None:
    model, _ = learnt("StringLookup", "int")
    model.save(tmp_path / "a.keras")
    opened = modelport.open(tmp_path / "a.keras")
    assert list(opened.hyperparameters["vocabulary_sizes"].values()) == [6]
    assert "other_members" not in opened.metadata


def changed(source: Path, target: Path, change: Callable[[bytes], bytes | None]) -> None:
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as made:
        for name in archive.namelist():
            data = archive.read(name)
            new = change(data) if name.startswith("assets/") else data
            if new is not None:
                made.writestr(name, new)


@pytest.mark.parametrize(
    ("kind", "change", "error"),
    [
        ("StringLookup", lambda data: None, ConversionError),
        ("StringLookup", lambda data: b"", MalformedFile),
        ("StringLookup", lambda data: b"\xff\n", MalformedFile),
        ("StringLookup", lambda data: data + b"\na", MalformedFile),
        ("StringLookup", lambda data: b"a\n" * (33 << 20), LimitExceeded),
        ("IntegerLookup", lambda data: b"-1\nx", MalformedFile),
        ("IntegerLookup", lambda data: b"-1\n" + b"9" * 5000, MalformedFile),
        ("IntegerLookup", lambda data: b"-1\n9223372036854775808", MalformedFile),
    ],
    ids=["missing", "empty", "no UTF-8", "twice", "huge", "no integer", "long", "too large"],
)
@pytest.mark.parametrize("target", ["b.keras", "b.onnx"])
def test_broken_vocabularies_are_one_error(
    kind: str, change: Any, error: type[Exception], target: str, tmp_path: Path
) -> None:
    model, _ = learnt(kind, "int")
    model.save(tmp_path / "a.keras")
    changed(tmp_path / "a.keras", tmp_path / "broken.keras", change)
    with pytest.raises(error):
        modelport.convert(tmp_path / "broken.keras", tmp_path / target, verify=False)


def test_a_count_of_tokens_makes_no_list_of_them() -> None:
    config = {"num_oov_indices": 2**31 - 1, "oov_token": "[UNK]", "output_mode": "int"}
    assert front_tokens("StringLookup", config, ["[UNK]", "a"]) == 0


@pytest.mark.parametrize("weights", [[0.5], [[0.5], [1.0]], ["a", "b"], None])
def test_weights_that_do_not_fit_are_refused(weights: Any, tmp_path: Path) -> None:
    layer = layers.StringLookup(vocabulary=["a", "b"], output_mode="tf_idf", idf_weights=[0.5, 1.0])
    x = keras.Input((3,), dtype="string")
    keras.Model(x, layer(x)).save(tmp_path / "a.keras")
    with zipfile.ZipFile(tmp_path / "a.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    config["config"]["layers"][1]["config"]["idf_weights"] = weights
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(tmp_path / "b.keras", "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    with pytest.raises(ConversionError, match="idf weights"):
        modelport.convert(tmp_path / "b.keras", tmp_path / "c.keras", verify=False)


def test_tf_keras_reads_them_again(tmp_path: Path) -> None:
    """tf_keras saves no learnt vocabulary as .h5, and counts idf weights among those of a layer."""
    lookup = tf_keras.layers.StringLookup(output_mode="tf_idf")
    lookup.adapt(np.array(WORDS))
    x = tf_keras.Input((3,), dtype="string")
    model = tf_keras.Model(x, tf_keras.Model(x, lookup(x))(x))
    model.save(tmp_path / "a.keras")
    asked = ASKED.tolist()
    for target, loads in (
        ("b.h5", tf_keras.models.load_model),
        ("b.keras", keras.saving.load_model),
    ):
        modelport.convert(tmp_path / "a.keras", tmp_path / target, verify=False)
        found = loads(tmp_path / target)(keras.ops.convert_to_tensor(asked, "string"))
        np.testing.assert_array_equal(found, model(keras.ops.convert_to_tensor(asked, "string")))
