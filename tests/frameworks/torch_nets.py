"""Small networks of well-known kinds, of plain torch."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it


def conv(inside: int, outside: int, size: int = 3, **options: Any) -> nn.Sequential:
    """A convolution, normalised and rectified."""
    options = {"padding": size // 2, "bias": False} | options
    layers = (nn.Conv2d(inside, outside, size, **options), nn.BatchNorm2d(outside), nn.ReLU(True))
    return nn.Sequential(*layers)


class Mobile(nn.Module):
    """MobileNetV3: an inverted residual with squeeze and excitation."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.Hardswish(True))
        self.expand, self.depth = conv(8, 16, 1), conv(16, 16, 5, groups=16)
        self.squeeze = nn.Sequential(nn.Conv2d(16, 4, 1), nn.ReLU(), nn.Conv2d(4, 16, 1))
        self.project, self.head = nn.Conv2d(16, 8, 1), nn.Linear(8, 5)

    def forward(self, x: Any) -> Any:
        x = self.stem(x)
        y = self.depth(self.expand(x))
        y = y * F.hardsigmoid(self.squeeze(F.adaptive_avg_pool2d(y, 1)))
        x = x + self.project(y)
        return self.head(F.dropout(x.mean([2, 3]), 0.2, self.training))


class UNet(nn.Module):
    """Down twice, up twice, with what was there before beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = conv(3, 4), conv(4, 8), conv(8, 8)
        self.up = nn.ConvTranspose2d(8, 8, 2, stride=2)
        self.join, self.last = conv(16, 4), nn.Conv2d(8, 2, 1)

    def forward(self, x: Any) -> Any:
        a = self.first(x)
        b = self.second(F.max_pool2d(a, 2))
        c = self.up(self.third(F.max_pool2d(b, 2)))
        c = F.pad(c, [0, b.shape[3] - c.shape[3], 0, b.shape[2] - c.shape[2]])
        d = self.join(torch.cat([c, b], dim=1))
        d = F.interpolate(d, size=a.shape[2:], mode="bilinear", align_corners=False)
        return self.last(torch.cat([d, a], 1)).sigmoid()


class ViT(nn.Module):
    """Patches, a class token and an encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, stride=4)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.places = nn.Parameter(torch.randn(1, 5, 8))
        layer = nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.token.expand(x.shape[0], -1, -1), x), dim=1) + self.places
        return self.head(self.norm(self.encoder(x))[:, 0])


class Causal(nn.Module):
    """A step of GPT with the keys and values of the steps before; the mask is a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(11, 8), nn.Embedding(16, 8)
        self.norm, self.qkv, self.out = nn.LayerNorm(8), nn.Linear(8, 24), nn.Linear(8, 8)
        self.mlp = nn.Sequential(nn.Linear(8, 16), nn.GELU("tanh"), nn.Linear(16, 8))
        self.register_buffer("mask", torch.tril(torch.ones(16, 16)).view(1, 1, 16, 16))

    def forward(self, ids: Any, past_k: Any, past_v: Any) -> Any:
        past, new = past_k.shape[2], ids.shape[1]
        x = self.tokens(ids) + self.places(torch.arange(past, past + new, device=ids.device))
        q, k, v = self.qkv(self.norm(x)).split(8, dim=2)
        q, k, v = (i.view(ids.shape[0], new, 2, 4).transpose(1, 2) for i in (q, k, v))
        k, v = torch.cat([past_k, k], dim=2), torch.cat([past_v, v], dim=2)
        scores = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
        hidden = self.mask[:, :, past : past + new, : past + new] == 0
        scores = scores.masked_fill(hidden, float("-inf"))
        y = (F.softmax(scores, dim=-1) @ v).transpose(1, 2).contiguous().view(ids.shape[0], new, 8)
        x = x + self.out(y)
        return F.linear(x + self.mlp(self.norm(x)), self.tokens.weight), k, v


class Bert(nn.Module):
    """Tokens, kinds and places; padding is masked by a large negative number."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(11, 8, padding_idx=0)
        self.places, self.kinds = nn.Embedding(9, 8), nn.Embedding(2, 8)
        self.norm, self.query, self.key = nn.LayerNorm(8, 1e-12), nn.Linear(8, 8), nn.Linear(8, 8)
        self.value, self.pooler = nn.Linear(8, 8), nn.Linear(8, 8)
        self.register_buffer("ids", torch.arange(9).expand((1, -1)))

    def forward(self, ids: Any, mask: Any, kinds: Any) -> Any:
        x = self.tokens(ids) + self.places(self.ids[:, : ids.size(1)]) + self.kinds(kinds)
        x = self.norm(x)
        shape = (*x.shape[:-1], 2, 4)
        q, k, v = (f(x).view(shape).permute(0, 2, 1, 3) for f in (self.query, self.key, self.value))
        bias = (1.0 - mask[:, None, None, :].to(x.dtype)) * torch.finfo(x.dtype).min
        y = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(4) + bias, -1) @ v
        y = self.norm(x + y.permute(0, 2, 1, 3).reshape(x.shape))
        return y, torch.tanh(self.pooler(y[:, 0]))


