"""The layers of a Keras model, kept as a hint in ONNX: what a graph of operators cannot say.

A model of Keras that became ONNX carries its canonical layers and the shapes of their weights. On
the way back they are lowered once more, over weights without values; where that gives the operators
of the file, one for one, the layers are those of the source, with their names, regularisers and
dropout, and the file's tensors, turned back, are their weights. Where it does not, for the file was
changed since, the hint means nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from modelport.convert.compare import equal
from modelport.dialects.keras.lower import lower
from modelport.dialects.keras.upgrade import UPGRADED, upgrade
from modelport.dialects.onnx.pairing import Pairs, paired
from modelport.errors import ModelportError
from modelport.formats.shared.keras.model import describe
from modelport.formats.shared.keras.write_config import model_entry
from modelport.model.derived import Fill, Source
from modelport.model.dtype import DType
from modelport.model.dtype import dtype as dtype_of
from modelport.model.expression import Expression, is_identity_of, rebase, source
from modelport.model.graph import Dim, Graph, Node, Scope, TensorType, Value, inner_graphs
from modelport.model.inverse import undone
from modelport.model.model import LAYERS, Model, Producer
from modelport.model.report import Report
from modelport.model.tensor import Box, Tensor


def hint(model: Model) -> str | None:
    """What to keep of a canonical Keras model: its layers, and of every weight dtype and shape.

    None where a layer has settings that no JSON can say.
    """
    graphs = _inside_first(model.graph)
    numbers = {id(graph): number for number, graph in enumerate(graphs)}
    stated = [_written(graph, numbers) for graph in graphs]
    try:
        return json.dumps({"kind": model.kind, "graphs": stated})
    except TypeError:
        return None


def with_layers(model: Model) -> Model | None:
    """A model of ONNX as the canonical Keras model that it was made of, if it is still that.

    Its weights are expressions over the tensors of ``model``.
    """
    text = model.extras.get(LAYERS)
    if not isinstance(text, str):
        return None
    try:
        stated = json.loads(text)
        graph = _read(stated["graphs"])
        lowered = lower(graph)
    except _NOT_OURS:
        return None  # a hint of somebody else, or of another version: it is but a hint
    pairs = paired(lowered, model.graph) if _same_signature(lowered, model.graph) else None
    if pairs is None or not _bind(graph, pairs):
        return None
    return replace(
        model,
        producer=Producer(*(model.metadata.get(f"modelport.source_{key}") for key in _PRODUCER)),
        dialect="keras",
        kind="sequential" if stated["kind"] == "sequential" else "functional",
        graph=graph,
        opsets={},
        functions={},
        extras={UPGRADED: True},
    )


def as_hinted(model: Model, make: Callable[[Model, Report], Model], report: Report) -> Model | None:
    """What ``make`` makes of the layers that a model of ONNX was made of.

    None where there are none, or where Keras would not read what they became: only what computes
    something is held against the file, and a hint may say anything else.
    """
    layers, told = with_layers(model), Report()
    if layers is None:
        return None
    try:
        made = make(layers, told)
        again = Model("keras-v3", model.path, producer=Producer("keras", "3"))
        describe(again, model_entry(made.graph, Report()), LAYERS)
        upgrade(again, Report())
    except _NOT_OURS:
        return None
    for change in told:
        report.add(change.kind, change.component, change.where, change.why, change.error)
    return made


_PRODUCER = ("producer", "version")


class _NoValues(Exception):
    """Values were asked for that nobody knows yet."""


_NOT_OURS = (
    *(ArithmeticError, AttributeError, LookupError, ModelportError, RecursionError),
    *(TypeError, ValueError, _NoValues),
)


@dataclass(frozen=True, slots=True)
class _Promised:
    """The dtype and shape of a weight whose values are still to be found."""

    dtype: DType
    shape: tuple[int, ...]

    def read_box(self, box: Box) -> NDArray[Any]:
        """There are none."""
        raise _NoValues


def _inside_first(graph: Graph) -> list[Graph]:
    """The graph and those inside it, each once, and after all that are inside it."""
    found: dict[int, Graph] = {}
    for node in graph.nodes:
        for inner in inner_graphs(node.attributes):
            found |= {id(each): each for each in _inside_first(inner) if id(each) not in found}
    return [*found.values(), graph]


def _written(graph: Graph, numbers: Mapping[int, int]) -> dict[str, Any]:
    """A canonical graph as JSON; graphs inside it by their numbers."""
    return {
        "name": graph.name,
        "attributes": graph.attributes,
        "inputs": [_type_of(value) for value in graph.inputs],
        "outputs": [_type_of(value) for value in graph.outputs],
        "values": [_type_of(value) for value in graph.values.values()],
        "weights": {name: [t.dtype.name, list(t.shape)] for name, t in graph.tensors.items()},
        "nodes": [
            {
                "name": node.name,
                "type": node.op_type,
                "inputs": node.inputs,
                "outputs": node.outputs,
                "attributes": {
                    key: numbers[id(value)] if isinstance(value, Graph) else value
                    for key, value in node.attributes.items()
                },
                "parameters": node.parameters,
                "scope": node.scope,
            }
            for node in graph.nodes
        ],
    }


def _type_of(value: Value) -> list[Any]:
    shape = None if value.shape is None else list(value.shape)
    return [value.name, None if value.dtype is None else value.dtype.name, shape]


def _read(stated: list[dict[str, Any]]) -> Graph:
    """The last of several graphs; each holds only ones that come before it."""
    graphs: list[Graph] = []
    for found in stated:
        weights = {
            name: Tensor(name, _Promised(dtype_of(dtype), tuple(map(int, shape))))
            for name, (dtype, shape) in found["weights"].items()
        }
        graphs.append(
            Graph(
                str(found["name"]),
                [_node(node, graphs) for node in found["nodes"]],
                [_value(*value) for value in found["inputs"]],
                [_value(*value) for value in found["outputs"]],
                {name: _value(name, *described) for name, *described in found["values"]},
                tensors=weights,
                attributes=dict(found["attributes"]),
            )
        )
    return graphs[-1]


def _node(stated: dict[str, Any], graphs: Sequence[Graph]) -> Node:
    attributes = dict(stated["attributes"])
    if "graph" in attributes:
        attributes["graph"] = graphs[attributes["graph"]]
    return Node(
        "keras",
        str(stated["type"]),
        str(stated["name"]),
        list(map(str, stated["inputs"])),
        list(map(str, stated["outputs"])),
        attributes,
        dict(stated["parameters"]),
        tuple(Scope(str(name), str(kind), int(call)) for name, kind, call in stated["scope"]),
    )


def _value(name: str, dtype: str | None, shape: list[Dim] | None) -> Value:
    described = (
        None
        if dtype is None and shape is None
        else TensorType(
            None if dtype is None else dtype_of(dtype), None if shape is None else tuple(shape)
        )
    )
    return Value(name, described)


def _same_signature(lowered: Graph, given: Graph) -> bool:
    """Whether the ways in and out are called as they were, and take what they took."""
    inputs = [value for value in given.inputs if value.name not in given.tensors]
    return _described(lowered.inputs) == _described(inputs) and (
        _described(lowered.outputs) == _described(given.outputs)
    )


def _described(values: Sequence[Value]) -> list[Any]:
    return [
        (value.name, value.dtype, [e if isinstance(e, int) else None for e in value.shape or ()])
        for value in values
    ]


def _bind(graph: Graph, pairs: Pairs) -> bool:
    """Give the weights of a graph the values that the pairs tell; false where they do not."""
    found = undone({str(i): (source(a), source(b)) for i, (a, b) in enumerate(pairs)})

    def value(leaf: Source | Fill) -> Expression:
        # Constants are those of the layers: the file's have to be equal.
        promised = isinstance(leaf, Source) and isinstance(leaf.tensor.data, _Promised)
        return found[id(leaf.tensor)] if promised and isinstance(leaf, Source) else leaf

    try:
        if not all(_agree(rebase(source(a), value), b) for a, b in pairs):
            return False
        for inner in graph.subgraphs():
            bound = {name: rebase(source(t), value) for name, t in inner.tensors.items()}
            inner.tensors = {name: Tensor(name, data) for name, data in bound.items()}
    except (KeyError, _NoValues):
        return False
    return True


def _agree(expression: Expression, tensor: Tensor) -> bool:
    """Whether a tensor is what the weights found in others say; nearly always it is one of them."""
    return is_identity_of(expression, tensor) or equal(Tensor(tensor.name, expression), tensor)
