"""Make small models of every old Keras era, with what that Keras computes for them.

    python make_old_keras.py OUT_FOLDER WEIGHTS_FOLDER [--tf-keras] [NAME ...]

Writes for each model of the running Keras version and backend

    OUT/keras<version>-<backend>-<name>.h5         some after 3 training steps, optimizer inside
    OUT/keras<version>-<backend>-<name>.io.npz     x0.., y0.. (predict), meta (JSON text)
    OUT/keras<version>-<backend>-<name>.train.npz  where there is an optimizer: bx0, by0, bx1,
                                                   by1 (two more batches), w0.. = get_weights()
                                                   after them, meta.  Where the same Keras
                                                   that loads its own file gets other weights
                                                   (meta own_reload_differs_by): r0.. = those
    WEIGHTS/<same stem>.h5 and .json               some: save_weights() and to_json()

All weights are random, biases and moving averages too, so that a kernel that is
not flipped, a gate in the wrong place or a bias left out shows in the numbers.

Run it under each of: Keras 1.2.2, 2.0.5, 2.0.9, 2.1.3, 2.2.4 with
KERAS_BACKEND=tensorflow and =theano, and under TensorFlow 1.15's own Keras with
--tf-keras.  Pinned: Python 3.6, tensorflow==1.15.0 protobuf==3.19.6 Theano==1.0.5
numpy==1.16.6 scipy==1.2.3 h5py==2.10.0 pyyaml==5.4.1 keras_applications==1.0.8
keras_preprocessing==1.1.2 and Keras itself with --no-deps;
THEANO_FLAGS=device=cpu,optimizer=fast_compile,blas.ldflags=-lblas (a C compiler and
the plain libblas) and a HOME of its own for each version (old Keras keeps a settings
file there).
"""
import json
import os
import platform
import sys
import zlib

import numpy as np

ARGS = [a for a in sys.argv[1:] if not a.startswith("--")]
OUT, WEIGHTS, ONLY = ARGS[0], ARGS[1], ARGS[2:]
TF_KERAS = "--tf-keras" in sys.argv

if TF_KERAS:
    import tensorflow as tf
    keras = tf.keras
    L, O = keras.layers, keras.optimizers
    Sequential, Model, Input, K = keras.Sequential, keras.Model, keras.Input, keras.backend
    BACKEND = "tensorflow"
else:
    import keras
    from keras import layers as L
    from keras import optimizers as O
    from keras import backend as K
    from keras.layers import Input
    from keras.models import Model, Sequential
    BACKEND = K.backend()
if BACKEND == "theano":
    import theano
    import theano.ifelse  # Keras 1 uses it without importing it
    BACKEND_VERSION = theano.__version__
else:
    import tensorflow as tf
    BACKEND_VERSION = tf.__version__
VERSION = keras.__version__
ONE = VERSION.startswith("1.")

if BACKEND == "tensorflow" and not TF_KERAS:
    # TensorFlow runs the updates of a training step in any order, even while others still
    # read the old values (iterations, weights), so that the same step gives two results.
    # Here all new values are computed before the first is stored, as Theano does.
    # (Moving averages are left alone: TensorFlow keeps a hidden step count for them,
    # which no file holds, so that not even the same Keras resumes them exactly.)
    K.update = lambda x, new: (x, new)
    K.update_add = lambda x, more: (x, x + more)
    function_init = K.function.__globals__["Function"].__init__

    def ordered_init(self, inputs, outputs, updates=(), name=None, **kwargs):
        pairs = [u for u in updates or () if isinstance(u, tuple)]
        rest = [u for u in updates or () if not isinstance(u, tuple)]
        with tf.control_dependencies([new for _, new in pairs]):
            rest += [tf.assign(x, new) for x, new in pairs]
        if not ONE:
            kwargs["name"] = name
        function_init(self, inputs, outputs, rest, **kwargs)

    K.function.__globals__["Function"].__init__ = ordered_init

