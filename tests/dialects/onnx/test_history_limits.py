"""What an upgrade leaves alone, and what it refuses."""

from __future__ import annotations

import pytest

from modelport.dialects.onnx.history import NEWEST, upgrade
from modelport.dialects.onnx.history.rewriting import STEPS
from modelport.errors import ConversionError
from modelport.model.dtype import FLOAT32
from modelport.model.graph import Function, Graph, Node, TensorType, Value
from modelport.model.tensor import Tensor


class Unread:
    """Data of a weight that must not be asked for."""

    dtype = FLOAT32
    shape = (1000, 1000)

    def read_box(self, box):
        raise AssertionError("a weight was read")


def one(node: Node, **tensors: Tensor) -> Graph:
    return Graph(
        "g",
        nodes=[node],
        inputs=[Value("x", TensorType(FLOAT32, (2, 3, 4, 5)))],
        outputs=[Value(name) for name in node.outputs],
        tensors=dict(tensors),
    )


def test_weights_are_not_read_and_the_old_graph_stays_as_it_was() -> None:
    weight = Tensor("w", Unread())
    names = ("Add", "PRelu", "OneHot", "Resize", "Gemm", "Split", "Tile", "Clip", "Slice")
    nodes = [
        Node("ai.onnx", name, name, ["x", "w", "w"][: 2 if name != "OneHot" else 3], [f"{name}_y"])
        for name in names
        if name not in ("Clip", "Slice", "Tile")
    ]
    nodes[0].attributes = {"broadcast": 1, "axis": 1, "consumed_inputs": [0, 0]}
    graph = Graph("g", nodes=nodes, tensors={"w": weight})
    graph.outputs = [Value(node.outputs[0]) for node in nodes]
    before = [(node.op_type, list(node.inputs), dict(node.attributes)) for node in nodes]
    made = upgrade(graph, 1)
    assert made.tensors["w"] is weight
    assert [(n.op_type, list(n.inputs), dict(n.attributes)) for n in graph.nodes] == before
    assert list(graph.tensors) == ["w"]
    assert {value.name for value in made.outputs} <= {
        name for node in made.nodes for name in node.outputs
    }


def test_the_newest_version_and_other_domains_stay() -> None:
    for domain, opset in (("ai.onnx", NEWEST), ("com.example", 1)):
        node = Node(domain, "Softmax", "n", ["x"], ["y"], {"axis": 1})
        made = upgrade(one(node), opset).nodes
        assert len(made) == 1
        assert (made[0].op_type, dict(made[0].attributes)) == ("Softmax", {"axis": 1})


def test_a_graph_called_twice_stays_one_graph() -> None:
    body = Graph("body", nodes=[Node("ai.onnx", "Softmax", "s", ["x"], ["t"])])
    body.outputs = [Value("t")]
    graph = one(Node("ai.onnx", "If", "if", ["c"], ["y"]))
    graph.nodes[0].attributes = {"then_branch": body, "else_branch": body}
    made = upgrade(graph, 11).nodes[0].attributes
    assert made["then_branch"] is made["else_branch"]
    assert made["then_branch"] is not body
    assert made["then_branch"].nodes[0].op_type == "Flatten"


def test_nodes_stay_few_where_shapes_are_known() -> None:
    squeezed = [
        Node("ai.onnx", "GlobalAveragePool", "pool", ["x"], ["p"]),
        Node("ai.onnx", "Softmax", "soft", ["p"], ["s"]),
        Node("ai.onnx", "Dropout", "drop", ["s"], ["y", "mask"], {"is_test": 1}),
    ]
    graph = one(squeezed[2])
    graph.nodes, graph.outputs = squeezed, [Value("y")]
    made = upgrade(graph, 6).nodes
    assert [node.op_type for node in made] == ["GlobalAveragePool", "Softmax", "Dropout"]
    assert made[1].attributes["axis"] == 1
    assert made[2].outputs == ["y"]


