"""Makes the samples ``graphs_keras_<version>_*`` with that version of Keras on TensorFlow 1.

Run it once a version, with Python 3.6: ``python make_graphs_old.py graphs_keras_1.2.2``. Each
``.json`` beside a model holds what Keras itself said of the weights of every layer.
"""

import hashlib
import json
import sys

import keras
import numpy as np
from keras.layers import (
    LSTM,
    Activation,
    BatchNormalization,
    Bidirectional,
    Dense,
    Input,
    TimeDistributed,
)
from keras.models import Model, Sequential

KERAS_1 = keras.__version__.startswith("1.")


def digest(array):
    return [list(array.shape), hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()]


def leaves(model, scope=""):
    found = {}
    for layer in model.layers:
        inner = getattr(layer, "layer", None)
        if hasattr(layer, "layers"):
            found.update(leaves(layer, scope + layer.name + "/"))
        elif hasattr(inner, "layers"):
            found.update(leaves(inner, scope + layer.name + "/" + inner.name + "/"))
        elif layer.get_weights():
            found[scope + layer.name] = [digest(weight) for weight in layer.get_weights()]
    return found


def batch(shapes):
    shapes = shapes if isinstance(shapes, list) else [shapes]
    arrays = [np.random.rand(4, *shape[1:]).astype("f4") for shape in shapes]
    return arrays if len(arrays) > 1 else arrays[0]


def save(model, name):
    model.compile("adam", "mse")
    model.train_on_batch(batch(model.input_shape), batch(model.output_shape))
    model.save(f"{sys.argv[1]}_{name}.h5")
    facts = {"layers": leaves(model), "count": int(model.count_params())}
    with open(f"{sys.argv[1]}_{name}.json", "w") as file:
        json.dump(facts, file, indent=1)


def nested_sequential():
    inner = Sequential([Dense(4, input_shape=(5,), activation="relu"), BatchNormalization()])
    return Sequential([Dense(5, input_shape=(3,)), inner, Dense(2)])


def first_nested():
    return Sequential([Sequential([Dense(4, input_shape=(5,)), Dense(3)]), Dense(2)])


def functional():
    a, b, shared = Input((6,), name="a"), Input((6,), name="b"), Dense(5, name="shared")
    start = Input((5,))
    hidden = BatchNormalization()(Dense(4)(start))
    if KERAS_1:
        from keras.layers import merge

        tower = Model(start, hidden, name="tower")
        joined = merge([tower(shared(a)), tower(shared(b))], mode="concat")
    else:
        from keras.layers import concatenate

        tower = Model(start, [hidden, Dense(2)(hidden)], name="tower")
        joined = concatenate(tower(shared(a)) + tower(shared(b)))
    return Model([a, b], [Dense(2, name="out")(joined), shared(a)])


def timed():
    inner = Sequential([Dense(4, input_shape=(5,))])
    return Sequential(
        [TimeDistributed(inner, input_shape=(7, 5)), Bidirectional(LSTM(3)), Dense(1)]
    )


def merge():
    from keras.layers import Merge

    left = Sequential([Dense(4, input_shape=(5,))])
    right = Sequential([Dense(4, input_shape=(3,)), Activation("tanh")])
    return Sequential([Merge([left, right], mode="sum"), Dense(2)])


if __name__ == "__main__":
    np.random.seed(0)
    makers = [nested_sequential, first_nested, functional, timed] + ([merge] if KERAS_1 else [])
    for make in makers:
        save(make(), make.__name__)