# Which models each version and backend makes: {builder: optimizer or None}.
# None: not compiled, so neither training_config nor optimizer_weights in the file.
# What depends on the backend (kernels, padding, pooling) is made under both.
BOTH_1 = {"conv2d_th_ordering": "SGD nesterov", "conv2d_same_strides": None,
          "pooling_same": None, "deconvolution": None}
BOTH_2 = {"conv2d_same_strides": None, "pooling_same": None, "separable": None,
          "depthwise": None, "conv2d_transpose": None, "conv2d_transpose_same_strides": None}
PLAN = {
    "1.2.2-tensorflow": dict(
        BOTH_1, lstm="RMSprop", bidirectional=None, merge_sequential=None, merge_modes=None,
        batch_normalization=None, separable=None, removed_layers=None, shapes=None),
    "1.2.2-theano": dict(
        BOTH_1, conv2d_tf_ordering="Adam", conv1d=None, conv3d=None, atrous=None,
        deconvolution_th_ordering=None, gru="Adadelta", time_distributed_dense="Adamax",
        embedding_mask_lstm="Nadam", shared_nested=None),
    "2.0.5-tensorflow": {"names_out_of_order": "Adam"},
    "2.0.9-tensorflow": {"names_out_of_order": "Adam"},
    "2.1.3-tensorflow": {"conv2d": "Adam"},
    "2.1.3-theano": {"conv2d": "Adam"},
    "2.2.4-tensorflow": dict(
        BOTH_2, up_sampling_bilinear=None, lstm="RMSprop", gru=None, gru_reset_after="Adam", bidirectional=None,
        conv_lstm2d=None, masking_sequences=None, embedding_mask_gru=None,
        shared_nested=None, nested_frozen="Adam", merge_layers=None, activations=None,
        locally_connected=None, separable_1d=None, dense_sgd_nesterov="SGD nesterov",
        dense_adam="Adam", dense_adam_amsgrad="Adam amsgrad", dense_adadelta="Adadelta",
        dense_adagrad="Adagrad", dense_adamax="Adamax", dense_nadam="Nadam"),
    "2.2.4-theano": dict(BOTH_2, conv2d_channels_first="SGD nesterov", conv1d=None,
                         conv3d=None, conv_lstm2d_same=None),
    "2.2.4-tf-tensorflow": {"lstm": "RMSprop", "dense_adam": "Adam"},
}
# Also saved as weights only, with the architecture beside it.
AS_WEIGHTS = {"1.2.2-theano-conv2d_th_ordering", "1.2.2-tensorflow-lstm",
              "2.2.4-theano-conv2d_channels_first", "2.2.4-tensorflow-nested_frozen"}


def sequential(*layers):
    m = Sequential()
    for layer in layers:
        m.add(layer)
    return m


