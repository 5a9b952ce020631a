"""What the simplifier promises whatever the rules do: names, bodies, untouched files, cost."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests.dialects.onnx.simplify_live import Pair, pair

from modelport.dialects.onnx.simplify.simplify import simplified
from modelport.model.dtype import BOOL, FLOAT32
from modelport.model.expression import same, source, sources
from modelport.model.graph import Graph, Node, Scope, TensorType, Value
from modelport.model.tensor import InMemory, Tensor


class Unread:
    """Values that nobody may look at."""

    def __init__(self, *shape: int) -> None:
        self.shape, self.dtype = shape, FLOAT32

    def read_box(self, box: object) -> Any:
        raise AssertionError("a weight was read")


def node(op_type: str, inputs: str, outputs: str, **attributes: Any) -> Node:
    taken = [name if name != "-" else "" for name in inputs.split()]
    return Node("ai.onnx", op_type, f"the_{outputs}", taken, outputs.split(), attributes)


def graph(
    nodes: list[Node],
    shape: tuple[int | str | None, ...] = ("batch", 4),
    outputs: str = "y",
    **tensors: Any,
) -> Graph:
    """A graph over ``x``; arrays become constants, shapes large weights that nobody reads."""
    held = {}
    for name, value in tensors.items():
        data = Unread(*value) if isinstance(value, tuple) else InMemory(np.asarray(value))
        held[name] = Tensor(name, data)
    return Graph(
        "g",
        nodes,
        [Value("x", TensorType(FLOAT32, shape))],
        [Value(name, TensorType(FLOAT32)) for name in outputs.split()],
        tensors=held,
    )


def ops(made: Graph) -> list[str]:
    return [item.op_type for item in made.nodes]


def test_weights_are_rearranged_unread_under_their_names() -> None:
    given = graph([node("Transpose", "w", "t", perm=[1, 0]), node("MatMul", "x t", "y")], w=(70, 4))
    made = simplified(given)
    assert ops(made) == ["MatMul"]
    assert made.nodes[0].inputs == ["x", "w"]
    assert same(made.tensors["w"].data, source(given.tensors["w"]).transpose(1, 0))
    assert made.tensors["w"].shape == (4, 70)


def test_a_weight_that_others_take_keeps_its_form() -> None:
    nodes = [
        node("Transpose", "w", "t", perm=[1, 0]),
        node("MatMul", "x t", "a"),
        node("MatMul", "a w", "y"),
    ]
    made = simplified(graph(nodes, w=(70, 4)))
    assert made.tensors["w"].shape == (70, 4)
    (other,) = set(made.tensors) - {"w"}
    assert other == "w_transposed"
    assert [tensor.name for tensor in sources(made.tensors[other].data)] == ["w"]


def test_weights_in_pieces_are_one_expression() -> None:
    nodes = [
        node("Split", "w", "a b", axis=0, num_outputs=2),
        node("Concat", "b a", "c", axis=0),
        node("Slice", "v begin end axes", "d"),
        node("Unsqueeze", "d axes", "e"),
        node("Squeeze", "e axes", "f"),
        node("MatMul", "x c", "g"),
        node("Add", "g f", "y"),
    ]
    held = {"begin": np.array([3]), "end": np.array([-1]), "axes": np.array([0])}
    made = simplified(graph(nodes, w=(4, 70), v=(74,), **held))
    assert ops(made) == ["MatMul", "Add"]
    assert made.tensors[made.nodes[1].inputs[1]].shape == (70,)
    assert set(made.tensors) == {made.nodes[0].inputs[1], "v"}


def test_what_is_computed_from_small_weights_stays() -> None:
    made = simplified(graph([node("Neg", "w", "n"), node("Mul", "x n", "y")], w=np.ones(4, "f")))
    assert ops(made) == ["Neg", "Mul"]
    assert list(made.tensors) == ["w"]


def test_equal_weights_stay_two_and_equal_constants_are_one() -> None:
    nodes = [
        node("Constant", "", "one", value=Tensor("", InMemory(np.array([2.5], "f")))),
        node("Constant", "", "two", value=Tensor("", InMemory(np.array([2.5], "f")))),
        node("Add", "x one", "a"),
        node("Pow", "a two", "b"),
        node("Mul", "b v", "c"),
        node("Div", "c w", "y"),
    ]
    made = simplified(graph(nodes, v=np.full(4, 3, "f"), w=np.full(4, 3, "f")))
    assert sorted(made.tensors) == ["one", "v", "w"]


def test_nothing_is_taken_from_the_given_graph() -> None:
    body = graph([node("Identity", "x", "i"), node("Relu", "i", "z")], outputs="z")
    body.inputs = []
    nodes = [
        node("Identity", "x", "a"),
        node("Transpose", "w", "t", perm=[1, 0]),
        node("If", "c", "b", then_branch=body, else_branch=graph([], outputs="x").subgraphs),
        node("MatMul", "b t", "y"),
    ]
    nodes[2].attributes["else_branch"] = body
    given = graph(nodes, w=(20, 4))
    given.inputs.append(Value("c", TensorType(BOOL, ())))
    before = [
        (repr(n), list(n.inputs), dict(n.attributes)) for g in given.subgraphs() for n in g.nodes
    ]
    made = simplified(given)
    after = [
        (repr(n), list(n.inputs), dict(n.attributes)) for g in given.subgraphs() for n in g.nodes
    ]
    assert before == after
    assert list(given.tensors) == ["w"]
    # one body in two nodes is one body still, and is left alone
    branch = made.nodes[0]
    assert branch.op_type == "If"
    assert branch.attributes["then_branch"] is branch.attributes["else_branch"]
    assert ops(branch.attributes["then_branch"]) == ["Identity", "Relu"]


def test_scope_and_metadata_stay() -> None:
    relu = node("Max", "x zero", "y")
    relu.scope, relu.metadata = (Scope("act", "ReLU"),), {"a": "b"}
    made = simplified(graph([relu], zero=np.array(0, "f")))
    (found,) = made.nodes
    assert (found.op_type, found.name) == ("Relu", "the_y")
    assert (found.scope, found.metadata) == (relu.scope, relu.metadata)


def test_inputs_and_outputs_keep_their_names_and_order() -> None:
    nodes = [
        node("Identity", "x", "y"),
        node("Relu", "x", "a"),
        node("Identity", "a", "z"),
        node("Identity", "w", "v"),
        node("Constant", "", "k", value_float=2.0),
    ]
    made = simplified(graph(nodes, outputs="y z v k", w=(3,)))
    assert [value.name for value in made.outputs] == ["y", "z", "v", "k"]
    assert [(n.op_type, n.outputs) for n in made.nodes] == [("Identity", ["y"]), ("Relu", ["z"])]
    assert set(made.tensors) == {"v", "k"}


def test_random_numbers_are_drawn_as_often_as_before() -> None:
    nodes = [
        node("RandomNormalLike", "x", "a"),
        node("RandomNormalLike", "x", "b"),
        node("Add", "a b", "y"),
    ]
    assert ops(simplified(graph(nodes))) == ["RandomNormalLike"] * 2 + ["Add"]


def test_what_nobody_takes_goes_however_long_it_is() -> None:
    nodes = [node("Relu", f"v{i}" if i else "x", f"v{i + 1}") for i in range(5000)]
    assert ops(simplified(graph([*nodes, node("Abs", "x", "y")]))) == ["Abs"]


def deep(count: int) -> Graph:
    nodes, tensors = [], {}
    for i in range(0, count, 4):
        tensors[f"w{i}"], tensors[f"b{i}"] = (4, 4), (4,)
        nodes += [
            node("MatMul", f"v{i} w{i}" if i else f"x w{i}", f"v{i + 1}"),
            node("Add", f"v{i + 1} b{i}", f"v{i + 2}"),
            node("Sigmoid", f"v{i + 2}", f"v{i + 3}"),
            node("Mul", f"v{i + 3} v{i + 2}", f"v{i + 4}"),
        ]
    return graph(nodes, outputs=f"v{count}", **tensors)


def test_many_layers_take_little_time() -> None:
    given = deep(5000)
    begin = time.process_time()
    made = simplified(given)
    assert time.process_time() - begin < 1.5
    assert ops(made) == ["MatMul", "Add", "Swish"] * 1250


# Bodies, held against onnxruntime


def loop() -> onnx.ModelProto:
    """Twice through a body that takes a weight and a transpose of the graph around it."""
    body = helper.make_graph(
        [
            helper.make_node("Constant", [], ["two"], value_float=2.0),
            helper.make_node("Identity", ["going"], ["goes_on"]),
            helper.make_node("Transpose", ["w"], ["wt"], perm=[1, 0]),
            helper.make_node("MatMul", ["state", "wt"], ["product"]),
            helper.make_node("Constant", [], ["slope"], value_float=0.25),
            helper.make_node("Mul", ["slope", "product"], ["gate"]),
            helper.make_node("Max", ["gate", "product"], ["gated"]),
            helper.make_node("Add", ["gated", "outer_copy"], ["more"]),
            helper.make_node("Mul", ["more", "two"], ["next"]),
            helper.make_node("Identity", ["next"], ["seen"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("step", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, ["n", 4]),
        ],
        [
            helper.make_tensor_value_info("goes_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, ["n", 4]),
            helper.make_tensor_value_info("seen", TensorProto.FLOAT, ["n", 4]),
        ],
    )
    nodes = [
        helper.make_node("Identity", ["x"], ["outer"]),
        helper.make_node("Identity", ["outer"], ["outer_copy"]),
        helper.make_node("Loop", ["count", "", "outer_copy"], ["y", "all"], body=body),
    ]
    weight = np.random.default_rng(3).normal(size=(4, 4)).astype(np.float32)
    held = [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(np.array(2), "count")]
    return _model(nodes, ["y", "all"], held)


def _model(
    nodes: list[onnx.NodeProto], outputs: list[str], held: list[onnx.TensorProto]
) -> onnx.ModelProto:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])
    made = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    proto = helper.make_graph(nodes, "g", [x], made, held)
    return helper.make_model(proto, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


X = np.random.default_rng(5).normal(size=(3, 4)).astype(np.float32)


def test_a_loop_is_made_simpler_inside(tmp_path: Path) -> None:
    both: Pair = pair(loop(), tmp_path)
    both.agrees({"x": X})
    found = both.ops()
    assert found["LeakyRelu"] == 1
    assert found["Transpose"] == 0
    body = next(item for item in both.after.nodes if item.op_type == "Loop").attributes["body"]
    assert [value.name for value in body.outputs] == ["goes_on", "next", "seen"]
    assert [value.name for value in body.inputs] == ["step", "going", "state"]


def branches() -> onnx.ModelProto:
    """Branches that give a constant and what is outside, under names that are used outside."""
    x = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    then = helper.make_graph(
        [
            helper.make_node("Relu", ["copy"], ["r"]),
            helper.make_node("Identity", ["r"], ["out"]),
        ],
        "then",
        [],
        [x],
    )
    other = helper.make_graph(
        [
            helper.make_node("Constant", [], ["k"], value_floats=[1.0, 2.0, 3.0, 4.0]),
            helper.make_node("Identity", ["k"], ["out"]),
        ],
        "else",
        [],
        [x],
    )
    nodes = [
        helper.make_node("Identity", ["x"], ["copy"]),
        helper.make_node("ReduceSum", ["copy"], ["sum"], keepdims=0),
        helper.make_node("Greater", ["sum", "zero"], ["yes"]),
        helper.make_node("If", ["yes"], ["y"], then_branch=then, else_branch=other),
    ]
    return _model(nodes, ["y"], [numpy_helper.from_array(np.array(0, "f"), "zero")])


@pytest.mark.parametrize("sign", [1, -1])
def test_branches_are_made_simpler_inside(sign: int, tmp_path: Path) -> None:
    both = pair(branches(), tmp_path)
    both.agrees({"x": sign * np.abs(X)})
    assert both.ops()["Relu"] == 1


def test_a_name_that_means_something_else_inside_is_not_taken_for_it() -> None:
    inner = graph([node("Relu", "a", "x2"), node("Neg", "b", "x")], outputs="x2")
    inner.inputs = []
    inner.nodes = [node("Neg", "b", "x"), node("Add", "a x", "z")]
    inner.outputs = [Value("z", TensorType(FLOAT32))]
    nodes = [
        node("Abs", "x", "b"),
        node("Identity", "x", "a"),
        node(
            "If",
            "c",
            "y",
            then_branch=inner,
            else_branch=graph([node("Abs", "b", "e")], outputs="e"),
        ),
    ]
    nodes[2].attributes["else_branch"].inputs = []
    given = graph(nodes)
    given.inputs.append(Value("c", TensorType(BOOL, ())))
    made = simplified(given)
    body = made.nodes[-1].attributes["then_branch"]
    assert body.nodes[-1].inputs == ["a", "x"]
    assert "Identity" in ops(made)


def test_extents_that_are_asked_for_are_written_down() -> None:
    nodes = [
        node("Shape", "x", "s"),
        node("Gather", "s zero", "n", axis=0),
        node("Unsqueeze", "n axes", "m"),
        node("Concat", "m rest", "shape", axis=0),
        node("Reshape", "x shape", "y"),
    ]
    held = {"zero": np.array(0), "axes": np.array([0]), "rest": np.array([-1])}
    made = simplified(graph(nodes, shape=(None, 3, None, 5), **held))
    assert ops(made) == ["Flatten"]
    held["rest"] = np.array([15, -1])
    made = simplified(graph(nodes, shape=(None, 3, None, 5), **held))
    assert ops(made) == ["Reshape"]
    assert made.tensors[made.nodes[0].inputs[1]].numpy().tolist() == [0, 15, 0]
