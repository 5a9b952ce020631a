"""Quantised programs of torch as ONNX, against the engine ``fbgemm`` on a processor.

Layers, sums and pools give the same whole numbers. Where torch's kernels compute in another order
of floats than operators of ONNX (normalisations, exponentials), a number that lies between two
steps may be rounded to either.
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
from tests.frameworks.test_torch_quantized import engine
from torch import nn
from torch.ao import quantization
from torch.ao.nn.quantized import FloatFunctional
from torch.ao.quantization import quantize_fx
from torch.nn import functional

import modelport
from modelport.errors import ConversionError
from modelport.model.component import Component
from modelport.verify.tolerance import SMALLEST, tolerance_for
from modelport.verify.verify import Side, run_both

PICTURES = torch.randn((2, 3, 12, 12), generator=torch.Generator().manual_seed(5)) * 2
PICTURE, TABLE, SERIES = (2, 3, 12, 12), (40, 7), (2, 3, 20)


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


class Does(nn.Module):
    """A layer, and a function of its result."""

    def __init__(self, layer: nn.Module, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self.layer, self.function = layer, function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(self.layer(x))


def fused(*layers: nn.Module) -> nn.Module:
    net = nn.Sequential(*layers).eval()
    return quantization.fuse_modules(net, [[str(i) for i in range(len(layers))]])


def after(*layers: nn.Module) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(nn.Conv2d(3, 4, 1), *layers)


def does(function: Callable[[Any], Any]) -> Callable[[], nn.Module]:
    return lambda: Does(nn.Conv2d(3, 4, 1), function)


Case = tuple[Callable[[], nn.Module], tuple[int, ...]]
STATIC: dict[str, Case] = {
    "linear": (lambda: nn.Sequential(nn.Linear(7, 9), nn.Linear(9, 5, bias=False)), TABLE),
    "linear_relu": (lambda: fused(nn.Linear(7, 9), nn.ReLU()), TABLE),
    "relu": (lambda: nn.Sequential(nn.Linear(7, 9), nn.ReLU(inplace=False)), (2, 20, 7)),
    "conv1d": (lambda: nn.Conv1d(3, 4, 3, stride=2, padding=1), SERIES),
    "conv1d_relu": (lambda: fused(nn.Conv1d(3, 4, 3), nn.ReLU()), SERIES),
    "conv2d": (lambda: nn.Conv2d(3, 6, (3, 2), (2, 1), (1, 0), (1, 2), 3), PICTURE),
    "conv2d_relu": (lambda: fused(nn.Conv2d(3, 4, 3), nn.ReLU()), PICTURE),
    "conv2d_norm_relu": (lambda: fused(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()), PICTURE),
    "conv2d_reflect": (lambda: nn.Conv2d(3, 4, 3, 1, 1, padding_mode="reflect"), PICTURE),
    "depthwise": (lambda: nn.Conv2d(3, 3, 3, groups=3, bias=False), PICTURE),
    "conv3d": (lambda: nn.Conv3d(2, 3, 2), (1, 2, 6, 6, 6)),
    "conv3d_relu": (lambda: fused(nn.Conv3d(2, 3, 2), nn.ReLU()), (1, 2, 6, 6, 6)),
    "pools": (
        after(nn.MaxPool2d(2), nn.AvgPool2d(3, 2, 1), nn.AdaptiveAvgPool2d(2), nn.Flatten()),
        PICTURE,
    ),
    "relu6": (after(nn.ReLU6()), PICTURE),
    "hardtanh": (after(nn.Hardtanh(-0.3, 0.7)), PICTURE),
    "block": (Block, PICTURE),
    "leaky_relu": (after(nn.LeakyReLU(0.2)), PICTURE),
    "mean": (does(lambda x: x.mean((2, 3))), PICTURE),
    "mean_of_channels": (does(lambda x: x.mean((1,), keepdim=True)), PICTURE),
    "relu_in_place": (after(nn.ReLU(inplace=True)), PICTURE),
    "pool_with_rest": (after(nn.AvgPool2d(3, 2, 1, ceil_mode=True)), PICTURE),
    "corners": (
        does(lambda x: functional.interpolate(x, (17, 9), mode="bilinear", align_corners=True)),
        PICTURE,
    ),
    "padded": (does(lambda x: functional.pad(x, (1, 2, 0, 1))), PICTURE),
    "picked": (does(lambda x: x.flip(2)[:, [2, 0]].repeat(1, 2, 1, 1)), PICTURE),
    "moves": (does(lambda x: x.permute(0, 2, 3, 1)[:, 1:].reshape(2, 11, 48)), PICTURE),
    "resized": (does(lambda x: functional.interpolate(x, scale_factor=2.0)), PICTURE),
    "bilinear": (
        does(lambda x: functional.interpolate(x, scale_factor=2.0, mode="bilinear")), PICTURE,
    ),
    "dropout": (after(nn.Dropout(0.5)), PICTURE),
    "batch_norm": (after(nn.BatchNorm2d(4)), PICTURE),
    "hardswish": (after(nn.Hardswish()), PICTURE),
    "layer_norm": (lambda: nn.Sequential(nn.Linear(7, 8), nn.LayerNorm(8)), TABLE),
    "group_norm": (after(nn.GroupNorm(2, 4)), PICTURE),
    "instance_norm": (after(nn.InstanceNorm2d(4, affine=True)), PICTURE),
    "sigmoid": (lambda: nn.Sequential(nn.Linear(7, 8), nn.Sigmoid()), TABLE),
    "hardsigmoid": (after(nn.Hardsigmoid()), PICTURE),
    "tanh": (lambda: nn.Sequential(nn.Linear(7, 8), nn.Tanh()), TABLE),
    "elu": (lambda: nn.Sequential(nn.Linear(7, 8), nn.ELU(0.7)), TABLE),
    "conv_transpose2d": (
        lambda: nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, groups=2), (2, 4, 6, 6),
    ),
    "conv_transpose1d": (lambda: nn.ConvTranspose1d(3, 4, 3, 2), SERIES),
}  # fmt: skip
INEXACT = {
    *("layer_norm", "group_norm", "instance_norm", "batch_norm", "hardswish"),
    *("sigmoid", "tanh", "elu"),
}


def quantised(make: Callable[[], nn.Module], x: torch.Tensor, by_fx: bool) -> nn.Module:
    torch.manual_seed(3)
    net = make().eval()
    each = quantization.get_default_qconfig("fbgemm")
    whole = quantization.QConfig(each.activation, quantization.default_weight_observer)
    if by_fx:
        mapping = quantization.get_default_qconfig_mapping("fbgemm")
        prepared = quantize_fx.prepare_fx(net, mapping, (x,))
        prepared(x)
        return quantize_fx.convert_fx(prepared)
    net = Stubbed(net)
    net.qconfig = each
    for inner in net.modules():
        if isinstance(inner, nn.ConvTranspose1d | nn.ConvTranspose2d):  # one scale alone
            inner.qconfig = whole
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


def same_steps(ours: Any, theirs: Any, exact: bool) -> None:
    """Both are whole steps: the same, or at most one apart, and 95 of 100 the same."""
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    if exact:
        np.testing.assert_array_equal(ours, theirs)
        return
    levels = np.unique(theirs)
    step = np.diff(levels).min() if len(levels) > 1 else 1.0
    assert np.abs(ours - theirs).max() <= step * 1.001
    assert (np.abs(ours - theirs) < step * 0.01).mean() >= 0.95


NO_SCRIPT = (
    *("mean", "mean_of_channels", "corners", "padded", "moves", "picked", "resized", "bilinear"),
    "relu",
)
"""A script holds no lambda, and does not state how many axes an input of linear layers has."""
NO_FX = ("conv_transpose1d", "conv_transpose2d")  # which torch cannot follow
CASES = [(name, "trace") for name in STATIC]
CASES += [(name, "script") for name in STATIC if name not in NO_SCRIPT]
CASES += [(name, "fx") for name in STATIC if name not in NO_FX]


@pytest.mark.parametrize(("name", "form"), CASES)
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
    same_steps(ours, truth, name not in INEXACT)
    kinds = {item.name: item.data_type for item in proto.graph.initializer if item.dims}
    assert onnx.TensorProto.INT8 in kinds.values() or form == "fx"  # weights stay whole numbers


@pytest.mark.parametrize("form", ["script", "trace"])
@pytest.mark.parametrize("scale", [1.0, 0.0, 1e-4])
@pytest.mark.parametrize("per_channel", [False, True])
def test_dynamic(form: str, scale: float, per_channel: bool, tmp_path: Path) -> None:
    torch.manual_seed(3)
    net = nn.Sequential(nn.Linear(7, 9), nn.ReLU(), nn.Linear(9, 5, bias=False))
    x = PICTURES.flatten()[:70].reshape(10, 7) * scale
    path = tmp_path / "net.pt"
    kind = quantization.per_channel_dynamic_qconfig
    with warnings.catch_warnings(), engine("fbgemm"), torch.no_grad():
        warnings.simplefilter("ignore")
        net = quantization.quantize_dynamic(net, {nn.Linear: kind} if per_channel else {nn.Linear})
        (torch.jit.script(net) if form == "script" else torch.jit.trace(net, x)).save(path)
        truth = net(x).numpy()
    ours, _ = converted(path, x)
    np.testing.assert_allclose(ours, truth, rtol=0, atol=1e-6 * np.abs(truth).max())


class Bags(nn.Module):
    """Sums of rows, in bags that begin at offsets."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = nn.EmbeddingBag(11, 8, mode="sum", include_last_offset=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.rows(x, torch.tensor([0, 2, 5]))


