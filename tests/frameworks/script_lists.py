"""Modules for tests of TorchScript: lists that loops fill, read and change."""

# ruff: noqa: RUF005, UP006, UP035
# torch.jit.script reads these classes: their annotations have to be what they say.
from typing import List

import torch
from torch import Tensor, nn


class Given(nn.Module):
    """A list that a loop fills is a result."""

    def forward(self, x):
        found: List[Tensor] = []
        for i in range(x.size(0)):
            found += [x[i] * i]
        return found


class Several(nn.Module):
    """Two items a round, after one from before and before one from after the loop."""

    def forward(self, x):
        found = [x[0]]
        for i in range(x.size(0)):
            found.append(x[i] + i)
            found.append(x[i] - i)
        found.append(x[-1])
        return torch.stack(found, 1), len(found), found[-2]


class Nested(nn.Module):
    def forward(self, x):
        found: List[Tensor] = []
        for i in range(x.size(0)):
            for j in range(x.size(1)):
                found.append(x[i, j] * (i + 1))
            found.append(x[i].sum(0))
        return torch.stack(found)


class Twice(nn.Module):
    """One loop after the other fills it, in new lists."""

    def forward(self, x):
        found: List[Tensor] = []
        for i in range(x.size(0)):
            found = found + [x[i] * 2]
        for i in range(x.size(0)):
            found = found + [x[i] * 3]
        return torch.cat(found)


class Looking(nn.Module):
    """A loop reads the list that it fills."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        states = [torch.zeros(4)]
        for i in range(x.size(0)):
            states.append(torch.tanh(self.linear(x[i]) + states[-1] + states[i // 2]))
        return torch.stack(states), len(states)


class LookingNested(nn.Module):
    def forward(self, x):
        found = [x[0, 0]]
        for i in range(x.size(0)):
            for j in range(x.size(1)):
                found.append(x[i, j] + found[-1] * len(found))
        return torch.stack(found)


class Reading(nn.Module):
    """A second loop reads, by index, what the first has filled, and one that was there before."""

    def forward(self, x):
        first: List[Tensor] = []
        own = [x * 2, x[:1], x[1:] - 1]
        for i in range(x.size(0)):
            first.append(x[i] * i)
        total = torch.zeros_like(x[0])
        for i in range(len(first)):
            total = total * 2 + first[len(first) - 1 - i] + own[i % 3].sum(0)
        return total


class Taking(nn.Module):
    """Items are taken out, set and cut off."""

    def forward(self, x):
        found: List[Tensor] = []
        for i in range(x.size(0)):
            found.append(x[i] * i)
        last = found.pop()
        del found[1]
        found[0] = last + 1
        first = found.pop(0)
        return torch.stack(found[:-1] + [first, last])


class Choosing(nn.Module):
    """One of several lists of tensors at a place that the input tells."""

    def forward(self, x, place):
        found = [x, x[:1], x[1:] * 2]
        return found[int(place)]
