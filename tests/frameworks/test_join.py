"""A graph with the weights of a checkpoint, held against the framework that loads both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import save_file
from tests.corpus import SHARED, needs_shared
from tests.frameworks.torch_live import compare, export
from torch import nn

import modelport
from modelport.errors import ConversionError
from modelport.model.report import Kind, Report

pytestmark = pytest.mark.filterwarnings("ignore")

X = torch.randn(2, 3, 6, 6)


class Net(nn.Module):
    """With a square matrix, counters, a constant and a buffer that no checkpoint holds."""

    def __init__(self, seed: int = 0, constants: bool = True) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.square, self.slope, self.head = nn.Linear(4, 4), nn.PReLU(4), nn.Linear(4, 2)
        self.register_buffer("shift", torch.linspace(0, 1, 4), persistent=False)
        for buffer in (self.norm.running_mean, self.norm.running_var):
            nn.init.uniform_(buffer, 0.5, 1.5)
        self.constants = constants
        self.eval()

    def forward(self, x: Any) -> Any:
        x = self.square(self.slope(self.norm(self.conv(x))).mean((2, 3)))
        if self.constants:
            x = (x + self.shift) * torch.tensor([1.0, 2.0, 3.0, 4.0])
        return self.head(x)


def renamed(state: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {prefix + name: value.contiguous() for name, value in state.items()}


def checkpoint(state: Mapping[str, Any], path: Path) -> None:
    module = Net(1)
    optimizer = torch.optim.SGD(module.parameters(), 0.1, momentum=0.9)
    module(X).sum().backward()
    optimizer.step()
    torch.save({"net": state, "optimizer": optimizer.state_dict(), "epoch": 3}, path)


def legacy(state: Mapping[str, Any], path: Path) -> None:
    torch.save(dict(state), path, _use_new_zipfile_serialization=False)


def npz(state: Mapping[str, Any], path: Path) -> None:
    np.savez(path, **{name: value.numpy() for name, value in state.items()})


WAYS: dict[str, tuple[str, Callable[[Any, Path], None], str]] = {
    "zip": ("s.pt", torch.save, ""),
    "legacy": ("s.pth", legacy, "module."),
    "safetensors": ("s.safetensors", save_file, "model.module._orig_mod."),
    "npz": ("s.npz", npz, "net."),
    "checkpoint": ("s.ckpt", checkpoint, ""),
}


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("graph") / "net.pt2"
    export(Net(0), (X,), path, {"x": {0: torch.export.Dim("batch", min=2)}})
    return path


def told(report: Report, kind: Kind) -> str:
    return "\n".join(f"{change.where}: {change.why}" for change in report if change.kind is kind)


@pytest.mark.parametrize("way", WAYS)
def test_a_program_takes_the_weights_of_a_checkpoint(way: str, graph: Path, tmp_path: Path) -> None:
    name, write, prefix = WAYS[way]
    write(renamed(Net(1).state_dict(), prefix), tmp_path / name)
    target = tmp_path / "a.onnx"
    report = modelport.convert(graph, target, state=tmp_path / name, verify=way == "checkpoint")
    compare(Net(1), (X,), onnxruntime.InferenceSession(target))
    assert ("prefix" in told(report, Kind.INVENTED)) is bool(prefix)
    assert "by name" in told(report, Kind.INVENTED if prefix else Kind.REARRANGED)
    if way == "checkpoint":
        assert report.verification["status"] == "agreed"
        assert report.verification["runtimes"] == {"a": "torch", "b": "onnxruntime"}
        assert report.kept["optimizer"] == "all"
        assert "optimizer_state" in told(report, Kind.DROPPED)
        assert modelport.open(target).hyperparameters["epoch"] == 3


def test_names_that_nobody_knows_are_matched_by_shape_and_order(
    graph: Path, tmp_path: Path
) -> None:
    values = [value.numpy() for value in Net(1).state_dict().values()]
    np.savez(tmp_path / "s.npz", *[value for value in values if value.ndim])
    report = modelport.convert(graph, tmp_path / "a.onnx", state=tmp_path / "s.npz", verify=False)
    compare(Net(1), (X,), onnxruntime.InferenceSession(tmp_path / "a.onnx"))
    assert "head.weight: taken to be arr_" in told(report, Kind.INVENTED)


def test_other_dtypes_are_cast_and_told(graph: Path, tmp_path: Path) -> None:
    state = {
        name: v.half() if v.is_floating_point() else v for name, v in Net(1).state_dict().items()
    }
    torch.save(state, tmp_path / "s.pt")
    target = tmp_path / "a.onnx"
    report = modelport.convert(graph, target, state=tmp_path / "s.pt")
    module = Net(1)
    module.load_state_dict(state)
    compare(module, (X,), onnxruntime.InferenceSession(target))
    assert report.verification["status"] == "agreed"
    assert report.verification["weights_exact"] is False
    assert "conv.weight: the checkpoint holds float16" in told(report, Kind.APPROXIMATED)
    assert not report.lossless


@pytest.mark.parametrize("by", ["modelport", "torch"])
def test_a_graph_of_onnx_takes_weights_too(by: str, tmp_path: Path) -> None:
    source, target = tmp_path / "net.onnx", tmp_path / "a.onnx"
    if by == "modelport":
        export(Net(0, False), (X,), tmp_path / "net.pt2")
        modelport.convert(tmp_path / "net.pt2", source, verify=False)
    else:
        torch.onnx.export(
            Net(0, False),
            (X,),
            source,
            dynamo=False,
            do_constant_folding=False,
            training=torch.onnx.TrainingMode.PRESERVE,
        )
    torch.save(renamed(Net(1).state_dict(), "module."), tmp_path / "s.pt")
    report = modelport.convert(source, target, state=tmp_path / "s.pt")
    compare(Net(1, False), (X,), onnxruntime.InferenceSession(target))
    assert report.verification["status"] == "agreed"
    if by == "modelport":
        assert "square.weight: transposed" in told(report, Kind.INVENTED)


def changed(name: str, value: Any) -> Any:
    def change(state: dict[str, Any]) -> dict[str, Any]:
        return {**state, name: value}

    return change


REFUSED: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any]], str]] = {
    "missing": (lambda s: {n: v for n, v in s.items() if n != "head.bias"}, "1 missing: head.bias"),
    "not expected": (changed("tail.weight", torch.ones(2)), "1 not expected: tail.weight"),
    "renamed": (
        lambda s: {n.replace("head", "last"): v for n, v in s.items()},
        "2 missing: head.weight, head.bias; 2 not expected: last.weight, last.bias",
    ),
    "shape": (changed("head.weight", torch.ones(4, 2)), r"head.weight is \[4, 2\], not \[2, 4\]"),
    "kind": (changed("head.weight", torch.ones(2, 4).long()), "takes float32.*holds int64"),
    "shapes": (
        lambda s: {str(i): v[..., :1] for i, v in enumerate(s.values()) if v.ndim},
        "shapes differ",
    ),
    "order": (
        lambda s: {str(i): v for i, v in enumerate([*s.values()][::-1]) if v.ndim},
        "another order",
    ),
    "nothing": (lambda s: {"epoch": 3}, "no weights"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_named(name: str, graph: Path, tmp_path: Path) -> None:
    change, why = REFUSED[name]
    torch.save(change(dict(Net(1).state_dict())), tmp_path / "s.pt")
    with pytest.raises(ConversionError, match=why):
        modelport.convert(graph, tmp_path / "a.onnx", state=tmp_path / "s.pt")
    assert not (tmp_path / "a.onnx").exists()


def test_a_square_that_nothing_tells_about_is_refused(tmp_path: Path) -> None:
    module = nn.Linear(4, 4)
    export(module, (torch.randn(2, 4),), tmp_path / "a.pt2")
    modelport.convert(tmp_path / "a.pt2", tmp_path / "a.onnx", verify=False)
    torch.save(module.state_dict(), tmp_path / "s.pt")
    with pytest.raises(ConversionError, match="square"):
        modelport.convert(tmp_path / "a.onnx", tmp_path / "b.onnx", state=tmp_path / "s.pt")


def test_weights_without_a_graph_are_refused(graph: Path, tmp_path: Path) -> None:
    torch.save(Net(1).state_dict(), tmp_path / "s.pt")
    with pytest.raises(ConversionError, match="no architecture"):
        modelport.convert(tmp_path / "s.pt", tmp_path / "a.onnx", state=graph)


def test_tied_weights_and_what_trainers_keep_beside_them(tmp_path: Path) -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.head = nn.Embedding(7, 4), nn.Linear(4, 7, bias=False)
            self.head.weight = self.table.weight

        def forward(self, x: Any) -> Any:
            return self.head(self.table(x))

    words = torch.randint(0, 7, (2, 3))
    export(Tied(), (words,), tmp_path / "a.pt2")
    module = Tied()
    optimizer = torch.optim.Adam(module.parameters())
    module(words).sum().backward()
    optimizer.step()
    torch.save(
        {
            "state_dict": renamed(module.state_dict(), "model."),
            "optimizer_states": [optimizer.state_dict()],
            "rng_state": torch.get_rng_state(),
            "epoch": 2,
        },
        tmp_path / "last.ckpt",
    )
    state = modelport.open(tmp_path / "last.ckpt")
    assert state.training.optimizer.name == "Adam"
    assert state.optimizer_state.step == 1
    target = tmp_path / "a.onnx"
    report = modelport.convert(tmp_path / "a.pt2", target, state=tmp_path / "last.ckpt")
    compare(module, (words,), onnxruntime.InferenceSession(target))
    assert report.verification["status"] == "agreed"
    assert report.verification["weights_exact"] is True
    lost = told(report, Kind.DROPPED)
    assert "rng_state: it stands beside" in lost
    assert "table.weight" not in lost


@needs_shared
@pytest.mark.parametrize("name", ["mlp", "embed"])
@pytest.mark.parametrize(
    "state",
    ["state_dict.pt", "state_dict_legacy.pth", "checkpoint.tar", "model.safetensors", "module.pt"],
)
def test_recorded_models_give_the_recorded_outputs(name: str, state: str, tmp_path: Path) -> None:
    folder, target = SHARED / "truth" / "torch" / name, tmp_path / "a.onnx"
    modelport.convert(folder / "model_ts.onnx", target, state=folder / state, verify=False)
    session = onnxruntime.InferenceSession(target)
    with np.load(folder / "io.npz") as truth:
        (found,) = session.run(None, {session.get_inputs()[0].name: truth["x0"]})
        np.testing.assert_allclose(found, truth["y0"], atol=1e-5)


@needs_shared
@pytest.mark.parametrize("name", ["cnn_bn", "lstm", "resblock"])
def test_weights_that_an_exporter_folded_are_refused(name: str, tmp_path: Path) -> None:
    folder = SHARED / "truth" / "torch" / name
    with pytest.raises(ConversionError, match="export the graph without folding"):
        modelport.convert(
            folder / "model_ts.onnx", tmp_path / "a.onnx", state=folder / "state_dict.pt"
        )
