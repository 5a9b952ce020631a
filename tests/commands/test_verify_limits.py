"""What cannot be run ends in one status with a reason, and the weights speak instead."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tests.samples import FILES

import modelport
from modelport.errors import WrongUsage
from modelport.runtimes import runtime
from modelport.verify import verify as both

KERAS = FILES / "keras-h5" / "gru_rmsprop.h5"
PLAIN = FILES / "onnx" / "metadata.onnx"


def graph(path: Path, nodes: list, shape: list[int | str], weights: list | None = None) -> Path:
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        weights or [],
    )
    opsets = [helper.make_opsetid("", 21)]
    onnx.save(helper.make_model(made, opset_imports=opsets, ir_version=10), path)
    return path


def test_what_does_not_fit_is_proved_by_its_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(both, "available", lambda: 1 << 20)
    report = modelport.convert(KERAS, tmp_path / "a.onnx")
    assert report.published
    assert report.verification["status"] == "weights-only"
    assert report.verification["weights_exact"] is True
    assert "GB of memory" in report.verification["reason"]


def test_weights_alone_prove_a_model(tmp_path: Path) -> None:
    modelport.convert(KERAS, tmp_path / "a.weights.h5", verify=False)
    agreement = modelport.verify(KERAS, tmp_path / "a.weights.h5")
    assert agreement.status == "weights-only"
    assert agreement.agree
    assert "weights alone" in agreement.reason
    assert modelport.verify(tmp_path / "a.weights.h5", KERAS).agree


def test_an_endless_loop_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["c"], ["c2"]),
            helper.make_node("Identity", ["v"], ["v2"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("c", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("c2", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v2", TensorProto.FLOAT, None),
        ],
    )
    true = helper.make_tensor("true", TensorProto.BOOL, [], [True])
    loop = helper.make_node("Loop", ["", "true", "x"], ["y"], body=body)
    path = graph(tmp_path / "loop.onnx", [loop], [1], [true])
    monkeypatch.setattr(runtime, "TIME_LIMIT", 4.0)
    agreement = both.run_both(
        both.Side(modelport.open(path), path), both.Side(modelport.open(path), path)
    )
    assert agreement.status == "not-run"
    assert "seconds and was stopped" in agreement.reason


@pytest.mark.parametrize("shape", [[1 << 20, 1 << 20], ["n", 1 << 40]])
def test_a_huge_input_is_not_made_up(shape: list[int | str], tmp_path: Path) -> None:
    path = graph(tmp_path / "huge.onnx", [helper.make_node("Relu", ["x"], ["y"])], shape)
    agreement = both.run_both(
        both.Side(modelport.open(path), path), both.Side(modelport.open(path), path)
    )
    assert agreement.status == "not-run"
    assert "too large" in agreement.reason


def test_a_huge_result_is_an_error_of_the_child(tmp_path: Path) -> None:
    huge = helper.make_tensor("huge", TensorProto.INT64, [1], [1 << 38])
    node = helper.make_node("Expand", ["x", "huge"], ["y"])
    path = graph(tmp_path / "bomb.onnx", [node], [1], [huge])
    agreement = both.run_both(
        both.Side(modelport.open(path), path), both.Side(modelport.open(path), path)
    )
    assert agreement.status == "not-run"
    assert "could not run" in agreement.reason


def test_other_inputs_are_named(tmp_path: Path) -> None:
    relu = [helper.make_node("Relu", ["x"], ["y"])]
    a, b = graph(tmp_path / "a.onnx", relu, ["n", 3]), graph(tmp_path / "b.onnx", relu, ["n", 4])
    agreement = modelport.verify(a, b)
    assert agreement.status == "disagreed"
    assert "x float32(n, 3) against x float32(n, 4)" in agreement.reason


def test_arrays_under_other_names_are_refused(tmp_path: Path) -> None:
    relu = [helper.make_node("Relu", ["x"], ["y"])]
    model = graph(tmp_path / "a.onnx", relu, ["n", 3])
    np.savez(tmp_path / "wrong.npz", z=np.ones((1, 3), np.float32))
    with pytest.raises(WrongUsage, match="named x, found z"):
        modelport.verify(model, model, inputs=tmp_path / "wrong.npz")
    np.savez(tmp_path / "unnamed.npz", np.ones((1, 3), np.float32))
    assert modelport.verify(model, model, inputs=tmp_path / "unnamed.npz").agree
