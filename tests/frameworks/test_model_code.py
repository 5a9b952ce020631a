"""A checkpoint with the user's own code: exported, translated, and held against the module."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from tests.frameworks.torch_live import compare

import modelport
from modelport.errors import ConversionError, WrongUsage
from modelport.runtimes import torch_code_runtime

pytestmark = pytest.mark.filterwarnings("ignore")

CODE = """
import pathlib, torch
from torch import nn
pathlib.Path("imported").touch()

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.head = nn.Embedding(11, 6), nn.Linear(6, 6)
        self.norm = nn.BatchNorm1d(6)
        self.scale = nn.Parameter(torch.ones(6))

    def forward(self, words, bias=None, twice: bool = False):
        x = self.norm(self.head(self.table(words).mean(1))) * self.scale
        x = x if bias is None else x + bias
        return {"y": x * 2 if twice else x, "most": x.argmax(-1)}

def with_inputs():
    return Net(), (torch.randint(0, 11, (1, 4)), torch.zeros(1, 6))

def alone():
    return Net()

def named():
    return Net(), {"words": torch.randint(0, 11, (2, 4)), "twice": True}

class Single(nn.Linear):
    def forward(self, x):
        return super().forward(x).view(1, 2)

def single():
    return Single(3, 2), torch.zeros(1, 3)

def nothing():
    return 3

def wrong():
    raise ValueError("no such thing")

def ends():
    raise SystemExit(3)

def sized(width):
    return nn.Linear(width, 2)

ready = nn.Linear(3, 2)
width = 3

class Deciding(nn.Linear):
    def forward(self, x):
        y = nn.functional.linear(x, self.weight, self.bias)
        return y if bool(x.sum() > 0) else -y

def deciding():
    return Deciding(3, 2), torch.ones(2, 3)
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a package of the user's, and a checkpoint in it."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "nets.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("mine", "mine.nets"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    space: dict[str, Any] = {"__name__": "nets"}
    exec(CODE, space)
    Path("imported").unlink()
    torch.manual_seed(5)
    module = space["Net"]()
    torch.nn.init.uniform_(module.norm.running_var, 0.5, 2)
    torch.nn.init.uniform_(module.scale)
    state = {f"module.{name}": value for name, value in module.state_dict().items()}
    torch.save({"state_dict": state, "epoch": 4}, "ckpt.pt")
    torch.save(module.eval().state_dict(), "plain.pt")
    return tmp_path


def module() -> Any:
    space: dict[str, Any] = {"__name__": "nets"}
    exec(CODE, space)
    made = space["Net"]()
    made.load_state_dict(torch.load("plain.pt"))
    return made.eval()


def test_a_checkpoint_and_code_become_onnx(place: Path) -> None:
    report = modelport.convert("ckpt.pt", "a.onnx", model="mine.nets:with_inputs", run_code=True)
    assert report.verification["status"] == "agreed", report.verification["reason"]
    assert report.verification["runtimes"] == {"a": "torch_code", "b": "onnxruntime"}
    assert report.source_format == "pytorch"
    assert any("prefix 'module.'" in change.why for change in report)
    session = onnxruntime.InferenceSession("a.onnx")
    compare(module(), (torch.randint(0, 11, (5, 4)), torch.randn(5, 6)), session)
    assert modelport.open("a.onnx").hyperparameters["epoch"] == 4


def test_inputs_may_come_from_a_file(place: Path) -> None:
    np.savez("x.npz", words=np.array([[1, 2, 3], [4, 5, 10]]))
    given = {"model": "mine.nets:alone", "inputs": "x.npz", "run_code": True}
    report = modelport.convert("plain.pt", "a.onnx", **given)
    assert report.verification["status"] == "agreed", report.verification["reason"]
    compare(module(), (torch.tensor([[7, 8, 9]]),), onnxruntime.InferenceSession("a.onnx"))


def exported(place: Path, name: str, examples: str | None = None) -> list[Any]:
    """What the child does, in this process: the example inputs that it exported with."""
    options = {"factory": f"mine.nets:{name}", "folder": str(place), "examples": examples}
    found, _ = torch_code_runtime.run(place, [], [], **options, target=str(place / "a.pt2"))
    return [value for _, value in found]


