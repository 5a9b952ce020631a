from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from tests.samples import FILES

from modelport.errors import RuntimeFailure
from modelport.model.model import Model, Producer
from modelport.runtimes.runtime import Budget, Runtime, run
from modelport.runtimes.table import RUNTIMES, runtimes_for

PLAIN = FILES / "onnx" / "metadata.onnx"


def inputs() -> list[tuple[str, np.ndarray]]:
    value = onnx.load(PLAIN).graph.input[0]
    shape = [dim.dim_value or 2 for dim in value.type.tensor_type.shape.dim]
    return [(value.name, np.ones(shape, np.float32))]


@pytest.mark.parametrize("name", ["onnxruntime", "reference"])
def test_a_model_runs_in_a_child(name: str) -> None:
    before = set(sys.modules)
    found = run(RUNTIMES[name], PLAIN, inputs())
    assert found.runtime == name
    assert found.outputs[0].size
    assert "onnxruntime" in before or "onnxruntime" not in sys.modules


def test_two_runtimes_agree() -> None:
    a = run(RUNTIMES["onnxruntime"], PLAIN, inputs())
    b = run(RUNTIMES["reference"], PLAIN, inputs())
    np.testing.assert_allclose(a.outputs[0], b.outputs[0], rtol=1e-5)


def test_a_failure_is_one_typed_error(tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(PLAIN.read_bytes()[:100])
    with pytest.raises(RuntimeFailure, match="onnxruntime could not run"):
        run(RUNTIMES["onnxruntime"], broken, inputs())


def test_a_child_has_a_time_limit() -> None:
    with pytest.raises(RuntimeFailure, match="seconds") as caught:
        run(RUNTIMES["onnxruntime"], PLAIN, inputs(), budget=Budget(0.001))
    assert caught.value.limit


def test_what_is_not_installed_is_told_without_importing_it() -> None:
    assert not Runtime("none", "no_such_framework", "none", ()).installed


@pytest.mark.parametrize(
    ("version", "runtime"), [("3.15.1", "keras"), ("2.13.1", "tf_keras"), ("1.2.2", "tf_keras")]
)
def test_old_files_go_to_the_keras_that_keeps_their_meaning(version: str, runtime: str) -> None:
    model = Model("keras-h5", "a.h5", producer=Producer("keras", version))
    assert [found.name for found in runtimes_for(model)] == [runtime]


def test_the_reference_takes_no_input_that_the_file_has_a_value_for(tmp_path: Path) -> None:
    """Before IR 4 every initializer is listed among the inputs too."""
    x, w, y = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [2]) for name in "xwy"
    )
    held = onnx.numpy_helper.from_array(np.array([1, 2], "f4"), "w")
    nodes = [onnx.helper.make_node("Add", ["x", "w"], ["y"])]
    graph = onnx.helper.make_graph(nodes, "old", [x, w], [y], [held])
    opsets = [onnx.helper.make_opsetid("", 7)]
    onnx.save(
        onnx.helper.make_model(graph, opset_imports=opsets, ir_version=3), tmp_path / "m.onnx"
    )
    found = run(RUNTIMES["reference"], tmp_path / "m.onnx", [("x", np.array([3, 4], "f4"))])
    np.testing.assert_array_equal(found.outputs[0], [4, 6])
