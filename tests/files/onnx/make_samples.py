"""Makes the ONNX samples beside this file with the onnx package 1.23."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import convert_model_to_external_data

FOLDER = Path(__file__).parent
SEED = 20261124


def model(
    graph: onnx.GraphProto, opset: int = 21, ir_version: int = 10, **fields
) -> onnx.ModelProto:
    fields = {"producer_name": "sample", "producer_version": "1.0", **fields}
    opsets = fields.pop("opset_imports", [helper.make_opsetid("", opset)])
    return helper.make_model(graph, opset_imports=opsets, ir_version=ir_version, **fields)


def value(name: str, *shape: int | str | None, dtype: int = TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def dense(name: str) -> onnx.GraphProto:
    rng = np.random.default_rng(SEED)
    weights = [
        numpy_helper.from_array(rng.standard_normal((16, 256)).astype(np.float32), "dense/kernel"),
        numpy_helper.from_array(rng.standard_normal(256).astype(np.float32), "dense/bias"),
    ]
    nodes = [
        helper.make_node("MatMul", ["x", "dense/kernel"], ["product"], name="dense/MatMul"),
        helper.make_node("Add", ["product", "dense/bias"], ["y"], name="dense/Add"),
    ]
    return helper.make_graph(nodes, name, [value("x", "N", 16)], [value("y", "N", 256)], weights)


def external() -> None:
    made = model(dense("external"))
    convert_model_to_external_data(made, location="external.bin", size_threshold=0)
    (FOLDER / "external.bin").unlink(missing_ok=True)
    onnx.save(made, FOLDER / "external.onnx")


def sparse() -> None:
    values = helper.make_tensor("weights", TensorProto.FLOAT, [3], [1.0, 2.0, 3.0])
    indices = helper.make_tensor("weights_indices", TensorProto.INT64, [3], [0, 4, 8])
    stored = helper.make_sparse_tensor(values, indices, [3, 3])
    constant = helper.make_node("Constant", [], ["c"], name="constant", sparse_value=stored)
    nodes = [constant, helper.make_node("MatMul", ["x", "weights"], ["p"], name="product")]
    nodes.append(helper.make_node("MatMul", ["p", "c"], ["y"], name="second"))
    graph = helper.make_graph(
        nodes,
        "sparse",
        [value("x", "N", 3)],
        [value("y", "N", 3)],
        sparse_initializer=[stored],
    )
    onnx.save(model(graph), FOLDER / "sparse.onnx")


def function() -> None:
    scale = helper.make_node("Constant", [], ["factor"], name="factor")
    attribute = onnx.AttributeProto(
        name="value_float", ref_attr_name="alpha", type=onnx.AttributeProto.FLOAT
    )
    scale.attribute.append(attribute)
    body = [scale, helper.make_node("Mul", ["a", "factor"], ["b"], name="mul")]
    opsets = [helper.make_opsetid("", 21)]
    defined = helper.make_function(
        "my.ops",
        "Scale",
        ["a"],
        ["b"],
        body,
        opsets,
        attributes=["alpha"],
        attribute_protos=[helper.make_attribute("beta", 0.5)],
        doc_string="multiplies by alpha",
        overload="float",
        value_info=[value("factor")],
    )
    helper.set_model_props(defined, {"written_by": "hand"})
    call = helper.make_node("Scale", ["x"], ["y"], domain="my.ops", overload="float", alpha=2.0)
    graph = helper.make_graph([call], "calls", [value("x", 4)], [value("y", 4)])
    opsets = [*opsets, helper.make_opsetid("my.ops", 1)]
    onnx.save(model(graph, functions=[defined], opset_imports=opsets), FOLDER / "function.onnx")


def types() -> None:
    tensor = helper.make_tensor_type_proto(TensorProto.FLOAT, ["N", 4])
    sequence = helper.make_sequence_type_proto(tensor)
    optional = helper.make_optional_type_proto(sequence)
    mapping = helper.make_map_type_proto(TensorProto.INT64, tensor)
    opaque = onnx.TypeProto(opaque_type=onnx.TypeProto.Opaque(domain="my.types", name="thing"))
    denoted = helper.make_tensor_type_proto(
        TensorProto.FLOAT, ["N", 3, 4, 4], ["DATA_BATCH", "DATA_CHANNEL", "", ""]
    )
    denoted.denotation = "IMAGE"
    inputs = [
        helper.make_value_info("sequence", sequence),
        helper.make_value_info("maybe", optional),
        helper.make_value_info("mapping", mapping, doc_string="from numbers"),
        helper.make_value_info("thing", opaque),
        helper.make_value_info("image", denoted),
        helper.make_sparse_tensor_value_info("sparse", TensorProto.FLOAT, [3, 3]),
        helper.make_value_info("untyped", onnx.TypeProto()),
    ]
    node = helper.make_node("OptionalGetElement", ["maybe"], ["y"])
    typed = helper.make_node("Optional", [], ["none"], type=sequence)
    graph = helper.make_graph(
        [node, typed], "types", inputs, [helper.make_value_info("y", sequence)]
    )
    onnx.save(model(graph), FOLDER / "types.onnx")


DTYPES = [
    "FLOAT16",
    "BFLOAT16",
    "FLOAT8E4M3FN",
    "FLOAT8E4M3FNUZ",
    "FLOAT8E5M2",
    "FLOAT8E5M2FNUZ",
    "FLOAT8E8M0",
    "FLOAT4E2M1",
    "FLOAT6E2M3",
    "FLOAT6E3M2",
    "INT2",
    "UINT2",
    "INT4",
    "UINT4",
    "INT8",
    "UINT8",
    "INT16",
    "UINT16",
    "INT32",
    "UINT32",
    "INT64",
    "UINT64",
    "BOOL",
    "FLOAT",
    "DOUBLE",
    "COMPLEX64",
    "COMPLEX128",
]


def dtypes() -> None:
    tensors = []
    for name in DTYPES:
        code = TensorProto.DataType.Value(name)
        signed = name.startswith(("INT", "FLOAT", "BFLOAT", "DOUBLE")) and name != "FLOAT8E8M0"
        numbers = [-2, 1, 0, 1, -1] if signed else [1, 0, 1, 1, 0]
        numbers = [1, 2, 4, 2, 1] if name == "FLOAT8E8M0" else numbers
        typed = helper.make_tensor(f"{name}_typed", code, [5], numbers)
        tensors.append(typed)
        array = numpy_helper.to_array(typed)
        tensors.append(numpy_helper.from_array(array, f"{name}_raw"))
    strings = [b"plain", "größer".encode(), b"\xff\x00raw"]
    tensors.append(helper.make_tensor("STRING_typed", TensorProto.STRING, [3], strings))
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])], "dtypes", [value("x")], [value("y")], tensors
    )
    onnx.save(model(graph, opset=25, ir_version=14), FOLDER / "dtypes.onnx")


def attributes() -> None:
    inner = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["inner_y"])], "then", [], [value("inner_y", 4)]
    )
    tensor = helper.make_tensor("t", TensorProto.FLOAT, [2], [1.0, 2.0])
    sparse = helper.make_sparse_tensor(
        helper.make_tensor("v", TensorProto.FLOAT, [1], [1.0]),
        helper.make_tensor("i", TensorProto.INT64, [1], [1]),
        [3],
    )
    kind = helper.make_tensor_type_proto(TensorProto.FLOAT, [1])
    stated = {
        "float": 1.0,
        "int": -3,
        "text": "größer",
        "bytes": b"\xff\xfe",
        "tensor": tensor,
        "graph": inner,
        "sparse": sparse,
        "type": kind,
        "floats": [1.0, 2.5],
        "ints": [1, -(2**63), 2**63 - 1],
        "texts": [b"a", b"\xff"],
        "tensors": [tensor, tensor],
        "graphs": [inner],
        "sparses": [sparse],
        "types": [kind, kind],
    }
    node = helper.make_node("Everything", ["x"], ["y"], name="everything", domain="my.ops")
    node.attribute.extend(
        helper.make_attribute(name, given, doc_string="a remark" if name == "int" else None)
        for name, given in stated.items()
    )
    for kind_name in ("FLOATS", "INTS", "STRINGS", "TENSORS", "GRAPHS", "TYPE_PROTOS"):
        code = onnx.AttributeProto.AttributeType.Value(kind_name)
        node.attribute.append(onnx.AttributeProto(name=f"no_{kind_name.lower()}", type=code))
    graph = helper.make_graph([node], "attributes", [value("x", 4)], [value("y", 4)])
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("my.ops", 1)]
    onnx.save(model(graph, opset_imports=opsets), FOLDER / "attributes.onnx")


def metadata() -> None:
    graph = dense("metadata")
    graph.doc_string = "a graph"
    graph.value_info.append(value("product", "N", 256))
    for index, part in enumerate(
        (graph, graph.node[0], graph.initializer[0], graph.input[0], graph.value_info[0])
    ):
        helper.set_model_props(part, {"place": str(index), "empty": ""})
    graph.node[0].doc_string = "a node"
    graph.initializer[1].doc_string = "a tensor"
    quantized = graph.quantization_annotation.add(tensor_name="product")
    quantized.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="dense/bias")
    device = graph.node[1].device_configurations.add(configuration_id="two", pipeline_stage=1)
    device.sharding_spec.add(tensor_name="x", device=[0, 1])
    made = model(graph, ir_version=11, domain="org.sample", model_version=7, doc_string="a model")
    made.configuration.add(name="two", num_devices=2, device=["a", "b"])
    helper.set_model_props(made, {"licence": "Apache-2.0", "labels": "cat\ndog"})
    onnx.save(made, FOLDER / "metadata.onnx")


def training() -> None:
    made = model(dense("training"))
    stated = {
        "dialect": "keras",
        "loss": "mse",
        "metrics": ["mae"],
        "optimizer": {"name": "Adam", "hyperparameters": {"learning_rate": 0.001}},
        "config": {},
    }
    props = {"modelport.training": json.dumps(stated), "modelport.hyperparameters": '{"epochs": 3}'}
    helper.set_model_props(made, props)
    start = helper.make_graph(
        [helper.make_node("Constant", [], ["zero"], value_float=0.0)], "start", [], [value("zero")]
    )
    step = helper.make_graph(
        [helper.make_node("Identity", ["dense/bias"], ["next"])], "step", [], [value("next", 256)]
    )
    bindings = {"dense/bias": "next"}
    made.training_info.append(
        helper.make_training_info(step, list(bindings.items()), start, [("count", "zero")])
    )
    onnx.save(made, FOLDER / "training.onnx")


def early() -> None:
    graph = dense("early")
    graph.input.extend([value("dense/kernel", 16, 256), value("dense/bias", 256)])
    graph.node[1].attribute.extend(
        [helper.make_attribute("axis", 1), helper.make_attribute("broadcast", 1)]
    )
    for attribute in graph.node[1].attribute:
        attribute.ClearField("type")
    made = model(graph, ir_version=1)
    del made.opset_import[:]
    onnx.save(made, FOLDER / "early.onnx")


if __name__ == "__main__":
    for make in (external, sparse, function, types, dtypes, attributes, metadata, training, early):
        make()
