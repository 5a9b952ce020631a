"""Make a small model of Keras 1.1 whose weights that version orders otherwise, with its outputs.

    KERAS_BACKEND=theano python make_keras_1_1.py OUT_FOLDER

Writes OUT/keras<version>-theano-removed-layers-2.h5 and .io.npz. Pinned as make_old_keras.py
is, but for Keras itself: run under 1.1.0 and 1.2.2.
"""

import sys

import keras
import numpy as np
from keras import backend, layers
from keras.layers.advanced_activations import ParametricSoftplus, SReLU
from keras.models import Sequential

RNG = np.random.RandomState(5)
made = Sequential()
for layer in (
    layers.MaxoutDense(4, nb_feature=3, input_dim=3),
    layers.Highway(activation="tanh"),
    ParametricSoftplus(),
    SReLU(),
    layers.Highway(bias=False),
    layers.Reshape((2, 2)),
    layers.TimeDistributedDense(3),
    layers.Flatten(),
    layers.Dense(2),
):
    made.add(layer)
made.set_weights([RNG.normal(0, 0.6, w.shape).astype("float32") for w in made.get_weights()])
x = RNG.normal(0, 1, (4, 3)).astype("float32")
stem = "/".join(
    [sys.argv[1], "-".join(["keras" + keras.__version__, backend.backend(), "removed-layers-2"])]
)
made.save(stem + ".h5")
np.savez(stem + ".io.npz", x0=x, y0=made.predict(x))
