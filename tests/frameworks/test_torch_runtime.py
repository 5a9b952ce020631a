"""Programs and scripts of torch, run as one side of a verification."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.frameworks.torch_live import Function, export
from torch import nn

import modelport
from modelport.commands.verify import verify
from modelport.errors import MissingRuntime
from modelport.runtimes import torch_runtime
from modelport.runtimes.torch_values import flat, to_numpy
from modelport.verify.agreement import Status

pytestmark = pytest.mark.filterwarnings("ignore")

BATCH = torch.export.Dim("batch", min=2, max=7)


def _loop(x: Any) -> Any:
    return torch.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * 2), (torch.tensor(0), x))


def _scan(x: Any) -> Any:
    from torch._higher_order_ops.scan import scan

    return scan(lambda c, a: (c + a, c * a), x[0] * 0, x)


class Branch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Any) -> Any:
        return torch.cond(x.sum() > 0, lambda a: self.linear(a), lambda a: a * 2, (x,))


class Counting(nn.Module):
    """A weight that no checkpoint holds, outputs that are numbers, a change in place."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("shift", torch.arange(4.0), persistent=False)

    def forward(self, x: Any) -> Any:
        y = x + self.shift
        y[:, 0] = 7
        return y, x.shape[0] * 2, torch.arange(x.shape[0])


