"""Branches whose condition follows from shapes: the chosen one stands in their place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests.dialects.onnx.simplify_live import pair

FLOAT, X = TensorProto.FLOAT, np.arange(6, dtype=np.float32).reshape(3, 2, 1)


def squeezed(axis: int, last: bool) -> onnx.ModelProto:
    """Squeezed where an axis is 1, as torch's older exporter writes it."""
    held = {"axis": np.int64([axis]), "one": np.int64([1])}
    given = [numpy_helper.from_array(np.int64([2]), "axes")]
    then = helper.make_graph(
        [helper.make_node("Squeeze", ["x", "axes"], ["s"]), helper.make_node("Neg", ["s"], ["t"])],
        "then",
        [],
        [onnx.ValueInfoProto(name="t")],
        given,
    )
    other = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["e"])], "other", [], [onnx.ValueInfoProto(name="e")]
    )
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "axis"], ["extent"], axis=0),
        helper.make_node("Equal", ["extent", "one"], ["is_one"]),
        helper.make_node(
            "If", ["is_one"], ["y" if last else "i"], then_branch=then, else_branch=other
        ),
        *([] if last else [helper.make_node("Exp", ["i"], ["y"])]),
    ]
    x = helper.make_tensor_value_info("x", FLOAT, ["batch", 2, 1])
    tensors = [numpy_helper.from_array(array, name) for name, array in held.items()]
    graph = helper.make_graph(nodes, "g", [x], [onnx.ValueInfoProto(name="y")], tensors)
    graph.output[0].type.tensor_type.elem_type = FLOAT
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize(("axis", "left"), [(2, {"Squeeze": 1, "Neg": 1}), (1, {}), (0, None)])
def test_a_branch_that_is_known(
    axis: int, left: dict[str, int] | None, last: bool, tmp_path: Path
) -> None:
    both = pair(squeezed(axis, last), tmp_path)
    both.agrees({"x": X})
    ops = both.ops()
    assert ("If" in ops) == (left is None)
    if left is not None:
        ops.pop("Exp" if not last else "Identity", None)
        assert ops == left