class Llama(nn.Module):
    """RMSNorm, rotary places, grouped queries and a gated feed-forward part."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.q = nn.RMSNorm(8, eps=1e-6), nn.Linear(8, 8, bias=False)
        self.k, self.v = nn.Linear(8, 4, bias=False), nn.Linear(8, 4, bias=False)
        self.gate, self.up = nn.Linear(8, 12, bias=False), nn.Linear(8, 12, bias=False)
        self.down = nn.Linear(12, 8, bias=False)
        self.register_buffer("turns", 1.0 / 100 ** (torch.arange(0, 4, 2).float() / 4))

    def _turned(self, x: Any, cos: Any, sin: Any) -> Any:
        half = torch.cat((-x[..., 2:], x[..., :2]), dim=-1)
        return x * cos + half * sin

    def forward(self, x: Any) -> Any:
        b, n, _ = x.shape
        angles = torch.outer(torch.arange(n, dtype=torch.float32), self.turns)
        cos, sin = torch.cat((angles, angles), -1).cos(), torch.cat((angles, angles), -1).sin()
        y = self.norm(x)
        q = self._turned(self.q(y).view(b, n, 2, 4).transpose(1, 2), cos, sin)
        k = self._turned(self.k(y).view(b, n, 1, 4).transpose(1, 2), cos, sin)
        v = self.v(y).view(b, n, 1, 4).transpose(1, 2)
        k, v = (i.repeat_interleave(2, dim=1) for i in (k, v))
        mask = torch.full((n, n), float("-inf")).triu(1)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + y.transpose(1, 2).reshape(b, n, 8)
        y = self.norm(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


class Conformer(nn.Module):
    """Half a feed-forward part, attention, a gated convolution, and the other half."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(8)
        self.feed = nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 16), nn.SiLU(), nn.Linear(16, 8))
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.gate, self.depth = nn.Conv1d(8, 16, 1), nn.Conv1d(8, 8, 3, padding=1, groups=8)
        self.batch, self.point = nn.BatchNorm1d(8), nn.Conv1d(8, 8, 1)

    def forward(self, x: Any, lengths: Any) -> Any:
        padding = torch.arange(x.size(1))[None, :] >= lengths[:, None]
        x = x + 0.5 * self.feed(x)
        y = self.norm(x)
        x = x + self.attention(y, y, y, key_padding_mask=padding, need_weights=False)[0]
        y = F.glu(self.gate(self.norm(x).transpose(1, 2)), dim=1)
        y = self.point(F.silu(self.batch(self.depth(y.masked_fill(padding[:, None], 0.0)))))
        x = x + y.transpose(1, 2)
        return self.norm(x + 0.5 * self.feed(x)), ~padding


