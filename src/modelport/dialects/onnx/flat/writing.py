"""One pass over a graph that writes control flow and lists out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from modelport.dialects.onnx.naming import unique
from modelport.dialects.onnx.types.infer import Types
from modelport.dialects.onnx.types.known import UNKNOWN, Known
from modelport.dialects.onnx.types.table import DOMAIN
from modelport.model.graph import Graph, Node
from modelport.model.tensor import InMemory, Tensor

MOST_NODES = 4096
"""Nodes of a graph that loops may be written out to."""

Names: TypeAlias = "list[str]"
Function: TypeAlias = "Callable[[Writing, Node], bool]"

TABLE: dict[str, Function] = {}
"""What writes each operator out; it tells whether it did."""


def writes(op_type: str) -> Callable[[Function], Function]:
    """Register what writes an operator out."""

    def register(function: Function) -> Function:
        TABLE[op_type] = function
        return function

    return register


class Writing:
    """One pass over the nodes of a graph; what stands in bodies waits for the next."""

    def __init__(self, graph: Graph, types: Types) -> None:
        self.types = types
        self.made = replace(graph, nodes=[], tensors=dict(graph.tensors))
        self.changed = False
        self.left = MOST_NODES - len(graph.nodes)
        self.lists: dict[str, Names] = {}
        self._source = graph
        self._taken = {
            name
            for inner in graph.subgraphs()
            for name in (
                *inner.tensors,
                *(value.name for value in inner.inputs),
                *(name for node in inner.nodes for name in node.outputs),
            )
        }
        self._held: dict[int, dict[str, str]] = {}

    def write(self) -> None:
        """All nodes, in order."""
        for node in self._source.nodes:
            function = TABLE.get(node.op_type) if node.domain == DOMAIN else None
            if function is None or not function(self, node):
                self.made.nodes.append(node)
            else:
                self.changed = True

    def known(self, name: str) -> Known:
        """What is known of a value."""
        return self.types.get(name, UNKNOWN) if name else UNKNOWN

    def number(self, node: Node, place: int) -> int | None:
        """An operand that is one whole number."""
        name = node.inputs[place] if place < len(node.inputs) else ""
        array = None if self.known(name).boxes else self.known(name).array
        return int(array.reshape(-1)[0]) if array is not None and array.size == 1 else None

    def unique(self, wanted: str) -> str:
        """A name like this one that nothing has."""
        return unique(wanted, self._taken)

    def put(
        self, like: Node, op_type: str, inputs: Sequence[str], output: str = "", **attributes: Any
    ) -> str:
        """A new node; gives its output."""
        output = output or self.unique(f"{like.outputs[0]}/{op_type}")
        name = self.unique(f"{like.name or like.outputs[0]}/{op_type}")
        node = Node(DOMAIN, op_type, name, list(inputs), [output], attributes)
        node.scope, node.metadata = like.scope, dict(like.metadata)
        self.made.nodes.append(node)
        return output

    def constant(self, value: Any, wanted: str) -> str:
        """A new constant."""
        name = self.unique(wanted)
        self.made.tensors[name] = Tensor(name, InMemory(np.asarray(value)))
        return name

    def inline(self, body: Graph, given: Iterable[str]) -> Names:
        """The nodes of a body, under new names; gives its results."""
        names = dict(zip((value.name for value in body.inputs), given, strict=True))
        if id(body) not in self._held:
            self._held[id(body)] = {name: self.unique(name) for name in body.tensors}
            for name, new in self._held[id(body)].items():
                self.made.tensors[new] = _called(body.tensors[name], new)
        names |= self._held[id(body)]
        for node in body.nodes:
            names |= {name: self.unique(name) for name in node.outputs if name}
        for node in body.nodes:
            self.made.nodes.append(_renamed(node, names, self.unique(node.name)))
        self.left -= len(body.nodes)
        return [names.get(value.name, value.name) for value in body.outputs]

    def stand(self, node: Node, results: Sequence[str]) -> bool:
        """Let values stand for the results of a node."""
        for name, result in zip(node.outputs, results, strict=False):
            if name:
                self.put(node, "Identity", [result], name)
        return True


def _called(tensor: Tensor, name: str) -> Tensor:
    """The same tensor under another name."""
    return Tensor(name, tensor.data, dict(tensor.metadata), tensor.doc)


def _renamed(node: Node, names: Mapping[str, str], called: str) -> Node:
    new = replace(node, name=called)
    new.inputs = [names.get(name, name) for name in node.inputs]
    new.outputs = [names.get(name, name) for name in node.outputs]
    attributes = {key: _within(value, names) for key, value in node.attributes.items()}
    new.attributes, new.metadata = attributes, dict(node.metadata)
    return new


def _within(value: Any, names: Mapping[str, str]) -> Any:
    """A setting, where bodies take values under their new names."""
    if not isinstance(value, Graph):
        return value
    own = {*value.tensors, *(item.name for item in value.inputs)}
    own |= {name for node in value.nodes for name in node.outputs}
    seen = {old: new for old, new in names.items() if old not in own}
    body = replace(value, tensors=dict(value.tensors), values={})
    body.nodes = [_renamed(node, seen, node.name) for node in value.nodes]
    body.outputs = [replace(out, name=seen.get(out.name, out.name)) for out in value.outputs]
    return body


def stacked(writing: Writing, node: Node, items: Names, axis: int = 0) -> str:
    """Values one beside the other along a new axis."""
    axes = writing.constant(np.array([axis], "int64"), f"{node.outputs[0]}/axis")
    parts = [writing.put(node, "Unsqueeze", [item, axes]) for item in items]
    return writing.put(node, "Concat", parts, axis=axis)
