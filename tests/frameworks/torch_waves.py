"""Small networks of waves and sequences, of plain torch."""

from __future__ import annotations

from typing import Any

import torch
from tests.frameworks.torch_nets import conv
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it


class Spectral(nn.Module):
    """FNet's mixing of tokens, and a filter in the space of frequencies."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.filter = nn.LayerNorm(6), nn.Parameter(torch.randn(4, 6, 2))

    def forward(self, x: Any) -> Any:
        x = self.norm(x + torch.fft.fft2(x, dim=(-2, -1)).real)
        y = torch.fft.rfft(x, dim=1, norm="ortho") * torch.view_as_complex(self.filter)
        return x + torch.fft.irfft(y, n=6, dim=1, norm="ortho")


class Operator(nn.Module):
    """A Fourier neural operator: the lowest frequencies mixed, the others left out."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.randn(2, 3, 2, 2, dtype=torch.cfloat))
        self.beside = nn.Conv2d(2, 3, 1)

    def forward(self, x: Any) -> Any:
        spectrum = torch.fft.rfft2(x)
        mixed = torch.zeros(x.size(0), 3, 6, 5, dtype=torch.cfloat)
        mixed[:, :, :2, :2] = torch.einsum("bixy,ioxy->boxy", spectrum[:, :, :2, :2], self.weights)
        mixed[:, :, -2:, :2] = spectrum[:, :1, -2:, :2] * 2
        mixed[:, 0] *= 1j
        return F.gelu(torch.fft.irfft2(mixed, s=(6, 8)) + self.beside(x))


class Recognizer(nn.Module):
    """CRNN: columns of an image read by an LSTM, then the best path's tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.columns = nn.Sequential(conv(1, 4), nn.MaxPool2d((2, 1)), conv(4, 8, stride=(2, 1)))
        self.reader, self.out = nn.LSTM(16, 6, 2, bidirectional=True), nn.Linear(12, 5)

    def forward(self, x: Any) -> Any:
        y = self.columns(x)
        y = y.permute(3, 0, 1, 2).flatten(2)
        y, (h, _) = self.reader(y)
        y = self.out(y).log_softmax(2)
        best = y.argmax(2)
        same = torch.cat([torch.zeros_like(best[:1]).bool(), best[1:] == best[:-1]])
        return y, best.masked_fill(same, 0), h[-1]
