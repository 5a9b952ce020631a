"""What torch's exporter writes out is one operator again, and computes what torch does."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from tests.dialects.onnx.simplify_live import Pair, pair, same
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it


class Told(nn.Module):
    """A module that computes what a function says, with the weights ``w`` and ``b``."""

    def __init__(self, function: Callable[..., Any], *shapes: tuple[int, ...]) -> None:
        super().__init__()
        self.function = function
        rng = torch.Generator().manual_seed(4)
        for name, shape in zip("wb", shapes, strict=False):
            setattr(self, name, nn.Parameter(torch.randn(shape, generator=rng)))

    def forward(self, *inputs: Any) -> Any:
        return self.function(*inputs, *(getattr(self, n) for n in "wb" if hasattr(self, n)))


def exported(
    module: nn.Module, inputs: tuple[Any, ...], folder: Path, opset: int = 14, **options: Any
) -> Pair:
    """A module as torch's TorchScript exporter writes it, simplified; both give what torch does."""
    file = io.BytesIO()
    module.eval()
    names = [f"x{i}" for i in range(len(inputs))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, inputs, file, opset_version=opset, dynamo=False, input_names=names, **options
        )
    both = pair(onnx.load_from_string(file.getvalue()), folder)
    feeds = {name: item.numpy() for name, item in zip(names, inputs, strict=True)}
    both.agrees(feeds)
    with torch.no_grad():
        wanted = module(*inputs)
    wanted = [wanted] if isinstance(wanted, torch.Tensor) else list(wanted)
    for found, expected in zip(both.run(feeds)[1], wanted, strict=True):
        same(found, expected.numpy(), 1e-5)
    return both


