"""Runs a user's own code in the child: builds a module, exports it, or computes with it."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
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
    factory: str,
    folder: str,
    examples: str | None = None,
    weights: str | None = None,
    target: str | None = None,
) -> tuple[Named, Named]:
    """With ``target``: export the module there, and give its example inputs; else its outputs.

    ``factory`` is called in ``folder``; ``examples`` is an ``.npz`` of inputs; ``weights`` a file
    of tensors under the names of the module's ``state_dict``.
    """
    import torch

    os.chdir(folder)
    sys.path.insert(0, folder)
    module, args, kwargs = _made(factory, examples, folder)
    module.eval()
    if target is not None:
        _saved(module, args, kwargs, target)
        leaves = _tensors((args, kwargs))
        return [(f"input_{i}", to_numpy(leaf)) for i, leaf in enumerate(leaves)], []
    if weights is not None:
        given = read(Candidate(Path(weights))).tensors
        state = {
            name: to_torch(given[name].numpy()) for name in module.state_dict() if name in given
        }
        module.load_state_dict(state, strict=False)
    leaves, spec = torch.utils._pytree.tree_flatten((args, kwargs))
    arrays = iter([to_torch(array) for _, array in inputs])
    fed = [next(arrays) if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves]
    args, kwargs = torch.utils._pytree.tree_unflatten(fed, spec)
    with torch.no_grad():
        found = flat(module(*args, **kwargs))
    return [(f"output_{i}", to_numpy(item)) for i, item in enumerate(found)], []


class FactoryFailed(Exception):
    """The user's function, or what it returned, is not what was asked for."""


class ExportFailed(Exception):
    """Torch can make no graph of the module."""


def _made(
    factory: str, examples: str | None, folder: str
) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    try:
        return _called(factory, examples)
    # Whatever a user's code does; sys.exit among it.
    except (Exception, SystemExit) as error:
        lines = traceback.extract_tb(error.__traceback__)
        own = [line for line in lines if Path(line.filename).is_relative_to(folder)]
        place = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
        said = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise FactoryFailed(f"{said if own else error}{place}") from error


def _called(factory: str, examples: str | None) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """The module that the user's function returns, and inputs to call it with.

    Raises:
        TypeError: it returns no module, or nobody gives inputs.
    """
    import torch

    name, _, function = factory.partition(":")
    found = importlib.import_module(name)
    if not hasattr(found, function):
        have = [key for key, value in vars(found).items() if _own(value, name)]
        raise TypeError(f"{name} has no {function}; it has {', '.join(have[:9]) or 'no functions'}")
    maker = getattr(found, function)
    if not isinstance(maker, torch.nn.Module):
        _check_signature(factory, maker)
    made = maker if isinstance(maker, torch.nn.Module) else maker()
    module, given = made if isinstance(made, tuple) and len(made) == 2 else (made, None)
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"{factory} returned {type(module).__name__}, which is no torch.nn.Module")
    if examples is not None:
        with np.load(examples, allow_pickle=False) as held:
            arrays = {key: to_torch(held[key]) for key in held.files}
        taken = inspect.signature(module.forward).parameters
        given = arrays if arrays.keys() <= taken.keys() else tuple(arrays.values())
    if given is None:
        why = "returned no example inputs: return (module, inputs), or give --inputs FILE.npz"
        raise TypeError(f"{factory} {why}")
    if isinstance(given, Mapping):
        return module, (), dict(given)
    return module, tuple(given) if isinstance(given, list | tuple) else (given,), {}


def _own(value: Any, module: str) -> bool:
    return callable(value) and getattr(value, "__module__", None) == module


def _check_signature(factory: str, maker: Any) -> None:
    """Refuse what cannot be called without arguments, and say what can be done."""
    if not callable(maker):
        raise TypeError(f"{factory} is {type(maker).__name__}, which is no function or class")
    try:
        parameters = inspect.signature(maker).parameters.values()
    except ValueError:  # of C, which tells nothing
        return
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = [p.name for p in parameters if p.default is p.empty and p.kind not in kinds]
    if needed:
        short = factory.rpartition(":")[2]
        raise TypeError(
            f"{factory} needs {', '.join(needed)}, and is called without arguments; write a "
            f"function that gives them: def make(): return {short}({', '.join(needed)})"
        )


def _saved(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], target: str) -> None:
    """Write the module as a graph: exported, or, where it decides by values, as a script."""
    try:
        _export(module, args, kwargs, target)
    # Whatever torch or the module raises.
    except Exception as error:
        if not kwargs and _scripted(module, target):
            return
        said = " ".join(str(error).split())
        raise ExportFailed(f"{type(error).__name__}: {said[:400]}") from error


def _scripted(module: Any, target: str) -> bool:
    import torch

    try:
        torch.jit.script(module).save(target)
    # Whatever torch does not know; what export said tells more.
    except Exception:
        return False
    return True


def _export(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], target: str) -> None:
    """Write the exported program, its first axes free where the module lets them be."""
    import torch

    def free(leaf: Any) -> Any:
        if isinstance(leaf, torch.Tensor) and leaf.ndim:
            return {0: torch.export.Dim.AUTO}
        return None

    def doubled(leaf: Any) -> Any:
        return torch.cat([leaf, leaf]) if isinstance(leaf, torch.Tensor) and leaf.ndim else leaf

    tree = torch.utils._pytree
    single = all(leaf.shape[0] == 1 for leaf in _tensors((args, kwargs)) if leaf.ndim)
    try:
        # An extent of 1 would be taken for fixed.
        tried = tree.tree_map(doubled, (args, kwargs)) if single else (args, kwargs)
        shapes = _named(module, *tree.tree_map(free, tried))
        program = torch.export.export(module, *tried, dynamic_shapes=shapes)
    # Whatever a module does that torch cannot trace with a free extent.
    except Exception:
        program = torch.export.export(module, args, kwargs)
    torch.export.save(program, target)


def _named(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Dynamic shapes as torch wants them: by the names of the arguments of ``forward``."""
    bound = inspect.signature(module.forward).bind(*args, **kwargs)
    return dict(bound.arguments)


def _tensors(value: Any) -> list[Any]:
    import torch

    return [leaf for leaf in flat(value) if isinstance(leaf, torch.Tensor)]