if ONE:
    def conv2d_th_ordering():
        return sequential(
            L.Convolution2D(3, 3, 2, dim_ordering="th", input_shape=(2, 7, 6), activation="relu"),
            L.MaxPooling2D((2, 2), dim_ordering="th"),
            L.Flatten(), L.Dense(3, activation="softmax"))

    def conv2d_tf_ordering():
        return sequential(
            L.Convolution2D(3, 3, 2, dim_ordering="tf", input_shape=(7, 6, 2), activation="tanh"),
            L.Flatten(), L.Dense(3, activation="sigmoid"))

    def conv2d_same_strides():
        return sequential(
            L.Convolution2D(2, 3, 3, border_mode="same", subsample=(2, 2), dim_ordering="tf",
                            input_shape=(6, 8, 2)),
            L.Convolution2D(2, 2, 2, border_mode="same", dim_ordering="tf"))

    def pooling_same():
        return sequential(
            L.MaxPooling2D((3, 3), strides=(2, 2), border_mode="same", dim_ordering="tf",
                           input_shape=(6, 8, 2)),
            L.AveragePooling2D((2, 2), strides=(1, 1), border_mode="same", dim_ordering="tf"),
            L.Convolution2D(2, 1, 1, dim_ordering="tf"))

    def conv1d():
        return sequential(
            L.Convolution1D(4, 3, input_shape=(8, 3), activation="relu"),
            L.MaxPooling1D(2),
            L.Convolution1D(2, 2, border_mode="same", bias=False),
            L.GlobalMaxPooling1D(), L.Dense(2))

    def conv3d():
        return sequential(
            L.Convolution3D(2, 2, 3, 2, dim_ordering="tf", input_shape=(3, 4, 5, 2)),
            L.Flatten(), L.Dense(2))

    def lstm():
        return sequential(
            L.LSTM(4, input_shape=(5, 3)), L.Dense(2))

    def gru():
        return sequential(
            L.GRU(4, input_shape=(5, 3)), L.Dense(2))

    def bidirectional():
        return sequential(
            L.Bidirectional(L.LSTM(3), input_shape=(5, 2)), L.Dense(2))

    def time_distributed_dense():
        return sequential(
            L.TimeDistributedDense(4, activation="tanh", input_shape=(5, 3)),
            L.TimeDistributed(L.Dense(2)))

    def embedding_mask_lstm():
        return sequential(
            L.Embedding(7, 3, mask_zero=True, input_length=6),
            L.LSTM(4), L.Dense(2))

    def merge_sequential():
        left = sequential(L.Dense(3, input_dim=4))
        right = sequential(L.Dense(3, input_dim=2, activation="tanh"))
        return sequential(L.Merge([left, right], mode="concat", concat_axis=-1), L.Dense(2))

    def merge_modes():
        from keras.layers import merge
        a, b = Input((4,)), Input((3,))
        da, db = L.Dense(3)(a), L.Dense(3)(b)
        parts = [merge([da, db], mode=m) for m in ("sum", "mul", "ave", "max", "dot", "cos")]
        parts = [p if i < 4 else L.Reshape((1,))(p) for i, p in enumerate(parts)]
        return Model([a, b], L.Dense(2)(merge(parts, mode="concat")))

    def batch_normalization():
        return sequential(
            L.Convolution2D(3, 2, 2, dim_ordering="th", input_shape=(2, 4, 5)),
            L.BatchNormalization(axis=1), L.Activation("relu"),
            L.Flatten(), L.Dense(4), L.BatchNormalization(), L.Dense(2))

    def atrous():
        return sequential(
            L.AtrousConvolution2D(3, 3, 2, atrous_rate=(2, 2), dim_ordering="tf",
                                  input_shape=(8, 7, 2)))

    def deconvolution():
        return sequential(
            L.Deconvolution2D(3, 3, 2, output_shape=(None, 9, 8, 3), subsample=(2, 2),
                              dim_ordering="tf", input_shape=(4, 4, 2)))

    def deconvolution_th_ordering():
        return sequential(
            L.Deconvolution2D(3, 3, 2, output_shape=(None, 3, 6, 5), dim_ordering="th",
                              input_shape=(2, 4, 4)))

    def separable():
        return sequential(
            L.SeparableConvolution2D(3, 3, 2, depth_multiplier=2, dim_ordering="tf",
                                     input_shape=(5, 6, 2)))

    def removed_layers():
        return sequential(
            L.MaxoutDense(4, nb_feature=3, input_dim=3), L.Highway(activation="tanh"),
            L.PReLU(), L.SReLU(), L.ELU(), L.Dense(2))

    def shapes():
        return sequential(
            L.ZeroPadding2D((1, 2), dim_ordering="tf", input_shape=(4, 3, 2)),
            L.Cropping2D(((1, 0), (0, 1)), dim_ordering="tf"),
            L.UpSampling2D((2, 1), dim_ordering="tf"),
            L.Permute((2, 1, 3)), L.Reshape((6, 20)), L.LocallyConnected1D(2, 3),
            L.Flatten(), L.Dense(2), L.RepeatVector(3))

    def shared_nested():
        inner = sequential(L.Dense(3, input_dim=4, activation="tanh"), L.Dense(2))
        shared = L.Dense(4)
        a, b = Input((4,)), Input((4,))
        from keras.layers import merge
        both = merge([inner(shared(a)), inner(shared(b))], mode="concat")
        return Model([a, b], [L.Dense(2)(both), L.Dense(1)(both)])
