"""Frozen layers, shared layers and nested models: every slot goes on with its own weight."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_keras_optimizers import X, Y
from test_keras_to_keras import convert, load

import modelport
from modelport.model.component import Component
from modelport.model.report import Kind

pytestmark = pytest.mark.filterwarnings("ignore")

STATE = Component.OPTIMIZER_STATE

FROZEN = {
    "nothing": (),
    "a layer": ("first",),
    "a shared layer": ("shared",),
    "a layer inside": ("inner/a",),
    "two layers inside": ("inner/b", "inner/c"),
    "a nested model": ("inner",),
    "all but the last": ("first", "shared", "inner"),
}


def network(keras: Any, frozen: tuple[str, ...]) -> Any:
    """All weights of one shape: nothing but the order tells them apart."""
    layers = keras.layers
    x = layers.Input((6,))
    inside = [layers.Dense(6, name=name, activation="tanh") for name in "cab"]
    inner_input = layers.Input((6,))
    y = inner_input
    for layer in inside:
        y = layer(y)
    inner = keras.Model(inner_input, y, name="inner")
    shared = layers.Dense(6, name="shared")
    first = layers.Dense(6, name="first", activation="tanh")
    joined = layers.Add()([shared(first(x)), shared(x), inner(x)])
    found = {"first": first, "shared": shared, "inner": inner}
    found |= {f"inner/{layer.name}": layer for layer in inside}
    for name in frozen:
        found[name].trainable = False
    return keras.Model(x, layers.Dense(3, name="last")(joined))


def trained(keras: Any, frozen: tuple[str, ...], optimizer: Any) -> Any:
    built = network(keras, frozen)
    built.compile(optimizer, "mse")
    for _ in range(3):
        built.train_on_batch(X, Y)
    return built


def by_name(built: Any) -> dict[str, Any]:
    return {
        own_name(weight).removesuffix(":0").removeprefix("inner/"): np.asarray(weight)
        for weight in built.weights
    }


def own_name(weight: Any) -> str:
    return str(getattr(weight, "path", weight.name))


def go_on(built: Any) -> dict[str, Any]:
    for _ in range(2):
        built.train_on_batch(X, Y)
    return by_name(built)


def assert_goes_on(path: Path, wanted: dict[str, Any], framework: str = "keras") -> None:
    found = go_on(load(path, framework))
    assert found.keys() == wanted.keys()
    for name, want in wanted.items():
        np.testing.assert_allclose(found[name], want, atol=3e-7, rtol=0, err_msg=name)


@pytest.mark.parametrize("frozen", FROZEN)
def test_keras_3(frozen: str, tmp_path: Path) -> None:
    import keras

    built = trained(keras, FROZEN[frozen], keras.optimizers.Adam(0.01))
    built.save(tmp_path / "in.keras")
    built.save(tmp_path / "in.h5")
    wanted = go_on(built)
    for source in ("in.keras", "in.h5"):
        assert convert(tmp_path / source, tmp_path / "out.keras").lossless
        assert_goes_on(tmp_path / "out.keras", wanted)
    convert(tmp_path / "in.keras", tmp_path / "out.h5")
    convert(tmp_path / "out.h5", tmp_path / "again.keras")
    assert_goes_on(tmp_path / "again.keras", wanted)


@pytest.mark.parametrize("generation", ["new", "legacy"])
@pytest.mark.parametrize("frozen", FROZEN)
def test_tf_keras(frozen: str, generation: str, tmp_path: Path) -> None:
    import tf_keras

    module = tf_keras.optimizers if generation == "new" else tf_keras.optimizers.legacy
    built = trained(tf_keras, FROZEN[frozen], module.Adam(0.01))
    built.save(tmp_path / "in.h5")
    wanted = go_on(built)
    for name, framework in (("out.keras", "keras"), ("out.h5", "tf_keras")):
        assert convert(tmp_path / "in.h5", tmp_path / name).lossless
        assert_goes_on(tmp_path / name, wanted, framework)


@pytest.mark.parametrize("framework", ["keras", "tf_keras"])
def test_a_layer_frozen_after_compiling(framework: str, tmp_path: Path) -> None:
    keras = pytest.importorskip(framework)
    built = trained(keras, (), keras.optimizers.Adam(0.01))
    names = [own_name(weight) for weight in built.trainable_weights]
    first = [own_name(weight) for weight in built.get_layer("first").weights]
    built.get_layer("first").trainable = False
    built.save(tmp_path / "in.h5")
    held = modelport.open(tmp_path / "in.h5").optimizer_state.slots
    assert [len(held[slot]) for slot in ("momentum", "velocity")] == [12, 12]
    report = convert(tmp_path / "in.h5", tmp_path / "out.keras")
    dropped = {change.where for change in report if change.kind is Kind.DROPPED}
    assert dropped == {"first/kernel", "first/bias"}
    assert all(c.kind is not Kind.INVENTED for c in report if c.component is STATE)
    found = load(tmp_path / "out.keras").optimizer
    live = dict(zip(names, built.optimizer._momentums, strict=True))
    kept = [value for name, value in live.items() if name not in first]
    assert int(found.iterations) == 3
    for got, want in zip(found._momentums, kept, strict=True):
        np.testing.assert_array_equal(got.numpy(), np.asarray(want))


@pytest.mark.parametrize("inside", [False, True])
def test_attention_that_says_it_is_frozen_goes_on(inside: bool, tmp_path: Path) -> None:
    # Keras 3 makes the parts of an attention after it was frozen, and trains them.
    import keras

    x = keras.Input((4, 3))
    attention = keras.layers.MultiHeadAttention(2, 2, trainable=False)
    y = attention(x, x)
    if inside:
        y = keras.Model(x, y)(x)
    built = keras.Model(x, keras.layers.Dense(3)(y))
    built.compile(keras.optimizers.Adam(0.01), "mse")
    data = np.random.default_rng(0).normal(size=(2, 5, 4, 3)).astype(np.float32)
    built.train_on_batch(*data)
    for source in ("in.keras", "in.h5"):
        built.save(tmp_path / source)
        made = tmp_path / ("out.h5" if source == "in.keras" else "out.keras")
        assert convert(tmp_path / source, made).lossless
        found = load(made) if made.suffix == ".keras" else None
        if found is None:
            convert(made, tmp_path / "again.keras")
            found = load(tmp_path / "again.keras")
        pairs = zip(found.optimizer.variables, built.optimizer.variables, strict=True)
        for got, want in pairs:
            np.testing.assert_array_equal(np.asarray(got), np.asarray(want))
