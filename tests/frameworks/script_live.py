"""Comparisons with a live torch: save a module as TorchScript, convert the file, run both."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import torch
from tests.frameworks import torch_live

from modelport import convert


def save(module: Any, inputs: Sequence[Any], how: str, path: Path) -> None:
    """Write a module, traced, scripted, frozen, or for the interpreter of phones."""
    module.eval()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if how == "trace":
            made = torch.jit.trace(module, tuple(torch_live._copy(item) for item in inputs))
        else:
            made = torch.jit.script(module)
        if how == "freeze":
            made = torch.jit.freeze(made)
        if how == "mobile":
            made._save_for_lite_interpreter(str(path))
        else:
            torch.jit.save(made, path)


def check(
    module: Any,
    inputs: Sequence[Any],
    folder: Path,
    how: str,
    others: Sequence[Sequence[Any]] = (),
) -> onnx.ModelProto:
    """Convert the saved module and compare on these and other inputs; gives the ONNX model."""
    source, target = folder / "source.pt", folder / "target.onnx"
    save(module, inputs, how, source)
    convert(source, target, verify=False, overwrite=True)
    proto = onnx.load(target)
    onnx.checker.check_model(proto, full_check=True)
    session = onnxruntime.InferenceSession(target, providers=["CPUExecutionProvider"])
    for given in (inputs, *others):
        torch_live.compare(module, given, session)
    return proto
