"""Torch to ONNX: walk a native graph and let every operator write its ONNX operators."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from modelport.dialects.onnx.builder import Builder
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, Parameter, lowerings, run
from modelport.errors import ConversionError
from modelport.model.dtype import FLOAT32
from modelport.model.graph import Graph, Node, Value
from modelport.model.tensor import Tensor


def lower(graph: Graph, name: str = "model") -> Graph:
    """The ONNX graph of a native torch graph; weights are rearrangements of its tensors.

    Raises:
        ConversionError: an operator that ONNX cannot hold, by node and reason.
    """
    b = Builder(name)
    edges = {value.name: _input(b, value) for value in graph.inputs}
    lower_graph(b, graph, edges)
    for value in graph.outputs:
        if value.name not in edges:
            raise ConversionError(f"output {value.name!r}", "no node computes it")
        b.output(value.name, edges[value.name])
    return b.finish()


def lower_graph(b: Builder, graph: Graph, edges: dict[str, Edge]) -> None:
    """Lower the nodes of a graph over the edges of its inputs; results are added to ``edges``."""
    for node in graph.nodes:
        with ExitStack() as stack:
            for step in node.scope:
                stack.enter_context(b.scope(step))
            results = lower_node(b, node, edges, graph.tensors)
        edges.update(zip(node.outputs, results, strict=False))


def lower_node(
    b: Builder, node: Node, edges: Mapping[str, Edge], tensors: Mapping[str, Tensor]
) -> list[Edge]:
    """Lower one call of an operator within its scope."""
    call = Call(b, node.op_type, node.overload, node.name)
    known = lowerings()
    function = known.get(f"{node.op_type}.{node.overload}") or known.get(node.op_type)
    if function is None or node.domain not in ("aten", "operator"):
        why = "ONNX has no form of it that modelport knows"
        raise ConversionError(f"node {node.name!r} ({node.domain}::{node.op_type})", why)
    missing = [name for name in node.inputs if name not in edges]
    if missing:
        raise ConversionError(call.where, f"its input {missing[0]!r} is never computed")
    written = node.attributes["call"]
    weights = {role: Parameter(tensors[name], name) for role, name in node.parameters.items()}
    inputs = [edges[name] for name in node.inputs]
    args = [_filled(item, inputs, weights) for item in written["args"]]
    kwargs = {key: _filled(item, inputs, weights) for key, item in written["kwargs"].items()}
    return run(call, function, args, kwargs)


def _filled(written: Any, inputs: list[Edge], weights: Mapping[str, Parameter]) -> Any:
    if isinstance(written, Mapping):
        if "tensor" in written:
            return inputs[written["tensor"]]
        if "parameter" in written:
            return weights[written["parameter"]]
        return written
    if isinstance(written, list | tuple):
        return [_filled(item, inputs, weights) for item in written]
    return written


def _input(b: Builder, value: Value) -> Edge:
    if value.shape is None:
        raise ConversionError(f"input {value.name!r}", "the file states no shape of it")
    return b.input(value.name, value.dtype or FLOAT32, value.shape)
