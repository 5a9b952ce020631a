"""Pickled modules of torch.nn whose order is known, as ONNX, held against torch."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from tests.corpus import SHARED, needs_shared
from tests.frameworks.torch_live import compare, same
from torch import nn

import modelport
from modelport.dialects.torch.modules.step import Ref, Step
from modelport.dialects.torch.modules.tree import Tree
from modelport.errors import ConversionError
from modelport.model.graph import Graph, Node
from modelport.model.report import Kind
from modelport.runtimes import torch_runtime
from modelport.runtimes.torch_values import flat

pytestmark = pytest.mark.filterwarnings("ignore")

ROW, LINE, IMAGE, VOLUME = (2, 6), (2, 4, 10), (2, 4, 9, 8), (2, 4, 5, 6, 7)
SHAPES = {1: LINE, 2: IMAGE, 3: VOLUME}
ENCODER = {"d_model": 8, "nhead": 2, "dim_feedforward": 16}


def normed(kind: str, module: nn.Module, **options: Any) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are old, and so are many files
        return getattr(nn.utils, f"{kind}_norm")(module, **options)


def activations() -> dict[str, Any]:
    names = "ReLU ReLU6 Hardtanh Hardsigmoid Hardswish ELU CELU SELU SiLU Mish LeakyReLU RReLU "
    names += (
        "LogSigmoid Sigmoid Tanh Softplus Softshrink Hardshrink GELU PReLU Softsign Tanhshrink "
    )
    names += "Softmax LogSoftmax Softmin GLU Identity Dropout AlphaDropout FeatureAlphaDropout"
    found = {name: (getattr(nn, name)(), ROW) for name in names.split()}
    found |= {
        "Threshold": (nn.Threshold(0.1, 20), ROW),
        "GELU tanh": (nn.GELU("tanh"), ROW),
        "ELU alpha": (nn.ELU(0.3), ROW),
        "Softplus beta": (nn.Softplus(2.0, 1.0), ROW),
        "Softmax of steps": (nn.Softmax(), LINE),
        "Softmax2d": (nn.Softmax2d(), IMAGE),
        "PReLU channels": (nn.PReLU(4), IMAGE),
        "GLU channels": (nn.GLU(1), IMAGE),
    }
    return found


def by_axes() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for n, shape in SHAPES.items():
        made = {
            "Conv": lambda n=n: getattr(nn, f"Conv{n}d")(4, 6, 3, 2, 1, bias=False, groups=2),
            "Conv same": lambda n=n: getattr(nn, f"Conv{n}d")(4, 6, 4, padding="same", dilation=2),
            "Conv circular": lambda n=n: getattr(nn, f"Conv{n}d")(
                4, 6, 3, padding=1, padding_mode="circular"
            ),
            "ConvTranspose": lambda n=n: getattr(nn, f"ConvTranspose{n}d")(
                4, 6, 3, 2, 1, 1, groups=2
            ),
            "BatchNorm": lambda n=n: getattr(nn, f"BatchNorm{n}d")(4),
            "BatchNorm bare": lambda n=n: getattr(nn, f"BatchNorm{n}d")(
                4, affine=False, track_running_stats=False
            ),
            "InstanceNorm": lambda n=n: getattr(nn, f"InstanceNorm{n}d")(4, affine=True),
            "InstanceNorm tracked": lambda n=n: getattr(nn, f"InstanceNorm{n}d")(
                4, track_running_stats=True
            ),
            "MaxPool": lambda n=n: getattr(nn, f"MaxPool{n}d")(3, 2, 1, ceil_mode=True),
            "AvgPool": lambda n=n: getattr(nn, f"AvgPool{n}d")(3, 2, 1, count_include_pad=False),
            "LPPool": lambda n=n: getattr(nn, f"LPPool{n}d")(3.0, 2),
            "AdaptiveAvgPool": lambda n=n: getattr(nn, f"AdaptiveAvgPool{n}d")(1),
            "AdaptiveMaxPool": lambda n=n: getattr(nn, f"AdaptiveMaxPool{n}d")(1),
            "ConstantPad": lambda n=n: getattr(nn, f"ConstantPad{n}d")(1, 0.5),
            "ZeroPad": lambda n=n: getattr(nn, f"ZeroPad{n}d")(1),
            "ReflectionPad": lambda n=n: getattr(nn, f"ReflectionPad{n}d")(2),
            "ReplicationPad": lambda n=n: getattr(nn, f"ReplicationPad{n}d")(1),
            "CircularPad": lambda n=n: getattr(nn, f"CircularPad{n}d")(2),
            "Dropout": lambda n=n: getattr(nn, f"Dropout{n}d")(),
        }
        found |= {f"{name} {n}": (make(), shape) for name, make in made.items()}
    return found


OTHERS: dict[str, Any] = {
    "Linear": (nn.Linear(6, 3), ROW),
    "Linear bare": (nn.Linear(6, 3, bias=False), ROW),
    "Linear double": (nn.Linear(6, 3).double(), ROW),
    "BatchNorm rows": (nn.BatchNorm1d(6, momentum=None), ROW),
    "GroupNorm": (nn.GroupNorm(2, 4), IMAGE),
    "LayerNorm": (nn.LayerNorm((9, 8)), IMAGE),
    "LayerNorm bare": (nn.LayerNorm(6, elementwise_affine=False), ROW),
    "RMSNorm": (nn.RMSNorm(6), ROW),
    "LocalResponseNorm": (nn.Sequential(nn.Conv2d(4, 4, 1), nn.LocalResponseNorm(3, 0.1)), IMAGE),
    "Flatten": (nn.Sequential(nn.Conv2d(4, 2, 3), nn.Flatten(), nn.Linear(84, 2)), IMAGE),
    "Unflatten": (nn.Sequential(nn.Linear(6, 6), nn.Unflatten(1, (2, 3))), ROW),
    "PixelShuffle": (nn.PixelShuffle(2), IMAGE),
    "PixelUnshuffle": (nn.PixelUnshuffle(2), (2, 4, 8, 8)),
    "ChannelShuffle": (nn.ChannelShuffle(2), IMAGE),
    "Fold": (nn.Fold((4, 5), 2), (2, 8, 12)),
    "Unfold": (nn.Unfold(2, padding=1), IMAGE),
    "Upsample": (nn.Upsample(scale_factor=2), IMAGE),
    "Upsample linear": (nn.Upsample(scale_factor=2, mode="linear"), LINE),
    "Upsample trilinear": (nn.Upsample(7, mode="trilinear", align_corners=True), VOLUME),
    "UpsamplingNearest2d": (nn.UpsamplingNearest2d(5), IMAGE),
    "UpsamplingBilinear2d": (nn.UpsamplingBilinear2d(scale_factor=2), IMAGE),
    "AdaptiveAvgPool none": (nn.AdaptiveAvgPool2d((1, None)), IMAGE),
    "Embedding": (nn.Sequential(nn.Embedding(9, 4, padding_idx=0), nn.Linear(4, 2)), (2, 5)),
    "LSTM": (nn.LSTM(6, 3, 2, bidirectional=True), (5, 2, 6)),
    "GRU": (nn.GRU(6, 3, batch_first=True, bias=False), (2, 5, 6)),
    "RNN": (nn.RNN(6, 3, nonlinearity="relu"), (5, 2, 6)),
    "encoder layer": (nn.TransformerEncoderLayer(**ENCODER), (5, 2, 8)),
    "encoder": (
        nn.TransformerEncoder(
            nn.TransformerEncoderLayer(
                **ENCODER, activation="gelu", batch_first=True, norm_first=True
            ),
            2,
            nn.LayerNorm(8),
            enable_nested_tensor=False,
        ),
        (2, 5, 8),
    ),
    "EmbeddingBag": (nn.EmbeddingBag(9, 4), (2, 5)),
    "EmbeddingBag max": (nn.EmbeddingBag(9, 4, mode="max"), (2, 5)),
    "weight norm": (normed("weight", nn.Conv2d(4, 6, 3)), IMAGE),
    "weight norm of rows": (normed("weight", nn.Linear(6, 3), dim=None), ROW),
    "spectral norm": (normed("spectral", nn.Conv2d(4, 6, 3)), IMAGE),
    "spectral norm transposed": (normed("spectral", nn.ConvTranspose2d(4, 6, 3)), IMAGE),
    "nested": (nn.Sequential(nn.Sequential(nn.Linear(6, 6), nn.ReLU(True)), nn.Linear(6, 2)), ROW),
    "parallel": (nn.DataParallel(nn.Sequential(nn.Linear(6, 6), nn.Tanh())), ROW),
}
AFTER_CONVOLUTION = {
    *("Softmax of steps", "PReLU channels", "GLU channels", "BatchNorm 1", "BatchNorm bare 1"),
    *("LayerNorm", "ChannelShuffle", "Unfold", "Upsample"),
}
"""Modules of any rank, or of any number of channels: what stands before them tells."""

CASES = {**activations(), **by_axes(), **OTHERS}


def given(name: str, shape: tuple[int, ...], module: nn.Module) -> torch.Tensor:
    torch.manual_seed(3)
    if name.startswith("Embedding"):
        return torch.randint(0, 9, shape)
    weight = next(module.parameters(), torch.ones(1))
    return torch.randn(shape).to(weight.dtype)


@pytest.mark.parametrize("name", CASES)
def test_a_module_computes_what_torch_computes(name: str, tmp_path: Path) -> None:
    module, shape = CASES[name]
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            nn.init.uniform_(tensor, 0.1, 1.0)
    source, target = tmp_path / "a.pt", tmp_path / "a.onnx"
    whole = module if isinstance(module, nn.DataParallel) else nn.Sequential(module)
    if name in AFTER_CONVOLUTION:
        kind = {3: nn.Conv1d, 4: nn.Conv2d}[len(shape)]
        whole = nn.Sequential(kind(4, 4, 1), module)
    torch.save(whole.eval(), source)
    x = given(name, shape, module)
    modelport.convert(source, target, verify=False, to="onnx")
    onnx.checker.check_model(target, full_check=True)
    compare(whole, (x,), onnxruntime.InferenceSession(target))
    found, _ = torch_runtime.run(source, [("input", x.numpy())], [])
    with torch.no_grad():
        wanted = flat(whole(x))
    for (_, ours), theirs in zip(found, wanted, strict=True):
        same(ours, theirs)


def test_pooling_to_a_size_takes_the_usual_extents(tmp_path: Path) -> None:
    head = (nn.AdaptiveAvgPool2d((7, 7)), nn.Flatten(), nn.Linear(98, 3))
    module = nn.Sequential(nn.Conv2d(3, 2, 3, 4), nn.ReLU(), nn.MaxPool2d(2), *head)
    torch.save(module.eval(), tmp_path / "a.pt")
    report = modelport.convert(tmp_path / "a.pt", tmp_path / "a.onnx", verify=False)
    assert "[batch, 3, 224, 224]" in told(report, Kind.INVENTED)
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx")
    compare(module, (torch.randn(2, 3, 224, 224),), session)


def test_a_module_takes_other_weights_and_is_verified_by_command(tmp_path: Path) -> None:
    torch.manual_seed(8)
    module, other = network(), network()
    torch.save(module, tmp_path / "a.pt")
    torch.save(other.state_dict(), tmp_path / "s.pt")
    target = tmp_path / "a.onnx"
    report = modelport.convert(tmp_path / "a.pt", target, state=tmp_path / "s.pt")
    assert report.verification["status"] == "agreed", report.verification["reason"]
    x = torch.randn(4, 1, 28, 28)
    compare(other.eval(), (x,), onnxruntime.InferenceSession(target))
    torch.save(other, tmp_path / "b.pt")
    assert modelport.verify(tmp_path / "b.pt", target).agree
    assert not modelport.verify(tmp_path / "a.pt", target).agree


def told(report: Any, kind: Kind) -> str:
    return "\n".join(f"{change.where}: {change.why}" for change in report if change.kind is kind)


def network() -> nn.Module:
    relu = nn.ReLU()
    return nn.Sequential(
        *(nn.Conv2d(1, 3, 3), relu, nn.MaxPool2d(2), nn.Conv2d(3, 4, 3), relu, nn.BatchNorm2d(4)),
        *(nn.Dropout(), nn.Flatten(), nn.Linear(484, 16), relu, nn.Linear(16, 10)),
    )


@pytest.mark.parametrize("way", ["zip", "legacy", "keyed"])
def test_a_network_is_run_on_both_sides_in_the_extent_that_fits(way: str, tmp_path: Path) -> None:
    module, source, target = network(), tmp_path / "a.pt", tmp_path / "a.onnx"
    saved = {"net": module, "epoch": 2} if way == "keyed" else module
    torch.save(saved, source, _use_new_zipfile_serialization=way != "legacy")
    report = modelport.convert(source, target)
    assert report.verification["status"] == "agreed", report.verification["reason"]
    assert report.verification["runtimes"] == {"a": "torch", "b": "onnxruntime"}
    assumed = told(report, Kind.INVENTED)
    assert "[batch, 1, height, width] follows from the modules, and 28 × 28 fits" in assumed  # noqa: RUF001
    assert "saved as in training" in assumed
    compare(module.eval(), (torch.randn(4, 1, 28, 28),), onnxruntime.InferenceSession(target))


def doubled(module: Any, given: Any, made: Any) -> Any:
    return made * 2


def test_a_module_with_hooks_or_a_forward_of_its_own_is_named(tmp_path: Path) -> None:
    hooked = nn.Sequential(nn.Linear(3, 2))
    hooked[0].register_forward_hook(doubled)
    parts = nn.Sequential(nn.Linear(3, 2), nn.ModuleList([nn.ReLU()]))
    two = {"a": nn.Sequential(nn.ReLU()), "b": nn.Sequential(nn.ReLU())}
    for module, why in (
        (hooked, r"module '0': it calls .*doubled.* around its forward"),
        (parts, "module '1': modelport knows no calls of torch.nn.ModuleList"),
        (two, "several modules"),
        (nn.Sequential(nn.LSTM(3, 2), nn.ReLU()), "the 3 results of the module before it"),
    ):
        torch.save(module, tmp_path / "a.pt")
        with pytest.raises(ConversionError, match=why):
            modelport.convert(tmp_path / "a.pt", tmp_path / "a.onnx")


def test_modules_of_old_files_get_the_defaults_of_their_time() -> None:
    """A file of torch 0.x lacks settings that came later."""
    for name, settings, wanted in (
        (
            "Upsample",
            {"scale_factor": 2, "mode": "bilinear", "size": None},
            [None, True, [2.0, 2.0]],
        ),
        ("Softmax", {"dim": None}, [1]),
        ("Hardtanh", {"min_val": 0, "max_val": 6, "inplace": False}, [0, 6]),
    ):
        graph = Graph()
        node = Node("torch.nn", name, "0", attributes=settings)
        Step(Tree(node), graph, (), 4).run(Ref("x"))
        assert graph.nodes[0].attributes["call"]["args"][1:] == wanted


def test_inspect_says_whose_forward_is_not_in_the_file(tmp_path: Path) -> None:
    for module, wanted in (
        (network(), "what each of them does is known"),
        (
            nn.Sequential(nn.ReLU(), Own()),
            "what forward of tests.frameworks.test_torch_modules.Own",
        ),
    ):
        torch.save(module, tmp_path / "a.pt")
        assert wanted in modelport.inspect(tmp_path / "a.pt")["evidence"]["architecture"]
    with pytest.raises(ConversionError, match=r"module '1': what forward of .*Own.*--run-code"):
        modelport.convert(tmp_path / "a.pt", tmp_path / "a.onnx")


class Own(nn.Module):
    def forward(self, x: Any) -> Any:
        return x * 2


@needs_shared
@pytest.mark.parametrize("name", ["mlp", "cnn_bn"])
def test_recorded_modules_give_the_recorded_outputs(name: str, tmp_path: Path) -> None:
    folder, target = SHARED / "truth" / "torch" / name, tmp_path / "a.onnx"
    report = modelport.convert(folder / "module.pt", target)
    assert report.verification["status"] == "agreed", report.verification["reason"]
    session = onnxruntime.InferenceSession(target)
    with np.load(folder / "io.npz") as truth:
        (found,) = session.run(None, {"input": truth["x0"]})
        np.testing.assert_allclose(found, truth["y0"], atol=1e-5)
