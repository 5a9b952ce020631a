"""Record what old Keras itself computes for the real files of the corpus.

    python make_corpus_truth.py CORPUS_FOLDER OUT_FOLDER [--tf-keras]

CORPUS_FOLDER holds the ``keras_h5_full`` files, OUT_FOLDER receives one
``<file name>.npz`` a model with ``x0, x1, ...`` (inputs in the order of the
model's inputs), ``y0, y1, ...`` (outputs of ``predict``) and ``meta`` (JSON text).

One run handles only the files that were written by **exactly the Keras version
and backend it runs under**, so that the recording is what the file's author saw.
Call it once per pair; files of other pairs are passed over.  ``--tf-keras`` uses
the Keras inside TensorFlow instead (files that say ``2.2.4-tf``; any TensorFlow
1.13 to 1.15 says so).

A file written by Keras 1 does not state its backend: weight names that end in
``:0`` are TensorFlow's, names without are Theano's.

Files with a Lambda layer hold Python bytecode that loading would run, and files
with classes that Keras does not know cannot be rebuilt; both are refused from the
JSON alone, before Keras sees the file.

Environments (all Python 3.6, ``numpy==1.16.6 scipy==1.2.3 h5py==2.10.0
pyyaml==5.4.1 six==1.17.0``; Keras itself with ``--no-deps``, one folder a version,
chosen by PYTHONPATH; backend chosen by KERAS_BACKEND):

    Keras 1.1.0, 1.1.2             tensorflow==0.12.1 protobuf==3.6.1
    Keras 1.2.2, 2.0.5, 2.0.6,
          2.0.8, 2.0.9, 2.1.1,
          2.1.3, 2.2.4, tf.keras   tensorflow==1.15.0 protobuf==3.19.6
                                   keras_applications==1.0.8
                                   keras_preprocessing==1.1.2
    Keras 2.2.0                    tensorflow==1.8.0 protobuf==3.6.1
                                   keras_applications==1.0.2
                                   keras_preprocessing==1.0.1
    Keras 2.2.2                    the same with 1.0.4 and 1.0.2
    Theano backend                 Theano==1.0.5, a C compiler and libblas, with
                                   THEANO_FLAGS=device=cpu,optimizer=fast_compile,blas.ldflags=-lblas

Give each version a HOME of its own: old Keras writes a settings file there, and
that of Keras 1 and that of Keras 2 differ.
"""

import hashlib
import inspect
import json
import os
import platform
import sys

import h5py
import numpy as np

BATCH = 3
BIG = 1000  # inputs with more values a row than this get batch 2
FREE = {1: 7, 2: 24}  # size for an unknown axis, by the number of unknown axes


def text(value):
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def describe(path):
    """Version, backend and config of a file, without any Keras."""
    with h5py.File(path, "r") as h5:
        config = json.loads(text(h5.attrs["model_config"]))
        version = text(h5.attrs["keras_version"])
        backend = h5.attrs.get("backend")
        if backend is not None:
            backend = text(backend)
        else:
            group = h5["model_weights"]
            names = [
                text(n)
                for layer in group.attrs["layer_names"]
                for n in group[layer].attrs["weight_names"]
            ]
            backend = "tensorflow" if names[0].endswith(":0") else "theano"
    return version, backend, config


def classes(node, key="layers"):
    """All class names of layers in a config, at any depth."""
    if isinstance(node, dict):
        if "class_name" in node and key in ("layers", "layer", "config"):
            yield node["class_name"]
        items = node.items()
    else:
        items = [(key, value) for value in node] if isinstance(node, list) else []
    for inner, value in items:
        for name in classes(value, inner):
            yield name


def find(config, class_name):
    """First layer config of that class, or None."""
    layers = config["config"]
    layers = layers if isinstance(layers, list) else layers["layers"]
    for layer in layers:
        if layer["class_name"] == class_name:
            return layer["config"]
    return None