def some(*shape: int, seed: int = 1) -> Any:
    """Values of both signs, far from 0 too."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 3


X = some(2, 5, 8)
PICTURE = some(2, 6, 4, 5)
ROOT = math.sqrt(2 / math.pi)

ACTIVATIONS: dict[str, tuple[Callable[..., Any], str]] = {
    "gelu": (F.gelu, "Gelu"),
    "gelu of tanh": (lambda x: F.gelu(x, approximate="tanh"), "Gelu"),
    "gelu, half first": (lambda x: 0.5 * x * (1 + torch.erf(x / math.sqrt(2))), "Gelu"),
    "gelu, halved last": (lambda x: x * (torch.erf(x * 0.7071067811865476) + 1) / 2, "Gelu"),
    "gelu, halves inside": (lambda x: (0.5 + 0.5 * torch.erf(x / 2**0.5)) * x, "Gelu"),
    "gelu by what is left": (lambda x: x * (1 - torch.erf(-x * 0.5**0.5)) * 0.5, "Gelu"),
    "gelu of bert": (
        lambda x: 0.5 * x * (1 + torch.tanh(ROOT * (x + 0.044715 * torch.pow(x, 3)))),
        "Gelu",
    ),
    "gelu of gpt": (
        lambda x: x * 0.5 * (1 + torch.tanh(x * 0.7978845608 * (1 + 0.044715 * x * x))),
        "Gelu",
    ),
    "silu": (F.silu, "Swish"),
    "quick gelu": (lambda x: x * torch.sigmoid(1.702 * x), "Swish"),
    "hardswish": (F.hardswish, "HardSwish"),
    "hardswish by relu6": (lambda x: x * F.relu6(x + 3) / 6, "HardSwish"),
    "hardswish, sixth inside": (lambda x: F.relu6(x + 3) * (1 / 6) * x, "HardSwish"),
    "hardsigmoid": (F.hardsigmoid, "HardSigmoid"),
    "hardsigmoid by relu6": (lambda x: F.relu6(x + 3) / 6, "HardSigmoid"),
    "hardsigmoid of Keras": (lambda x: torch.clip(0.2 * x + 0.5, 0, 1), "HardSigmoid"),
    "mish": (F.mish, "Mish"),
    "mish by logarithm": (lambda x: x * torch.tanh(torch.log(1 + torch.exp(x))), "Mish"),
    "softplus": (lambda x: F.relu(x) + torch.log(1 + torch.exp(-x.abs())), "Softplus"),
    "softsign": (lambda x: x / (1 + x.abs()), "Softsign"),
    "relu": (lambda x: torch.clamp(x, min=0), "Relu"),
    "leaky relu": (lambda x: torch.where(x > 0, x, 0.1 * x), "LeakyRelu"),
    "leaky relu by relus": (lambda x: F.relu(x) - 0.2 * F.relu(-x), "LeakyRelu"),
    "elu": (lambda x: torch.where(x > 0, x, 1.5 * (torch.exp(x) - 1)), "Elu"),
    "selu": (
        lambda x: (
            1.0507009873554805 * torch.where(x > 0, x, 1.6732632423543772 * (torch.exp(x) - 1))
        ),
        "Selu",
    ),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_one_operator(name: str, tmp_path: Path) -> None:
    function, op_type = ACTIVATIONS[name]
    assert exported(Told(function), (X,), tmp_path).ops() == {op_type: 1}


OTHERS: dict[str, Callable[..., Any]] = {
    "gelu of other slope": lambda x: 0.5 * x * (1 + torch.erf(x / 1.4)),
    "gelu of other half": lambda x: 0.4 * x * (1 + torch.erf(x / math.sqrt(2))),
    "gelu of two values": lambda x: 0.5 * (x + 1) * (1 + torch.erf(x / math.sqrt(2))),
    "tanh of other cubic": lambda x: (
        0.5 * x * (1 + torch.tanh(ROOT * (x + 0.04 * torch.pow(x, 3))))
    ),
    "gate of another": lambda x: x * torch.sigmoid(x + 1),
    "relu6 of other shift": lambda x: x * F.relu6(x + 2) / 6,
    "softplus that runs over": lambda x: torch.log(1 + torch.exp(x)),
    "where it is negative": lambda x: torch.where(x < 0, x, 0.1 * x),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_nearly_one_is_not_taken_for_it(name: str, tmp_path: Path) -> None:
    found = exported(Told(OTHERS[name]), (X,), tmp_path).ops()
    assert not set(found) & {"Gelu", "Swish", "HardSwish", "Softplus", "LeakyRelu"}


def rms(x: Any, w: Any, eps: float = 1e-6) -> Any:
    return w * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps))


def deviation(x: Any, axes: Any = -1) -> Any:
    return x - x.mean(axes, keepdim=True)


NORMS: dict[str, tuple[nn.Module, Any, str]] = {
    "layer": (nn.LayerNorm(8), X, "LayerNormalization"),
    "layer over two axes": (nn.LayerNorm((5, 8)), X, "LayerNormalization"),
    "layer without weights": (
        nn.LayerNorm(8, elementwise_affine=False),
        X,
        "LayerNormalization",
    ),
    "layer, by hand": (
        Told(
            lambda x, w, b: (
                w * deviation(x) / torch.sqrt((deviation(x) ** 2).mean(-1, True) + 1e-6) + b
            ),
            (8,),
            (8,),
        ),
        X,
        "LayerNormalization",
    ),
    "layer, times the inverse": (
        Told(
            lambda x, w, b: (
                deviation(x) * torch.rsqrt((deviation(x) * deviation(x)).mean(-1, True) + 1e-5) * w
                + b
            ),
            (1, 1, 8),
            (8,),
        ),
        X,
        "LayerNormalization",
    ),
    "rms of llama": (Told(rms, (8,)), X, "RMSNormalization"),
    "group": (nn.GroupNorm(3, 6), PICTURE, "GroupNormalization"),
    "group without weights": (nn.GroupNorm(2, 6, affine=False), PICTURE, "GroupNormalization"),
    "instance": (nn.InstanceNorm2d(6, affine=True), PICTURE, "InstanceNormalization"),
    "instance, by hand": (
        Told(
            lambda x, w, b: (
                w
                * (
                    deviation(x, (2, 3))
                    / torch.sqrt((deviation(x, (2, 3)) ** 2).mean((2, 3), True) + 1e-5)
                )
                + b
            ),
            (1, 6, 1, 1),
            (6, 1, 1),
        ),
        PICTURE,
        "InstanceNormalization",
    ),
}


def shaken(module: nn.Module) -> nn.Module:
    """The module with weights that are not what they begin with."""
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(torch.linspace(-1, 2, weight.numel()).reshape(weight.shape))
    return module


@pytest.mark.parametrize("dynamic", [False, True], ids=["fixed", "dynamic"])
@pytest.mark.parametrize("name", NORMS)
def test_a_normalization_is_one_operator(name: str, dynamic: bool, tmp_path: Path) -> None:
    module, x, op_type = NORMS[name]
    axes = {"dynamic_axes": {"x0": {0: "batch"}}} if dynamic else {}
    both = exported(shaken(module), (x,), tmp_path, **axes)
    assert both.ops() == {op_type: 1}
    names = set(both.before.tensors) & {key for key, _ in module.named_parameters()}
    assert names <= set(both.after.tensors)


def test_values_stay_that_somebody_else_takes(tmp_path: Path) -> None:
    module = Told(lambda x: (torch.erf(x / math.sqrt(2)), F.gelu(x)))
    found = exported(module, (X,), tmp_path).ops()
    assert found["Erf"] == 1


def test_empty_and_infinite_values_come_through(tmp_path: Path) -> None:
    odd = torch.tensor([[0.0, -0.0, 1e30, -1e30, np.inf, -np.inf, np.nan, 1e-30]])
    for name in ("softsign", "leaky relu", "elu", "hardsigmoid"):
        function, op_type = ACTIVATIONS[name]
        assert exported(Told(function), (odd,), tmp_path).ops() == {op_type: 1}


def heads(seed: int, length: int = 5) -> Any:
    return some(2, 3, length, 4, seed=seed)


def by_hand(q: Any, k: Any, v: Any, mask: Any = None, scale: float = 0.5) -> Any:
    scores = q @ k.transpose(-1, -2) * scale
    return (scores if mask is None else scores + mask).softmax(-1) @ v


def split(x: Any) -> Any:
    return x.view(x.shape[0], x.shape[1], 2, 4).permute(0, 2, 1, 3)


QKV = (heads(1), heads(2, 6), heads(3, 6))
PADDING = torch.tensor([[1, 1, 1, 1, 0, 0], [1, 1, 1, 0, 0, 0]])
LOWEST = torch.finfo(torch.float32).min
ATTENTIONS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], int]] = {
    "torch": (F.scaled_dot_product_attention, QKV, 1),
    "torch with a mask that may hide all": (F.scaled_dot_product_attention, (*QKV, some(5, 6)), 0),
    "torch with truths": (F.scaled_dot_product_attention, (*QKV, some(2, 1, 5, 6) > 0), 1),
    "scores times": (by_hand, QKV, 1),
    "scores divided": (lambda q, k, v: ((q @ k.transpose(-1, -2)) / 2.0).softmax(-1) @ v, QKV, 1),
    "queries times": (lambda q, k, v: ((q * 0.3) @ k.transpose(-1, -2)).softmax(-1) @ v, QKV, 1),
    "keys turned at once": (
        lambda q, k, v: (split(q) @ k.view(2, 6, 2, 4).permute(0, 2, 3, 1)).softmax(-1) @ split(v),
        (some(2, 5, 8), some(2, 6, 8, seed=2), some(2, 6, 8, seed=3)),
        1,
    ),
    "finite mask": (
        lambda q, k, v, m: by_hand(
            q, k, v, torch.where(m[:, None, None] > 0, 0.0, LOWEST).float().expand(2, 1, 1, 6)
        ),
        (*QKV, PADDING),
        1,
    ),
    "causal mask": (
        lambda q, k, v: by_hand(q, k, v, torch.full((5, 6), -torch.inf).triu(1)),
        QKV,
        1,
    ),
    "mask that may hide all": (by_hand, (*QKV, some(5, 6)), 0),
    "another axis": (lambda q, k, v: (q @ k.transpose(-1, -2)).softmax(-2) @ v, QKV, 0),
    "keys of other heads": (by_hand, (QKV[0], QKV[1][:, :1], QKV[2]), 0),
    "mask for all keys": (by_hand, (*QKV, torch.zeros(5, 1)), 0),
    "scores that others take": (
        lambda q, k, v: (
            (q @ k.transpose(-1, -2)).softmax(-1) @ v,
            (q @ k.transpose(-1, -2)).softmax(-1),
        ),
        QKV,
        0,
    ),
}


@pytest.mark.parametrize("name", ATTENTIONS)
def test_attention_is_one_operator_where_it_means_the_same(name: str, tmp_path: Path) -> None:
    function, inputs, count = ATTENTIONS[name]
    both = exported(Told(function), inputs, tmp_path)
    assert both.ops()["Attention"] == count
    assert both.ops()["Softmax"] == 1 - count


def test_rows_that_see_nothing_stay_what_they_are(tmp_path: Path) -> None:
    mask = torch.zeros(5, 6)
    mask[2] = -np.inf
    both = exported(Told(by_hand), (*QKV, mask), tmp_path)
    feeds = {f"x{i}": item.numpy() for i, item in enumerate((*QKV, mask))}
    assert np.isnan(both.run(feeds)[1][0][:, :, 2]).all()


def last(x: Any) -> Any:
    return x.permute(0, 2, 3, 1)


def first(x: Any) -> Any:
    return x.permute(0, 3, 1, 2)


LAYOUTS: dict[str, tuple[nn.Module, tuple[Any, ...], dict[str, int]]] = {
    "there and back": (
        Told(lambda x, w: first(F.relu(last(x) + w)), (6,)),
        (PICTURE,),
        {"Add": 1, "Relu": 1},
    ),
    "two ways that join": (
        Told(lambda x, y, w: first(torch.tanh(last(x) * w) - last(y).abs()), (1, 5, 1)),
        (PICTURE, some(2, 6, 4, 5, seed=2)),
        {"Mul": 1, "Tanh": 1, "Abs": 1, "Sub": 1},
    ),
    "behind each other": (
        Told(lambda x: first(torch.cat([last(x), last(x).exp()], -1))),
        (PICTURE,),
        {"Exp": 1, "Concat": 1},
    ),
    "seen on the way": (
        Told(lambda x: (last(x).exp(), first(last(x).exp() + 1))),
        (PICTURE,),
        {"Exp": 1, "Add": 1, "Transpose": 1},
    ),
    "one way only": (Told(lambda x: last(x).exp()), (PICTURE,), {"Exp": 1, "Transpose": 1}),
    "something else beside it": (
        Told(lambda x, y: first(last(x) + y)),
        (PICTURE, some(2, 4, 5, 6)),
        {"Add": 1, "Transpose": 2},
    ),
    "another way back": (
        Told(lambda x: last(last(x).exp())),
        (PICTURE,),
        {"Exp": 1, "Transpose": 2},
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_transposes_go_where_they_meet(name: str, tmp_path: Path) -> None:
    module, inputs, wanted = LAYOUTS[name]
    assert exported(module, inputs, tmp_path).ops() == wanted


def stable(x: Any, axis: int) -> Any:
    return x - x.amax(axis, keepdim=True)


SOFTMAXES: dict[str, tuple[Callable[..., Any], str]] = {
    "softmax": (
        lambda x: stable(x, 1).exp() / stable(x, 1).exp().sum(1, keepdim=True),
        "Softmax",
    ),
    "log softmax": (
        lambda x: stable(x, -1) - stable(x, -1).exp().sum(-1, keepdim=True).log(),
        "LogSoftmax",
    ),
}


@pytest.mark.parametrize("name", SOFTMAXES)
def test_a_softmax_is_one_operator(name: str, tmp_path: Path) -> None:
    function, op_type = SOFTMAXES[name]
    assert exported(Told(function), (X,), tmp_path).ops() == {op_type: 1}


def test_a_softmax_that_runs_over_does_so_still(tmp_path: Path) -> None:
    plain = Told(lambda x: x.exp() / x.exp().sum(-1, keepdim=True))
    assert exported(plain, (100 * X,), tmp_path).ops()["Softmax"] == 0


class Read(nn.Module):
    """The last step of what a recurrent network gives, from states of zeros or given ones."""

    def __init__(self, kind: Any, **options: Any) -> None:
        super().__init__()
        self.net = kind(8, 3, batch_first=True, **options)

    def forward(self, x: Any, *states: Any) -> Any:
        return self.net(x, *states)[0][:, -1]


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_states_of_zeros_are_not_given(kind: Any, tmp_path: Path) -> None:
    axes = {"dynamic_axes": {"x0": {0: "batch"}}}
    both = exported(Read(kind, num_layers=2), (X,), tmp_path, **axes)
    name = kind.__name__
    assert both.ops() == {name: 2, "Squeeze": 2, "Transpose": 2, "Gather": 1}
    assert all(len(node.inputs) == 4 for node in both.after.nodes if node.op_type == name)
    both = exported(Read(nn.GRU), (X, some(1, 2, 3)), tmp_path)
    assert any(len(node.inputs) == 6 for node in both.after.nodes)


def test_slices_are_taken_at_once(tmp_path: Path) -> None:
    module = Told(lambda x: x[:, 1:3, ::2, :-1])
    assert exported(module, (PICTURE,), tmp_path).ops() == {"Slice": 1}


def test_flattening_by_shapes_takes_empty_batches_still(tmp_path: Path) -> None:
    def function(x: Any) -> Any:
        y = x.view(x.shape[0], x.shape[1], x.shape[2] * 5).permute(0, 2, 1)
        return y.reshape(y.shape[0], 4, 5, 6), x.view(x.shape[0], x.shape[1] * 4, 5)

    axes = {"dynamic_axes": {"x0": {0: "batch"}}}
    both = exported(Told(function), (PICTURE,), tmp_path, **axes)
    assert set(both.ops()) == {"Reshape", "Transpose"}
    assert both.run({"x0": np.zeros((0, 6, 4, 5), np.float32)})[1][1].shape == (0, 24, 5)


HEADS: dict[str, Callable[..., Any]] = {
    "batch behind": lambda x: x.reshape(5, 2 * 2, 4).transpose(0, 1).reshape(2, 2, 5, 4),
    "turned in parts": lambda x: split(x).reshape(4, 5, 4).transpose(1, 2).reshape(2, 2, 4, 5),
    "parted in three": lambda x: x.reshape(5, 16).t().reshape(2, 2, 4, 5) + 1,
}


@pytest.mark.parametrize("name", HEADS)
def test_parting_comes_before_turning(name: str, tmp_path: Path) -> None:
    found = exported(Told(HEADS[name]), (X,), tmp_path).ops()
    assert found["Reshape"] == 1
    assert found["Transpose"] == 1


def test_whole_numbers_are_counted_as_such(tmp_path: Path) -> None:
    module = Told(lambda x: x + torch.arange(x.shape[1], dtype=torch.float32)[None, :, None])
    axes = {"dynamic_axes": {"x0": {1: "time"}}}
    both = exported(module, (X,), tmp_path, **axes)
    both.agrees({"x0": some(2, 9, 8).numpy()})