class Seq2Seq(nn.Module):
    """A GRU that reads, and one that writes five steps, attending to what was read."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.reader = nn.Embedding(11, 6), nn.GRU(6, 4, bidirectional=True)
        self.writer, self.score, self.out = nn.GRUCell(14, 8), nn.Linear(8, 8), nn.Linear(8, 11)

    def forward(self, source: Any) -> Any:
        memory, state = self.reader(self.embed(source))
        state = torch.cat([state[0], state[1]], dim=1)
        token, found = torch.ones_like(source[0]), []
        for _ in range(5):
            weights = torch.einsum("nbh,bh->bn", memory, self.score(state)).softmax(-1)
            context = torch.bmm(weights.unsqueeze(1), memory.transpose(0, 1)).squeeze(1)
            state = self.writer(torch.cat([self.embed(token), context], -1), state)
            logits = self.out(state)
            token = logits.argmax(dim=-1)
            found.append(logits.log_softmax(-1))
        return torch.stack(found), token


class DeepLab(nn.Module):
    """Dilated convolutions side by side, and the whole image's mean."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv(3, 8, stride=2)
        rates = (1, 2, 4)
        self.branches = nn.ModuleList(conv(8, 4, 3, padding=r, dilation=r) for r in rates)
        self.image = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 4, 1), nn.ReLU())
        self.pyramid = nn.AdaptiveAvgPool2d(3)
        self.project = nn.Conv2d(24, 2, 1)

    def forward(self, x: Any) -> Any:
        y = self.stem(x)
        size = y.shape[-2:]
        image = F.interpolate(self.image(y), size=size, mode="bilinear", align_corners=False)
        coarse = F.interpolate(self.pyramid(y), size=size, mode="bilinear", align_corners=True)
        y = torch.cat([branch(y) for branch in self.branches] + [image, coarse], dim=1)
        return F.interpolate(self.project(y), x.shape[-2:], mode="bilinear", align_corners=False)


