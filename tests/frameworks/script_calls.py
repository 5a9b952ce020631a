"""Modules for tests of TorchScript: calls that only code makes, or makes with computed numbers."""

# torch.jit.script reads these classes: their annotations have to be what they say.
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it


class Ranges(nn.Module):
    def forward(self, x, n: int):
        return (
            torch.arange(x.size(0), 8.5, 1.5, dtype=torch.int64),
            torch.arange(0.5, float(n), 1.5, dtype=torch.int32),
            torch.arange(0.5, float(n), 1.5),
            torch._dim_arange(x, 1),
        )


class Windows(nn.Module):
    def forward(self, x, n: int):
        return (
            torch.hann_window(n),
            torch.hamming_window(n, periodic=False),
            torch.blackman_window(n, dtype=torch.float64),
        )


class Dividing(nn.Module):
    def forward(self, x, n: int):
        whole = (x * 4).to(torch.int32)
        half = x.shape[1] / 2
        other = n / 4 + x.size(0) / 4
        return x // 0.3, x // x[0], whole // 3, whole // -2, x * half, x + other, x + n // -2


class Losing(nn.Module):
    def forward(self, x, n: int):
        aim = (x > 0).long()
        return (
            F.binary_cross_entropy_with_logits(x, aim.float(), aim[0] + 1, pos_weight=aim[1] + 2),
            torch.outer(x[0], aim[1]),
            torch.outer(aim[0].to(torch.int32), aim[1]),
            torch.celu(x.double(), 0.7),
            torch.frobenius_norm(x, [0, 1]),
            torch.frobenius_norm(x, [1], True),
        )


class Searching(nn.Module):
    def forward(self, x, n: int):
        row = torch.tensor([-1.0, 0.0, 1.0])
        return (
            torch.bucketize(x, row),
            torch.bucketize(x, row, out_int32=True, right=True),
            torch.searchsorted(row, x),
            torch.searchsorted(x.sort(-1)[0], x, side="right"),
            torch.trapezoid(x),
            torch.trapezoid(x[0], dx=2.0),
            torch.trapz(x[0], x[1]),
            torch.cumulative_trapezoid(x[0], x[1]),
            torch.gradient(x),
        )


class Typing(nn.Module):
    def forward(self, x, n: int):
        if x.is_floating_point() and not x.long().is_floating_point():
            x = x + 1
        least = min(int(x[0, 0] * 10), n)
        return x[n - 2].cpu() * least, x.split(1)[0], torch.where(x[0] > 0)[0], list(x.chunk(2))


class Writing(nn.Module):
    def forward(self, x, n: int):
        y = x * 2
        y[1, 1:3] = x[0, :2]
        return y, torch.where(y > 0)


class Squeezing(nn.Module):
    def forward(self, x):
        return x.squeeze(1), x.squeeze(-2), torch.squeeze(x, 0)


class Adapting(nn.Module):
    """Extents that are not known, pooled to some."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3)
        self.mean, self.most = nn.AdaptiveAvgPool2d((4, 3)), nn.AdaptiveMaxPool2d((2, 5))
        self.one = nn.AdaptiveAvgPool2d(1)

    def forward(self, x):
        y = self.conv(x)
        return self.mean(y), self.most(y), self.one(y)


class Turning(nn.Module):
    """Complex numbers on the way, and numbers that meet them."""

    def forward(self, x):
        f = torch.fft.rfft(x)
        g = f * 2 + 1 - f / 3
        back = torch.fft.irfft(f * torch.conj(f), n=8)
        return back, (g * f).abs(), torch.view_as_real(f), torch.stack([f, g]).mean(0).real, -f.imag
