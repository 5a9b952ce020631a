"""What is written is valid, whatever the source: mended and reported, or refused; onnx judges."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

import modelport
from modelport.errors import ConversionError, MalformedFile
from modelport.model.report import Kind

X = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])
Y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])
W = numpy_helper.from_array(np.ones(2, np.float32), "w")
ADD = helper.make_node("Add", ["x", "w"], ["y"], name="n")


def node(op_type: str, inputs: str, outputs: str, **more: Any) -> NodeProto:
    return helper.make_node(op_type, inputs.split(), outputs.split(), **more)


def model(*nodes: NodeProto, ir: int = 8, **more: Any) -> ModelProto:
    graph = helper.make_graph(list(nodes) or [ADD], "g", [X], [Y], [W])
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=ir, **more
    )


def calling(*body: NodeProto, **more: Any) -> ModelProto:
    """A model with a function of two names, a and b."""
    opsets = [helper.make_opsetid("", 17)]
    function = helper.make_function("my", "F", ["a"], ["b"], list(body), opsets, **more)
    made = model(node("F", "x", "y", domain="my"), functions=[function])
    made.opset_import.add(domain="my", version=1)
    return made


def branching(*body: NodeProto) -> ModelProto:
    """A model with an If whose branches give z."""
    z = helper.make_tensor_value_info("z", TensorProto.FLOAT, [2])
    branch = helper.make_graph(list(body), "branch", [], [z])
    made = model(node("If", "c", "y", then_branch=branch, else_branch=branch))
    made.graph.initializer.append(numpy_helper.from_array(np.array(True), "c"))
    return made


def sparse(values: list[float], indices: Any, dims: list[int]) -> ModelProto:
    made = model()
    tensor = made.graph.sparse_initializer.add(dims=dims)
    tensor.values.CopyFrom(numpy_helper.from_array(np.array(values, np.float32), "s"))
    tensor.indices.CopyFrom(numpy_helper.from_array(np.array(indices)))
    return made


def changed(change: Callable[[ModelProto], object], made: ModelProto | None = None) -> ModelProto:
    made = made or model()
    change(made)
    return made


def leaky(**more: Any) -> ModelProto:
    """A model with an attribute that has ``more`` fields than a name and a float."""
    made = model(node("LeakyRelu", "x", "y", alpha=0.5))
    for key, value in more.items():
        setattr(made.graph.node[0].attribute[0], key, value)
    return made


def both(made: ModelProto) -> None:
    made.graph.sparse_initializer.extend(sparse([1.0], [0], [2]).graph.sparse_initializer)
    made.graph.sparse_initializer[0].values.name = "w"


RELU = node("Relu", "a", "b")

REFUSED: dict[str, tuple[ModelProto, str]] = {
    "no opsets": (changed(lambda m: m.ClearField("opset_import")), "'ai.onnx'"),
    "other opsets": (changed(lambda m: setattr(m.opset_import[0], "domain", "my")), "'ai.onnx'"),
    "opset 0": (changed(lambda m: setattr(m.opset_import[0], "version", 0)), "version 0"),
    "opset -3": (changed(lambda m: setattr(m.opset_import[0], "version", -3)), "version -3"),
    "unknown domain": (model(node("A", "x", "y", domain="my.own")), "'my.own'"),
    "versions of a domain": (
        model(node("Normalizer", "x", "y", domain="ai.onnx.ml")),
        "ai.onnx.ml",
    ),
    "unknown domain inside": (branching(node("A", "x", "z", domain="my.own")), "'my.own'"),
    "unknown domain, IR 2": (
        changed(
            lambda m: m.ClearField("opset_import"), model(node("A", "x", "y", domain="a"), ir=2)
        ),
        "'a'",
    ),
    "no opsets of a function": (
        changed(lambda m: m.functions[0].ClearField("opset_import"), calling(RELU)),
        "function 'F'",
    ),
    "a value twice": (model(node("Relu", "x", "y"), node("Abs", "x", "y")), "there already"),
    "twice at once": (model(node("Split", "x", "y y", axis=0)), "there already"),
    "an input made": (model(node("Relu", "x", "x"), node("Abs", "x", "y")), "there already"),
    "a weight made": (model(node("Relu", "x", "w"), node("Abs", "w", "y")), "there already"),
    "made again inside": (
        branching(node("Relu", "x", "w"), node("Abs", "w", "z")),
        "'w' is there already",
    ),
    "out of order": (model(node("Relu", "a", "y"), node("Abs", "x", "a")), "nothing before"),
    "a circle": (model(node("Add", "y x", "a"), node("Abs", "a", "y")), "nothing before"),
    "made by nobody": (model(node("Relu", "q", "y")), "nothing before"),
    "an output of nobody": (model(node("Relu", "x", "q")), "nothing makes"),
    "an unnamed output": (changed(lambda m: setattr(m.graph.output[0], "name", "")), "''"),
    "an input twice": (changed(lambda m: m.graph.input.append(X)), "'x' is there twice"),
    "an unnamed input": (changed(lambda m: m.graph.input.add(type=X.type)), "without a name"),
    "an untyped input": (changed(lambda m: m.graph.input[0].ClearField("type")), "without a type"),
    "an untyped output": (
        changed(lambda m: m.graph.output[0].ClearField("type")),
        "without a type",
    ),
    "an input of no dtype": (
        changed(lambda m: m.graph.input[0].type.tensor_type.ClearField("elem_type")),
        "without a type",
    ),
    "an unnamed weight": (
        changed(lambda m: m.graph.initializer.add(dims=[0], data_type=1, raw_data=b"")),
        "without a name",
    ),
    "a weight of no dtype": (
        changed(lambda m: m.graph.initializer.add(dims=[0], name="v")),
        "no data type",
    ),
    "sparse and dense": (changed(both), "'w' is there twice"),
    "no operator": (changed(lambda m: setattr(m.graph.node[0], "op_type", "")), "no operator"),
    "a node of nothing": (model(ADD, node("Add", "", "")), "nothing that goes in"),
    "an unnamed attribute": (leaky(name=""), "attribute without a name"),
    "a value of another type": (leaky(type=2), "beside that of its type"),
    "two values": (leaky(i=3), "beside that of its type"),
    "a function's input twice": (
        changed(lambda m: m.functions[0].input.append("a"), calling(RELU)),
        "twice",
    ),
    "a function's output twice": (
        changed(lambda m: m.functions[0].output.append("b"), calling(RELU)),
        "twice",
    ),
    "a function's attribute twice": (calling(RELU, attributes=["q", "q"]), "twice"),
    "an unnamed function": (
        changed(lambda m: setattr(m.functions[0], "name", ""), calling(RELU)),
        "without a name",
    ),
    "a function out of order": (
        calling(node("Relu", "c", "b"), node("Relu", "a", "c")),
        "nothing before",
    ),
    "a value twice in a function": (calling(RELU, RELU), "there already"),
    "a function that calls itself": (
        changed(
            lambda m: m.functions[0].opset_import.add(domain="my", version=1),
            calling(node("F", "a", "b", domain="my")),
        ),
        "calls itself",
    ),
    "an index too high": (sparse([1.0], [3], [3]), "outside"),
    "an index below 0": (sparse([1.0], [-1], [3]), "outside"),
    "an index too high on one axis": (sparse([1.0], [[0, 3]], [3, 3]), "outside"),
    "indices that descend": (sparse([1.0, 2.0], [2, 1], [3]), "ascend"),
    "an index twice": (sparse([1.0, 2.0], [[1, 1], [1, 1]], [3, 3]), "ascend"),
    "too few indices": (sparse([1.0, 2.0], [2], [3]), "no indices"),
    "indices of another rank": (sparse([1.0], [[0, 1, 2]], [3, 3]), "no indices"),
    "indices of floats": (sparse([1.0], [0.0], [3]), "no indices"),
    "a sparse scalar": (sparse([1.0], [0], []), "no tensor"),
    "a sparse extent of -3": (sparse([1.0], [0], [-3]), "no tensor"),
}

MENDED: dict[str, tuple[ModelProto, Kind, str]] = {
    "com.microsoft": (
        model(node("FusedMatMul", "x w", "y", domain="com.microsoft")),
        Kind.INVENTED,
        "operators of com.microsoft",
    ),
    "com.microsoft inside": (
        branching(node("Gelu", "x", "z", domain="com.microsoft")),
        Kind.INVENTED,
        "operators of com.microsoft",
    ),
    "a function's domain": (
        changed(lambda m: m.opset_import.pop(), calling(RELU)),
        Kind.INVENTED,
        "operators of my",
    ),
    "IR 2 with opsets": (model(node("Relu", "x", "y"), ir=2), Kind.INVENTED, "ir_version"),
    "IR 3 with constants": (model(ir=3), Kind.INVENTED, "ir_version"),
    "no IR version": (changed(lambda m: m.ClearField("ir_version")), Kind.INVENTED, "ir_version"),
    "IR version -1": (model(ir=-1), Kind.INVENTED, "ir_version"),
    "an unnamed graph": (changed(lambda m: setattr(m.graph, "name", "")), Kind.INVENTED, "graph"),
    "an unnamed graph inside": (
        changed(
            lambda m: [setattr(a.g, "name", "") for a in m.graph.node[0].attribute],
            branching(node("Relu", "x", "z")),
        ),
        Kind.INVENTED,
        "graph",
    ),
    "a key twice": (
        changed(lambda m: [m.metadata_props.add(key="k", value=v) for v in "ab"]),
        Kind.DROPPED,
        "k",
    ),
}


def valid(path: Path) -> bool:
    try:
        onnx.checker.check_model(path)
    except onnx.checker.ValidationError:
        return False
    return True


@pytest.mark.parametrize("name", REFUSED)
def test_defects_are_refused_but_shown(name: str, tmp_path: Path) -> None:
    made, told = REFUSED[name]
    path = tmp_path / "a.onnx"
    path.write_bytes(made.SerializeToString())
    assert not valid(path)
    assert modelport.inspect(path)["format"]["name"] == "onnx"
    with pytest.raises(ConversionError, match=told):
        modelport.convert(path, tmp_path / "b.onnx", verify=False)
    assert [found.name for found in tmp_path.iterdir()] == ["a.onnx"]


@pytest.mark.parametrize("name", MENDED)
def test_what_can_mean_but_one_thing_is_mended(name: str, tmp_path: Path) -> None:
    made, kind, where = MENDED[name]
    path, target = tmp_path / "a.onnx", tmp_path / "b.onnx"
    path.write_bytes(made.SerializeToString())
    assert not valid(path)
    report = modelport.convert(path, target, verify=False)
    assert {(change.kind, change.where) for change in report} == {(kind, where)}
    assert valid(target)
    again = modelport.convert(target, tmp_path / "c.onnx", verify=False)
    assert again.lossless
    assert (tmp_path / "c.onnx").read_bytes() == target.read_bytes()


@pytest.mark.parametrize(
    "made",
    [
        model(),
        calling(RELU),
        branching(node("Relu", "x", "z")),
        sparse([1.0], [[2, 2]], [3, 3]),
        sparse([1.0, 2.0], [0, 8], [3, 3]),
        sparse([], np.zeros(0, np.int64), [3]),
    ],
)
def test_sound_models_pass_as_they_are(made: ModelProto, tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(made.SerializeToString())
    assert valid(path)
    assert modelport.convert(path, tmp_path / "b.onnx", verify=False).lossless
    assert valid(tmp_path / "b.onnx")


@pytest.mark.parametrize("raw", [b"", bytes(4), bytes(12)])
def test_values_of_another_size_are_refused(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    made = changed(lambda m: setattr(m.graph.initializer[0], "raw_data", raw))
    path.write_bytes(made.SerializeToString())
    with pytest.raises(MalformedFile, match="8 bytes for float32"):
        modelport.convert(path, tmp_path / "b.onnx", verify=False)


def test_a_value_beside_a_reference_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(leaky(ref_attr_name="a").SerializeToString())
    with pytest.raises(ConversionError, match="beside that of its type"):
        modelport.convert(path, tmp_path / "b.onnx", verify=False)