TABLES = [("rows", 8), ("bags", 8), ("bags", 4)]  # torch itself looks up no rows of 4 bits


@pytest.mark.parametrize(
    ("name", "bits", "form"),
    [(*case, form) for case in TABLES for form in ("script", "trace")]
    + [("offsets", 8, "trace"), ("offsets", 4, "trace")],
)
def test_tables(bits: int, name: str, form: str, tmp_path: Path) -> None:
    torch.manual_seed(3)
    layers = {
        "rows": lambda: nn.Sequential(nn.Embedding(11, 8)),
        "bags": lambda: nn.Sequential(nn.EmbeddingBag(11, 8, mode="sum")),
        "offsets": Bags,
    }
    net, path = layers[name](), tmp_path / "net.pt"
    x = torch.tensor([7, 0, 10, 3, 3] if name == "offsets" else [[1, 2, 10], [4, 4, 0]])
    net.qconfig = quantization.float_qparams_weight_only_qconfig
    if bits == 4:
        net.qconfig = quantization.float_qparams_weight_only_qconfig_4bit
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        net = quantization.convert(quantization.prepare(net))
        (torch.jit.script(net) if form == "script" else torch.jit.trace(net, x)).save(path)
        truth = net(x).numpy()
    ours, _ = converted(path, x)
    np.testing.assert_allclose(ours, truth, rtol=0, atol=2e-6)


