"""Makes the samples ``graphs_*`` here and in ``keras-h5`` with the real frameworks.

Run it in the folder above: ``python keras-v3/make_samples.py`` (Keras 3.15.1 with TensorFlow
2.21.0, tf_keras 2.21.0). Beside every model it writes what the framework itself says of it: each
layer's weights in the file's order as SHA-256 of their bytes, and the outputs for fixed inputs.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent.parent


def keras3() -> Any:
    import keras
    from keras import layers, ops

    keras.utils.set_random_seed(1)
    inner_in = keras.Input((6,), name="inner_in")
    hidden = layers.Dense(5, activation="tanh", name="hidden")(inner_in)
    normed = layers.BatchNormalization(name="normed")(hidden)
    tower = keras.Model(inner_in, [normed, layers.Dense(3, name="side")(hidden)], name="tower")
    stack = keras.Sequential(
        [keras.Input((5,)), layers.Dense(5, name="first"), layers.Dense(4, name="last")],
        name="stack",
    )
    a, b = keras.Input((6,), name="a"), keras.Input((6,), name="b")
    series = keras.Input((7, 4), name="series")
    shared = layers.Dense(6, name="shared")
    one, two = tower(shared(a)), tower(shared(b))
    joined = layers.Concatenate(name="joined")([stack(one[0]), stack(two[0]), one[1], two[1]])
    state = layers.Dense(8, name="state")(joined)
    steps = layers.LSTM(8, return_sequences=True, name="steps")(
        series, initial_state=[state, ops.tanh(state)]
    )
    both = layers.Bidirectional(layers.GRU(3, return_sequences=True), name="both")(steps)
    mixed = layers.MultiHeadAttention(2, 4, name="mixed")(query=both, value=steps, key=steps)
    timed = layers.TimeDistributed(
        keras.Sequential([keras.Input((6,)), layers.Dense(2, name="each")], name="cell"),
        name="timed",
    )(mixed)
    sliced = timed[:, -1] * 2.0 + 1.0
    out = layers.Dense(2, name="out")(layers.Add(name="sum")([sliced, one[1][:, :2]]))
    model = keras.Model({"a": a, "b": b, "series": series}, [out, joined], name="graphs")
    model.compile(optimizer=keras.optimizers.AdamW(1e-3), loss=["mse", "mae"])
    return model


def tf_keras() -> Any:
    import tensorflow as tf
    import tf_keras as keras

    layers = keras.layers
    keras.utils.set_random_seed(1)
    inner_in = keras.Input((6,), name="inner_in")
    hidden = layers.Dense(5, activation="tanh", name="hidden")(inner_in)
    normed = layers.BatchNormalization(name="normed")(hidden)
    tower = keras.Model(inner_in, [normed, layers.Dense(3, name="side")(hidden)], name="tower")
    stack = keras.Sequential(
        [keras.Input((5,)), layers.Dense(5, name="first"), layers.Dense(4, name="last")],
        name="stack",
    )
    a, b = keras.Input((6,), name="a"), keras.Input((6,), name="b")
    series = keras.Input((7, 4), name="series")
    shared = layers.Dense(6, name="shared")
    one, two = tower(shared(a)), tower(shared(b))
    joined = layers.Concatenate(name="joined")([stack(one[0]), stack(two[0]), one[1], two[1]])
    state = layers.Dense(8, name="state")(joined)
    steps = layers.LSTM(8, return_sequences=True, name="steps")(
        series, initial_state=[state, tf.math.tanh(state)]
    )
    both = layers.Bidirectional(layers.GRU(3, return_sequences=True), name="both")(steps)
    mixed = layers.MultiHeadAttention(2, 4, name="mixed")(query=both, value=steps, key=steps)
    timed = layers.TimeDistributed(
        keras.Sequential([keras.Input((6,)), layers.Dense(2, name="each")], name="cell"),
        name="timed",
    )(mixed)
    sliced = tf.math.multiply(timed[:, -1], 2.0) + 1.0
    out = layers.Dense(2, name="out")(layers.Add(name="sum")([sliced, one[1][:, :2]]))
    model = keras.Model([a, b, series], [out, joined], name="graphs")
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=["mse", "mae"])
    return model


def leaves(model: Any, scope: str = "") -> dict[str, list[Any]]:
    """The weights of every layer that is no model, as the framework holds them."""
    found: dict[str, list[Any]] = {}
    for layer in model.layers:
        inner = getattr(layer, "layer", None)
        if hasattr(layer, "layers"):
            found.update(leaves(layer, f"{scope}{layer.name}/"))
        elif hasattr(inner, "layers"):
            found.update(leaves(inner, f"{scope}{layer.name}/{inner.name}/"))
        elif layer.weights:
            found[scope + layer.name] = [
                [list(weight.shape), digest(np.asarray(weight))] for weight in layer.weights
            ]
    return found


def digest(array: Any) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def record(model: Any, name: str) -> None:
    """Train one step, save, and write down what the framework says."""
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal((2, *shape)).astype("f4") for shape in ((6,), (6,), (7, 4))]
    given = dict(zip(["a", "b", "series"], inputs, strict=True)) if name == "keras3" else inputs
    targets = [np.zeros((2, 2), "f4"), np.zeros((2, 14), "f4")]
    model.train_on_batch(given, targets)
    model.save(HERE / "keras-v3" / f"graphs_{name}.keras")
    model.save(HERE / "keras-h5" / f"graphs_{name}.h5")
    facts = {
        "layers": leaves(model),
        "count": model.count_params(),
        "optimizer": [digest(np.asarray(v)) for v in _variables(model.optimizer)],
        "outputs": [np.asarray(v).tolist() for v in model.predict(given, verbose=0)],
    }
    (HERE / "keras-v3" / f"graphs_{name}.json").write_text(json.dumps(facts, indent=1) + "\n")


def _variables(optimizer: Any) -> list[Any]:
    return list(optimizer.variables() if callable(optimizer.variables) else optimizer.variables)


if __name__ == "__main__":
    record(keras3(), "keras3")
    record(tf_keras(), "tf_keras")
