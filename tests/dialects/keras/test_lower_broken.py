"""Configurations that no Keras could have written end in one error that names the layer."""

from __future__ import annotations

from typing import Any

import pytest

from modelport.dialects.keras.lower import lower
from modelport.errors import ConversionError
from modelport.model.dtype import FLOAT32
from modelport.model.graph import Graph, Node, Scope, TensorType, Value

BROKEN: list[tuple[str, dict[str, Any]]] = [
    ("TimeDistributed", {"layer": 3}),
    ("TimeDistributed", {}),
    ("Bidirectional", {"layer": {"class_name": "Dense", "config": {}}}),
    ("Masking", {"mask_value": {"config": {}}}),
    ("RNN", {"cell": None, "go_backwards": False}),
    ("RNN", {"cell": {"class_name": "Mine", "config": {}}, "go_backwards": False}),
    ("LSTM", {"units": "x"}),
    ("Attention", {"score_mode": 1}),
    ("MultiHeadAttention", {"num_heads": []}),
]


def one_layer(op_type: str, config: dict[str, Any], call: dict[str, Any]) -> Graph:
    value = Value("x:0:0", TensorType(FLOAT32, (None, 4, 3)))
    node = Node("keras", op_type, "odd", ["x:0:0"], ["odd:0:0"])
    node.scope = (Scope("odd", op_type),)
    node.attributes = {"config": config, "call": call}
    return Graph("model", [node], [value], [Value("odd:0:0")])


@pytest.mark.parametrize(("op_type", "config"), BROKEN)
def test_broken_configurations(op_type: str, config: dict[str, Any]) -> None:
    call = {"args": [{"tensor": 0}], "kwargs": {}}
    with pytest.raises(ConversionError, match="odd"):
        lower(one_layer(op_type, config, call))


@pytest.mark.parametrize("index", [7, -1, None, "x", 1.5])
def test_a_call_on_a_tensor_that_is_none(index: Any) -> None:
    call = {"args": [{"tensor": index}], "kwargs": {}}
    with pytest.raises(ConversionError, match="tensor"):
        lower(one_layer("Masking", {"mask_value": 0.0}, call))
