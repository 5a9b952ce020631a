"""Small networks of torch in which axes have to lie this way and that, by what they are about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from tests.frameworks import torch_nets
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

conv = torch_nets.conv


class Net(nn.Module):
    """Modules and a function over them: ``forward(m, *inputs)``."""

    def __init__(self, function: Callable[..., Any], /, **modules: nn.Module) -> None:
        super().__init__()
        self.function, self.parts = function, nn.ModuleDict(modules)

    def forward(self, *inputs: Any) -> Any:
        return self.function(self.parts, *inputs)


class Channelwise(nn.Module):
    """LayerNorm over the channels, as ConvNeXt writes it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = (nn.Parameter(torch.randn(channels)) for _ in range(2))

    def forward(self, x: Any) -> Any:
        mean = x.mean(1, keepdim=True)
        spread = (x - mean).pow(2).mean(1, keepdim=True)
        x = (x - mean) / torch.sqrt(spread + 1e-6)
        return self.weight[:, None, None] * x + self.bias[:, None, None]


def _convnext(m: Any, x: Any) -> Any:
    x = m["norm"](m["stem"](x))
    y = m["depth"](x).permute(0, 2, 3, 1)
    y = m["down"](F.gelu(m["up"](m["last"](y))))
    return m["head"]((x + y.permute(0, 3, 1, 2)).mean([-2, -1]))


def _excited(m: Any, x: Any) -> Any:
    y = m["a"](x)
    scale = m["b"](F.relu(m["s"](y.mean((2, 3)))))
    return (y * torch.sigmoid(scale)[:, :, None, None]).amax((2, 3))


def _attended(m: Any, x: Any) -> Any:
    y = m["a"](x)
    scale = m["s"](F.adaptive_avg_pool2d(y, 1).squeeze(-1).transpose(-1, -2))
    return m["b"](y * torch.sigmoid(scale).transpose(-1, -2).unsqueeze(-1))


def _where(m: Any, x: Any) -> Any:
    y = m["a"](x)
    both = torch.cat([y.mean(1, keepdim=True), y.amax(1, keepdim=True)], 1)
    return m["b"](y * torch.sigmoid(m["s"](both)))


def _dense(m: Any, x: Any) -> Any:
    y = m["s"](x)
    z = m["a"](y)
    z = torch.cat([y, z, m["b"](torch.cat([y, z], 1))], 1)
    return m["head"](m["c"](z).mean((2, 3)))


