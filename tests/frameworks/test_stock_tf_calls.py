"""TensorFlow's calls in models of tf_keras as operations of Keras 3: live against live.

The calls are those of ``test_lower_tf_ops``: all that modelport can say in ONNX.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import test_lower_tf_ops as tables

import modelport
from modelport.errors import ConversionError

tf = pytest.importorskip("tensorflow")
tf_keras = pytest.importorskip("tf_keras")

pytestmark = pytest.mark.filterwarnings("ignore")

REFUSED = {
    *("chosen 2", "chosen 3", "chosen 6", "chosen 7"),  # gathered by sample; a shape as output
    *("windows 8", "images 3"),  # local response normalisation; resizing by area
    *("image 3", "image 4", "image 5"),  # resizing from the corners of pixels
}
"""Calls that no operations of Keras 3 compute: typed errors."""


@pytest.mark.parametrize(
    "table",
    [
        tables.test_arithmetic,
        tables.test_reductions,
        tables.test_shapes,
        tables.test_networks,
        tables.test_operators_of_graphs,
    ],
)
def test_stock_keras_computes_the_same(
    table: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: set[str] = set()
    compared = set()

    def check(folder: Path, calls: dict[str, Any], tolerance: float = 1e-5) -> None:
        for name, call in calls.items():
            inputs = [
                tf_keras.Input((4, 6)),
                tf_keras.Input((4, 6)),
                tf_keras.Input((4, 6), dtype="int32"),
                tf_keras.Input((8, 9, 3)),
            ]
            for place, output in enumerate(call(*inputs)):
                model = tf_keras.Model(inputs, output)
                label = f"{name} {place}"
                if convert(model, folder):
                    compare(model, folder / "model.keras", label)
                    compared.add(label)
                else:
                    refused.add(label)

    monkeypatch.setattr(tables, "check", check)
    table(tmp_path)
    assert compared
    assert refused <= REFUSED
    assert not compared & REFUSED


def convert(model: Any, folder: Path) -> bool:
    model.save(folder / "model.h5")
    try:
        report = modelport.convert(
            folder / "model.h5", folder / "model.keras", verify=False, overwrite=True
        )
    except ConversionError:
        return False
    assert report.lossless
    return True


def compare(model: Any, path: Path, label: str) -> None:
    import keras

    expected = np.asarray(model([tf.constant(value) for value in tables.VALUES]))
    found = np.asarray(keras.saving.load_model(path)(tables.VALUES))
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype), label
    np.testing.assert_allclose(
        found.astype("float64"),
        expected.astype("float64"),
        atol=1e-5,
        rtol=1e-5,
        equal_nan=True,
        err_msg=label,
    )