def test_inputs_may_have_names_or_none_and_be_no_tensors(place: Path) -> None:
    words = np.array([[1, 2, 3], [4, 5, 10]])
    np.savez("x.npz", words)
    np.testing.assert_array_equal(exported(place, "alone", "x.npz")[0], words)
    (only,) = exported(place, "named")
    assert only.shape == (2, 4)
    assert modelport.open("a.pt2").signature.inputs[0].name == "words"


def test_an_extent_that_cannot_be_free_is_told(place: Path) -> None:
    torch.save({"weight": torch.ones(2, 3), "bias": torch.ones(2)}, "single.pt")
    report = modelport.convert(
        "single.pt", "a.onnx", model="mine.nets:single", run_code=True, verify=False
    )
    assert any("a first extent of 1 only" in change.why for change in report)
    assert modelport.open("a.onnx").signature.inputs[0].shape == (1, 3)


def test_nothing_runs_unless_it_is_allowed(place: Path) -> None:
    with pytest.raises(WrongUsage, match=r"imports mine.nets \(.*nets.py\) and calls alone\(\)"):
        modelport.convert("plain.pt", "a.onnx", model="mine.nets:alone")
    for factory, why in (
        ("mine.nets", "package.module:factory"),
        ("./mine/nets.py:alone", "write mine.nets:alone"),
        ("mine.other:alone", "no module mine.other"),
        ("nobody_has_this:alone", "no module nobody_has_this"),
    ):
        with pytest.raises(WrongUsage, match=why):
            modelport.convert("plain.pt", "a.onnx", model=factory, run_code=True)
    with pytest.raises(WrongUsage, match="--model"):
        modelport.convert("plain.pt", "a.onnx", run_code=True)
    with pytest.raises(WrongUsage, match="Choose one"):
        modelport.convert(
            "plain.pt", "a.onnx", model="mine.nets:alone", state="ckpt.pt", run_code=True
        )
    assert not Path("imported").exists()


def test_what_fails_in_the_code_is_told(place: Path) -> None:
    for name, why in (
        ("alone", "returned no example inputs"),
        ("nothing", r"no torch.nn.Module"),
        ("ends", r"SystemExit: 3 \(nets.py, line \d+\)"),
        ("sized", r"needs width, .* def make\(\): return sized\(width\)"),
        ("width", "is int, which is no function or class"),
        ("nobody", "has no nobody; it has Net, with_inputs"),
    ):
        with pytest.raises(torch_code_runtime.FactoryFailed, match=why):
            exported(place, name)
    with pytest.raises(WrongUsage, match=r"ValueError: no such thing \(nets.py, line \d+\)"):
        modelport.convert("plain.pt", "a.onnx", model="mine.nets:wrong", run_code=True)
    torch.save({"head.weight": torch.ones(6, 6)}, "part.pt")
    with pytest.raises(ConversionError, match=r"missing: .*head.bias"):
        modelport.convert("part.pt", "a.onnx", model="mine.nets:with_inputs", run_code=True)


def test_a_module_stands_for_itself(place: Path) -> None:
    np.savez("x.npz", np.ones((2, 3), np.float32))
    assert exported(place, "ready", "x.npz")[0].shape == (2, 3)


def test_a_module_that_decides_by_values_is_scripted(place: Path) -> None:
    torch.save({"weight": torch.ones(2, 3), "bias": torch.ones(2)}, "deciding.pt")
    modelport.convert(
        "deciding.pt", "a.onnx", model="mine.nets:deciding", run_code=True, verify=False
    )
    session = onnxruntime.InferenceSession("a.onnx")
    for rows, sign in ((np.ones((3, 3)), 1), (-np.ones((1, 3)), -1)):
        (found,) = session.run(None, {"x": rows.astype(np.float32)})
        np.testing.assert_allclose(found, sign * (sign * 3 + 1) * np.ones((len(rows), 2)))


def test_the_command_says_first_what_runs(place: Path) -> None:
    command = [sys.executable, "-c", "from modelport.cli.main import main; main()", "convert"]
    asked = [*command, "ckpt.pt", "a.onnx", "--model", "mine.nets:with_inputs"]
    refused = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "allow it with --run-code" in refused.stderr
    done = subprocess.run([*asked, "--run-code"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first = done.stderr.splitlines()[0]
    assert first.startswith("--run-code: imports mine.nets (")
    assert "both sides agree" in done.stdout
