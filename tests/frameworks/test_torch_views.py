"""Tensors changed in place, and what shares their elements: exported and held against torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.frameworks import torch_live
from torch import nn, randn, tensor

from modelport import convert
from modelport.errors import ConversionError

pytestmark = pytest.mark.filterwarnings("ignore")

Change = Callable[[Any], Any]


class Changed(nn.Module):
    """A copy of the input, changed; gives the copy and what the change gave."""

    def __init__(self, change: Change) -> None:
        super().__init__()
        self.change = change

    def forward(self, x: Any) -> Any:
        x = x.clone()
        given = self.change(x)
        return x, given


def _after(view: Change) -> Change:
    """A view that is filled with 9."""

    def change(x: Any) -> Any:
        return view(x).fill_(9.0)

    return change


VIEWS: dict[str, Change] = {
    "chunk": lambda x: x.chunk(2, 1)[0],
    "unbind": lambda x: x.unbind(1)[2],
    "split": lambda x: x.split([1, 3], 1)[1],
    "tensor_split": lambda x: x.tensor_split(3, 1)[1],
    "narrow": lambda x: x.narrow(1, 1, 2),
    "diagonal": lambda x: x.diagonal(1),
    "transposed": lambda x: x.t()[1],
    "in another shape": lambda x: x.view(2, 6)[:, 1:3],
    "copy of a transposed one": lambda x: x.t().contiguous(),
    "no copy": lambda x: x.contiguous(),
    "flattened copy": lambda x: x.t().flatten(),
    "flattened": lambda x: x.flatten(),
    "ravelled": lambda x: x.ravel(),
    "reshaped copy": lambda x: x.t().reshape(2, 6),
    "of that dtype already": lambda x: x.to(torch.float32),
    "copied on demand": lambda x: x.to(torch.float32, copy=True),
    "of another dtype": lambda x: x.to(torch.float64),
    "detached": lambda x: x.detach(),
    "with more axes": lambda x: torch.atleast_3d(x)[0],
    "unsqueezed in place": lambda x: x.t().unsqueeze_(0)[0, 1],
}


def test_a_change_reaches_all_that_shares_the_elements(tmp_path: Path) -> None:
    changes = {name: Changed(_after(view)) for name, view in VIEWS.items()}
    torch_live.check_all(changes, (randn(3, 4),), tmp_path)
    rows = torch.export.Dim("rows", min=2, max=64)
    apart = {name: changes[name] for name in ("copy of a transposed one", "no copy", "transposed")}
    torch_live.check_all(apart, (randn(3, 4),), tmp_path, ({0: rows},), [(randn(5, 4),)])


@pytest.mark.parametrize(
    "reshape",
    [
        lambda x: x.t_(),
        lambda x: x.transpose_(0, 1),
        lambda x: x.swapaxes_(0, 1),
        lambda x: x.unsqueeze_(0),
        lambda x: x[:1].squeeze_(),
    ],
)
def test_a_tensor_is_given_another_shape_in_place(reshape: Change, tmp_path: Path) -> None:
    torch_live.check(lambda x: reshape(x.clone()) * 2, (randn(3, 4),), tmp_path)


@pytest.mark.parametrize("view", [lambda x: x.unfold(1, 2, 2), lambda x: x.as_strided((2,), (4,))])
def test_a_view_that_cannot_be_written_back_is_refused(view: Change, tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="it changes a part"):
        torch_live.check(Changed(_after(view)), (randn(3, 4),), tmp_path)


class Written(nn.Module):
    """Lets operators write into tensors that are there, and gives these a size first."""

    def forward(self, x: Any) -> Any:
        total, powers = x.new_zeros(3), torch.empty(0)
        powers.resize_as_(x)
        torch.pow(x, 2, out=powers)
        torch.mul(powers[:, 0], 2.0, out=total)
        torch.add(x[0], 1, out=powers[1])
        return total, powers, x.clone().resize_(3, 4)


@pytest.mark.parametrize("network", [Written(), nn.CrossMapLRN2d(3, 0.1, 0.7, 2.0)])
def test_results_are_written_into_tensors(network: nn.Module, tmp_path: Path) -> None:
    x = randn(3, 4) if isinstance(network, Written) else randn(2, 6, 5, 4)
    torch_live.check(network, (x,), tmp_path)


class Shortened(nn.Module):
    """Shortens the rows it looks up; no other change stays from one run to the next."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = nn.Embedding(6, 4, max_norm=1.0)
        self.bags = nn.EmbeddingBag(6, 4, max_norm=1.0, norm_type=1.0)

    def forward(self, places: Any) -> Any:
        return self.rows(places) @ self.rows.weight.T, self.bags(places)


def test_rows_are_shortened_as_they_are_looked_up(tmp_path: Path) -> None:
    torch_live.check(Shortened(), (tensor([[1, 2], [0, 2]]),), tmp_path)


class Detached(nn.Module):
    """Changes a buffer through a view of it."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(3))

    def forward(self, x: Any) -> Any:
        self.total.detach()[0].add_(1.0)
        return x + self.total


def test_a_weight_changed_through_a_view_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="total"):
        torch_live.check(Detached(), (randn(3),), tmp_path)


def test_steps_are_through_memory_in_whatever_order_it_lies(tmp_path: Path) -> None:
    def steps(x: Any) -> Any:
        turned = x.transpose(0, 1)
        last = x.permute(2, 0, 1).unsqueeze(1)
        return [
            item.as_strided((2, 3, 2), (4, 2, 1), 1)
            for item in (x, turned, last, turned.contiguous())
        ]

    torch_live.check(steps, (randn(3, 4, 5),), tmp_path)


def test_steps_through_memory_that_no_file_describes_are_reported(tmp_path: Path) -> None:
    traced = torch.jit.trace(lambda x: x.permute(0, 1).as_strided((2, 3), (1, 2)), randn(3, 4))
    torch.jit.save(traced, str(tmp_path / "source.pt"))
    report = convert(tmp_path / "source.pt", tmp_path / "target.onnx")
    assert any("lie in C order" in change.why for change in report)
