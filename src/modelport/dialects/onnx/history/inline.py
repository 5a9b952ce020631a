"""A call of one of a model's own functions, as the nodes of its body."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import replace
from typing import Any, TypeAlias

from modelport.dialects.onnx.history.rewriting import DOMAIN, Names
from modelport.errors import ConversionError
from modelport.model.graph import Function, Graph, Node, Reference, Scope, Value
from modelport.model.tensor import Tensor

FunctionKey: TypeAlias = tuple[str, str, str]
"""Domain, name and overload of a function."""


def key_of(node: Node) -> FunctionKey:
    """The function that a node would call."""
    return node.domain, node.op_type, node.overload


def body_of(call: Node, function: Function, names: Names) -> list[Node]:
    """Copies of a function's nodes over the values of one call, with new names for its own.

    From https://onnx.ai/onnx/repo-docs/IR.html#functions: an attribute that refers to one the call
    does not give takes the function's default, or is left out; inputs and outputs may be missing
    at the end or have no name.

    Raises:
        ConversionError: more inputs or outputs than the function has.
    """
    where = call.name or function.name
    if len(call.inputs) > len(function.inputs) or len(call.outputs) > len(function.outputs):
        raise ConversionError(where, f"more values than function {function.name!r} takes or gives")
    inputs = [*call.inputs, *[""] * (len(function.inputs) - len(call.inputs))]
    renamed = dict(zip(function.inputs, inputs, strict=True))
    given = {**function.defaults, **call.attributes}
    step = Scope(call.name or function.name, function.name)
    copy = _Copy(renamed, given, names, where, (*call.scope, step))
    outputs = dict(zip(function.outputs, call.outputs, strict=False))
    nodes: list[Node] = []
    for name, outside in outputs.items():
        if outside and name not in renamed:
            renamed[name] = outside
    for node in function.nodes:
        nodes.append(copy.node(node))
    for name, outside in outputs.items():
        if outside and renamed[name] != outside:
            made = names.unique(f"{where}/Identity")
            nodes.append(Node(DOMAIN, "Identity", made, [renamed[name]], [outside]))
    return nodes


class _Copy:
    def __init__(
        self,
        renamed: dict[str, str],
        given: Mapping[str, Any],
        names: Names,
        where: str,
        scope: tuple[Scope, ...],
    ) -> None:
        self._renamed = renamed
        self._given = given
        self._names = names
        self._where = where
        self._scope = scope

    def node(self, node: Node) -> Node:
        """A copy whose names are those of the caller."""
        return replace(
            node,
            name=self._names.unique(f"{self._where}/{node.name or node.op_type}"),
            inputs=[self._renamed.get(name, name) for name in node.inputs],
            outputs=[self._own(name) for name in node.outputs],
            attributes=self._attributes(node.attributes),
            scope=(*self._scope, *node.scope),
        )

    def _own(self, name: str) -> str:
        if name and name not in self._renamed:
            self._renamed[name] = self._names.unique(f"{self._where}/{name}")
        return self._renamed[name] if name else ""

    def _attributes(self, held: MutableMapping[str, Any]) -> dict[str, Any]:
        copied = {}
        for name, value in held.items():
            if isinstance(value, Reference):
                if value.name in self._given:
                    copied[name] = self._given[value.name]
            elif isinstance(value, Graph):
                copied[name] = self._graph(value)
            elif isinstance(value, list | tuple):
                copied[name] = [self._graph(i) if isinstance(i, Graph) else i for i in value]
            else:
                copied[name] = value
        return copied

    def _graph(self, graph: Graph) -> Graph:
        for value in graph.inputs:
            self._renamed.pop(value.name, None)
        inputs = [self._value(value) for value in graph.inputs]
        tensors = {self._own(key): self._tensor(held) for key, held in graph.tensors.items()}
        sparse = {
            self._own(key): replace(held, values=self._tensor(held.values))
            for key, held in graph.sparse_tensors.items()
        }
        nodes = [self.node(node) for node in graph.nodes]
        values = {self._own(name): replace(value) for name, value in graph.values.items()}
        for name, value in values.items():
            value.name = name
        return replace(
            graph,
            inputs=inputs,
            tensors=tensors,
            sparse_tensors=sparse,
            nodes=nodes,
            values=values,
            outputs=[replace(v, name=self._renamed.get(v.name, v.name)) for v in graph.outputs],
        )

    def _tensor(self, tensor: Tensor) -> Tensor:
        name = self._own(tensor.name)
        return Tensor(name, tensor.data, tensor.metadata, tensor.doc, tensor.unknown)

    def _value(self, value: Value) -> Value:
        return replace(value, name=self._own(value.name))