else:
    def initial_conv(**more):
        return sequential(
            L.Conv2D(3, (3, 2), input_shape=(7, 6, 2), activation="relu", **more),
            L.Flatten(), L.Dense(3, activation="softmax"))

    def conv2d():
        return initial_conv()

    def conv2d_channels_first():
        return sequential(
            L.Conv2D(3, (3, 2), data_format="channels_first", input_shape=(2, 7, 6),
                     activation="relu"),
            L.MaxPooling2D(2, data_format="channels_first"),
            L.Flatten(), L.Dense(3, activation="softmax"))

    def conv2d_same_strides():
        return sequential(
            L.Conv2D(2, 3, padding="same", strides=2, input_shape=(6, 8, 2)),
            L.Conv2D(2, 2, padding="same"))

    def pooling_same():
        return sequential(
            L.MaxPooling2D(3, strides=2, padding="same", input_shape=(6, 8, 2)),
            L.AveragePooling2D(2, strides=1, padding="same"),
            L.Conv2D(2, 1))

    def conv1d():
        return sequential(
            L.Conv1D(4, 3, padding="causal", dilation_rate=2, input_shape=(8, 3),
                     activation="relu"),
            L.MaxPooling1D(2), L.Conv1D(2, 2, strides=2, use_bias=False),
            L.GlobalAveragePooling1D(), L.Dense(2))

    def conv3d():
        return sequential(L.Conv3D(2, (2, 3, 2), input_shape=(3, 4, 5, 2)),
                          L.Flatten(), L.Dense(2))

    def separable():
        return sequential(L.SeparableConv2D(3, (3, 2), depth_multiplier=2,
                                            input_shape=(5, 6, 2)))

    def separable_1d():
        return sequential(L.SeparableConv1D(3, 3, depth_multiplier=2, input_shape=(6, 2)))

    def depthwise():
        return sequential(L.DepthwiseConv2D((3, 2), depth_multiplier=2, input_shape=(5, 6, 2)))

    def conv2d_transpose():
        return sequential(
            L.Conv2DTranspose(3, (3, 2), strides=2, input_shape=(3, 4, 2)),
            L.Conv2DTranspose(2, 3, padding="same"))

    def conv2d_transpose_same_strides():
        return sequential(
            L.Conv2DTranspose(2, 3, strides=2, padding="same", input_shape=(3, 4, 2)))

    def lstm():
        return sequential(
            L.LSTM(4, return_sequences=True, input_shape=(5, 3)),
            L.LSTM(3, go_backwards=True), L.Dense(2))

    def gru():
        return sequential(
            L.GRU(4, return_sequences=True, input_shape=(5, 3)),
            L.GRU(3, activation="relu", recurrent_activation="sigmoid"), L.Dense(2))

    def gru_reset_after():
        return sequential(L.GRU(4, reset_after=True, input_shape=(5, 3)), L.Dense(2))

    def bidirectional():
        return sequential(
            L.Bidirectional(L.LSTM(3, return_sequences=True), input_shape=(5, 2)),
            L.Bidirectional(L.GRU(2), merge_mode="sum"), L.Dense(2))

    def conv_lstm2d():
        return sequential(L.ConvLSTM2D(2, (3, 2), input_shape=(3, 5, 4, 2)))

    def conv_lstm2d_same():
        return sequential(L.ConvLSTM2D(2, 3, padding="same", return_sequences=True,
                                       input_shape=(3, 4, 4, 2)))

    def up_sampling_bilinear():
        return sequential(
            L.Conv2D(2, 2, input_shape=(5, 4, 2)),
            L.UpSampling2D((2, 3), interpolation="bilinear"))

    def masking_sequences():
        return sequential(
            L.Masking(mask_value=0.0, input_shape=(6, 3)),
            L.Bidirectional(L.LSTM(3, return_sequences=True)),
            L.TimeDistributed(L.Dense(2)))

    def embedding_mask_gru():
        return sequential(L.Embedding(7, 3, mask_zero=True, input_length=6),
                          L.GRU(4), L.Dense(2))

    def shared_nested():
        inner = sequential(L.Dense(3, input_dim=4, activation="tanh"), L.Dense(2))
        shared = L.Dense(4)
        a, b = Input((4,)), Input((4,))
        both = L.concatenate([inner(shared(a)), inner(shared(b))])
        return Model([a, b], [L.Dense(2)(both), L.Dense(1)(both)])

    def nested_frozen():
        x = Input((4,))
        y = L.BatchNormalization()(L.Dense(3, trainable=False)(x))
        inner = Model(x, L.Dense(3)(y))
        a = Input((4,))
        return Model(a, L.Dense(2)(L.Activation("relu")(inner(a))))

    def merge_layers():
        a, b = Input((4,)), Input((3,))
        da, db = L.Dense(3)(a), L.Dense(3)(b)
        parts = [f([da, db]) for f in (L.add, L.subtract, L.multiply, L.average, L.maximum)]
        parts += [L.dot([da, db], axes=1), L.dot([da, db], axes=1, normalize=True)]
        return Model([a, b], L.Dense(2)(L.concatenate(parts)))

    def activations():
        return sequential(
            L.Dense(4, activation="hard_sigmoid", input_dim=3), L.LeakyReLU(), L.Dense(4),
            L.PReLU(), L.Dense(4, activation="selu"), L.ThresholdedReLU(0.2), L.Dense(4),
            L.ELU(0.7), L.Dense(4, activation="softsign"), L.Dense(3, activation="softplus"))

    def locally_connected():
        return sequential(
            L.LocallyConnected2D(2, (2, 3), input_shape=(4, 5, 2)), L.Reshape((9, 2)),
            L.LocallyConnected1D(2, 3))

    def names_out_of_order():
        """Keras up to 2.0.5 sorts the optimizer's slots by weight name, later ones do not."""
        return sequential(
            L.Dense(3, input_dim=3, name="last", activation="tanh"), L.Dense(3, name="m9"),
            L.Dense(3, name="m10"), L.Dense(3, name="first"))

    def dense():
        return sequential(L.Dense(4, input_dim=3, activation="tanh"), L.Dense(2))


