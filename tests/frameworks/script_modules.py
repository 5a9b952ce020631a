"""Modules whose code branches, loops and calls, for tests of TorchScript."""

# torch.jit.script reads these classes: their annotations have to be what they say.
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        x = self.linear(x)
        if x.sum() > 0:
            y = self.linear(x)
            y = y + 1
        else:
            y = x * 2
        return y


class Counting(nn.Module):
    """As often as the first axis is long: a Loop where that is not known."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        for i in range(x.size(0)):
            x = self.linear(x).tanh() + i
        return x


class Thrice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        for i in range(3):
            x = self.linear(x) + i
        return x


class Halving(nn.Module):
    """``while`` over a condition of tensors, with a counter."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        n = 0
        y = self.linear(x)
        while bool(y.abs().sum() > 1.0) and n < 20:
            y = y * 0.5
            n += 1
        return y, torch.tensor(n)


class Breaking(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        x = self.linear(x)
        for _ in range(x.size(0)):
            x = x + 1
            if bool(x.sum() > 20):
                break
        return x


class Stepping(nn.Module):
    """A cell over time, its outputs gathered in a list."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(4, 4)

    def forward(self, x):
        h = torch.zeros(x.size(1), 4)
        c = torch.zeros(x.size(1), 4)
        found = []
        for t in range(x.size(0)):
            h, c = self.cell(x[t], (h, c))
            found.append(h)
        return torch.stack(found), torch.stack(found, -1), h


class Joining(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        found = torch.jit.annotate(list[Tensor], [])
        for t in range(x.size(1)):
            found.append(self.linear(x[:, t]).unsqueeze(1))
        return torch.cat(found, dim=1)


class Returning(nn.Module):
    """Returns early."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        if x.mean() > 0:
            return self.linear(x)
        if x.sum() > -100:
            return x * 3
        return x


class Checking(nn.Module):
    """Checks its input."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        assert x.size(1) == 4, "other columns"
        if x.size(0) > 100:
            raise ValueError("too many rows")
        return self.linear(x)


class Dense(nn.Module):
    """Every layer sees all before it, in a list."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])

    def forward(self, x):
        found = [x]
        for block in self.blocks:
            found.append(torch.relu(block(torch.cat(found, 1)[:, :4])))
        return torch.cat(found, 1), found[-1]


class Pair(NamedTuple):
    first: Tensor
    second: Tensor | None


class Naming(nn.Module):
    """A NamedTuple, a dict, optional values and an argument that has a default."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.scale = nn.Linear(4, 4), 3.0
        self.names, self.numbers = ["a", "b"], {"a": 1, "b": 2}

    def pair(self, x: Tensor, times: int = 2) -> Pair:
        return Pair(x * times, None)

    def forward(self, x, mask: Tensor | None = None):
        found = self.pair(self.linear(x))
        y, more = found.first, found.second
        if more is not None:
            y = y + more
        if mask is not None:
            y = y * mask
        kept: dict[str, Tensor] = {}
        for name in self.names:
            kept[name] = y * self.numbers[name]
        return kept["a"] + kept["b"], y * self.scale


class Changing(nn.Module):
    """Changes tensors and their views in place, one under a condition."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        y = self.linear(x)
        y[:, 0] = 5.0
        y[1].add_(1.0)
        z = y.view(-1)
        z.mul_(2.0)
        if y.sum() > 0:
            y.sub_(1.0)
        return y, z


class Shaping(nn.Module):
    """Computes with the extents of its input."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.linear = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(16, 2)

    def forward(self, x):
        y = self.conv(x)
        n, c, h, w = y.shape
        y = y.view(n, c, h * w).transpose(1, 2).contiguous().view(n, h, w, c).permute(0, 3, 1, 2)
        y = nn.functional.adaptive_avg_pool2d(y, (1, 1)).flatten(1)
        y = nn.functional.pad(y, (0, 12))
        return self.linear(y), torch.arange(x.size(2)), x.shape[0] * 2


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

    def forward(self, x):
        x = self.stem(x)
        x = self.relu(self.block(x) + x)
        return self.head(torch.flatten(self.pool(x), 1))


class Mobile(nn.Module):
    """A small MobileNet with squeeze and excitation."""

    def __init__(self) -> None:
        super().__init__()
        self.widen, self.deep = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.norm, self.relu = nn.BatchNorm2d(8), nn.ReLU6(True)
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(8, 2, 1),
            nn.SiLU(),
            nn.Conv2d(2, 8, 1),
            nn.Hardsigmoid(),
        )
        self.narrow = nn.Conv2d(8, 4, 1)

    def forward(self, x):
        y = self.relu(self.norm(self.deep(self.widen(x))))
        y = y * self.gate(y)
        return self.narrow(y).mean([2, 3])


class UNet(nn.Module):
    """A small U-Net, with three ways to widen."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.deep = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 8, 3, padding=1)
        self.up, self.out = nn.ConvTranspose2d(8, 4, 2, 2), nn.Conv2d(8, 2, 1)
        self.nearest = nn.Upsample(scale_factor=2, mode="nearest")

    def forward(self, x):
        a = torch.relu(self.down(x))
        b = torch.relu(self.deep(nn.functional.max_pool2d(a, 2)))
        joined = torch.cat([a, self.up(b)], 1)
        wide = nn.functional.interpolate(b, size=x.shape[2:], mode="bilinear")
        return torch.sigmoid(self.out(joined)), self.nearest(b), wide


class Encoder(nn.Module):
    """Words to words through torch's own encoder layers."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 8)
        self.positions = nn.Parameter(torch.randn(1, 16, 8))
        layer = {"dim_feedforward": 16, "batch_first": True, "dropout": 0.0}
        self.layers = nn.ModuleList([nn.TransformerEncoderLayer(8, 2, **layer) for _ in range(2)])
        self.head = nn.Linear(8, 20)

    def forward(self, tokens):
        x = self.embedding(tokens) + self.positions[:, : tokens.size(1)]
        for layer in self.layers:
            x = layer(x)
        return self.head(x)


class Attention(nn.Module):
    """Causal attention, by hand and by torch's operator."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(8, 24), nn.Linear(8, 8)

    def forward(self, x):
        n, t, c = x.shape
        q, k, v = self.qkv(x).chunk(3, -1)
        q = q.view(n, t, 2, c // 2).transpose(1, 2)
        k = k.view(n, t, 2, c // 2).transpose(1, 2)
        v = v.view(n, t, 2, c // 2).transpose(1, 2)
        later = torch.triu(torch.ones(t, t, dtype=torch.bool, device=x.device), 1)
        a = (q @ k.transpose(-2, -1) / 4.0).masked_fill(later, float("-inf")).softmax(-1)
        own = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        y = (a @ v).transpose(1, 2).reshape(n, t, c)
        return self.out(y) + own.transpose(1, 2).reshape(n, t, c)


class Reader(nn.Module):
    """A text classifier over a GRU."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 6)
        self.gru = nn.GRU(6, 5, batch_first=True, bidirectional=True)
        self.head = nn.Linear(10, 3)

    def forward(self, tokens):
        y, h = self.gru(self.embedding(tokens))
        both = torch.cat([h[0], h[1]], 1)
        return self.head(both), y.max(1)[0], y.argmax(-1), torch.topk(y, 2)[0]
