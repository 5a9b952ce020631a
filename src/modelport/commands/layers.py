"""The layers of a model, each with its type, activation, units, parameters and output shape."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from modelport.errors import ModelportError
from modelport.model.graph import Graph, Node
from modelport.model.model import Level, Model
from modelport.model.report import Report


@dataclass(frozen=True, slots=True)
class Layers:
    """What the layers of a model are, and what that says of the model's outputs.

    ``layers`` has one entry for each layer (Keras) or node (ONNX), in the order of the file;
    ``outputs`` a dtype and shape for each output, where they can be told.
    """

    layers: list[dict[str, Any]] = field(default_factory=list)
    outputs: list[tuple[str | None, list[Any] | None]] = field(default_factory=list)


def describe_layers(model: Model) -> Layers:
    """Describe the layers of a model; none for a model without architecture."""
    if model.dialect is None or model.level is Level.MALFORMED:
        return Layers()
    if model.dialect == "keras":
        return _keras_layers(model)
    return Layers(_nodes(model.graph))


def _keras_layers(model: Model) -> Layers:
    from modelport.dialects.keras.lower import output_types
    from modelport.dialects.keras.summary import summary
    from modelport.dialects.keras.upgrade import upgrade

    try:
        graph = upgrade(model, Report()).graph
    except ModelportError:
        # A file whose layers do not fit their weights is still shown as it stands.
        return Layers(_nodes(model.graph))
    types = output_types(graph)
    layers = summary(graph, {name: kind.shape or () for name, kind in types.items()})
    outputs: list[tuple[str | None, list[Any] | None]] = []
    for value in graph.outputs:
        kind = types.get(value.name)
        dtype = kind.dtype.name if kind and kind.dtype else None
        outputs.append((dtype, list(kind.shape) if kind and kind.shape is not None else None))
    return Layers([asdict(layer) for layer in layers], outputs)


def _nodes(graph: Graph) -> list[dict[str, Any]]:
    described: list[dict[str, Any]] = []
    outputs = {value.name: value for value in graph.outputs}
    for node in graph.nodes:
        names = [*node.inputs, *node.parameters.values()]
        held = {name: graph.tensors[name] for name in names if name in graph.tensors}
        first = node.outputs[0] if node.outputs else ""
        output = graph.values.get(first) or outputs.get(first)
        stated = output.shape if output is not None else None
        absent = dict.fromkeys(("trainable", "frozen", "bias"))
        described.append(
            {
                "name": node.name or first,
                "type": _type(node),
                "activation": None,
                "units": None,
                "parameters": sum(tensor.size for tensor in held.values()),
                **absent,
                "output_shape": None if stated is None else list(stated),
            }
        )
    return described


def _type(node: Node) -> str:
    own = node.domain in ("ai.onnx", "keras")
    return node.op_type if own else f"{node.domain}::{node.op_type}"
