"""A Sequential of Keras 1 that begins with ``Merge``: whole models stand in the layer's config.

Their layers become ordinary layers of one functional graph. In ``.h5`` files their weights are
groups of the outer model already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelport.errors import UnsupportedFeature
from modelport.model.dtype import DTYPES, FLOAT32
from modelport.model.graph import Graph, Node, Scope, TensorType, Value

MOST_NESTED = 16


def begins_with_merge(graph: Graph) -> bool:
    """Whether the first layer merges models that its own config holds."""
    if not graph.nodes or graph.nodes[0].op_type != "Merge":
        return False
    config = graph.nodes[0].attributes.get("config")
    return isinstance(config, Mapping) and isinstance(config.get("layers"), list)


def spread(graph: Graph, path: str) -> Graph:
    """The graph with the merged models' layers in front of the layer that merges them.

    Raises:
        UnsupportedFeature: a merged model is no chain of layers.
    """
    made = Graph(graph.name, outputs=list(graph.outputs), tensors=dict(graph.tensors))
    made.attributes = {**graph.attributes, "class_name": "Functional"}
    merge = graph.nodes[0]
    scope = merge.scope[:-1]
    nodes, ends = _merged(merge.attributes["config"]["layers"], made, scope, path, 0)
    made.nodes = [*nodes, _joining(merge, ends), *graph.nodes[1:]]
    _own_weights(made)
    return made


def _joining(merge: Node, ends: list[str]) -> Node:
    config = {key: value for key, value in merge.attributes["config"].items() if key != "layers"}
    merge.attributes = {**merge.attributes, "config": config}
    merge.attributes["call"] = {
        "args": [[{"tensor": i} for i in range(len(ends))]],
        "kwargs": {},
    }
    merge.inputs = list(ends)
    return merge


def _merged(
    models: list[Any], graph: Graph, scope: tuple[Scope, ...], path: str, depth: int
) -> tuple[list[Node], list[str]]:
    """The nodes of all models, and the value that each ends with."""
    nodes: list[Node] = []
    ends: list[str] = []
    for model in models:
        layers = _chain(model)
        if layers is None or depth > MOST_NESTED:
            raise UnsupportedFeature(path, "a Merge of models that are no chains of layers")
        branch = list(_branch(layers, graph, scope, path, depth))
        if not branch:
            raise UnsupportedFeature(path, "a Merge of an empty model")
        nodes.extend(branch)
        ends.append(branch[-1].outputs[0])
    return nodes, ends


def _chain(model: Any) -> list[Any] | None:
    if not isinstance(model, Mapping) or model.get("class_name") != "Sequential":
        return None
    config = model.get("config")
    layers = config.get("layers") if isinstance(config, Mapping) else config
    return layers if isinstance(layers, list) else None


def _branch(
    layers: list[Any], graph: Graph, scope: tuple[Scope, ...], path: str, depth: int
) -> Iterator[Node]:
    value = ""
    for i, layer in enumerate(layers):
        config = layer["config"]
        name = str(config["name"])
        inputs, written = [value], [{"tensor": 0}]
        if i == 0 and isinstance(config.get("layers"), list):
            inner, inputs = _merged(config["layers"], graph, scope, path, depth + 1)
            yield from inner
            config = {key: part for key, part in config.items() if key != "layers"}
        elif i == 0:
            value = f"{name}:input"
            graph.inputs.append(Value(value, _input_type(config)))
            inputs = [value]
        args = written if len(inputs) == 1 else [[{"tensor": k} for k in range(len(inputs))]]
        attributes = {"config": config, "call": {"args": args, "kwargs": {}}}
        class_name = str(layer["class_name"])
        step = Scope(name, class_name, 0)
        value = f"{name}:0:0"
        yield Node("keras", class_name, name, inputs, [value], attributes, scope=(*scope, step))


def _input_type(config: Mapping[str, Any]) -> TensorType:
    shape = config.get("batch_input_shape")
    dtype = DTYPES.get(str(config.get("input_dtype")), FLOAT32)
    return TensorType(dtype, tuple(shape) if isinstance(shape, list) else None)


def _own_weights(graph: Graph) -> None:
    """Give every layer the weights that bear its name (``dense_1_W:0``), in the file's order."""
    taken = {name for node in graph.nodes for name in node.parameters.values()}
    names = sorted((node.scope[-1].name for node in graph.nodes), key=len, reverse=True)
    owners = {node.scope[-1].name: node for node in graph.nodes}
    for tensor in graph.tensors:
        owner = next((name for name in names if tensor.startswith(f"{name}_")), None)
        if tensor not in taken and owner is not None:
            owners[owner].parameters[tensor] = tensor
