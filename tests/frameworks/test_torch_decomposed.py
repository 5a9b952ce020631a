"""Exported programs with quantisation (``quantized_decomposed``) as ONNX, against torch."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.frameworks.test_torch_quantized_graphs import PICTURES, STATIC, converted, same_steps
from torch import nn
from torch.ao import quantization
from torch.ao.quantization import quantize_fx


def exported(net: nn.Module, x: torch.Tensor, path: Path) -> tuple[Any, Any]:
    """What an exported program gives, as ONNX and in torch."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(net.eval(), (x,)), path)
        truth = net(x)
    ours, _ = converted(path, x)
    return ours, truth.numpy()


@pytest.mark.parametrize("name", ["linear_relu", "conv2d", "conv2d_norm_relu", "block", "pools"])
def test_exported(name: str, tmp_path: Path) -> None:
    make, shape = STATIC[name]
    x = PICTURES.flatten()[: torch.Size(shape).numel()].reshape(shape).contiguous()
    torch.manual_seed(3)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        mapping = quantization.get_default_qconfig_mapping("fbgemm")
        prepared = quantize_fx.prepare_fx(make().eval(), mapping, (x,))
        prepared(x)
        net = quantize_fx._convert_to_reference_decomposed_fx(prepared)
    ours, truth = exported(net, x, tmp_path / "net.pt2")
    same_steps(ours, truth, exact=False)


class Decomposed(nn.Module):
    """To whole numbers by one operator and back by another, with a weight's scales."""

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        super().__init__()
        self.function = function
        self.scales = nn.Parameter(torch.tensor([0.013, 0.021, 0.04]), requires_grad=False)
        self.register_buffer("points", torch.tensor([0, 3, -5]))

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(self, x)


LIBRARY = torch.ops.quantized_decomposed


def per_tensor(low: int, high: int, dtype: torch.dtype) -> Callable[[Any, Any], Any]:
    point = (low + high) // 3
    return lambda net, x: LIBRARY.dequantize_per_tensor(
        LIBRARY.quantize_per_tensor(x, 0.0131, point, low, high, dtype),
        *(0.0131, point, low, high, dtype),
    )


def per_channel(double: bool) -> Callable[[Any, Any], Any]:
    def function(net: Any, x: Any) -> Any:
        scales = net.scales.double() if double else net.scales
        settings = (scales, net.points, 1, -128, 127, torch.int8)
        whole = LIBRARY.quantize_per_channel(x, *settings)
        return LIBRARY.dequantize_per_channel(whole, *settings)

    return function


def by_choice(choose: Any, dtype: torch.dtype, low: int, high: int) -> Callable[[Any, Any], Any]:
    def function(net: Any, x: Any) -> Any:
        scale, point = choose.tensor(x, low, high, 1e-5, dtype)
        whole = LIBRARY.quantize_per_tensor.tensor(x, scale, point, low, high, dtype)
        return LIBRARY.dequantize_per_tensor.tensor(whole, scale, point, low, high, dtype)

    return function


def by_token(choose: Any) -> Callable[[Any, Any], Any]:
    def function(net: Any, x: Any) -> Any:
        scale, point = choose(x, torch.int8)
        whole = LIBRARY.quantize_per_token(x, scale, point, -128, 127, torch.int8)
        settings = (scale, point, -128, 127, torch.int8, torch.float32)
        return LIBRARY.dequantize_per_token(whole, *settings)

    return function


DECOMPOSED: dict[str, Callable[[Any, Any], Any]] = {
    "uint8": per_tensor(0, 255, torch.uint8),
    "int8": per_tensor(-127, 127, torch.int8),
    "int16": per_tensor(-32768, 32767, torch.int16),
    "int32": per_tensor(-100000, 100000, torch.int32),
    "channels": per_channel(False),
    "channels_double": per_channel(True),
    "chosen": by_choice(LIBRARY.choose_qparams, torch.int8, -128, 127),
    "chosen_uint8": by_choice(LIBRARY.choose_qparams, torch.uint8, 0, 127),
    "chosen_symmetric": by_choice(LIBRARY.choose_qparams_symmetric, torch.int8, -127, 127),
    "tokens": by_token(LIBRARY.choose_qparams_per_token),
    "tokens_asymmetric": by_token(LIBRARY._choose_qparams_per_token_asymmetric_impl),
    "fake": lambda net, x: torch.fake_quantize_per_tensor_affine(x, 0.0131, 9, 0, 255),
}


@pytest.mark.parametrize("name", DECOMPOSED)
def test_decomposed(name: str, tmp_path: Path) -> None:
    # Halves of a step among them, which multiplication and division round differently.
    x = torch.cat([PICTURES, torch.arange(432).reshape(1, 3, 12, 12) * 0.00655 - 1.4])
    ours, truth = exported(Decomposed(DECOMPOSED[name]), x, tmp_path / "net.pt2")
    assert ours.dtype == truth.dtype
    np.testing.assert_array_equal(ours, truth)
