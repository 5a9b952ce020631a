"""Calls of functions in the graphs of Keras 3 files, told from layers."""

from __future__ import annotations

from typing import Any

from modelport.formats.shared.keras.operations import as_operation
from modelport.model.graph import Node, Scope

X, Y = {"tensor": 0}, {"tensor": 1}


def node(op_type: str, config: dict[str, Any], args: list[Any], module: str | None) -> Node:
    made = Node("keras", op_type, "op", ["a", "b"], ["c"], scope=(Scope("op", op_type),))
    made.attributes = {"config": config, "call": {"args": args, "kwargs": {}}, "module": module}
    return made


def test_functions_of_keras_3_keep_their_settings() -> None:
    for module in ("keras.src.ops.numpy", None):
        found = as_operation(node("Mean", {"axis": [1, 2], "keepdims": True}, [X], module))
        assert found is not None
        assert (found.config, found.args) == ({"axis": [1, 2], "keepdims": True}, [X])
        assert found.entry()["module"].startswith("keras.src.ops.")


def test_words_that_layers_share_are_functions_where_several_tensors_are_given_apart() -> None:
    found = as_operation(node("Add", {"trainable": True}, [X, Y], None))
    assert found is not None
    assert (found.class_name, found.config, found.args) == ("Add", {}, [X, Y])
    assert as_operation(node("Add", {"trainable": True}, [[X, Y]], None)) is None


def test_calls_of_tensorflow_are_none_of_keras() -> None:
    assert as_operation(node("TFOpLambda", {"function": "nn.relu"}, [X], None)) is None


def test_layers_are_no_operations() -> None:
    node = Node("keras", "Add", "add", scope=(Scope("add", "Add"),))
    node.attributes = {"config": {}, "call": {"args": [[X, Y]], "kwargs": {}}}
    assert as_operation(node) is None
