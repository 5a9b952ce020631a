"""Networks of well-known kinds, exported, converted and held against torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.frameworks import torch_live, torch_nets, torch_waves
from torch import nn, rand, randint, randn, tensor

pytestmark = pytest.mark.filterwarnings("ignore")

AUTO = torch.export.Dim.AUTO
N = {0: AUTO}

ROWS: dict[str, tuple[Any, ...]] = {
    "Mobile": ((randn(2, 3, 16, 16),), (N,), [(randn(3, 3, 16, 16),)]),
    "UNet": (
        (randn(2, 3, 10, 14),),
        ({0: AUTO, 2: AUTO, 3: AUTO},),
        [(randn(1, 3, 12, 9),)],
    ),
    "ViT": ((randn(2, 3, 8, 8),), (N,), [(randn(5, 3, 8, 8),)]),
    "Causal": (
        (randint(0, 11, (2, 3)), randn(2, 2, 4, 4), randn(2, 2, 4, 4)),
        ({0: AUTO, 1: AUTO}, {0: AUTO, 2: AUTO}, {0: AUTO, 2: AUTO}),
        [(randint(0, 11, (3, 2)), randn(3, 2, 7, 4), randn(3, 2, 7, 4))],
    ),
    "Bert": (
        (randint(0, 11, (2, 6)), tensor([[1] * 6, [1] * 4 + [0] * 2]), randint(0, 2, (2, 6))),
        ({0: AUTO, 1: AUTO},) * 3,
        [(randint(0, 11, (3, 9)), torch.ones(3, 9).long(), randint(0, 2, (3, 9)))],
    ),
    "Llama": ((randn(2, 5, 8),), ({0: AUTO, 1: AUTO},), [(randn(3, 7, 8),)]),
    "Conformer": (
        (randn(2, 7, 8), tensor([7, 4])),
        ({0: AUTO, 1: AUTO}, N),
        [(randn(3, 9, 8), tensor([2, 9, 8]))],
    ),
    "Seq2Seq": ((randint(0, 11, (6, 2)),), ({1: AUTO},), [(randint(0, 11, (6, 3)),)]),
    "DeepLab": (
        (randn(2, 3, 21, 17),),
        ({0: AUTO, 2: AUTO, 3: AUTO},),
        [(randn(1, 3, 24, 32),)],
    ),
    "Detector": ((randn(2, 3, 16, 24),), (N,), [(randn(4, 3, 16, 24),)]),
    "Decoder": ((randn(2, 6), randn(2, 4)), (N, N), [(randn(3, 6), randn(3, 4))]),
    "Generator": ((randn(2, 6), tensor([0, 2])), (N, N), [(randn(3, 6), tensor([1, 0, 2]))]),
    "Windowed": ((randn(2, 4, 6, 8),), (N,), [(randn(3, 4, 6, 8),)]),
    "Transformed": ((randn(2, 1, 10, 10),), (N,), [(randn(3, 1, 10, 10),)]),
    "Graph": (
        (randn(4, 4), tensor([[0, 1, 2, 0, 3], [1, 2, 0, 2, 2]])),
        (N, {1: AUTO}),
        [(randn(5, 4), tensor([[0, 4, 3], [4, 0, 0]]))],
    ),
    "Experts": ((randn(2, 3, 4),), ({0: AUTO, 1: AUTO},), [(randn(3, 5, 4),)]),
    "Spectral": ((randn(2, 6, 6),), (N,), [(randn(3, 6, 6),)]),
    "Operator": ((randn(2, 2, 6, 8),), (N,), [(randn(3, 2, 6, 8),)]),
    "Recognizer": ((rand(2, 1, 8, 9),), (N,), [(rand(3, 1, 8, 9),)]),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_network_agrees_with_torch(name: str, tmp_path: Path) -> None:
    torch.manual_seed(3)
    home = torch_nets if hasattr(torch_nets, name) else torch_waves
    network: nn.Module = getattr(home, name)().eval()
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(norm.running_mean)
            nn.init.uniform_(norm.running_var, 0.5, 2.0)
    torch_live.check(network, *ROWS[name][:1], tmp_path, *ROWS[name][1:])
