"""Modules for tests of TorchScript whose inputs or results are lists, tuples and dicts."""

# ruff: noqa: UP006, UP035, UP045
# torch.jit.script reads these classes: their annotations have to be what they say.
from typing import Dict, List, NamedTuple, Optional, Tuple

import torch
from torch import Tensor, nn


class Unpacked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, xs: List[Tensor]):
        a, b = xs
        return self.linear(a) + b


class LookedUp(nn.Module):
    def forward(self, xs: Dict[str, Tensor]):
        found = xs["a"] - xs["b"]
        if "c" in xs:
            found = found * 2
        return found


class GoneThrough(nn.Module):
    def forward(self, xs: List[Tensor]):
        found = torch.zeros_like(xs[0])
        for i, x in enumerate(xs):
            found = found + x * i
        return found, torch.stack(xs)


class Pairs(nn.Module):
    def forward(self, xs: List[Tuple[Tensor, Tensor]]):
        return [a - b * 2 for a, b in xs]


class Point(NamedTuple):
    x: Tensor
    y: Tensor


class OfNamed(nn.Module):
    def forward(self, p: Point):
        return p.x - p.y


class ByNumber(nn.Module):
    def forward(self, xs: Dict[int, Tensor]):
        return xs[3] - xs[5]


class Sizes(nn.Module):
    def forward(self, x, sizes: List[int]):
        return x.reshape(sizes), x + sizes[0]


class LeftOut(nn.Module):
    def forward(self, x, y: Optional[Tensor] = None, more: bool = False):
        if y is not None:
            x = x - y
        return x if more else x * 2


class Keyed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 4)

    def forward(self, x) -> Dict[str, List[Tensor]]:
        y = self.linear(x)
        return {"first": [y], "rest": [y * 2, y + 1]}
