"""Quantised programs of torch as ONNX, against the engine ``fbgemm`` on a processor.

Ours dequantises, computes in float and quantises. Torch's kernels sum whole numbers, and multiply
once by the product of all scales: where that falls on the edge between two steps, the rounding may
differ. So no element is farther than one step of the output, and 99 of 100 are the same.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn
from torch.ao import quantization
from torch.ao.nn.quantized import FloatFunctional
from torch.ao.quantization import quantize_fx

import modelport
from modelport.errors import ConversionError
from tests.frameworks.test_torch_quantized import engine

PICTURES = torch.linspace(-2, 3, 2 * 3 * 12 * 12).sin().reshape(2, 3, 12, 12) * 2


class Stubbed(nn.Module):
    """A module between the steps to whole numbers and back."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.quant, self.dequant = quantization.QuantStub(), quantization.DeQuantStub()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dequant(self.inner(self.quant(x)))


class Block(nn.Module):
    """Two ways that meet in a sum, a product and a row of channels."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(3, 4, 1)
        self.add, self.mul, self.cat = FloatFunctional(), FloatFunctional(), FloatFunctional()
        self.both = FloatFunctional()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        one, two = self.one(x), self.two(x)
        found = [self.add.add(one, two), self.mul.mul(one, two), self.both.add_relu(one, two)]
        return self.cat.cat(found, dim=1)


def fused(*layers: nn.Module) -> nn.Module:
    net = nn.Sequential(*layers).eval()
    return quantization.fuse_modules(net, [["0", "1"]])


STATIC: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "linear": (lambda: nn.Sequential(nn.Linear(7, 9), nn.Linear(9, 5, bias=False)), (40, 7)),
    "linear_relu": (lambda: fused(nn.Linear(7, 9), nn.ReLU()), (40, 7)),
    "relu": (lambda: nn.Sequential(nn.Linear(7, 9), nn.ReLU(inplace=False)), (2, 20, 7)),
    "conv1d": (lambda: nn.Conv1d(3, 4, 3, stride=2, padding=1), (2, 3, 20)),
    "conv1d_relu": (lambda: fused(nn.Conv1d(3, 4, 3), nn.ReLU()), (2, 3, 20)),
    "conv2d": (lambda: nn.Conv2d(3, 6, (3, 2), (2, 1), (1, 0), (1, 2), 3), (2, 3, 12, 12)),
    "conv2d_relu": (lambda: fused(nn.Conv2d(3, 4, 3), nn.ReLU()), (2, 3, 12, 12)),
    "conv2d_reflect": (lambda: nn.Conv2d(3, 4, 3, 1, 1, padding_mode="reflect"), (2, 3, 12, 12)),
    "conv3d": (lambda: nn.Conv3d(2, 3, 2), (1, 2, 6, 6, 6)),
    "conv3d_relu": (lambda: fused(nn.Conv3d(2, 3, 2), nn.ReLU()), (1, 2, 6, 6, 6)),
    "pools": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 4, 1), nn.MaxPool2d(2), nn.AvgPool2d(3), nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        ),
        (2, 3, 12, 12),
    ),
    "batch_norm": (lambda: nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)), (2, 3, 12, 12)),
    "hardswish": (lambda: nn.Sequential(nn.Conv2d(3, 4, 1), nn.Hardswish()), (2, 3, 12, 12)),
    "leaky_relu": (lambda: nn.Sequential(nn.Conv2d(3, 4, 1), nn.LeakyReLU(0.2)), (2, 3, 12, 12)),
    "relu6": (lambda: nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU6()), (2, 3, 12, 12)),
    "layer_norm": (lambda: nn.Sequential(nn.Linear(7, 8), nn.LayerNorm(8)), (40, 7)),
    "sigmoid": (lambda: nn.Sequential(nn.Linear(7, 8), nn.Sigmoid()), (40, 7)),
    "block": (Block, (2, 3, 12, 12)),
}  # fmt: skip


def quantised(make: Callable[[], nn.Module], x: torch.Tensor, by_fx: bool) -> nn.Module:
    torch.manual_seed(3)
    if by_fx:
        mapping = quantization.get_default_qconfig_mapping("fbgemm")
        prepared = quantize_fx.prepare_fx(make().eval(), mapping, (x,))
        prepared(x)
        return quantize_fx.convert_fx(prepared)
    net = Stubbed(make()).eval()
    net.qconfig = quantization.get_default_qconfig("fbgemm")
    prepared = quantization.prepare(net)
    prepared(x)
    return quantization.convert(prepared)


def converted(path: Path, x: torch.Tensor) -> tuple[np.ndarray[Any, Any], onnx.ModelProto]:
    target = path.with_suffix(".onnx")
    modelport.convert(path, target, verify=False)
    proto = onnx.load(target)
    onnx.checker.check_model(proto, full_check=True)
    session = onnxruntime.InferenceSession(target, providers=["CPUExecutionProvider"])
    found = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    return found[0], proto


def same_steps(ours: Any, theirs: Any) -> None:
    """Both are whole steps: at most one apart, and nearly all the same."""
    levels = np.unique(theirs)
    step = np.diff(levels).min() if len(levels) > 1 else 1.0
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    assert np.abs(ours - theirs).max() <= step * 1.001
    assert (np.abs(ours - theirs) < step * 0.01).mean() >= 0.99


@pytest.mark.parametrize("form", ["script", "trace", "fx"])
@pytest.mark.parametrize("name", STATIC)
def test_static(name: str, form: str, tmp_path: Path) -> None:
    make, shape = STATIC[name]
    x = PICTURES.flatten()[: torch.Size(shape).numel()].reshape(shape).contiguous()
    path = tmp_path / "net.pt"
    with warnings.catch_warnings(), engine("fbgemm"), torch.no_grad():
        warnings.simplefilter("ignore")
        net = quantised(make, x, form == "fx")
        saved = torch.jit.script(net) if form == "script" else torch.jit.trace(net, x)
        saved.save(path)
        truth = net(x).numpy()
    ours, proto = converted(path, x)
    same_steps(ours, truth)
    kinds = {item.name: item.data_type for item in proto.graph.initializer if item.dims}
    assert onnx.TensorProto.INT8 in kinds.values()  # weights stay whole numbers


@pytest.mark.parametrize("form", ["script", "trace"])
@pytest.mark.parametrize("scale", [1.0, 0.0, 1e-4])
def test_dynamic(form: str, scale: float, tmp_path: Path) -> None:
    torch.manual_seed(3)
    net = nn.Sequential(nn.Linear(7, 9), nn.ReLU(), nn.Linear(9, 5, bias=False))
    x = PICTURES.flatten()[:70].reshape(10, 7) * scale
    path = tmp_path / "net.pt"
    with warnings.catch_warnings(), engine("fbgemm"), torch.no_grad():
        warnings.simplefilter("ignore")
        net = quantization.quantize_dynamic(net, {nn.Linear})
        (torch.jit.script(net) if form == "script" else torch.jit.trace(net, x)).save(path)
        truth = net(x).numpy()
    ours, _ = converted(path, x)
    # A step of what is multiplied, where its rounding differs, is a part of the output's scale.
    np.testing.assert_allclose(ours, truth, rtol=0, atol=1e-2 * np.abs(truth).max())
    assert np.isclose(ours, truth, rtol=0, atol=1e-4 * np.abs(truth).max()).mean() > 0.9


def test_what_is_not_known_is_named(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    with warnings.catch_warnings(), engine("fbgemm"):
        warnings.simplefilter("ignore")
        net = quantised(lambda: nn.Sequential(nn.Linear(7, 8), nn.ELU()), torch.ones(2, 7), False)
        torch.jit.script(net).save(path)
    with pytest.raises(ConversionError, match="quantized::elu"):
        modelport.convert(path, tmp_path / "net.onnx", verify=False)