def shuffled(x: Any, groups: int) -> Any:
    """ShuffleNet's channel shuffle."""
    b, c, h, w = x.shape
    return x.view(b, groups, c // groups, h, w).transpose(1, 2).reshape(b, c, h, w)


def _shuffle(m: Any, x: Any) -> Any:
    a, b = m["a"](x).chunk(2, 1)
    return m["head"](shuffled(torch.cat((a, m["b"](b)), 1), 2).mean((2, 3)))


def _boxes(m: Any, x: Any) -> Any:
    y, found = m["a"](x), []
    for part in (m["b"](y), m["c"](F.max_pool2d(y, 2))):
        found.append(part.flatten(2))
    box, kind = torch.cat(found, 2).split((4, 6), 1)
    return torch.cat((box.sigmoid() * 2, kind.sigmoid()), 1)


def _anchors(m: Any, x: Any) -> Any:
    z = m["b"](m["a"](x))
    b, _, h, w = z.shape
    z = z.view(b, 2, 5, h, w).permute(0, 1, 3, 4, 2).contiguous()
    return z.sigmoid().view(b, -1, 5)


def _windows(m: Any, x: Any) -> Any:
    y = m["a"](x).permute(0, 2, 3, 1)
    b, h, w, c = y.shape
    y = y.view(b, h // 2, 2, w // 2, 2, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 4, c)
    y = m["b"](m["norm"](y)).view(b, h // 2, w // 2, 2, 2, c)
    return y.permute(0, 1, 3, 2, 4, 5).reshape(b, h, w, c).mean((1, 2))


def _flat_twice(m: Any, x: Any) -> Any:
    y = m["a"](x).flatten(1)
    return m["b"](y), m["c"](F.relu(m["norm"](y)))


def _flat_beside(m: Any, x: Any) -> Any:
    return m["c"](torch.cat([m["a"](x).flatten(1), m["b"](x).flatten(1)], 1))


def _flat_among_turned(m: Any, x: Any) -> Any:
    y = x[:, 0, :, 0].transpose(0, 1)
    y = torch.cat([(y * 2).transpose(0, 1), m["a"](x).flatten(1), (y + 1).transpose(0, 1)], 1)
    return m["b"](y)


def _columns(m: Any, x: Any) -> Any:
    y = m["a"](x)
    b, c, h, w = y.shape
    return m["b"](y.permute(0, 3, 1, 2).reshape(b, w, c * h))


def _decoded(m: Any, x: Any) -> Any:
    y = F.relu(m["norm"](m["a"](x))).view(x.shape[0], 8, 4, 4)
    return m["b"](m["second"](y))


IMAGE, LINE, VOLUME = (2, 3, 16, 16), (2, 4, 12), (2, 2, 8, 8, 8)
Case = tuple[Callable[[], nn.Module], tuple[int, ...], tuple[int, int, int]]
"""A network, the shape of its input, and the fewest turns: by default, channels last, first."""

NETS: dict[str, Case] = {
    "mobile": (torch_nets.Mobile, IMAGE, (1, 0, 0)),
    "unet": (torch_nets.UNet, IMAGE, (2, 0, 0)),
    "vit": (torch_nets.ViT, (2, 3, 8, 8), (1, 0, 1)),
    "relu first": (
        lambda: Net(lambda m, x: m["a"](F.relu(x)), a=nn.Conv2d(3, 4, 3)),
        IMAGE,
        (2, 0, 0),
    ),
    "past": (
        lambda: Net(lambda m, x: x + m["a"](x), a=nn.Conv2d(3, 3, 3, padding=1)),
        IMAGE,
        (2, 0, 0),
    ),
    "scaled": (
        lambda: Net(
            lambda m, x: m["a"]((x - torch.tensor([0.4, 0.5, 0.6]).view(1, 3, 1, 1)) / 2).mean(
                (2, 3)
            ),
            a=nn.Conv2d(3, 3, 3, padding=1),
        ),
        IMAGE,
        (1, 0, 0),
    ),
    "densenet": (
        lambda: Net(
            _dense, s=conv(3, 4), a=conv(4, 4), b=conv(8, 4), c=conv(12, 6, 1), head=nn.Linear(6, 3)
        ),
        IMAGE,
        (1, 0, 0),
    ),
    "squeeze and excitation": (
        lambda: Net(_excited, a=conv(3, 8), s=nn.Linear(8, 4), b=nn.Linear(4, 8)),
        IMAGE,
        (1, 0, 0),
    ),
    "channel attention": (
        lambda: Net(_attended, a=conv(3, 8), s=nn.Conv1d(1, 1, 3, padding=1), b=nn.Conv2d(8, 2, 1)),
        IMAGE,
        (2, 0, 0),
    ),
    "spatial attention": (
        lambda: Net(_where, a=conv(3, 8), s=nn.Conv2d(2, 1, 7, padding=3), b=nn.Conv2d(8, 2, 1)),
        IMAGE,
        (2, 0, 0),
    ),
    "convnext": (
        lambda: Net(
            _convnext,
            stem=nn.Conv2d(3, 8, 4, 4),
            norm=Channelwise(8),
            depth=nn.Conv2d(8, 8, 7, padding=3, groups=8),
            last=nn.LayerNorm(8),
            up=nn.Linear(8, 16),
            down=nn.Linear(16, 8),
            head=nn.Linear(8, 3),
        ),
        IMAGE,
        (1, 0, 2),
    ),
    "patches": (
        lambda: Net(
            lambda m, x: m["b"](m["a"](x).flatten(2).transpose(1, 2)),
            a=nn.Conv2d(3, 8, 4, 4),
            b=nn.Linear(8, 3),
        ),
        IMAGE,
        (1, 0, 1),
    ),
    "boxes": (
        lambda: Net(_boxes, a=conv(3, 8, stride=2), b=nn.Conv2d(8, 10, 1), c=nn.Conv2d(8, 10, 1)),
        IMAGE,
        (2, 0, 0),
    ),
    "anchors": (
        lambda: Net(_anchors, a=conv(3, 8, stride=2), b=nn.Conv2d(8, 10, 1)),
        IMAGE,
        (2, 1, 1),
    ),
    "pixel shuffle": (
        lambda: Net(lambda m, x: m["b"](F.pixel_shuffle(m["a"](x), 2)), a=conv(3, 8), b=conv(2, 3)),
        IMAGE,
        (3, 1, 1),
    ),
    "pixel unshuffle": (
        lambda: Net(
            lambda m, x: m["b"](F.pixel_unshuffle(m["a"](x), 2)), a=conv(3, 8), b=conv(32, 3)
        ),
        IMAGE,
        (3, 1, 1),
    ),
    "shufflenet": (
        lambda: Net(_shuffle, a=conv(3, 8), b=conv(4, 4), head=nn.Linear(8, 2)),
        IMAGE,
        (2, 1, 1),
    ),
    "swin": (
        lambda: Net(_windows, a=nn.Conv2d(3, 8, 4, 4), norm=nn.LayerNorm(8), b=nn.Linear(8, 8)),
        IMAGE,
        (3, 2, 2),
    ),
    "line": (
        lambda: Net(
            lambda m, x: m["b"](F.glu(m["a"](F.pad(x, (2, 0))), 1))[:, :, 1:],
            a=nn.Conv1d(4, 6, 3, dilation=2),
            b=nn.ConvTranspose1d(3, 2, 3, 2, 1),
        ),
        LINE,
        (2, 0, 0),
    ),
    "line resized": (
        lambda: Net(
            lambda m, x: F.interpolate(m["a"](x), scale_factor=2.0), a=nn.Conv1d(4, 6, 3, padding=2)
        ),
        LINE,
        (2, 0, 0),
    ),
    "steps": (
        lambda: Net(
            lambda m, x: m["b"](F.relu(m["a"](x.transpose(1, 2))).transpose(1, 2)),
            a=nn.Conv1d(4, 6, 3),
            b=nn.Linear(6, 2),
        ),
        (2, 12, 4),
        (0, 0, 2),
    ),
    "volume": (
        lambda: Net(
            lambda m, x: m["b"](F.max_pool3d(F.relu(m["a"](x)), 2).flatten(1)),
            a=nn.Conv3d(2, 4, 3),
            b=nn.Linear(4 * 27, 2),
        ),
        VOLUME,
        (1, 0, 0),
    ),
    "groups": (
        lambda: Net(
            lambda m, x: m["b"](F.silu(m["norm"](m["a"](x)))),
            a=nn.Conv2d(3, 8, 3, padding=2, dilation=2),
            norm=nn.GroupNorm(2, 8),
            b=nn.Conv2d(8, 6, 3, groups=2, padding=1),
        ),
        IMAGE,
        (2, 0, 0),
    ),
    "instances": (
        lambda: Net(
            lambda m, x: m["b"](m["norm"](m["a"](x))).mean((2, 3), keepdim=True),
            a=conv(3, 8),
            norm=nn.InstanceNorm2d(8, affine=True),
            b=conv(8, 3),
        ),
        IMAGE,
        (1, 0, 0),
    ),
    "as wide as deep": (  # Keras on TensorFlow adds such a bias along the wrong axis
        lambda: Net(
            lambda m, x: F.avg_pool2d(m["b"](m["a"](x)), 3, 2, 1, count_include_pad=False),
            a=nn.Conv2d(3, 16, 3, padding=1),
            b=nn.ConvTranspose2d(16, 32, 2, 2),
        ),
        IMAGE,
        (2, 0, 0),
    ),
    "flattened": (
        lambda: Net(
            lambda m, x: m["b"](F.relu(m["a"](x).flatten(1))),
            a=nn.Conv2d(3, 8, 3, stride=4, padding=1),
            b=nn.Linear(8 * 16, 2),
        ),
        IMAGE,
        (1, 0, 0),
    ),
    "flattened and activated": (
        lambda: Net(
            lambda m, x: m["b"](F.relu(m["a"](F.relu(m["c"](x)).flatten(1)))),
            c=conv(3, 4),
            a=nn.Linear(4 * 8 * 8, 16),
            b=nn.Linear(16, 5),
        ),
        (2, 3, 8, 8),
        (1, 0, 0),
    ),
    "flattened for two": (
        lambda: Net(
            _flat_twice,
            a=conv(3, 8, stride=4),
            norm=nn.BatchNorm1d(128),
            b=nn.Linear(128, 2),
            c=nn.Linear(128, 3),
        ),
        IMAGE,
        (1, 0, 0),
    ),
    "flattened side by side": (
        lambda: Net(
            _flat_beside, a=conv(3, 8, stride=4), b=conv(3, 4, stride=4), c=nn.Linear(192, 2)
        ),
        IMAGE,
        (1, 0, 0),
    ),
    "flattened among turned ones": (
        lambda: Net(_flat_among_turned, a=conv(3, 8, stride=4), b=nn.Linear(160, 2)),
        IMAGE,
        (1, 0, 0),
    ),
    "flattened and given back": (
        lambda: Net(
            lambda m, x: (m["a"](x).flatten(1), m["b"](m["a"](x).flatten(1))),
            a=conv(3, 8, stride=4),
            b=nn.Linear(128, 2),
        ),
        IMAGE,
        (2, 1, 0),
    ),
    "decoder": (
        lambda: Net(
            _decoded,
            a=nn.Linear(5, 128),
            norm=nn.BatchNorm1d(128),
            second=nn.BatchNorm2d(8),
            b=nn.ConvTranspose2d(8, 3, 4, 2, 1),
        ),
        (2, 5),
        (1, 0, 0),
    ),
    "columns": (
        lambda: Net(_columns, a=conv(3, 8, stride=4), b=nn.Linear(32, 4)),
        IMAGE,
        (2, 1, 1),
    ),
    "kinds": (
        lambda: Net(lambda m, x: F.softmax(m["a"](x), 1), a=nn.Conv2d(3, 4, 3)),
        IMAGE,
        (2, 0, 0),
    ),
    "best": (lambda: Net(lambda m, x: m["a"](x).argmax(1), a=nn.Conv2d(3, 4, 3)), IMAGE, (1, 0, 0)),
    "channels put on": (
        lambda: Net(
            lambda m, x: m["b"](F.pad(m["p"](m["a"](x)), (0, 0, 0, 0, 1, 1)))[:, 1:] * x[:, :1],
            a=nn.Conv2d(3, 4, 3, padding=1),
            p=nn.PReLU(4),
            b=nn.Conv2d(6, 2, 1),
        ),
        IMAGE,
        (1, 0, 0),
    ),
    "neighbours": (
        lambda: Net(
            lambda m, x: F.max_pool2d(m["a"](x), 3, 2, 1, 2, ceil_mode=True),
            a=nn.Conv2d(3, 4, 3),
        ),
        IMAGE,
        (2, 0, 0),
    ),
    "enlarged": (
        lambda: Net(
            lambda m, x: F.interpolate(m["a"](x), scale_factor=1.5, mode="bilinear"), a=conv(3, 4)
        ),
        IMAGE,
        (2, 0, 0),
    ),
}
