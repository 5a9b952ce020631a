"""Modules saved in training mode, where what they compute is chance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnxruntime
import pytest
import torch
from tests.frameworks import torch_live
from torch import nn, randn

import modelport
from modelport.errors import ConversionError
from modelport.model.report import Kind

pytestmark = pytest.mark.filterwarnings("ignore")


class First(nn.Module):
    """What a recurrent layer gives for every step."""

    def __init__(self) -> None:
        super().__init__()
        self.r = nn.LSTM(4, 3, 2, dropout=0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.r(x)[0]


MODULES = {
    "Dropout": (nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5)), randn(3, 4)),
    "AlphaDropout": (nn.Sequential(nn.Linear(4, 4), nn.AlphaDropout(0.5)), randn(3, 4)),
    "LSTM": (First(), randn(3, 2, 4)),
}


def saved(module: Any, x: torch.Tensor, how: str, path: Path) -> None:
    module.train()
    if how == "trace":
        torch.jit.trace(module, x, check_trace=False).save(path)
    else:
        torch.export.save(torch.export.export(module, (x,)), path)


@pytest.mark.parametrize("how", ["trace", "export"])
@pytest.mark.parametrize("name", MODULES)
def test_what_drops_at_random_is_evaluated_and_told(name: str, how: str, tmp_path: Path) -> None:
    module, x = MODULES[name]
    source, target = tmp_path / "source.pt2", tmp_path / "target.onnx"
    saved(module, x, how, source)
    report = modelport.convert(source, target)
    told = [change.why for change in report if change.kind is Kind.APPROXIMATED]
    assert "drops elements at random" in told[0]
    assert report.verification["status"] == "disagreed"
    assert "--keep" in report.verification["reason"]
    assert not target.exists()
    modelport.convert(source, target, keep=True)
    torch_live.compare(module.eval(), [x], onnxruntime.InferenceSession(target))


def test_statistics_that_go_on_name_the_way_out(tmp_path: Path) -> None:
    source = tmp_path / "source.pt"
    saved(nn.Sequential(nn.BatchNorm1d(4)), randn(3, 4), "trace", source)
    with pytest.raises(ConversionError, match=r"call eval\(\) and save it again"):
        modelport.convert(source, tmp_path / "target.onnx")
