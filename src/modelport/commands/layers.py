"""The layers of a model, each with its type, activation, units, parameters and output shape."""

from __future__ import annotations

from typing import Any

from modelport.errors import ModelportError
from modelport.model.graph import Graph, Node
from modelport.model.model import Model
from modelport.model.report import Report


def layers(model: Model) -> list[dict[str, Any]]:
    """One entry for each layer (Keras) or node (ONNX), in the order of the file."""
    if model.dialect == "keras":
        return _keras_layers(model)
    return _nodes(model.graph)


def _keras_layers(model: Model) -> list[dict[str, Any]]:
    from modelport.convert.carry import canonical
    from modelport.dialects.keras.lower import output_shapes
    from modelport.dialects.keras.summary import summary

    try:
        graph = canonical(model, Report()).graph
    except ModelportError:
        # A file whose layers do not fit their weights is still shown as it stands.
        return _nodes(model.graph)
    shapes = output_shapes(graph)
    return [
        {
            "name": layer.name,
            "type": layer.type,
            "activation": layer.activation,
            "units": layer.units,
            "parameters": layer.parameters,
            "trainable": layer.trainable,
            "frozen": layer.frozen,
            "bias": layer.bias,
            "output_shape": layer.output_shape,
        }
        for layer in summary(graph, shapes)
    ]


def _nodes(graph: Graph) -> list[dict[str, Any]]:
    described: list[dict[str, Any]] = []
    for node in graph.nodes:
        names = [*node.inputs, *node.parameters.values()]
        held = {name: graph.tensors[name] for name in names if name in graph.tensors}
        output = graph.values.get(node.outputs[0]) if node.outputs else None
        if output is None and node.outputs:
            output = next((v for v in graph.outputs if v.name == node.outputs[0]), None)
        stated = output.shape if output is not None else None
        described.append(
            {
                "name": node.name or (node.outputs[0] if node.outputs else ""),
                "type": node.op_type if node.domain == "ai.onnx" else _qualified(node),
                "activation": None,
                "units": None,
                "parameters": sum(tensor.size for tensor in held.values()),
                "trainable": None,
                "frozen": None,
                "bias": None,
                "output_shape": None if stated is None else list(stated),
            }
        )
    return described


def _qualified(node: Node) -> str:
    return node.op_type if node.domain == "keras" else f"{node.domain}::{node.op_type}"
