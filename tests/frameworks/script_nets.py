"""More modules for tests of TorchScript: loops that fill, decode and go backwards; whole nets."""

# ruff: noqa: UP006, UP035, UP045
# torch.jit.script reads these classes: their annotations have to be what they say.
from typing import Optional, Tuple

import torch
from torch import Tensor, nn


class Backwards(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        h = torch.zeros_like(x[0])
        for t in range(x.size(0) - 1, -1, -1):
            h = torch.tanh(self.linear(x[t]) + h)
        return h


class Following(nn.Module):
    """A list that has an item before the loop fills it."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        found = [self.linear(x[0])]
        h = x[0]
        for t in range(1, x.size(0)):
            h = torch.tanh(self.linear(x[t]) + h)
            found.append(h)
        return torch.stack(found)


class Filling(nn.Module):
    """Rows of a tensor, and elements of rows, set in a loop."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        y = self.linear(x)
        found = torch.zeros_like(y)
        for t in range(x.size(0)):
            found[t] = y[t] * 2 + t
            found[t, 0].add_(1.0)
        return found, y


class Sharing(nn.Module):
    """Values under several names, changed in place: out of a branch, a loop and a list."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        y = self.linear(x)
        if x.dim() == 2:
            z = y
            z.add_(1.0)
        else:
            z = y.unsqueeze(0)
        z.add_(1.0)
        w = y
        for _ in range(x.size(1)):
            w = w.mul_(0.5)
        items = [y, y * 2]
        for item in items:
            item.add_(1.0)
        most = torch.relu(y)
        most.unsqueeze_(0)
        most.add_(1.0)
        return y, z, w, items[1], most


class Parting(nn.Module):
    """Changes parts that chunk, split and unbind gave."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        y = self.linear(x)
        a, b = y.chunk(2, 1)
        a.add_(1.0)
        parts = y.split([1, 3], 1)
        parts[-1].mul_(x[:, :1])
        c, d, e, f = torch.unbind(y, 1)
        torch.sigmoid_(d)
        return y, a, b, parts[0], c, d + e, f


class Renaming(nn.Module):
    """A loop over values changes a tensor of the code around it under another name."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        y = self.linear(x)
        z = y
        for _ in range(x.size(0)):
            z = z.mul_(0.5)
        return y, z


class Decoding(nn.Module):
    """Appends words until one is the last: the state grows."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.linear = nn.Embedding(10, 8), nn.Linear(8, 10)

    def forward(self, tokens):
        i = 0
        while i < 5 and bool((tokens[:, -1] != 3).any()):
            scores = self.linear(self.embedding(tokens).mean(1))
            tokens = torch.cat([tokens, scores.argmax(-1, keepdim=True)], 1)
            i += 1
        return tokens


class Nesting(nn.Module):
    """A loop inside a branch inside a branch."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        y = x
        if x.sum() > 0:
            if x.max() > 1:
                y = self.one(x)
            else:
                y = self.two(x)
                y = y * 1.5
        elif x.min() < -1:
            y = x.abs()
            for _ in range(x.size(0)):
                y = y + self.one(y)
        return y, y.sum()


class Maybe(nn.Module):
    """A value that a branch sets where it was None."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def masked(self, x: Tensor, mask: Tensor | None) -> Tensor:
        if mask is None:
            mask = torch.ones_like(x)
        return x * mask

    def forward(self, x):
        mask: Tensor | None = None
        if x.sum() > 0:
            mask = self.linear(x)
        else:
            mask = x
            mask = mask + 1
        return self.masked(x, mask)


class Remembering(nn.Module):
    """Counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.calls = nn.Linear(4, 4), 0

    def forward(self, x):
        self.calls += 1
        return self.linear(x) * self.calls


class Named(nn.Module):
    """Gives a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x) -> dict[str, Tensor]:
        y = self.linear(x)
        return {"logits": y, "probabilities": y.softmax(-1)}


