"""TensorFlow's functions as operations of Keras 3: settings, calls, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from modelport.errors import ConversionError
from modelport.formats.shared.keras.operations import as_operation
from modelport.model.graph import Node, Scope

X, Y = {"tensor": 0}, {"tensor": 1}


def called(function: str, args: list[Any], **kwargs: Any) -> Node:
    node = Node("keras", "TFOpLambda", "op", ["a", "b"], ["c"], scope=(Scope("op", "TFOpLambda"),))
    node.attributes = {
        "config": {"name": "op", "function": function},
        "call": {"args": args, "kwargs": kwargs},
    }
    return node


@pytest.mark.parametrize(
    ("node", "class_name", "config", "args"),
    [
        (called("math.multiply", [X], y=2.0, name=None), "Multiply", {}, [X, 2.0]),
        (called("__operators__.add", [X], y=Y), "Add", {}, [X, Y]),
        (called("math.subtract", [1.0], y=X), "Subtract", {}, [1.0, X]),
        (called("nn.relu", [X]), "Relu", {}, [X]),
        (
            called("math.reduce_mean", [X], axis=[1, 2], keepdims=True),
            "Mean",
            {"axis": [1, 2], "keepdims": True},
            [X],
        ),
        (called("reshape", [X], shape=[-1, 9]), "Reshape", {"newshape": [-1, 9]}, [X]),
        (
            called("compat.v1.transpose", [X], perm=[0, 2, 1], conjugate=False),
            "Transpose",
            {"axes": [0, 2, 1]},
            [X],
        ),
        (called("concat", [[X, Y]], axis=-1), "Concatenate", {"axis": -1}, [[X, Y]]),
        (
            called("split", [X], num_or_size_splits=[1, 2, 3], axis=1),
            "Split",
            {"indices_or_sections": [1, 3], "axis": 1},
            [X],
        ),
        (called("where", [X], x=Y, y=0.0), "Where", {}, [X, Y, 0.0]),
        (called("linalg.matmul", [X], b=Y, transpose_b=False), "Matmul", {}, [X, Y]),
    ],
)
def test_one_to_one(node: Node, class_name: str, config: dict[str, Any], args: list[Any]) -> None:
    found = as_operation(node)
    assert found is not None
    assert (found.class_name, found.config, found.args) == (class_name, config, args)
    assert found.entry()["module"].startswith("keras.src.ops.")


@pytest.mark.parametrize(
    "node",
    [
        called("linalg.matmul", [X], b=Y, transpose_b=True),
        called("image.resize", [X], size=[2, 2], preserve_aspect_ratio=True),
        called("math.l2_normalize", [X], axis=1),
        called("reshape", [X], shape=[-1, Y]),
        called("reshape", [X]),
    ],
)
def test_more_than_one_operation_is_refused(node: Node) -> None:
    with pytest.raises(ConversionError, match="'op'"):
        as_operation(node)


def test_slices() -> None:
    node = called("__operators__.getitem", [X])
    node.op_type = "SlicingOpLambda"
    span = {"start": None, "stop": 3, "step": None}
    node.attributes["call"]["kwargs"] = {"slice_spec": [span, 2]}
    found = as_operation(node)
    assert found is not None
    assert found.args == [X, [{"class_name": "__slice__", "config": span}, 2]]


def test_layers_are_no_operations() -> None:
    node = Node("keras", "Add", "add", scope=(Scope("add", "Add"),))
    node.attributes = {"config": {}, "call": {"args": [[X, Y]], "kwargs": {}}}
    assert as_operation(node) is None
