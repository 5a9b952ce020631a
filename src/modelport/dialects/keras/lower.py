"""Keras to ONNX: walk a canonical Keras graph and let every layer write its operators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from modelport.dialects.keras.history.applications import MODULES
from modelport.dialects.keras.history.configs import is_operation
from modelport.dialects.keras.history.era import Era
from modelport.dialects.keras.layer import Layer, call
from modelport.dialects.keras.layers.applications import PREFIX
from modelport.dialects.onnx import ops
from modelport.dialects.onnx.builder import Builder
from modelport.dialects.onnx.edge import Edge
from modelport.errors import ConversionError
from modelport.model.component import Component
from modelport.model.dtype import FLOAT32
from modelport.model.graph import Graph, Node, TensorType, Value
from modelport.model.report import Kind, Report
from modelport.model.tensor import Tensor

MODELS = ("Functional", "Sequential")
"""The canonical classes of models that hold other layers."""


def lower(graph: Graph, name: str = "model", report: Report | None = None) -> Graph:
    """The ONNX graph of a canonical Keras graph; weights are rearrangements of its tensors.

    What ONNX expresses otherwise is added to ``report``.

    Raises:
        ConversionError: a layer that ONNX cannot hold, by name and reason.
    """
    b = Builder(name, most_scopes=_most_calls(graph))
    inputs = [_input(b, value) for value in graph.inputs]
    for edge, value in zip(lower_graph(b, graph, inputs), graph.outputs, strict=True):
        _output(b, value, edge)
    made = b.finish()
    if report is not None:
        for where, why in b.notes:
            report.add(Kind.APPROXIMATED, Component.ARCHITECTURE, where, why)
        _tell_keys(graph, made, report)
    return made


def _tell_keys(graph: Graph, made: Graph, report: Report) -> None:
    """Say what the items of dictionaries are called now: ONNX has inputs and outputs in a row."""
    stated = graph.attributes.get("config")
    for key, values in (("input_layers", made.inputs), ("output_layers", made.outputs)):
        items = stated.get(key) if isinstance(stated, Mapping) else None
        if not isinstance(items, Mapping):
            continue
        told = [f"what stands under {', '.join(sorted(items))} is in this order"]
        if len(items) == len(values):  # Keras counts them in the order of their keys
            pairs = zip(sorted(items), values, strict=True)
            told = [f"{item!r} is {value.name!r}" for item, value in pairs if item != value.name]
        if told:
            why = f"ONNX has no dictionaries; {', '.join(told)}"
            report.add(Kind.DROPPED, Component.SIGNATURE, key.replace("_layers", "s"), why)


def lower_graph(b: Builder, graph: Graph, inputs: Sequence[Edge]) -> list[Edge]:
    """Lower the nodes of a graph over given inputs; returns the edges of its outputs."""
    edges = {
        value.name: _as_stated(b, edge, value)
        for value, edge in zip(graph.inputs, inputs, strict=True)
    }
    for node in graph.nodes:
        if node.op_type == "InputLayer":
            continue
        with b.scope(node.scope[-1]):
            results = lower_node(b, node, edges, graph.tensors)
        edges.update(zip(node.outputs, results, strict=False))
    for value in graph.outputs:
        if value.name not in edges:
            raise ConversionError(f"output {value.name!r}", "no layer computes it")
    return [edges[value.name] for value in graph.outputs]


def _as_stated(b: Builder, x: Edge, value: Value) -> Edge:
    """What enters a model in the dtype and rank of its input, which Keras makes it have."""
    made = x if value.dtype is None else ops.cast(b, x, value.dtype)
    rank = made.rank if value.shape is None else len(value.shape)
    if made.rank == rank + 1 and made.shape[-1] == 1:
        made = ops.squeeze(b, made, rank)
    elif made.rank == rank - 1 and value.shape is not None and value.shape[-1] == 1:
        made = ops.unsqueeze(b, made, rank - 1)
    return made if made.mask is x.mask else replace(made, mask=x.mask)


def lower_node(
    b: Builder, node: Node, edges: Mapping[str, Edge], tensors: Mapping[str, Tensor]
) -> list[Edge]:
    """Lower one call of a layer within its scope."""
    missing = [name for name in node.inputs if name not in edges]
    if missing:
        raise ConversionError(f"layer {node.name!r}", f"its input {missing[0]!r} is never computed")
    inputs = [edges[name] for name in node.inputs]
    inner = node.attributes.get("graph")
    if node.op_type in MODELS and isinstance(inner, Graph):
        return lower_graph(b, inner, _model_inputs(node, inputs, inner))
    written = node.attributes.get("call") or {}
    layer = Layer(
        b,
        _key(node),
        node.scope[-1].name,
        node.attributes["config"],
        inputs,
        {role: tensors[name] for role, name in node.parameters.items()},
        args=_filled(written.get("args", [{"tensor": i} for i in range(len(inputs))]), inputs),
        kwargs=_filled(written.get("kwargs", {}), inputs),
        graph=inner if isinstance(inner, Graph) else None,
        era=Era(node.attributes.get("era", Era.KERAS3)),
    )
    return call(layer)


def _key(node: Node) -> str:
    """What a node is lowered as: operations share names with layers and mean something else."""
    if is_operation(node.attributes.get("module")):
        return f"keras.ops.{node.op_type}"
    module = node.attributes.get("module")
    packaged = module is not None and module == MODULES.get(node.op_type)
    return f"{PREFIX}{node.op_type}" if packaged else node.op_type


def _model_inputs(node: Node, inputs: Sequence[Edge], inner: Graph) -> list[Edge]:
    """The tensors a nested model is called on, with the masks that are given beside them."""
    count = len(inner.inputs)
    if len(inputs) < count:
        why = f"it is called on {len(inputs)} tensors and has {count} inputs"
        raise ConversionError(f"layer {node.name!r} ({node.op_type})", why)
    given = list(inputs[:count])
    masks = _filled((node.attributes.get("call") or {}).get("kwargs", {}), inputs).get("mask")
    for i, mask in enumerate(masks if isinstance(masks, list) else [masks]):
        if isinstance(mask, Edge):
            given[i] = replace(given[i], mask=mask)
    return given


def layer_name(value: str) -> str:
    """The layer in a value name ``layer:call:output``."""
    return value.rsplit(":", 2)[0]


def _input(b: Builder, value: Value) -> Edge:
    if value.shape is None:
        raise ConversionError(
            f"input {layer_name(value.name)!r}",
            "the file states no input shape (a model that was never built)",
        )
    name = layer_name(value.name)
    try:
        return b.input(name, value.dtype or FLOAT32, value.shape)
    except ValueError as error:
        raise ConversionError(f"input {name!r}", str(error)) from error


def _most_calls(graph: Graph) -> int:
    """How many calls of layers are lowered.

    A small file whose models call each other twice, level by level, stands for a huge graph.
    """
    return 20_000 + 10 * sum(len(inner.nodes) for inner in graph.subgraphs())


def _output(b: Builder, value: Value, edge: Edge) -> None:
    name = layer_name(value.name)
    try:
        b.output(name, edge)
    except ValueError as error:
        raise ConversionError(f"output {name!r}", str(error)) from error


def _filled(written: Any, inputs: Sequence[Edge]) -> Any:
    if isinstance(written, Mapping):
        if set(written) == {"tensor"}:
            index = written["tensor"]
            if not isinstance(index, int) or not 0 <= index < len(inputs):
                raise ConversionError("a call", f"tensor {index!r} of {len(inputs)} is none")
            return inputs[index]
        return {key: _filled(item, inputs) for key, item in written.items()}
    if isinstance(written, list | tuple):
        return [_filled(item, inputs) for item in written]
    return written


def output_types(graph: Graph) -> dict[str, TensorType]:
    """The dtype and shape of every value of a canonical graph, told by lowering it for show.

    Unknown extents are None. Layers that have no ONNX form, and what comes after them, are left
    out.
    """
    b = Builder("types", most_scopes=_most_calls(graph))
    types: dict[str, TensorType] = {}
    edges: dict[str, Edge] = {}
    for value in graph.inputs:
        with suppress(ConversionError):
            edges[value.name] = _input(b, value)
    for node in graph.nodes:
        if node.op_type != "InputLayer" and all(name in edges for name in node.inputs):
            try:
                with b.scope(node.scope[-1]):
                    results = lower_node(b, node, edges, graph.tensors)
            except ConversionError:
                continue
            edges.update(zip(node.outputs, results, strict=False))
    for name, edge in edges.items():
        extents = tuple(extent if isinstance(extent, int) else None for extent in edge.shape)
        types[name] = TensorType(edge.dtype, extents)
    return types