class Repeating(nn.Module):
    """Takes numbers beside tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x, count: int, factor: float):
        for _ in range(count):
            x = self.linear(x) * factor
        return x


class Masking(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        y = self.linear(x)
        m = y > 0
        y[m] = 0.0
        z = torch.where(m, y, x).masked_fill(~m, -1.0)
        picked = x.gather(1, torch.tensor([[0], [1], [2]]))
        return z, y[:, [0, 2]], picked, torch.einsum("ij,kj->ik", x, y)


class Splitting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 8)

    def forward(self, x):
        a, b = self.linear(x).chunk(2, dim=-1)
        c, d = torch.split(a, [1, 3], -1)
        e = torch.unbind(x, 1)
        return a * b.sigmoid(), c, d, e[0] + e[-1]


class Carrying(nn.Module):
    """An LSTM that is given its state as a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 5, batch_first=True)

    def forward(self, x, state: tuple[Tensor, Tensor]):
        y, (h, c) = self.lstm(x, state)
        return y, h, c


class Narrowing(nn.Module):
    """Extents that are computed with tensors where it is traced."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.conv = nn.BatchNorm2d(3), nn.Conv2d(3, 3, 1)

    def forward(self, x):
        assert x.dim() == 4
        with torch.no_grad():
            m = x.mean()
        x = nn.functional.interpolate(
            x,
            scale_factor=0.5,
            mode="bilinear",
            align_corners=False,
            recompute_scale_factor=True,
        )
        return self.norm(self.conv(x)) - m


class Vision(nn.Module):
    """A small vision transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.positions = nn.Parameter(torch.randn(1, 5, 8))
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 3)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.positions
        return self.head(self.norm(self.encoder(x))[:, 0])


class Translating(nn.Module):
    """An encoder and a decoder that reads its own words."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 6)
        self.encoder, self.decoder = nn.GRU(6, 5, batch_first=True), nn.GRUCell(6, 5)
        self.out = nn.Linear(5, 10)

    def forward(self, source, count: int = 4):
        _all, h = self.encoder(self.embedding(source))
        h = h[0]
        token = torch.zeros(source.size(0), dtype=torch.long)
        found = []
        for _ in range(count):
            h = self.decoder(self.embedding(token), h)
            scores = self.out(h)
            token = scores.argmax(-1)
            found.append(scores)
        return torch.stack(found, 1)


class Detecting(nn.Module):
    """The head of a detector, with a grid made from the extents of its picture."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.pool = nn.Conv2d(3, 8, 3, 2, 1), nn.MaxPool2d(5, 1, 2)
        self.out, self.wide = nn.Conv2d(32, 6, 1), nn.Upsample(scale_factor=2.0)
        self.register_buffer("anchors", torch.tensor([1.0, 2.0]))

    def forward(self, x):
        x = nn.functional.silu(self.stem(x))
        one = self.pool(x)
        two = self.pool(one)
        x = self.wide(self.out(torch.cat([x, one, two, self.pool(two)], 1)))
        n, _, h, w = x.shape
        x = x.view(n, 2, 3, h, w).permute(0, 1, 3, 4, 2).contiguous()
        rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        grid = torch.stack((columns, rows), 2).view(1, 1, h, w, 2).to(x.dtype)
        places = (x[..., 0:2].sigmoid() * 2 + grid) * self.anchors.view(1, 1, 1, 1, 2)
        return torch.cat((places, x[..., 2:]), -1).view(n, -1, 3)


class Missing(nn.Module):
    """A tensor that only some runs have, and a tuple of such."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def both(self, x) -> Optional[Tuple[Tensor, Tensor]]:
        if x.sum() > 0:
            return x * 2, x.sum(0)
        return None

    def forward(self, x):
        y = self.linear(x)
        mask: Optional[Tensor] = None
        if y.mean() > 0:
            mask = y > 0
        if y.max() > 1 and mask is None:
            mask = y < 0
        pair = self.both(x)
        if mask is not None:
            y = torch.where(mask, y, torch.zeros_like(y))
        if pair is not None:
            y = y + pair[0] * pair[1]
        if mask is None:
            y = y + 100
        return y


class Starting(nn.Module):
    """States that are None until the first round, and until a round that the input decides."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        state: Optional[Tensor] = None
        best: Optional[Tuple[Tensor, Tensor]] = None
        rows = self.linear(x)
        for i in range(x.size(0)):
            y = rows[i]
            state = y if state is None else torch.tanh(state + y)
            if x[i].sum() > 0:
                best = (x[i], y) if best is None else (best[0] * 2, best[1] + y)
        assert state is not None
        if best is None:
            return state
        return state + best[0] - best[1]


class Sometimes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        y: Optional[Tensor] = None
        if x.sum() > 0:
            y = self.linear(x)
        return y
