"""How a written file is loaded in Python, as one line that runs."""

from __future__ import annotations

import os
from pathlib import Path

from modelport.commands.open import open_model
from modelport.formats.shared.torch.source_file import module_name
from modelport.model.model import Model

LINES = {
    "onnx": "import onnxruntime; session = onnxruntime.InferenceSession({path!r})",
    "reference": "import onnx.reference; session = onnx.reference.ReferenceEvaluator({path!r})",
    "keras-v3": "import keras; model = keras.saving.load_model({path!r})",
    "pytorch": "import torch; checkpoint = torch.load({path!r}, weights_only=True)",
    "pytorch-legacy": "import torch; checkpoint = torch.load({path!r}, weights_only=True)",
    "safetensors": "import safetensors.numpy; weights = safetensors.numpy.load_file({path!r})",
    "pickle": "import pickle; weights = pickle.loads(open({path!r}, 'rb').read())",
    "hdf5": "import h5py; weights = h5py.File({path!r})",
    "npz": "import numpy; weights = numpy.load({path!r})",
}
TREE = ".weights.h5"
"""Keras 3 reads the object tree only under this ending, and weights by layer only without it."""


def loading(path: str | os.PathLike[str], runtime: str | None = None) -> str | None:
    """The line that loads the file at ``path``, judged by what is in it; None where none is known.

    Weights of Keras are loaded into ``model``, which has to be there. ``runtime`` is the one that
    ran the file, where that is not the usual one.

    Raises:
        ModelportError: the file cannot be opened.
    """
    model, name = open_model(path), os.fspath(path)
    if model.format == "keras-h5":
        old = str(model.producer.version or "1").split(".")[0] in ("0", "1", "2")
        module = "tf_keras" if old else "keras"
        return f"import {module}; model = {module}.models.load_model({name!r})"
    if model.format == "keras-weights-h5":
        return _weights(model, name)
    if model.format == "pytorch" and model.dialect == "ai.onnx":
        module = module_name(Path(name).name).removesuffix(".py")
        folder = str(Path(name).parent)
        found = "" if folder == "." else f"import sys; sys.path.append({folder!r}); "
        return f"{found}import {module}; model = {module}.load()"
    line = LINES.get(runtime or model.format)
    return None if line is None else line.format(path=name)


def _weights(model: Model, name: str) -> str:
    tree = "layers" not in model.extras
    if tree == name.endswith(TREE):
        return f"model.load_weights({name!r})"
    stem = name.removesuffix(TREE) if not tree else str(Path(name).with_suffix(""))
    other = stem + (TREE if tree else ".h5")
    return f"import shutil; model.load_weights(shutil.copy({name!r}, {other!r}))"
