"""torch: runs a model from the source code that modelport wrote for it."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from modelport.formats.candidate import Candidate
from modelport.formats.table import read
from modelport.runtimes.keras_runtime import Named
from modelport.runtimes.torch_values import flat, to_numpy, to_torch


def run(
    path: Path,
    inputs: Sequence[tuple[str, NDArray[Any]]],
    layers: Sequence[str],
    *,
    source: str,
) -> tuple[Named, Named]:
    """The outputs of the model at ``path``, loaded by ``source``; inner layers are not told.

    Raises:
        ImportError: the source is no module of Python.
    """
    import torch

    stated = read(Candidate(path)).signature
    names = [value.name for value in stated.outputs] if stated else []
    spec = importlib.util.spec_from_file_location("model_source", source)
    if spec is None or spec.loader is None:
        raise ImportError(f"{source} is no module of Python")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = module.load(str(path))
    with torch.no_grad():
        found = flat(model(*(to_torch(array) for _, array in inputs)))
    names = names if len(names) == len(found) else [f"output_{i}" for i in range(len(found))]
    return list(zip(names, map(to_numpy, found), strict=True)), []
