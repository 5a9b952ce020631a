"""Make masked Bidirectional models of an old Keras in every mode, with what that Keras computes.

    python make_masked_modes.py OUT_FOLDER

Writes OUT/keras<version>-<backend>-masked-<name>.h5, .io.npz and, where it was trained,
.train.npz, in the form of make_old_keras.py. Pinned as that is; run under Keras 2.2.4 and 1.2.2.
"""

import json
import sys

import keras
import numpy as np
from keras import backend, layers
from keras.layers import Input
from keras.models import Model, Sequential

ONE = keras.__version__.startswith("1.")
RNG = np.random.RandomState(7)
ROWS = [[1, 1, 1, 1, 1, 1], [1, 1, 0, 1, 0, 0], [0, 0, 1, 0, 1, 1], [0, 0, 0, 0, 0, 0]]


def value():
    x = RNG.normal(0, 1, (4, 6, 3)).astype("float32")
    x[np.array(ROWS) == 0] = 0
    return x


def finish(name, model, trained, draw=None):
    draw = draw or value
    model.set_weights([RNG.normal(0, 0.6, w.shape).astype("float32") for w in model.get_weights()])
    stem = "/".join(
        [sys.argv[1], "-".join(["keras" + keras.__version__, backend.backend(), "masked", name])]
    )
    if trained:
        model.compile("adam", "mse")
        shape = [n or 4 for n in model.output_shape]
        shape[0] = 4
        if len(shape) == 3:
            shape[1] = 6
        for _ in range(3):
            model.train_on_batch(draw(), RNG.normal(0, 1, shape))
    model.save(stem + ".h5")
    x = draw()
    found = model.predict(x)
    found = found if isinstance(found, list) else [found]
    np.savez(stem + ".io.npz", x0=x, **{"y" + str(i): y for i, y in enumerate(found)})
    if trained:
        more = {}
        for i in range(2):
            bx, by = draw(), RNG.normal(0, 1, shape).astype("float32")
            model.train_on_batch(bx, by)
            more.update({"bx" + str(i): bx, "by" + str(i): by})
        more.update({"w" + str(i): w for i, w in enumerate(model.get_weights())})
        np.savez(stem + ".train.npz", meta=json.dumps({"optimizer": "Adam"}), **more)


def modes():
    x = Input(shape=(None, 3), name="x")
    m = layers.Masking(0.0, name="masking")(x)
    shared = layers.Bidirectional(
        layers.GRU(2, return_sequences=True, activation="sigmoid"), name="shared"
    )
    outputs = []
    for mode in ("concat", "sum", "ave", "mul"):
        y = layers.Bidirectional(layers.LSTM(2, return_sequences=True), merge_mode=mode, name=mode)(
            m
        )
        outputs += [y, layers.LSTM(2, name="after_" + mode)(y)]
    outputs += [shared(m), shared(m), layers.SimpleRNN(2, name="after_shared")(shared(m))]
    back = layers.SimpleRNN(2, return_sequences=True, go_backwards=True)
    outputs.append(layers.Bidirectional(back, name="turned")(m))
    return Model(input=x, output=outputs) if ONE else Model(inputs=x, outputs=outputs)


def stacked():
    model = Sequential()
    model.add(layers.Masking(0.0, input_shape=(6, 3)))
    model.add(layers.Bidirectional(layers.LSTM(3, return_sequences=True)))
    model.add(layers.Bidirectional(layers.GRU(2, return_sequences=True), merge_mode="sum"))
    model.add(layers.TimeDistributed(layers.Dense(2)))
    return model


def embedded():
    model = Sequential()
    model.add(layers.Embedding(5, 3, mask_zero=True, input_length=6))
    model.add(layers.Bidirectional(layers.SimpleRNN(2, return_sequences=True), merge_mode="ave"))
    model.add(layers.Dropout(0.5))
    model.add(layers.Bidirectional(layers.LSTM(2, return_sequences=True), merge_mode="mul"))
    model.add(layers.Bidirectional(layers.GRU(2)))
    return model


def words():
    return (RNG.randint(1, 5, (4, 6)) * np.array(ROWS)).astype("float32")


finish("modes", modes(), False)
finish("stacked", stacked(), True)
finish("embedded", embedded(), False, words)
