"""The text of written source, as it was read when it was last approved.

``python -m tests.frameworks.test_source_text`` writes the texts anew, to be read before they are
committed.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from tests.frameworks import torch_live
from torch import nn

from modelport import convert

pytestmark = pytest.mark.filterwarnings("ignore")

GOLDEN = Path(__file__).parents[1] / "golden"
KERAS = Path(__file__).parents[1] / "files" / "keras-v3" / "gru_rmsprop.keras"


class Bottleneck(nn.Module):
    def __init__(self, inside: int, width: int, stride: int = 1) -> None:
        super().__init__()
        outside = 4 * width
        self.conv1 = nn.Conv2d(inside, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outside, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outside)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inside != outside:
            conv = nn.Conv2d(inside, outside, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(outside))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        y += x if self.downsample is None else self.downsample(x)
        return self.relu(y)


class ResNet50(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inside = 64
        for number, (width, count) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3)), 1):
            blocks = []
            for block in range(count):
                stride = 2 if number > 1 and block == 0 else 1
                blocks.append(Bottleneck(inside, width, stride))
                inside = 4 * width
            setattr(self, f"layer{number}", nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(2048, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class Classifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(1000, 32)
        self.lstm = nn.LSTM(32, 64, batch_first=True, bidirectional=True)
        self.classifier = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 5))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        features, _ = self.lstm(self.embedding(tokens))
        return self.classifier(features[:, -1])


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(64), nn.LayerNorm(64)
        self.qkv, self.proj = nn.Linear(64, 192), nn.Linear(64, 64)
        self.mlp = nn.Sequential(nn.Linear(64, 256), nn.GELU(), nn.Linear(256, 64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        parts = self.qkv(self.norm1(x)).reshape(batch, length, 3, 4, 16).permute(2, 0, 3, 1, 4)
        y = nn.functional.scaled_dot_product_attention(parts[0], parts[1], parts[2])
        x = x + self.proj(y.transpose(1, 2).reshape(batch, length, width))
        return x + self.mlp(self.norm2(x))


def chain() -> nn.Module:
    """A network of a tutorial: one part after the other."""
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(392, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 10)),
    )


AUTO = torch.export.Dim.AUTO
NETWORKS = {
    "resnet50": (ResNet50, torch.zeros(2, 3, 64, 64), {0: AUTO}),
    "chain": (chain, torch.zeros(2, 1, 14, 14), {0: AUTO}),
    "lstm_classifier": (Classifier, torch.zeros(2, 7, dtype=torch.int64), {0: AUTO, 1: AUTO}),
    "transformer_block": (Block, torch.zeros(2, 7, 64), {0: AUTO, 1: AUTO}),
}
NAMES = (*NETWORKS, "keras_gru")


def text_of(name: str, folder: Path) -> str:
    """The source of a network."""
    source = folder / f"{name}.pt2"
    if name == "keras_gru":
        source = KERAS
    else:
        network, example, dynamic = NETWORKS[name]
        torch_live.export(network(), (example,), source, (dynamic,))
    convert(source, folder / f"{name}.pt", verify=False)
    return (folder / f"{name}.py").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_the_text_is_the_one_that_was_read(name: str, tmp_path: Path) -> None:
    assert text_of(name, tmp_path) == (GOLDEN / f"{name}.py").read_text()


def test_formatters_leave_it_as_it_is() -> None:
    files = sorted(str(path) for path in GOLDEN.glob("*.py"))
    assert len(files) == len(NAMES)
    ruff = [sys.executable, "-m", "ruff", "format", "--isolated", "--check", *files]
    done = subprocess.run(ruff, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_resnet_stays_short() -> None:
    assert len((GOLDEN / "resnet50.py").read_text().splitlines()) < 120


if __name__ == "__main__":
    for each in NAMES:
        with TemporaryDirectory() as made:
            (GOLDEN / f"{each}.py").write_text(text_of(each, Path(made)))