# Verification and report


@pytest.mark.parametrize(("name", "form"), [("block", "trace"), ("conv2d", "script")])
def test_the_report_loses_nothing_and_both_sides_agree(
    name: str, form: str, tmp_path: Path
) -> None:
    make, shape = STATIC[name]
    x = PICTURES.flatten()[: torch.Size(shape).numel()].reshape(shape).contiguous()
    path, target = tmp_path / "net.pt", tmp_path / "net.onnx"
    with warnings.catch_warnings(), engine("fbgemm"), torch.no_grad():
        warnings.simplefilter("ignore")
        net = quantised(make, x, False)
        (torch.jit.script(net) if form == "script" else torch.jit.trace(net, x)).save(path)
    report = modelport.convert(path, target)
    assert {change.kind for change in report} <= {"invented", "rearranged"}
    assert report.kept[Component.WEIGHTS] == "all"
    model = modelport.open(path)
    tolerance = tolerance_for(model)
    last = next(item for item in reversed(model.graph.nodes) if item.domain == "quantized")
    assert tolerance.steps == (last.attributes["call"]["args"][-2],)
    assert tolerance.value == SMALLEST
    assert "steps of" in tolerance.why

    def moved(steps: int) -> str:
        """Whether both agree when the zero point of the output is so many steps off."""
        proto = onnx.load(target)
        final = next(node for node in reversed(proto.graph.node) if "Dequantize" in node.op_type)
        held = {item.name: item for item in proto.graph.initializer}[final.input[2]]
        array = onnx.numpy_helper.to_array(held)
        made = onnx.numpy_helper.from_array((array - steps).astype(array.dtype), "moved")
        proto.graph.initializer.append(made)
        final.input[2] = "moved"
        other = tmp_path / f"moved_{steps}.onnx"
        onnx.save(proto, other)
        given = {"x": x.numpy()}
        sides = Side(model, path), Side(modelport.open(other), other)
        return run_both(*sides, inputs=list(given.items())).status

    assert moved(1) == "agreed"
    assert moved(2) == "disagreed"


def test_what_is_not_known_is_named(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    with warnings.catch_warnings(), engine("fbgemm"):
        warnings.simplefilter("ignore")
        net = quantised(after(nn.PReLU()), PICTURES, True)
        torch.jit.trace(net, PICTURES).save(path)
    with pytest.raises(ConversionError, match="quantized::prelu"):
        modelport.convert(path, tmp_path / "net.onnx", verify=False)


class Recurrent(nn.Module):
    """A recurrent layer whose outputs and states are all given."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> Any:
        output, states = self.layer(x)
        return output, states


RECURRENT = {
    "lstm": lambda: nn.LSTM(4, 5, 2, bidirectional=True),
    "lstm_batch_first": lambda: nn.LSTM(4, 5, batch_first=True),
    "gru": lambda: nn.GRU(4, 5, 2, bidirectional=True),
}


@pytest.mark.parametrize("name", RECURRENT)
@pytest.mark.parametrize("form", ["script", "trace"])
def test_recurrent(form: str, name: str, tmp_path: Path) -> None:
    torch.manual_seed(3)
    layer = RECURRENT[name]()
    x, path, target = torch.randn(6, 3, 4), tmp_path / "net.pt", tmp_path / "net.onnx"
    with warnings.catch_warnings(), engine("fbgemm"), torch.no_grad():
        warnings.simplefilter("ignore")
        net = quantization.quantize_dynamic(Recurrent(layer), {type(layer)})
        (torch.jit.script(net) if form == "script" else torch.jit.trace(net, x)).save(path)
        output, states = net(x)
    truth = [output, *(states if isinstance(states, tuple) else [states])]
    report = modelport.convert(path, target, verify=form == "trace")
    assert {change.kind for change in report} <= {"invented", "rearranged", "dropped"}
    # The file has the biases twice: packed, as they are used, and beside that.
    assert all(".param.1." in c.where for c in report if c.kind == "dropped")
    assert "as the model runs" in tolerance_for(modelport.open(path)).why
    session = onnxruntime.InferenceSession(target, providers=["CPUExecutionProvider"])
    found = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    for ours, theirs in zip(found, truth, strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=0, atol=2e-6)
