"""Make models of Keras 1.2.2 on Theano with padding "same" inside wrappers, with its outputs.

    KERAS_BACKEND=theano python make_wrapped_old.py OUT_FOLDER

Writes OUT/keras<version>-theano-wrapped-<name>.h5 and .io.npz. Pinned as make_old_keras.py is.
"""

import sys

import keras
import numpy as np
from keras import backend, layers
from keras.models import Sequential

RNG = np.random.RandomState(11)
SAME = {"border_mode": "same", "dim_ordering": "tf"}
INNER = {
    "strides": [layers.Convolution2D(2, 3, 3, subsample=(2, 2), **SAME)],
    "even": [layers.Convolution2D(2, 2, 4, **SAME)],
    "pooling": [layers.MaxPooling2D((3, 3), strides=(2, 2), **SAME)],
    "even-pooling": [layers.AveragePooling2D((2, 2), strides=(2, 2), **SAME)],
    "one": [layers.Convolution1D(3, 2, border_mode="same", subsample_length=2)],
    "nested": [layers.Convolution2D(2, 3, 3, subsample=(2, 1), activation="tanh", **SAME)],
}


def finish(name, model, shape):
    model.set_weights([RNG.normal(0, 0.6, w.shape).astype("float32") for w in model.get_weights()])
    x = RNG.normal(0, 1, (2,) + shape).astype("float32")
    stem = "/".join([sys.argv[1], "-".join(["keras" + keras.__version__, backend.backend(), "wrapped", name])])
    model.save(stem + ".h5")
    np.savez(stem + ".io.npz", x0=x, y0=model.predict(x))


for name, inner in sorted(INNER.items()):
    shape = (3, 7, 2) if name == "one" else (3, 7, 6, 2)
    wrapped = inner[0]
    if name == "nested":
        shape = (2,) + shape
        wrapped = layers.TimeDistributed(wrapped)
    model = Sequential()
    model.add(layers.TimeDistributed(wrapped, input_shape=shape))
    finish(name, model, shape)
