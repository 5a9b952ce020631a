"""Recurrent layers over packed sequences, which have several lengths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.frameworks import script_live
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

pytestmark = pytest.mark.filterwarnings("ignore")

X = torch.randn(5, 3, 4)
LENGTHS, OTHERS = torch.tensor([5, 3, 1]), torch.tensor([4, 4, 2])


class Reader(nn.Module):
    """Pack, read, change the packed rows, unpack."""

    def __init__(self, layer: Any, in_order: bool, padding: float, total: int | None) -> None:
        super().__init__()
        self.layer, self.first = layer, layer.batch_first
        self.in_order, self.padding, self.total = in_order, padding, total

    def forward(self, x, lengths):  # type: ignore[no-untyped-def]
        packed = pack_padded_sequence(x, lengths, self.first, enforce_sorted=self.in_order)
        output, state = self.layer(packed)
        data = torch.relu(output.data) + 1
        packed = PackedSequence(
            data, output.batch_sizes, output.sorted_indices, output.unsorted_indices
        )
        return pad_packed_sequence(packed, self.first, self.padding, self.total), state


LAYERS = {
    f"{kind.__name__} {options}": kind(4, 3, **options)
    for kind in (nn.LSTM, nn.GRU, nn.RNN)
    for options in (
        {},
        {"bidirectional": True, "num_layers": 2},
        {"batch_first": True, "bias": False},
    )
}


@pytest.mark.parametrize("name", LAYERS)
def test_packed_sequences_agree_with_torch(name: str, tmp_path: Path) -> None:
    layer = LAYERS[name]
    x = X.transpose(0, 1).contiguous() if layer.batch_first else X
    for in_order, padding, total in ((True, 0.0, None), (False, -1.5, 5)):
        module = Reader(layer, in_order, padding, total)
        others = [] if in_order else [[x, torch.tensor([2, 5, 4])]]
        script_live.check(module, [x, LENGTHS], tmp_path, "trace", [[x, OTHERS], *others])


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_scripts_pack_too(kind: Any, tmp_path: Path) -> None:
    module = Reader(kind(4, 3), False, 0.0, None)
    script_live.check(module, [X, LENGTHS], tmp_path, "script", [[X, torch.tensor([2, 5, 4])]])