class Detector(nn.Module):
    """Boxes from a grid of offsets: decoded, clipped, and the best of them gathered."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = conv(3, 8, stride=4), nn.Conv2d(8, 2 * 7, 1)
        self.register_buffer("anchors", torch.tensor([[4.0, 4.0], [8.0, 6.0]]))

    def forward(self, x: Any) -> Any:
        y = self.head(self.stem(x))
        b, _, h, w = y.shape
        y = y.view(b, 2, 7, h, w).permute(0, 1, 3, 4, 2).contiguous()
        rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        grid = torch.stack((columns, rows), 2).view(1, 1, h, w, 2).float()
        y[..., 0:2] = (y[..., 0:2].sigmoid() * 2.0 - 0.5 + grid) * 4
        y[..., 2:4] = (y[..., 2:4].sigmoid() * 2) ** 2 * self.anchors.view(1, 2, 1, 1, 2)
        y[..., 4:] = y[..., 4:].sigmoid()
        y = y.view(b, -1, 7)
        centre, size = y[..., :2], y[..., 2:4]
        boxes = torch.cat([centre - size / 2, centre + size / 2], -1).clamp(min=0, max=31)
        scores, labels = (y[..., 4:5] * y[..., 5:]).max(dim=-1)
        best, places = scores.topk(3, dim=1)
        boxes = boxes.gather(1, places.unsqueeze(-1).expand(-1, -1, 4))
        return boxes, best, labels.gather(1, places), best > 0.2


class Decoder(nn.Module):
    """The decoder of a VAE, and the sample it would take with given noise."""

    def __init__(self) -> None:
        super().__init__()
        self.mean, self.spread = nn.Linear(6, 4), nn.Linear(6, 4)
        self.wide = nn.Linear(4, 32)
        self.up = nn.Sequential(
            *(
                nn.Unflatten(1, (8, 2, 2)),
                nn.Upsample(scale_factor=2),
                nn.Conv2d(8, 8, 3, padding=1),
            ),
            *(nn.GroupNorm(2, 8), nn.SiLU(), nn.ConvTranspose2d(8, 4, 3, 2, 1, output_padding=1)),
            *(nn.PixelShuffle(2), nn.Sigmoid()),
        )

    def forward(self, x: Any, noise: Any) -> Any:
        mean, spread = self.mean(x), self.spread(x)
        z = mean + noise * torch.exp(0.5 * spread)
        loss = -0.5 * torch.sum(1 + spread - mean.pow(2) - spread.exp(), dim=1)
        return self.up(self.wide(z)), loss


class Generator(nn.Module):
    """The generator of a GAN."""

    def __init__(self) -> None:
        super().__init__()
        self.labels = nn.Embedding(3, 4)
        self.layers = nn.Sequential(
            *(nn.ConvTranspose2d(10, 8, 4, 1, 0, bias=False), nn.BatchNorm2d(8), nn.ReLU(True)),
            *(nn.ConvTranspose2d(8, 4, 4, 2, 1, bias=False), nn.InstanceNorm2d(4, affine=True)),
            *(nn.LeakyReLU(0.2, True), nn.ConvTranspose2d(4, 3, 4, 2, 1, bias=False), nn.Tanh()),
        )

    def forward(self, z: Any, label: Any) -> Any:
        return self.layers(torch.cat([z, self.labels(label)], 1)[..., None, None])


class Windowed(nn.Module):
    """Swin: attention in windows of a shifted image, with a bias by relative place."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.qkv, self.merge = nn.LayerNorm(8), nn.Linear(8, 24), nn.Linear(32, 16)
        self.table = nn.Parameter(torch.randn(9, 2))
        steps = torch.stack(
            torch.meshgrid(torch.arange(2), torch.arange(2), indexing="ij")
        ).flatten(1)
        apart = (steps[:, :, None] - steps[:, None, :]).permute(1, 2, 0) + 1
        self.register_buffer("places", apart[..., 0] * 3 + apart[..., 1])

    def forward(self, x: Any) -> Any:
        b, h, w, c = x.shape
        y = torch.roll(self.norm(x), shifts=(-1, -1), dims=(1, 2))
        y = y.view(b, h // 2, 2, w // 2, 2, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 4, c)
        q, k, v = self.qkv(y).reshape(-1, 4, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
        bias = self.table[self.places.view(-1)].view(4, 4, 2).permute(2, 0, 1)
        scores = (q * 0.5) @ k.transpose(-2, -1) + bias.unsqueeze(0)
        y = (scores.softmax(-1) @ v).transpose(1, 2).reshape(-1, 2, 2, c)
        y = y.view(b, h // 2, w // 2, 2, 2, c).permute(0, 1, 3, 2, 4, 5).reshape(b, h, w, c)
        x = x + torch.roll(y, shifts=(1, 1), dims=(1, 2))
        parts = [x[:, i::2, j::2] for j in (0, 1) for i in (0, 1)]
        return self.merge(torch.cat(parts, -1))


class Transformed(nn.Module):
    """A spatial transformer: the image seen through a learnt window."""

    def __init__(self) -> None:
        super().__init__()
        self.look = nn.Sequential(nn.Conv2d(1, 4, 5), nn.MaxPool2d(2, 2), nn.ReLU(), nn.Flatten())
        self.window = nn.Linear(4 * 9, 6)

    def forward(self, x: Any) -> Any:
        theta = self.window(self.look(x)).view(-1, 2, 3)
        return F.grid_sample(
            x, F.affine_grid(theta, x.size(), align_corners=False), align_corners=False
        )


class Graph(nn.Module):
    """Messages along edges, added up at the nodes, as means and as the largest."""

    def __init__(self) -> None:
        super().__init__()
        self.message, self.update = nn.Linear(8, 4), nn.Linear(12, 4)

    def forward(self, x: Any, edges: Any) -> Any:
        source, target = edges
        sent = F.relu(self.message(torch.cat([x[source], x[target]], dim=-1)))
        places = target.unsqueeze(-1).expand_as(sent)
        total = torch.zeros_like(x).scatter_add_(0, places, sent)
        count = torch.zeros(x.size(0)).index_add_(0, target, torch.ones(target.size(0)))
        most = torch.zeros_like(x).scatter_reduce(0, places, sent, "amax", include_self=False)
        mean = total / count.clamp(min=1).unsqueeze(-1)
        return self.update(torch.cat([x, mean, most], -1)), F.log_softmax(total, 1)


class Experts(nn.Module):
    """Each token goes to the two best of three experts."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(4, 3, bias=False)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 4)) for _ in range(3)
        )

    def forward(self, x: Any) -> Any:
        flat = x.view(-1, x.shape[-1])
        weights, chosen = torch.topk(
            F.softmax(self.gate(flat), dim=1, dtype=torch.float), 2, dim=-1
        )
        weights = (weights / weights.sum(dim=-1, keepdim=True)).to(x.dtype)
        masks = F.one_hot(chosen, num_classes=3).permute(2, 1, 0)
        made = torch.zeros_like(flat)
        for i, expert in enumerate(self.experts):
            share = (weights * masks[i].t()).sum(-1, keepdim=True)
            made = made + expert(flat) * share
        return made.view_as(x), torch.bincount(chosen.flatten(), minlength=3)
