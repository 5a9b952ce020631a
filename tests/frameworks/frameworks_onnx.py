"""A modelport ONNX graph as bytes, by the onnx package: independent of modelport's own writer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
from onnx import helper, numpy_helper

from modelport.dialects.onnx.builder import IR_VERSION, OPSET, OTHER_OPSETS
from modelport.dialects.onnx.ops import ONNX_DTYPES
from modelport.model.graph import Graph, Value


def drop_hints(path: Path) -> None:
    """Leave nothing in a file that says of which layers it was made."""
    model = onnx.load(path)
    del model.metadata_props[:]
    onnx.save(model, path)


def serialise(graph: Graph) -> bytes:
    """The graph as a ModelProto of the opset and IR version that modelport writes."""
    domains = {node.domain for inner in graph.subgraphs() for node in inner.nodes} - {"ai.onnx"}
    opsets = [
        helper.make_opsetid("", OPSET),
        *(helper.make_opsetid(d, OTHER_OPSETS.get(d, 1)) for d in sorted(domains)),
    ]
    model = helper.make_model(_graph(graph), opset_imports=opsets, ir_version=IR_VERSION)
    return model.SerializeToString()


def _graph(graph: Graph) -> onnx.GraphProto:
    nodes = []
    for node in graph.nodes:
        domain = "" if node.domain == "ai.onnx" else node.domain
        given = {key: _attribute(value) for key, value in node.attributes.items()}
        nodes.append(
            helper.make_node(
                node.op_type, node.inputs, node.outputs, node.name, None, domain, **given
            )
        )
    tensors = [numpy_helper.from_array(t.numpy(), name) for name, t in graph.tensors.items()]
    inputs = [_value(value) for value in graph.inputs]
    return helper.make_graph(nodes, graph.name, inputs, [_value(v) for v in graph.outputs], tensors)


def _attribute(value: Any) -> Any:
    return _graph(value) if isinstance(value, Graph) else value


def _value(value: Value) -> onnx.ValueInfoProto:
    if value.dtype is None:
        return onnx.ValueInfoProto(name=value.name)
    return helper.make_tensor_value_info(value.name, ONNX_DTYPES[value.dtype.name], value.shape)
