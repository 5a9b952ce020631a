"""torch: runs graphs of its operators, modules of torch.nn, and TorchScript archives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from modelport.formats.candidate import Candidate
from modelport.formats.table import read
from modelport.model.model import Model
from modelport.runtimes.keras_runtime import Named
from modelport.runtimes.torch_modules import built
from modelport.runtimes.torch_nesting import Nesting
from modelport.runtimes.torch_program import Program
from modelport.runtimes.torch_values import flat, to_numpy, to_torch


def run(
    path: Path,
    inputs: Sequence[tuple[str, NDArray[Any]]],
    layers: Sequence[str],
    weights: str | None = None,
) -> tuple[Named, Named]:
    """The outputs in evaluation mode, in order; inner layers are not told.

    ``weights`` is a file with other weights for the model, under the same names.
    """
    import torch

    model = read(Candidate(path))
    given = read(Candidate(Path(weights))) if weights else None
    arrays = [to_torch(array) for _, array in inputs]
    with torch.no_grad():
        if model.format == "torchscript":
            found = _script(path, given, [name for name, _ in inputs], arrays)
        else:
            found = _graph(model, given, arrays)
    stated = [value.name for value in model.signature.outputs] if model.signature else []
    names = stated if len(stated) == len(found) else [f"output_{i}" for i in range(len(found))]
    return list(zip(names, map(to_numpy, found), strict=True)), []


def _graph(model: Model, given: Model | None, arrays: list[Any]) -> list[Any]:
    if given is not None:
        model.graph.tensors.update(given.tensors)
    if model.kind == "modules":
        return flat(built(model.graph)(*arrays))
    return Program(model.graph).run(model.graph, arrays)


def _script(path: Path, given: Model | None, names: list[str], arrays: list[Any]) -> list[Any]:
    import torch

    module = torch.jit.load(str(path), map_location="cpu")
    if hasattr(module, "training"):  # a frozen one has no modes
        module.eval()
    if given is not None:
        for name, tensor in module.state_dict().items():
            if name in given.tensors:
                tensor.copy_(to_torch(given.tensors[name].numpy()))
    return flat(module(*Nesting(names, arrays).arguments(module.forward.schema)))
