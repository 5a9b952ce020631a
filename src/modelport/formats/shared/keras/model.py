"""What keras-h5 and keras-v3 have in common: from the config of a model to the model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from modelport.formats.shared.keras.findings import find
from modelport.formats.shared.keras.graph import check_count, model_graph, model_kind
from modelport.formats.shared.keras.training import learning_rate, training_config
from modelport.formats.shared.keras.values import keras_config, layers_of
from modelport.model.component import Component
from modelport.model.graph import Value
from modelport.model.model import Model, Producer
from modelport.model.signature import Signature

_VERSION = re.compile(r"(\d+)\.(\d+)")


def producer(version: Any, backend: Any = None) -> Producer:
    """Who wrote a file of that Keras version: keras, tf.keras inside TensorFlow, or tf_keras."""
    text = version if isinstance(version, str) else None
    found = _VERSION.match(text or "")
    name = "keras"
    if found is not None:
        release = (int(found[1]), int(found[2]))
        if (text or "").endswith("-tf") or (2, 4) <= release < (2, 16):
            name = "tensorflow.keras"
        elif (2, 16) <= release < (3, 0):
            name = "tf_keras"
    return Producer(name, text, backend if isinstance(backend, str) else None)


def describe(model: Model, entry: Any, where: str, names: tuple[str, ...] = ()) -> None:
    """Fill in what the architecture says: graph, signature, hyperparameters, findings.

    ``entry`` is the model's JSON (``class_name``, ``config`` ...). A subclassed model states no
    layers: it gets no dialect, and stays weights without an architecture.

    Raises:
        MalformedFile: the JSON is no config of a Keras model.
    """
    with keras_config(where):
        class_name = entry["class_name"]
        if not isinstance(class_name, str):
            raise TypeError(f"a model of the class {class_name!r}")
        check_count(layers_of(entry) or (), where)
        model.findings.extend(find(entry))
        model.kind = model_kind(entry)
        model.extras["model_class"] = class_name
        if model.kind is None:
            model.metadata["model_class"] = class_name
            return
        model.graph = model_graph(entry, where, names=names)
        model.dialect = "keras"
        model.signature = Signature(_named(model.graph.inputs), _named(model.graph.outputs))
        model.evidence[Component.ARCHITECTURE] = "model config"
        model.evidence[Component.SIGNATURE] = "input and output layers of the model config"
        model.evidence[Component.HYPERPARAMETERS] = "model config"
        model.hyperparameters["layers"] = len(layers_of(entry) or ())
        batch = _batch_size(model)
        if batch is not None:
            model.hyperparameters["batch_size"] = batch


def _named(values: Sequence[Value]) -> list[Value]:
    """The values under the names Keras gives them: that of the layer, ``_input`` for its input."""
    named: list[Value] = []
    taken: set[str] = set()
    for value in values:
        layer = value.name.rsplit(":", 2)[0]
        name = wanted = value.name.replace(":", "_") if value.name.endswith(":input") else layer
        number = 0
        while name in taken:
            number += 1
            name = f"{wanted}_{number}"
        taken.add(name)
        named.append(replace(value, name=name))
    return named


def _batch_size(model: Model) -> int | None:
    """The fixed first extent of the inputs, where the file states one."""
    shapes = [value.shape for value in model.graph.inputs]
    first = {shape[0] for shape in shapes if shape}
    return (
        next((size for size in first if isinstance(size, int)), None) if len(first) == 1 else None
    )


def describe_training(model: Model, config: Any, where: str) -> None:
    """Fill in the training config, and the learning rate among the hyperparameters."""
    with keras_config(where):
        model.training = training_config(config)
    if model.training is None:
        return
    model.findings.extend(find(config))
    model.evidence[Component.LOSS] = model.evidence[Component.OPTIMIZER] = where.rpartition("!")[2]
    rate = learning_rate(model.training)
    if rate is not None:
        model.hyperparameters["learning_rate"] = rate
        model.evidence[Component.HYPERPARAMETERS] = "model and training config"
