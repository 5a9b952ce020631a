"""Whole files of layers whose storage is special, both endings to both targets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import live
import numpy as np
import onnxruntime
import pytest

import modelport
from modelport.errors import UnsupportedFeature


def grouped_attention() -> Any:
    x = keras.Input((4, 8))
    return keras.Model(x, keras.layers.GroupQueryAttention(8, 4, 2)(x, x))


def mixed_precision() -> Any:
    layers = [keras.layers.Dense(9, activation=a, dtype="mixed_float16") for a in ("relu", "tanh")]
    return keras.Sequential([keras.Input((4, 8)), *layers, keras.layers.Dense(3)])


def low_rank() -> Any:
    model = keras.Sequential([keras.Input((4, 8)), keras.layers.Dense(5), keras.layers.Dense(3)])
    model.layers[0].enable_lora(2)
    return model


def spectral_over_time() -> Any:
    inner = keras.layers.SpectralNormalization(keras.layers.Dense(5))
    return keras.Sequential([keras.Input((4, 8)), keras.layers.TimeDistributed(inner)])


def functions_of_a_dtype() -> Any:
    x, ops = keras.Input((4, 8)), keras.ops
    counts = ops.cumsum(ops.ones_like(x, dtype="int32"), axis=1, dtype="float32")
    whole = ops.cast(ops.cast(x * 3.0, "int32"), "float32")
    return keras.Model(x, whole + counts + ops.zeros_like(x, dtype="float32"))


X = np.random.default_rng(0).standard_normal((3, 4, 8)).astype(np.float32)


def outputs(path: Path) -> np.ndarray:
    if path.suffix != ".onnx":
        return np.asarray(keras.saving.load_model(path)(X, training=False))
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: X})[0]


@pytest.mark.parametrize("target", [".onnx", ".keras", ".h5"])
@pytest.mark.parametrize("source", [".keras", ".h5"])
@pytest.mark.parametrize(
    ("make", "tolerance"),
    [
        (grouped_attention, 1e-5),
        (mixed_precision, 5e-3),
        (low_rank, 1e-5),
        (spectral_over_time, 1e-5),
        (functions_of_a_dtype, 1e-5),
    ],
)
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_a_whole_file(
    make: Any, tolerance: float, source: str, target: str, tmp_path: Path
) -> None:
    model = make()
    live.randomize(model)
    expected = np.asarray(model(X, training=False))
    path, made = tmp_path / f"a{source}", tmp_path / f"b{target}"
    model.save(path)
    if make is low_rank and source == ".h5":
        # Only the .keras holds the factors merged; what computes without them would be wrong.
        with pytest.raises(UnsupportedFeature, match="LoRA"):
            modelport.convert(path, made, verify=False)
        return
    modelport.convert(path, made, verify=False)
    scale = float(np.abs(expected).max())
    np.testing.assert_allclose(outputs(made) / scale, expected / scale, atol=tolerance)


@pytest.mark.parametrize("target", [".h5", ".keras"])
@pytest.mark.parametrize("source", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_calls_keep_their_numbers(source: str, target: str, tmp_path: Path) -> None:
    # The first call of the shared layer needs another layer, so that the second can run before it.
    x = keras.Input((4, 8))
    shared = keras.layers.Dense(8, activation="tanh")
    late = shared(keras.layers.ReLU()(x))
    early = shared(x)
    model = keras.Model(x, [late, early, shared(late)])
    live.randomize(model)
    expected = model(X, training=False)
    path, made = tmp_path / f"a{source}", tmp_path / f"b{target}"
    model.save(path)
    modelport.convert(path, made, verify=False)
    for want, got in zip(expected, keras.saving.load_model(made)(X), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-6)


@pytest.mark.parametrize("framework", ["keras", "tf_keras"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_dictionaries_of_nested_models_go_by_their_keys(framework: str, tmp_path: Path) -> None:
    of = keras if framework == "keras" else pytest.importorskip("tf_keras")
    x, y = of.Input((4, 8), name="x"), of.Input((4, 8), name="y")
    parts = {"z": of.layers.Dense(3)(x), "k": of.layers.Subtract()([x, y])}
    inner = of.Model({"y": y, "x": x}, parts)
    p, q = of.Input((4, 8), name="p"), of.Input((4, 8), name="q")
    found = inner({"y": q, "x": of.layers.Softmax()(p)})
    model = of.Model([p, q], [found["z"], found["k"]])
    values = [X, X[::-1].copy()]
    expected = [np.asarray(value) for value in model(values, training=False)]
    endings = [".h5", ".keras"] if framework == "keras" else [".h5"]
    for ending in endings:
        model.save(tmp_path / f"a{ending}")
        report = modelport.convert(tmp_path / f"a{ending}", tmp_path / f"{ending[1:]}.onnx")
        assert report.verification["status"] == "agreed"
        session = onnxruntime.InferenceSession(tmp_path / f"{ending[1:]}.onnx")
        names = [given.name for given in session.get_inputs()]
        for want, got in zip(
            expected, session.run(None, dict(zip(names, values, strict=True))), strict=True
        ):
            np.testing.assert_allclose(got, want, atol=1e-5)
        made = tmp_path / f"{ending[1:]}-b.keras"
        modelport.convert(tmp_path / f"a{ending}", made, verify=False)
        for want, got in zip(expected, keras.saving.load_model(made)(values), strict=True):
            np.testing.assert_allclose(got, want, atol=1e-5)
