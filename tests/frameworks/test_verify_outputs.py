"""Right models agree whatever the structure of what they give, and wrong ones do not."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from live import randomize

import modelport
from modelport.commands.convert import as_json

pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")


def every_way(keras: Any, name: str) -> Any:
    """A model with an output for every way to ask a recurrent layer, under the default names."""
    layers = keras.layers
    keras.backend.clear_session()
    states = 2 if name == "LSTM" else 1
    x = keras.Input((5, 3), name="x")
    given = [keras.Input((4,), name=f"s{i}") for i in range(2 * states)]
    outputs: list[Any] = []
    for sequences, state, initial in itertools.product((False, True), repeat=3):
        asked = {"return_sequences": sequences, "return_state": state}
        first = {"initial_state": given[:states]} if initial else {}
        found = getattr(layers, name)(4, **asked)(x, **first)
        outputs += found if isinstance(found, list | tuple) else [found]
        both = {"initial_state": given} if initial else {}
        found = layers.Bidirectional(getattr(layers, name)(4, **asked))(x, **both)
        outputs += found if isinstance(found, list | tuple) else [found]
    return keras.Model([x, *given], outputs)


def conv_lstm(keras: Any) -> Any:
    layers = keras.layers
    keras.backend.clear_session()
    x = keras.Input((4, 6, 6, 2), name="x")
    outputs: list[Any] = []
    for sequences, state in itertools.product((False, True), repeat=2):
        asked = {"return_sequences": sequences, "return_state": state}
        found = layers.ConvLSTM2D(3, 2, **asked)(x)
        outputs += found if isinstance(found, list | tuple) else [found]
    return keras.Model(x, outputs)


def framework(name: str) -> Any:
    import keras
    import tf_keras

    return {"keras": keras, "tf_keras": tf_keras}[name]


def agreed(model: Any, folder: Path, ending: str = ".keras", target: str = "b.onnx") -> int:
    """How many outputs of a model agree with those of its converted form: all, or it fails."""
    source = folder / f"a{ending}"
    model.save(source)
    report = modelport.convert(source, folder / target)
    assert report.verification["status"] == "agreed", report.verification["reason"]
    return len(report.verification["outputs"])


@pytest.mark.parametrize(
    ("name", "by", "ending"),
    [("LSTM", "keras", ".keras"), ("SimpleRNN", "keras", ".h5"), ("GRU", "tf_keras", ".h5")],
)
def test_recurrent_layers_asked_in_every_way(
    name: str, by: str, ending: str, tmp_path: Path
) -> None:
    model = every_way(framework(by), name)
    randomize(model)
    assert agreed(model, tmp_path, ending) == len(model.outputs)


def test_states_of_convolutional_recurrent_layers(tmp_path: Path) -> None:
    model = conv_lstm(framework("keras"))
    randomize(model)
    assert agreed(model, tmp_path) == len(model.outputs)


def shapes_of_results(keras: Any) -> dict[str, tuple[Any, int]]:
    """Models by the structure of their outputs, with how many tensors that are."""
    keras.backend.clear_session()
    x = keras.Input((3,), name="x")
    d = keras.layers.Dense(2, name="d")(x)
    e = keras.layers.Dense(2, name="e")(d)
    inner = keras.Model(x, [d, d, e], name="inner")
    outer = keras.Input((3,), name="outer")
    return {
        "twice": (keras.Model(x, [d, e, d]), 3),
        "an input": (keras.Model(x, [d, x]), 2),
        "only an input twice": (keras.Model(x, [x, x, d]), 3),
        "dict": (keras.Model(x, {"q": d, "p": e}), 2),
        "nested": (keras.Model(x, {"q": d, "p": [e, d], "a": (d,)}), 4),
        "dict of inputs": (keras.Model({"x": x, "outer": outer}, {"q": d, "p": outer}), 2),
        "single": (keras.Model(x, [d]), 1),
        "lists": (keras.Model([x], [[d, e], d]), 3),
        "inner": (keras.Model(outer, [*inner(outer), outer]), 4),
    }


@pytest.mark.parametrize(
    ("by", "structure"),
    [
        *(("keras", name) for name in ("twice", "an input", "dict", "nested", "lists", "inner")),
        ("keras", "dict of inputs"),
        *(("tf_keras", name) for name in ("dict", "nested", "dict of inputs")),
    ],
)
def test_structures_of_results(by: str, structure: str, tmp_path: Path) -> None:
    model, count = shapes_of_results(framework(by))[structure]
    assert agreed(model, tmp_path) == count


@pytest.mark.parametrize("structure", ["dict", "nested"])
def test_structures_of_results_stay_in_keras(structure: str, tmp_path: Path) -> None:
    model, count = shapes_of_results(framework("keras"))[structure]
    assert agreed(model, tmp_path, ".h5", "b.keras") == count


def test_keys_of_dictionaries_are_told(tmp_path: Path) -> None:
    model, _ = shapes_of_results(framework("keras"))["dict of inputs"]
    model.save(tmp_path / "a.keras")
    report = modelport.convert(tmp_path / "a.keras", tmp_path / "b.onnx", verify=False)
    assert [
        (change.where, str(change.kind)) for change in report if "dictionaries" in change.why
    ] == [("outputs", "dropped")]


def test_outputs_in_another_order_are_no_agreement(tmp_path: Path) -> None:
    keras = framework("keras")
    x = keras.Input((3,), name="x")
    d, e = keras.layers.Dense(2, name="d")(x), keras.layers.Dense(2, name="e")(x)
    keras.Model(x, [d, d, e]).save(tmp_path / "a.keras")
    keras.Model(x, [e, d, d]).save(tmp_path / "b.keras")
    assert not modelport.verify(tmp_path / "a.keras", tmp_path / "b.keras").agree


def test_what_onnxruntime_has_no_kernel_for_is_told_with_what_runs_it(tmp_path: Path) -> None:
    keras = framework("keras")
    x = keras.Input((4,), dtype="float64")
    keras.Model(x, keras.layers.Dense(3, "gelu", dtype="float64")(x)).save(tmp_path / "a.keras")
    report = modelport.convert(tmp_path / "a.keras", tmp_path / "b.onnx")
    told = as_json(report)
    assert told["verification"]["runtimes"]["b"] == "reference"
    assert "onnxruntime cannot run it" in told["verification"]["reason"]
    assert "onnx.reference" in told["load_with"]
