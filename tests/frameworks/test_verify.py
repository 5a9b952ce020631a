"""Both sides run for real: sources by their framework, targets by theirs."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.samples import FILES

import modelport

CASES = [
    ("keras-h5/gru_rmsprop.h5", "onnx", "keras", "onnxruntime"),
    ("keras-h5/gru_rmsprop.h5", "keras", "keras", "keras"),
    ("keras-h5/graphs_tf_keras.h5", "onnx", "tf_keras", "onnxruntime"),
    ("keras-h5/keras1.2.2-tensorflow-lstm.h5", "onnx", "keras (as keras-v3)", "onnxruntime"),
    ("keras-h5/keras1.2.2-tensorflow-lstm.h5", "keras", "onnxruntime (as onnx)", "keras"),
]


@pytest.mark.parametrize(("sample", "ending", "a", "b"), CASES)
def test_a_conversion_is_verified(sample: str, ending: str, a: str, b: str, tmp_path: Path) -> None:
    report = modelport.convert(FILES / sample, tmp_path / f"model.{ending}")
    verification = report.verification
    assert verification["status"] == "agreed", verification["reason"]
    assert verification["runtimes"] == {"a": a, "b": b}
    assert verification["weights_exact"] is True


def test_the_first_layer_that_differs_is_named(tmp_path: Path) -> None:
    import keras

    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(4, name=f"d{i}", activation="relu") for i in range(3)]
    model = keras.Sequential([keras.Input((5,)), *layers])
    model.save(tmp_path / "a.keras")
    modelport.convert(tmp_path / "a.keras", tmp_path / "b.onnx", verify=False)
    layers[1].kernel.assign(layers[1].kernel + 0.5)
    model.save(tmp_path / "c.keras")
    agreement = modelport.verify(tmp_path / "c.keras", tmp_path / "b.onnx")
    assert not agreement.agree
    assert agreement.first_difference == "d1"
    assert agreement.weights_exact is False


def test_another_layout_is_no_difference(tmp_path: Path) -> None:
    import keras

    keras.utils.set_random_seed(0)
    layers = [
        keras.layers.Conv2D(5, 3, name="conv"),
        keras.layers.TimeDistributed(keras.layers.Flatten(), name="rows"),
        keras.layers.LSTM(4, return_sequences=True, name="first"),
        keras.layers.LSTM(3, name="second"),
    ]
    model = keras.Sequential([keras.Input((8, 7, 2)), *layers])
    model.save(tmp_path / "a.keras")
    modelport.convert(tmp_path / "a.keras", tmp_path / "b.onnx", verify=False)
    layers[3].cell.kernel.assign(layers[3].cell.kernel + 0.5)
    model.save(tmp_path / "c.keras")
    agreement = modelport.verify(tmp_path / "c.keras", tmp_path / "b.onnx")
    assert agreement.first_difference == "second"


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_coarse_dtype_has_its_tolerance_and_wrong_weights_do_not_pass(
    policy: str, tmp_path: Path
) -> None:
    import keras

    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(8, dtype=policy, name=f"d{i}") for i in range(3)]
    model = keras.Sequential([keras.Input((8,)), *layers])
    model.save(tmp_path / "a.keras")
    report = modelport.convert(tmp_path / "a.keras", tmp_path / "b.onnx")
    assert report.verification["status"] == "agreed", report.verification["reason"]
    assert policy.removeprefix("mixed_") in report.verification["tolerance_reason"]
    first, second = layers[0].get_weights(), layers[1].get_weights()
    layers[0].set_weights(second)
    layers[1].set_weights(first)
    model.save(tmp_path / "c.keras")
    agreement = modelport.verify(tmp_path / "c.keras", tmp_path / "b.onnx")
    assert agreement.status == "disagreed"
    assert agreement.weights_exact is not True