def make_optimizer(kind):
    kind, _, extra = kind.partition(" ")
    options = {"lr": {"SGD": 0.05, "Adadelta": 1.0}.get(kind, 0.01)}
    if extra in ("momentum", "nesterov"):
        options.update(momentum=0.9, nesterov=extra == "nesterov")
    elif extra == "amsgrad":
        options["amsgrad"] = True
    elif extra == "decay":
        options.update(momentum=0.5, decay=0.1)
    return getattr(O, kind)(**options)


def random_weights(m, rng):
    """Every weight random; variances positive."""
    for w in m.weights:
        name = w.name or ""
        shape = K.get_value(w).shape
        value = rng.normal(size=shape) * 0.5
        if "running_std" in name or "moving_variance" in name:
            value = 0.5 + rng.uniform(size=shape)
        elif "gamma" in name:
            value = 1 + 0.3 * rng.normal(size=shape)
        K.set_value(w, value.astype("float32"))


def inputs_for(m, rng, batch=3):
    first = m.layers[0]
    config = first.get_config()
    result = []
    for t in m.inputs:
        shape = getattr(t, "_keras_shape", None) or t.shape.as_list()
        shape = (batch,) + tuple(int(n) for n in shape[1:])
        if type(first).__name__ == "Embedding":
            x = rng.randint(1, config["input_dim"], size=shape).astype("int32")
            x[0, -2:] = 0
            x[-1, :1] = 0
        else:
            x = rng.normal(size=shape).astype("float32")
            if type(first).__name__ == "Masking":
                x[0, -3:] = config["mask_value"]   # masked at the end,
                x[1, :2] = config["mask_value"]    # at the start
                x[2, 2:4] = config["mask_value"]   # and in the middle
        result.append(x)
    return result


def targets_for(m, inputs, rng):
    y = m.predict(bare(inputs), batch_size=len(inputs[0]))
    y = y if isinstance(y, list) else [y]
    return [rng.uniform(size=v.shape).astype("float32") for v in y]


