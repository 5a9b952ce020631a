"""Weights beside a model: written on demand, and read from elsewhere only where that is allowed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from tests.cli.test_main import run
from tests.samples import FILES

import modelport
from modelport.errors import ConversionError, UnsafeFile

H5 = FILES / "keras-h5" / "gru_rmsprop.h5"


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """A model of one file, with a weight of 16 kB."""
    kind = onnx.TensorProto.FLOAT
    weight = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])],
        "one",
        [onnx.helper.make_tensor_value_info("x", kind, [None, 64])],
        [onnx.helper.make_tensor_value_info("y", kind, [None, 64])],
        [onnx.numpy_helper.from_array(weight, "w")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)])
    model.ir_version = 10
    onnx.save(model, tmp_path / "whole.onnx")
    return tmp_path / "whole.onnx"


def test_weights_go_beside_the_model(whole: Path, tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    done = run("convert", "--external-data", whole, target)
    assert done.returncode == 0
    assert (tmp_path / "model.onnx.data").stat().st_size == 64 * 64 * 4
    held = onnx.load(target, load_external_data=False)
    assert any(tensor.external_data for tensor in held.graph.initializer)
    onnx.checker.check_model(str(target), full_check=True)


def test_only_onnx_has_weights_beside_it(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="beside it"):
        modelport.convert(H5, tmp_path / "a.keras", external_data=True)
    assert run("convert", "--external-data", H5, tmp_path / "a.npz").returncode == 4


@pytest.fixture
def linked(whole: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A model whose weights are a link into another folder, as caches of models keep them."""
    home, blobs = tmp_path / "snapshot", tmp_path / "blobs"
    home.mkdir()
    blobs.mkdir()
    modelport.convert(whole, home / "model.onnx", external_data=True, verify=False)
    (home / "model.onnx.data").rename(blobs / "3f2a")
    (home / "model.onnx.data").symlink_to(blobs / "3f2a")
    return home / "model.onnx", blobs


def test_a_link_out_of_the_folder_needs_permission(linked: tuple[Path, Path]) -> None:
    path, blobs = linked
    with pytest.raises(UnsafeFile, match="--side-files DIR"):
        modelport.open(path).tensors["w"].numpy()
    model = modelport.open(path, side_files=blobs)
    total = sum(np.abs(tensor.numpy()).sum() for tensor in model.tensors.values())
    assert np.isfinite(total)
    assert total > 0


def test_the_screens_say_which_option_helps(linked: tuple[Path, Path]) -> None:
    path, blobs = linked
    shown, ready = run("inspect", path).stdout, run("ready", path).stdout
    assert "no command reads them without --side-files DIR" in shown
    refused = run("scan", path)
    assert refused.returncode == 1
    assert "--side-files DIR" in refused.stdout
    assert run("scan", "--side-files", blobs, path).returncode == 0
    assert "modelport convert" not in shown
    assert "--side-files DIR" in " ".join(ready.split())
    assert "needs code" not in ready
    told = json.loads(run("inspect", path, "--json").stdout)
    assert told["verdict"]["level"] == "dangerous"
    assert told["evidence"]["weights"].endswith("; not the values in 'model.onnx.data'")
    told = json.loads(run("inspect", path, "--json", "--side-files", blobs).stdout)
    assert told["evidence"]["weights"] == "initializers of the graph"
    assert told["verdict"]["level"] == "inert"


def test_every_command_takes_side_files(linked: tuple[Path, Path], tmp_path: Path) -> None:
    path, blobs = linked
    target = tmp_path / "weights.npz"
    # Names and shapes stand in the model itself; values are in the file that it leads to.
    for command, alone in (
        (["inspect", path], 0),
        (["ready", path], 0),
        (["diff", path, path], 3),
        (["convert", path, target], 3),
        (["verify", path, target], 3),
    ):
        refused, done = run(*command), run(*command, "--side-files", blobs, "--json")
        assert refused.returncode == alone
        assert alone == 0 or "--side-files" in refused.stderr
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["schema"].startswith("modelport.")
    assert modelport.open(target).tensors.keys() == {"w"}