@pytest.mark.parametrize(
    ("opset", "node"),
    [
        (0, Node("ai.onnx", "Relu", "n", ["x"], ["y"])),
        (NEWEST + 1, Node("ai.onnx", "Relu", "n", ["x"], ["y"])),
        (1, Node("ai.onnx", "LpPool", "n", ["x"], ["y"], {"p": 2.5, "kernel_shape": [1, 1]})),
        (1, Node("ai.onnx", "LpPool", "n", ["x"], ["y"], {"p": 2.0})),
        (1, Node("ai.onnx", "Cast", "n", ["x"], ["y"], {"to": "FLOAT7"})),
        (6, Node("ai.onnx", "ScaledTanh", "n", ["x"], ["y"])),
        (
            11,
            Node("ai.onnx", "Resize", "n", ["x", "", "s"], ["y"], {
                "mode": "linear", "coordinate_transformation_mode": "tf_half_pixel_for_nn",
            }),
        ),
        (11, Node("ai.onnx.ml", "ZipMap", "n", ["x"], ["y"], {"classlabels_int64s": [0, 1]})),
        (
            6,
            Node("ai.onnx", "BatchNormalization", "n", ["x", "s", "b", "m", "v"], ["y", "z"], {
                "is_test": 1,
            }),
        ),
    ],
    ids=lambda value: getattr(value, "op_type", str(value)),
)  # fmt: skip
def test_what_cannot_be_carried_is_named(opset: int, node: Node) -> None:
    with pytest.raises(ConversionError) as caught:
        upgrade(one(node), opset)
    assert caught.value.where == ("n" if 1 <= opset <= NEWEST else "the model")


def test_functions_that_call_themselves_are_refused() -> None:
    call = Node("own", "F", "call", ["x"], ["y"])
    function = Function("own", "F", inputs=["x"], outputs=["y"], nodes=[call])
    with pytest.raises(ConversionError, match="calls itself"):
        upgrade(one(call), 18, {("own", "F", ""): function})
    call.inputs = ["x", "x"]
    with pytest.raises(ConversionError, match="more values"):
        upgrade(one(call), 18, {("own", "F", ""): function})


def test_functions_do_not_grow_without_end() -> None:
    functions = {}
    for level in range(40):
        calls = [Node("own", f"F{level + 1}", f"c{i}", ["x"], [f"y{i}"]) for i in range(2)]
        name = f"F{level}"
        function = Function("own", name, inputs=["x"], outputs=["y1"], nodes=calls)
        functions["own", name, ""] = function
    with pytest.raises(ConversionError, match="100,000"):
        upgrade(one(Node("own", "F0", "call", ["x"], ["y"])), 18, functions)


def test_bodies_keep_the_version_they_have() -> None:
    """The Scan around changes at version 9, its body is still of version 8."""
    inner = Node("ai.onnx", "Upsample", "up", ["step"], ["big"], {"scales": [1.0, 1.0, 2.0, 2.0]})
    body = Graph("body", nodes=[inner], inputs=[Value("step")], outputs=[Value("big")])
    scan = Node("ai.onnx", "Scan", "scan", ["", "x"], ["y"])
    scan.attributes = {"body": body, "num_scan_inputs": 1}
    graphs = list(upgrade(one(scan), 8).subgraphs())
    assert [node.op_type for graph in graphs for node in graph.nodes] == ["Scan", "Scan", "Resize"]
    assert graphs[2].nodes[0].attributes["nearest_mode"] == "floor"


@pytest.mark.parametrize(("op_type", "version"), sorted(STEPS))
def test_nodes_that_lack_everything_end_in_a_typed_error(op_type: str, version: int) -> None:
    for inputs, attributes in (
        ([], {}),
        (["x"], {}),
        (
            ["x", "x", "x"],
            {"axis": "a", "axes": 3, "shape": 1.5, "split": "b", "scales": 0, "k": []},
        ),
        (["x"] * 5, {"to": [], "body": 7, "p": "c", "num_groups": 0, "mode": 4, "border": [1]}),
    ):
        for outputs in ([], ["y"]):
            graph = one(Node("ai.onnx", op_type, "n", inputs, outputs, attributes))
            try:
                upgrade(graph, version - 1)
            except ConversionError as error:
                assert error.where == "n"
