"""Exported programs of torch, converted and held against torch itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.frameworks import torch_live
from torch import nn, randn, tensor

from modelport.errors import ConversionError

pytestmark = pytest.mark.filterwarnings("ignore")

BATCH = torch.export.Dim("batch", min=2, max=64)


class Changing(nn.Module):
    """Changes views in place: their base and its other views change too."""

    def __init__(self) -> None:
        super().__init__()
        self.relu, self.norm = nn.ReLU(inplace=True), nn.BatchNorm1d(4)

    def forward(self, x: Any) -> Any:
        y = x.clone()
        y[0] = 5
        y[:, 1:3].add_(1.0)
        z = y.view(-1)
        self.relu(z)
        with torch.no_grad():
            z = z * 2
        z = z + x.shape[0]
        shaped = x.reshape(x.shape[0] * 2, -1)
        return z, y, self.norm(x), shaped, torch.arange(x.shape[0]), y.new_zeros(3)


class Answering(nn.Module):
    """Gives numbers, a weight, nothing and its input beside what it computes."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(randn(3))

    def forward(self, x: Any) -> Any:
        return {
            "sum": x + self.weight,
            "shape": x.shape[1],
            "rest": [0.5, True, None, self.weight, x],
        }


class Branching(nn.Module):
    """Chooses a branch by its input, one with weights."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Any) -> Any:
        return torch.cond(x.sum() > 0, lambda a: self.linear(a), lambda a: a * 2, (x,))


class Residual(nn.Module):
    """A small ResNet."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, 7, 2, 3, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1),
        )
        self.block = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8))
        self.relu, self.pool = nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(8, 10)

    def forward(self, x: Any) -> Any:
        x = self.stem(x)
        x = self.relu(self.block(x) + x)
        return self.head(torch.flatten(self.pool(x), 1))


RECURRENT = [
    {},
    {"bidirectional": True},
    {"bias": False, "batch_first": True},
    {"bidirectional": True, "dropout": 0.3},
]
ENCODER = {"d_model": 8, "nhead": 2, "dim_feedforward": 16}

ROWS: dict[str, tuple[Any, ...]] = {
    "changes views": (Changing, (randn(3, 4),), ({0: BATCH},), [(randn(5, 4),)]),
    "answers": (Answering, (randn(2, 3),)),
    "branches": (Branching, (randn(2, 4),), None, [(-randn(2, 4).abs(),), (randn(2, 4).abs(),)]),
    "residual": (Residual, (randn(2, 3, 32, 32),), ({0: BATCH},), [(randn(5, 3, 32, 32),)]),
    "encoder layer": (
        lambda: nn.TransformerEncoderLayer(**ENCODER, batch_first=True),
        (randn(2, 3, 8),),
    ),
    "encoder": (
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(**ENCODER), 2),
        (randn(2, 3, 8),),
    ),
    "decoder layer": (
        lambda: nn.TransformerDecoderLayer(**ENCODER),
        (randn(2, 3, 8), randn(4, 3, 8)),
    ),
    "transformer": (lambda: nn.Transformer(8, 2, 1, 1, 16), (randn(2, 3, 8), randn(4, 3, 8))),
    "attention": (lambda: nn.MultiheadAttention(8, 2), (randn(2, 3, 8),) * 3),
    "relu RNN": (
        lambda: nn.RNN(4, 3, nonlinearity="relu", bidirectional=True),
        (randn(5, 2, 4), randn(2, 2, 3)),
    ),
    "LSTM without a batch": (lambda: nn.LSTM(4, 3), (randn(5, 4),)),
    "LSTM cell": (lambda: nn.LSTMCell(4, 3), (randn(2, 4),)),
    "GRU cell": (lambda: nn.GRUCell(4, 3), (randn(2, 4),)),
    "RNN cell": (lambda: nn.RNNCell(4, 3, nonlinearity="relu"), (randn(2, 4),)),
}
for _kind in (nn.LSTM, nn.GRU, nn.RNN):
    for _options in RECURRENT:
        ROWS[f"{_kind.__name__} {_options}"] = (
            lambda kind=_kind, options=_options: kind(4, 3, num_layers=2, **options),
            (randn(5, 2, 4),),
        )
for _options in RECURRENT[:3]:
    ROWS[f"projected LSTM {_options}"] = (
        lambda options=_options: nn.LSTM(4, 3, num_layers=2, proj_size=2, **options),
        (randn(5, 2, 4),),
    )
SCORES, CHOSEN = randn(3, 5), tensor([[3, 0, -1, 1, 2], [1, -1, 0, 0, 0], [-1, 2, 2, 2, 2]])
for _reduction in ("mean", "sum", "none"):
    ROWS[f"several labels, {_reduction}"] = (
        lambda how=_reduction: nn.MultiLabelMarginLoss(reduction=how),
        (SCORES, CHOSEN),
    )
CLASSES = {0: torch.export.Dim.AUTO, 1: torch.export.Dim.AUTO}
ROWS["smoothed labels of any number"] = (
    lambda: nn.CrossEntropyLoss(label_smoothing=0.2),
    (SCORES, tensor([1, 4, 0])),
    (CLASSES, {0: torch.export.Dim.AUTO}),
    [(randn(4, 7), tensor([6, 0, 1, 1]))],
)
ROWS["dropout in place"] = (lambda: nn.Dropout(inplace=True), (SCORES,))


@pytest.mark.parametrize("name", ROWS)
def test_the_onnx_model_agrees_with_torch(name: str, tmp_path: Path) -> None:
    make, inputs, *rest = ROWS[name]
    torch_live.check(make(), inputs, tmp_path, *rest)


CORE: dict[str, tuple[Any, ...]] = {
    "residual": ROWS["residual"],
    "encoder layer": ROWS["encoder layer"],
    "decoder layer": ROWS["decoder layer"],
    "attention": ROWS["attention"],
    "LSTM": (lambda: nn.LSTM(4, 3, bidirectional=True), (randn(5, 2, 4),)),
    "GRU": (lambda: nn.GRU(4, 3, num_layers=2), (randn(5, 2, 4),)),
    "bilinear": (lambda: nn.Bilinear(3, 4, 5), (randn(2, 3), randn(2, 4))),
    "leaky at random": (lambda: nn.RReLU(), (randn(2, 3),)),
    "groups": (lambda: nn.GroupNorm(2, 4), (randn(2, 4, 3),)),
    "instances": (lambda: nn.InstanceNorm2d(4, affine=True), (randn(2, 4, 3, 3),)),
    "bags": (lambda: nn.EmbeddingBag(6, 4, mode="max"), (tensor([[1, 2], [0, 3]]),)),
    "hinges": (lambda: nn.HingeEmbeddingLoss(), (randn(3, 5), randn(3, 5).sign())),
    "larger": (lambda: nn.Upsample(scale_factor=1.5, mode="bicubic"), (randn(2, 3, 4, 5),)),
    "folded": (lambda: nn.Fold((4, 5), 2), (randn(2, 8, 12),)),
}


@pytest.mark.parametrize("name", CORE)
def test_the_program_in_core_operators_agrees_with_torch(name: str, tmp_path: Path) -> None:
    make, inputs, *rest = CORE[name]
    torch_live.check(make(), inputs, tmp_path, *rest, core=True)


class Counting(nn.Module):
    """Keeps a number from one run to the next."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(1))

    def forward(self, x: Any) -> Any:
        self.count.add_(1.0)
        return x + self.count


def test_a_program_that_keeps_state_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="count"):
        torch_live.check(Counting(), (randn(2),), tmp_path)
