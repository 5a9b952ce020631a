from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from modelport.model.dtype import DTYPES
from modelport.model.graph import Graph, Node, TensorType, Value
from modelport.model.model import Model
from modelport.verify.tolerance import SMALLEST, epsilon, tolerance_for


def keras(policy: object) -> Model:
    node = Node("keras", "Dense", "d", attributes={"config": {"dtype": policy}})
    return Model("keras-v3", "a", dialect="keras", graph=Graph("g", [node]))


@pytest.mark.parametrize("name", ["float64", "float32", "float16"])
def test_the_machine_epsilon_is_numpys(name: str) -> None:
    assert epsilon(DTYPES[name]) == np.finfo(name).eps


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_the_machine_epsilon_is_that_of_ml_dtypes(name: str) -> None:
    assert epsilon(DTYPES[name]) == float(ml_dtypes.finfo(getattr(ml_dtypes, name)).eps)


@pytest.mark.parametrize(
    ("policy", "dtype"),
    [
        ("float32", "float32"),
        ("float64", "float64"),
        ("mixed_float16", "float16"),
        ({"class_name": "DTypePolicy", "config": {"name": "mixed_bfloat16"}}, "bfloat16"),
    ],
)
def test_a_keras_policy_tells_the_tolerance(policy: object, dtype: str) -> None:
    found = tolerance_for(keras(policy))
    assert found.value == max(SMALLEST, 8 * epsilon(DTYPES[dtype]))
    assert found.value == SMALLEST or dtype in found.why


def test_a_cast_inside_an_onnx_graph_tells_it_too() -> None:
    graph = Graph("g", [Node("ai.onnx", "Cast", "c", ["x"], ["y"], {"to": 10})])
    graph.inputs = [Value("x", TensorType(DTYPES["float32"], (2,)))]
    found = tolerance_for(Model("onnx", "a", dialect="ai.onnx", graph=graph))
    assert found.value == 8 * epsilon(DTYPES["float16"])
    graph.nodes[0].attributes["to"] = 11
    plain = tolerance_for(Model("onnx", "a", dialect="ai.onnx", graph=graph))
    assert plain.value == SMALLEST