def make_inputs(model, config, rng, scale):
    inputs = []
    embedding, masking = find(config, "Embedding"), find(config, "Masking")
    shapes = [tuple(getattr(t, "_keras_shape", None) or t.shape.as_list()) for t in model.inputs]
    for shape in shapes:
        unknown = sum(n is None for n in shape[1:])
        row = [FREE[unknown] if n is None else int(n) for n in shape[1:]]
        batch = int(shape[0]) if shape[0] else 2 if np.prod(row) > BIG else BATCH
        if embedding is not None:
            x = rng.randint(0, embedding["input_dim"], size=[batch] + row).astype("int32")
            if embedding.get("mask_zero"):
                x[0, -2:] = 0
                x[-1, :1] = 0
        else:
            x = (scale * rng.normal(size=[batch] + row)).astype("float32")
            if masking is not None:
                x[0, -3:] = masking["mask_value"]
                x[1, :2] = masking["mask_value"]
                x[2, 4:6] = masking["mask_value"]
        inputs.append(x)
    return inputs


def main():
    flags = [a for a in sys.argv[1:] if a.startswith("--")]
    corpus, out = [a for a in sys.argv[1:] if not a.startswith("--")]
    if "--tf-keras" in flags:
        import tensorflow as tf

        keras = tf.keras
        version, load = keras.__version__, keras.models.load_model
        backend, layers = "tensorflow", keras.layers
    else:
        import keras
        from keras import layers
        from keras.models import load_model as load

        version, backend = keras.__version__, keras.backend.backend()
    if backend == "theano":
        import theano
        import theano.ifelse  # Keras 1 uses it without importing it

        backend_version = theano.__version__
    else:
        import tensorflow as tf

        backend_version = tf.__version__
        if version.startswith("1.1"):
            # Keras 1.1 looks for the conditional operator where TensorFlow 0.11 had it.
            from tensorflow.python.ops import control_flow_ops

            tf.python.control_flow_ops = control_flow_ops

    for name in sorted(os.listdir(corpus)):
        path = os.path.join(corpus, name)
        wants, made_with, config = describe(path)
        if (wants, made_with) != (version, backend):
            continue
        found = set(classes(config))
        if "Lambda" in json.dumps(config):
            print("%s: refused, holds a Lambda" % name)
            continue
        strange = sorted(
            c for c in found if not hasattr(layers, c) and c not in ("Model", "Sequential")
        )
        if strange:
            print("%s: refused, foreign classes %s" % (name, strange))
            continue
        with open(path, "rb") as f:
            digest = hashlib.sha256(f.read()).hexdigest()
        seed = int(digest[:8], 16)
        np.random.seed(seed)
        arguments = getattr(inspect, "getfullargspec", inspect.getargspec)(load).args
        try:
            model = load(path, compile=False) if "compile" in arguments else load(path)
            how = "load_model"
        except Exception as error:
            print("%s: cannot be loaded: %s: %s" % (name, type(error).__name__, str(error)[:300]))
            continue
        for scale in (1, 0.3, 0.1):
            inputs = make_inputs(model, config, np.random.RandomState(seed), scale)
            if any(getattr(layer, "stateful", False) for layer in model.layers):
                model.reset_states()
            outputs = model.predict(
                inputs if len(inputs) > 1 else inputs[0], batch_size=len(inputs[0])
            )
            outputs = outputs if isinstance(outputs, list) else [outputs]
            if all(abs(y[0] - y[1]).max() > 1e-3 for y in outputs):
                break  # else everything is saturated and proves little: ask with less
        meta = {
            "keras_version": version,
            "backend": backend,
            "backend_version": backend_version,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "source": name,
            "sha256": digest,
            "loaded_by": how,
            "learning_phase": 0,
            "states": "zero",
        }
        arrays = {"x%d" % i: x for i, x in enumerate(inputs)}
        arrays.update(("y%d" % i, np.asarray(y, "float32")) for i, y in enumerate(outputs))
        np.savez_compressed(
            os.path.join(out, name + ".npz"),
            meta=np.array(json.dumps(meta, sort_keys=True)),
            **arrays,
        )
        for y in outputs:
            print(
                "%s: %s, mean %.4g, spread %.4g, rows differ by %.3g"
                % (name, y.shape, y.mean(), y.std(), abs(y[0] - y[1]).max())
            )


main()
