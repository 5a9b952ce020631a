"""Make a small masked recurrent model of an old Keras, with what that Keras computes for it.

    python make_masked_old.py OUT_FOLDER

Writes OUT/masked_keras_<version>.h5 and .npz (x0, y0, y1 ...). Weights are random; the input has
gaps at the start, inside and at the end, and a row that is masked throughout. Run under Keras 2.2.4
(Python 3.6, tensorflow==1.15.0, KERAS_BACKEND=tensorflow) and 1.2.2.
"""

import sys

import keras
import numpy as np
from keras import layers as L
from keras.layers import Input
from keras.models import Model

ONE = keras.__version__.startswith("1.")
RNG = np.random.RandomState(3)
ROWS = [[1, 1, 1, 1, 1, 1], [1, 1, 0, 1, 0, 0], [0, 0, 1, 0, 1, 1], [0, 0, 0, 0, 0, 0]]


def model():
    x = Input(shape=(None, 3), name="x")
    m = L.Masking(0.0, name="masking")(x)
    bi = L.Bidirectional(L.LSTM(2, return_sequences=True), name="both")(m)
    back = L.GRU(3, return_sequences=True, go_backwards=True, name="back")(m)
    steps = L.TimeDistributed(L.Dense(2), name="steps")(bi)
    last = L.LSTM(2, name="last")(steps)
    summed = L.Bidirectional(L.SimpleRNN(2), merge_mode="sum", name="summed")(bi)
    outputs = [bi, back, steps, last, summed]
    return Model(input=x, output=outputs) if ONE else Model(inputs=x, outputs=outputs)


made = model()
made.set_weights([RNG.normal(0, 0.6, w.shape).astype("float32") for w in made.get_weights()])
value = RNG.normal(0, 1, (4, 6, 3)).astype("float32")
value[np.array(ROWS) == 0] = 0
stem = "%s/masked_keras_%s" % (sys.argv[1], keras.__version__)
made.save(stem + ".h5")
found = made.predict(value)
np.savez(stem + ".npz", x0=value, **{"y%d" % i: y for i, y in enumerate(found)})
