"""The source that modelport writes for PyTorch, beside the live network it was converted from."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from modelport import convert
from modelport.runtimes.torch_values import flat

TOLERANCE = 1e-4
"""Of the output's scale."""


def loaded(weights: Path) -> torch.nn.Module:
    """The model of a written file, by the source beside it."""
    spec = importlib.util.spec_from_file_location("written", weights.with_suffix(".py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model: torch.nn.Module = module.load()
    assert not model.training
    return model


def written(source: Path, folder: Path) -> torch.nn.Module:
    """A file converted to PyTorch and loaded."""
    convert(source, folder / "written.pt", verify=False, overwrite=True)
    return loaded(folder / "written.pt")


def check(network: Any, model: torch.nn.Module, runs: Sequence[Sequence[Any]]) -> None:
    """Both give the same for the same inputs, and are made of the same weights."""
    with torch.no_grad():
        for inputs in runs:
            pairs = zip(flat(network(*inputs)), flat(model(*inputs)), strict=True)
            for number, (wanted, found) in enumerate(pairs):
                assert wanted.shape == found.shape, number
                assert wanted.dtype == found.dtype, number
                scale = max(1e-6, wanted.double().abs().max().item()) if wanted.numel() else 1.0
                apart = (wanted.double() - found.double()).abs().max() if wanted.numel() else 0
                assert apart <= TOLERANCE * scale, (number, float(apart), scale)
