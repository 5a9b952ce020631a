"""What stock Keras refuses in a config is refused here too; what it takes is taken."""

from __future__ import annotations

from typing import Any

import pytest

from modelport.dialects.keras.history.configs import modern_layer
from modelport.dialects.keras.history.era import Era, History
from modelport.errors import MalformedFile
from modelport.model.report import Report

keras = pytest.importorskip("keras")

LAYERS: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "Dense": ((6,), {"units": 2}),
    "Dropout": ((6,), {"rate": 0.1}),
    "GaussianNoise": ((6,), {"stddev": 0.1}),
    "ReLU": ((6,), {}),
    "LeakyReLU": ((6,), {}),
    "Softmax": ((6,), {}),
    "BatchNormalization": ((6,), {}),
    "LayerNormalization": ((6,), {}),
    "Reshape": ((6,), {"target_shape": [3, 2]}),
    "Permute": ((4, 3), {"dims": [2, 1]}),
    "Conv1D": ((8, 3), {"filters": 2, "kernel_size": 2}),
    "Conv2D": ((8, 8, 4), {"filters": 2, "kernel_size": 2}),
    "MaxPooling1D": ((8, 3), {}),
    "LSTM": ((4, 3), {"units": 2}),
    "Embedding": ((4,), {"input_dim": 5, "output_dim": 2}),
    "CenterCrop": ((8, 8, 3), {"height": 4, "width": 4}),
    "ActivityRegularization": ((6,), {"l1": 0.1}),
}


def drawn(class_name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": config}


REFUSED: list[tuple[str, str, Any]] = [
    *(("Dense", "trainable", value) for value in ("", [], "yes", 2)),
    *(("Dense", "dtype", value) for value in ("same", "int32", "mixed_int32", "string")),
    *(
        ("Dense", "kernel_initializer", value)
        for value in (
            drawn("GlorotUniform", seed=1.5),
            drawn("Orthogonal", gain="a"),
            drawn("VarianceScaling", mode="b"),
        )
    ),
    *(("Embedding", "dtype", value) for value in ("int32", "bool")),
    *(("Dropout", "rate", value) for value in (None, -0.1, 1.5, "a", [0.5])),
    *(("Dropout", "seed", value) for value in (1.5, "a", [1], 1 << 70)),
    *(("GaussianNoise", "stddev", value) for value in (None, -1, "a")),
    *(("ReLU", "negative_slope", value) for value in (None, -1, "a")),
    *(("ReLU", "max_value", value) for value in (-1, "a", [6])),
    *(("ReLU", "threshold", value) for value in (None, -1)),
    *(("LeakyReLU", "negative_slope", value) for value in (None, -1)),
    *(("BatchNormalization", "axis", value) for value in (None, "a", [1, 2])),
    *(("BatchNormalization", "momentum", value) for value in (None, "a")),
    *(("BatchNormalization", "epsilon", value) for value in (None, "a")),
    *(("LayerNormalization", "axis", value) for value in (None, "a")),
    *(("Reshape", "target_shape", value) for value in ([-2], [-3, 2])),
    *(("Permute", "dims", value) for value in ([1, 1], [0, 1])),
    *(("Conv1D", "padding", value) for value in ("full", None, 1)),
    ("Conv2D", "padding", "causal"),
    *(("Conv2D", "groups", value) for value in (None, 0, -1)),
    ("MaxPooling1D", "padding", "causal"),
    *(("LSTM", "dropout", value) for value in (None, "a", [[]])),
    *(("CenterCrop", "height", value) for value in ([None, 3], "a")),
    *(("ActivityRegularization", "l1", value) for value in (-1, "a")),
]

TAKEN: list[tuple[str, str, Any]] = [
    *(("Dense", "use_bias", value) for value in (0, 1, None)),
    *(("Dense", "dtype", value) for value in ("float16", "bfloat16", "mixed_float16")),
    *(("Dropout", "rate", value) for value in (0, 1)),
    *(("Dropout", "seed", value) for value in (None, -1, 7, (1 << 32) - 1)),
    ("Dense", "kernel_initializer", drawn("GlorotUniform", seed=7)),
    ("Dense", "kernel_initializer", drawn("Orthogonal", gain=2)),
    ("ReLU", "dtype", "int32"),
    ("ReLU", "max_value", None),
    ("BatchNormalization", "dtype", "int32"),
    ("BatchNormalization", "momentum", 2),
    *(("LayerNormalization", "axis", value) for value in (1, [-1])),
    *(("Softmax", "axis", value) for value in (1, [-1])),
    *(("Reshape", "target_shape", value) for value in ([-1], [2, 3])),
    ("Conv1D", "padding", "causal"),
    *(("LSTM", "dropout", value) for value in (0, 1.5)),
    ("ActivityRegularization", "l1", None),
]


def keras_takes(op_type: str, key: str, value: Any) -> bool:
    shape, given = LAYERS[op_type]
    # What a framework raises on nonsense is of any kind.
    try:
        layer = getattr(keras.layers, op_type)(**{**given, key: value})
        layer(keras.Input(shape))
    except Exception:
        return False
    return True


def modern(op_type: str, key: str, value: Any) -> dict[str, Any]:
    config = getattr(keras.layers, op_type)(**LAYERS[op_type][1]).get_config()
    past = History(Era.KERAS3, "tensorflow", "a.keras", Report())
    return modern_layer(op_type, {**config, key: value}, past, "odd", module="keras.layers")[1]


@pytest.mark.parametrize(("op_type", "key", "value"), REFUSED)
def test_refused(op_type: str, key: str, value: Any) -> None:
    assert not keras_takes(op_type, key, value)
    with pytest.raises(MalformedFile, match=r"odd"):
        modern(op_type, key, value)


@pytest.mark.parametrize(("op_type", "key", "value"), TAKEN)
def test_taken(op_type: str, key: str, value: Any) -> None:
    assert keras_takes(op_type, key, value)
    assert modern(op_type, key, value)["name"]
