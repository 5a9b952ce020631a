"""Keras 3: runs ``.keras`` and ``.h5`` files, safe mode on, nothing custom."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

BACKENDS = ("tensorflow", "torch", "jax")

Named: TypeAlias = list[tuple[str, NDArray[Any]]]
"""Arrays by name, in order; a name may come more than once."""


def run(
    path: Path, inputs: Sequence[tuple[str, NDArray[Any]]], layers: Sequence[str]
) -> tuple[Named, Named]:
    """The outputs (inference mode) and the outputs of the named layers' first calls."""
    backend = next((name for name in BACKENDS if find_spec(name)), None)
    if backend is not None:
        os.environ.setdefault("KERAS_BACKEND", backend)
    import keras

    model = keras.saving.load_model(path, compile=False, safe_mode=True)
    return predict(keras, model, inputs, layers)


def predict(
    framework: Any, model: Any, inputs: Sequence[tuple[str, NDArray[Any]]], layers: Sequence[str]
) -> tuple[Named, Named]:
    """Call a loaded model of Keras 2 or 3; inputs by name where all names are the model's."""
    arrays = ordered(model, inputs)
    fed: Any = arrays[0] if len(arrays) == 1 else arrays
    if _holds_dict(getattr(model, "input", None)):
        fed = _as_stated(model.input, iter(arrays))
    result = model(fed, training=False)
    found = flat(result)
    names = [str(name) for name in getattr(model, "output_names", [])]
    if len(names) != len(found) or _holds_dict(result):
        # The names of a dictionary's outputs are in another order than the outputs.
        names = [f"output_{i}" for i in range(len(found))]
    outputs = list(zip(names, found, strict=True))
    if not layers:
        return outputs, []
    inner = [model.get_layer(name) for name in layers]
    probe = framework.Model(model.inputs, [flat_tensors(layer.output)[0] for layer in inner])
    seen = flat(probe(fed, training=False))
    return outputs, list(zip(layers, seen, strict=True))


def ordered(model: Any, inputs: Sequence[tuple[str, NDArray[Any]]]) -> list[NDArray[Any]]:
    """The arrays in the order of the model's inputs."""
    names = [str(tensor.name).split(":")[0] for tensor in model.inputs]
    given = dict(inputs)
    if set(names) == set(given):
        return [given[name] for name in names]
    return [array for _, array in inputs]


def _as_stated(stated: Any, arrays: Iterator[NDArray[Any]]) -> Any:
    """The arrays in the structure of a model's inputs, dictionaries in the order of their keys."""
    if isinstance(stated, dict):
        return {key: _as_stated(stated[key], arrays) for key in sorted(stated)}
    if isinstance(stated, list | tuple):
        return [_as_stated(part, arrays) for part in stated]
    return next(arrays)


def _holds_dict(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(_holds_dict(part) for part in value)
    return isinstance(value, dict)


def flat(value: Any) -> list[NDArray[Any]]:
    """Every tensor of a nested result, as arrays, in order."""
    return [np.asarray(item) for item in flat_tensors(value)]


def flat_tensors(value: Any) -> list[Any]:
    """Every tensor of a nested result, in Keras' order: that of a dictionary's keys."""
    if isinstance(value, dict):
        return [item for key in sorted(value) for item in flat_tensors(value[key])]
    if isinstance(value, list | tuple):
        return [item for part in value for item in flat_tensors(part)]
    return [value]
