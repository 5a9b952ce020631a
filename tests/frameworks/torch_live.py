"""Comparisons with a live torch: export a module, convert the file, run both on the same inputs."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch

import modelport
from modelport import convert
from modelport.errors import ModelportError

TOLERANCE = 1e-4
"""Of the output's scale."""


class Function(torch.nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *args: Any) -> Any:
        return self.function(*args)


def export(
    model: Any, inputs: Sequence[Any], path: Path, dynamic: Any = None, core: bool = False
) -> None:
    """Write the exported program of a module or function; ``core``: in core operators alone."""
    module = model if isinstance(model, torch.nn.Module) else Function(model)
    if isinstance(module, Function) and dynamic is not None:
        dynamic = (dynamic,)  # the shapes of *args
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(module.eval(), tuple(inputs), dynamic_shapes=dynamic)
        torch.export.save(program.run_decompositions() if core else program, path)


def check(
    model: Any,
    inputs: Sequence[Any],
    folder: Path,
    dynamic: Any = None,
    others: Sequence[Sequence[Any]] = (),
    core: bool = False,
) -> onnx.ModelProto:
    """Convert the exported module and compare on these and other inputs; gives the ONNX model."""
    torch.manual_seed(1)
    source, target = folder / "source.pt2", folder / "target.onnx"
    export(model, [_copy(item) for item in inputs], source, dynamic, core)
    assert modelport.open(source).level == "inert"
    convert(source, target, verify=False, overwrite=True)
    proto = onnx.load(target)
    onnx.checker.check_model(proto, full_check=True)
    session = onnxruntime.InferenceSession(target, providers=["CPUExecutionProvider"])
    for given in (inputs, *others):
        compare(model, given, session)
    return proto


class Several(torch.nn.Module):
    """Functions of the same inputs as one module: a list of their results."""

    def __init__(self, functions: Sequence[Callable[..., Any]]) -> None:
        super().__init__()
        self.functions = functions

    def forward(self, *args: Any) -> Any:
        return [function(*args) for function in self.functions]


def check_all(
    functions: Mapping[str, Callable[..., Any]],
    inputs: Sequence[Any],
    folder: Path,
    dynamic: Any = None,
    others: Sequence[Sequence[Any]] = (),
) -> None:
    """Convert functions of the same inputs in one program and compare each."""
    module = Several(list(functions.values()))
    try:
        check(module, inputs, folder, None if dynamic is None else (dynamic,), others)
    except (AssertionError, ModelportError) as error:
        for name, function in functions.items():  # which one was it?
            try:
                check(function, inputs, folder, dynamic, others)
            except (AssertionError, ModelportError) as inner:
                raise AssertionError(f"{name}: {inner}") from error
        raise


def _copy(item: Any) -> Any:
    if isinstance(item, torch.Tensor):
        return item.clone()
    return [_copy(one) for one in item] if isinstance(item, list | tuple) else item


def compare(model: Any, inputs: Sequence[Any], session: Any) -> None:
    """Run both on the same inputs."""
    # Tensors are passed by copy: a module may change them.
    flat = [item for item in torch.utils._pytree.tree_leaves(inputs) if torch.is_tensor(item)]
    feeds = {
        value.name: tensor.numpy().copy()
        for value, tensor in zip(session.get_inputs(), flat, strict=True)
    }
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = model(*_copy(list(inputs)))
    wanted = [item for item in torch.utils._pytree.tree_leaves(expected) if item is not None]
    found = session.run(None, feeds)
    assert len(found) == len(wanted)
    for ours, theirs in zip(found, wanted, strict=True):
        same(np.asarray(ours), theirs)


def same(ours: Any, theirs: Any) -> None:
    """Equal dtype and shape; whole numbers and truths exactly, floats to the tolerance."""
    truth = theirs.detach().numpy() if torch.is_tensor(theirs) else np.asarray(theirs)
    assert ours.shape == truth.shape
    if torch.is_tensor(theirs):
        assert ours.dtype == truth.dtype
    if truth.dtype.kind != "f":
        np.testing.assert_array_equal(ours, truth)
        return
    finite = truth[np.isfinite(truth)]
    scale = max(1e-6, float(np.abs(finite).max())) if finite.size else 1.0
    np.testing.assert_allclose(ours, truth, rtol=0, atol=TOLERANCE * scale, equal_nan=True)
