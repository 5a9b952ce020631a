"""Makes the files here with Keras 3.15.1: weights and state of Adam, at most 2 kB a file."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

HERE = Path(__file__).parent


def main() -> None:
    keras.utils.set_random_seed(1)
    layers = [
        keras.Input((8,)),
        keras.layers.Dense(24, name="first"),
        keras.layers.BatchNormalization(),
        keras.layers.LSTM(6, name="memory"),
        keras.layers.Dense(3, name="last"),
    ]
    layers.insert(3, keras.layers.Reshape((4, 6)))
    model = keras.Sequential(layers)
    model.compile("adam", "mse")
    model.fit(np.ones((2, 8)), np.ones((2, 3)), epochs=2, verbose=0)
    held = {variable.path: np.asarray(variable) for variable in model.weights}
    state = {variable.path: np.asarray(variable) for variable in model.optimizer.variables}
    np.savez(HERE / "weights.io.npz", **held)
    np.savez(HERE / "optimizer.io.npz", **state)
    model.save_weights(HERE / "model.weights.json", max_shard_size=2e-6)


main()