PROGRAMS: dict[str, tuple[Any, Any, Any]] = {
    "loop": (_loop, (torch.randn(3),), None),
    "scan": (_scan, (torch.randn(3, 2),), None),
    "branch": (Branch(), (torch.randn(2, 4),), None),
    "counting": (Counting(), (torch.randn(3, 4),), {"x": {0: BATCH}}),
    "bfloat16": (nn.Linear(4, 2).bfloat16(), (torch.randn(3, 4).bfloat16(),), None),
    "scalar": (lambda x: x.sum().to(torch.float64), (torch.randn(()),), None),
    "empty": (lambda x: x[:0], (torch.randn(3, 4),), None),
    "lstm": (nn.LSTM(4, 3, bidirectional=True), (torch.randn(5, 2, 4),), None),
    "index": (nn.Embedding(9, 4), (torch.tensor([[1, 8], [0, 3]]),), None),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_computes_what_torch_computes(name: str, tmp_path: Path) -> None:
    module, inputs, dynamic = PROGRAMS[name]
    module = module if isinstance(module, nn.Module) else Function(module)
    export(module, inputs, tmp_path / "a.pt2", dynamic)
    given = [(f"x{i}", to_numpy(item)) for i, item in enumerate(inputs)]
    found, _ = torch_runtime.run(tmp_path / "a.pt2", given, [])
    with torch.no_grad():
        wanted = flat(module(*inputs))
    assert len(found) == len(wanted)
    for (_, ours), theirs in zip(found, wanted, strict=True):
        truth = to_numpy(theirs)
        assert ours.dtype == truth.dtype
        np.testing.assert_allclose(ours.astype(float), truth.astype(float), rtol=1e-5, atol=1e-6)


def test_a_conversion_of_a_program_is_run_on_both_sides(tmp_path: Path) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.head = nn.Embedding(5, 6), nn.Linear(6, 2)

        def forward(self, words: Any, scale: Any) -> Any:
            return self.head(self.table(words).mean(1)) * scale

    source, target = tmp_path / "a.pt2", tmp_path / "a.onnx"
    inputs = (torch.zeros(3, 4, dtype=torch.long), torch.randn(3, 1))
    export(Net(), inputs, source, {"words": {0: BATCH}, "scale": {0: BATCH}})
    report = modelport.convert(source, target)
    assert report.verification["status"] == "agreed", report.verification["reason"]
    assert report.verification["runtimes"] == {"a": "torch", "b": "onnxruntime"}
    assert report.verification["weights_exact"] is True
    export(Net(), inputs, tmp_path / "b.pt2", {"words": {0: BATCH}, "scale": {0: BATCH}})
    other = verify(tmp_path / "b.pt2", target)
    assert other.status is Status.DISAGREED
    assert other.first_difference == "table"


def test_extents_stay_in_the_range_that_a_program_states(tmp_path: Path) -> None:
    steps = torch.export.Dim("steps", min=3, max=9)
    module = nn.Conv1d(3, 2, 2)
    export(module, (torch.randn(1, 3, 5),), tmp_path / "a.pt2", {"input": {2: steps}})
    report = modelport.convert(tmp_path / "a.pt2", tmp_path / "a.onnx")
    assert report.verification["status"] == "agreed"
    assert report.verification["outputs"][0]["shape"] == [1, 2, 8]


@pytest.mark.parametrize("way", ["script", "trace", "freeze"])
def test_a_script_is_run_where_it_stands_beside_another_file(way: str, tmp_path: Path) -> None:
    module = nn.Sequential(nn.Embedding(7, 4), nn.Flatten(), nn.Linear(20, 2), nn.Dropout(0.5))
    inputs = (torch.randint(0, 7, (3, 5)),)
    export(module, inputs, tmp_path / "a.pt2")
    modelport.convert(tmp_path / "a.pt2", tmp_path / "a.onnx", verify=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = torch.jit.trace(module, inputs) if way == "trace" else torch.jit.script(module)
        torch.jit.save(torch.jit.freeze(made) if way == "freeze" else made, tmp_path / "a.pt")
    for pair in (("a.pt", "a.onnx"), ("a.onnx", "a.pt")):
        found = verify(*(tmp_path / name for name in pair))
        assert found.status is Status.AGREED, found.reason
        assert "torch" in found.runtimes.values()


def test_nothing_of_a_program_is_loaded_by_torch(tmp_path: Path) -> None:
    """torch.export.load unpickles the examples, whatever they are; running does not."""
    marker, source, bad = tmp_path / "ran", tmp_path / "a.pt2", tmp_path / "b.pt2"
    export(nn.Linear(4, 2), (torch.randn(3, 4),), source)

    class Payload:
        def __reduce__(self) -> Any:
            return Path.touch, (marker,)

    with zipfile.ZipFile(source) as old, zipfile.ZipFile(bad, "w") as new:
        for member in old.namelist():
            if "sample_inputs" in member:
                with new.open(member, "w") as file:
                    torch.save(Payload(), file)
            else:
                new.writestr(member, old.read(member))
    report = modelport.convert(bad, tmp_path / "b.onnx")
    assert report.verification["status"] == "agreed"
    assert not marker.exists()


def test_a_script_that_opens_files_is_dangerous_and_not_run(tmp_path: Path) -> None:
    class Writing(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            torch.save(x, "/nowhere/x")
            return x * 2

    torch.jit.save(torch.jit.script(Writing()), tmp_path / "a.pt")
    export(Function(lambda x: x * 2), (torch.randn(3),), tmp_path / "a.pt2")
    assert modelport.inspect(tmp_path / "a.pt")["verdict"]["level"] == "dangerous"
    found = verify(tmp_path / "a.pt", tmp_path / "a.pt2")
    assert found.status is not Status.AGREED
    assert "dangerous" in found.reason


def test_without_torch_the_weights_are_proved_and_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelport.runtimes.runtime import Runtime

    export(nn.Linear(4, 2), (torch.randn(3, 4),), tmp_path / "a.pt2")
    there = Runtime.installed.fget
    monkeypatch.setattr(
        Runtime, "installed", property(lambda self: self.name != "torch" and there(self))
    )
    verification = modelport.convert(tmp_path / "a.pt2", tmp_path / "a.onnx").verification
    assert verification["status"] == "weights-only"
    assert verification["weights_exact"] is True
    assert "pip install 'modelport[torch]'" in verification["reason"]
    np.savez(tmp_path / "x.npz", input=np.ones((3, 4), np.float32))
    with pytest.raises(MissingRuntime, match=r"modelport\[torch\]"):
        verify(tmp_path / "a.pt2", tmp_path / "a.onnx", inputs=tmp_path / "x.npz")