def bare(values):
    return values if len(values) > 1 else values[0]


def main():
    plan = PLAN[VERSION + "-" + BACKEND]
    for builder_name in sorted(plan):
        name = builder_name.replace("_", "-")
        if ONLY and name not in ONLY:
            continue
        kind = plan[builder_name]
        builder = globals()["dense" if builder_name.startswith("dense_") else builder_name]
        stem = "keras%s-%s-%s" % (VERSION, BACKEND, name)
        rng = np.random.RandomState(zlib.crc32(stem.encode()) & 0xffffffff)
        try:
            if BACKEND == "tensorflow":
                K.clear_session()
            m = builder()
            random_weights(m, rng)
            for step in range(3 if kind else 0):
                if step == 0:
                    m.compile(optimizer=make_optimizer(kind), loss="mse")
                bx = inputs_for(m, rng)
                m.train_on_batch(bare(bx), bare(targets_for(m, bx, rng)))
        except Exception as error:
            print("%s: not possible: %s: %s" % (stem, type(error).__name__, str(error)[:150]))
            continue
        path = os.path.join(OUT, stem + ".h5")
        m.save(path)
        if "%s-%s-%s" % (VERSION, BACKEND, builder_name) in AS_WEIGHTS:
            m.save_weights(os.path.join(WEIGHTS, stem + ".h5"))
            with open(os.path.join(WEIGHTS, stem + ".json"), "w") as f:
                f.write(m.to_json())
        meta = {"keras_version": VERSION, "backend": BACKEND, "backend_version": BACKEND_VERSION,
                "python": platform.python_version(), "numpy": np.__version__,
                "optimizer": kind, "loss": "mse" if kind else None, "steps": 3 if kind else 0}
        x = inputs_for(m, rng)
        y = m.predict(bare(x), batch_size=len(x[0]))
        y = y if isinstance(y, list) else [y]
        again = keras.models.load_model(path).predict(bare(x), batch_size=len(x[0]))
        again = again if isinstance(again, list) else [again]
        gap = max(abs(a - b).max() for a, b in zip(y, again))
        meta["own_reload_output_differs_by"] = float(gap)
        arrays = {"x%d" % i: v for i, v in enumerate(x)}
        arrays.update(("y%d" % i, v) for i, v in enumerate(y))
        np.savez_compressed(os.path.join(OUT, stem + ".io.npz"),
                            meta=np.array(json.dumps(meta, sort_keys=True)), **arrays)
        print("%s: %s spread %.3g rows differ by %.3g%s" % (
            stem, y[0].shape, y[0].std(), abs(y[0][0] - y[0][1]).max(),
            "" if gap < 1e-6 else ", OWN RELOAD DIFFERS BY %.3g" % gap))
        if kind:
            continued(m, path, meta, rng)


def continued(m, path, meta, rng):
    """Train the live model two steps further; see whether a reloaded one does the same."""
    batches = []
    for _ in range(2):
        bx = inputs_for(m, rng)
        batches.append((bx, targets_for(m, bx, rng)))
    again = keras.models.load_model(path)
    for bx, by in batches:
        for each in (m, again):
            each.train_on_batch(bare(bx), bare(by))
    live, reloaded = m.get_weights(), again.get_weights()
    gap = max(abs(a - b).max() for a, b in zip(live, reloaded))
    moved = max(abs(a).max() for a in live)
    print("    two more steps: own reload differs by %.3g (largest weight %.3g)" % (gap, moved))
    meta = dict(meta, own_reload_differs_by=float(gap))
    arrays = {}
    for i, (bx, by) in enumerate(batches):
        arrays["bx%d" % i], arrays["by%d" % i] = bare(bx), bare(by)
    arrays.update(("w%d" % k, w) for k, w in enumerate(live))
    # what the framework itself gets when it loads the file and goes on
    if gap > 1e-6:
        arrays.update(("r%d" % k, w) for k, w in enumerate(reloaded))
    np.savez_compressed(path[:-3] + ".train.npz",
                        meta=np.array(json.dumps(meta, sort_keys=True)), **arrays)


main()
