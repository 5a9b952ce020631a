"""Walking a graph: every node through the changes it has missed, in the order of versions."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import replace
from typing import Any

from modelport.dialects.onnx.history import (
    broadcasting,
    control,
    elementwise,
    lists,
    normalization,
    recurrent,
    removed,
    resize,
    sampling,
    shapes,
)
from modelport.dialects.onnx.history.facts import Facts
from modelport.dialects.onnx.history.inline import FunctionKey, body_of, key_of
from modelport.dialects.onnx.history.learned import LEARNED, LEARNED_DOMAIN
from modelport.dialects.onnx.history.rewriting import DOMAIN, STEPS, Names, Rewriting, Step
from modelport.dialects.onnx.history.versions import NEWEST
from modelport.errors import ConversionError
from modelport.model.graph import Function, Graph, LazyAttributes, Node, inner_graphs

FAMILIES = (
    *(broadcasting, control, elementwise, lists, normalization, recurrent, removed, resize),
    *(sampling, shapes),
)
"""The files that register changes."""

MOST_EXPANDED = 100_000
"""Nodes that calls of a model's own functions may come to."""

_MALFORMED = (ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What changes and rules run into where a node lacks what its operator must have."""

_VERSIONS: dict[str, list[int]] = {}
for _op_type, _version in sorted(STEPS):
    _VERSIONS.setdefault(_op_type, []).append(_version)


def upgrade(
    graph: Graph, opset: int, functions: Mapping[FunctionKey, Function] | None = None
) -> Graph:
    """A copy of a graph whose nodes of ``ai.onnx`` are those of version ``NEWEST``.

    The meaning is the same, also that of graphs inside. Inputs, outputs and the values between
    keep their names; weights are the same objects and are not read; small constants are added to
    ``tensors``. Where ``functions`` of the model are given, calls of them are replaced by their
    nodes. What stands around networks of ``ai.onnx.ml`` is said in ``ai.onnx``. Nodes of other
    domains, and those of ``ai.onnx`` that no version ever had, stay.
    Source: the history of every operator in https://onnx.ai/onnx/operators/.

    Raises:
        ConversionError: a version nobody knows yet, or something the newest version cannot say;
            names the node.
    """
    _check("the model", opset)
    used: set[str] = set()
    tensors = dict(graph.tensors)
    names = Names(used, tensors)
    for inner in graph.subgraphs():
        used.update(inner.tensors, inner.sparse_tensors, inner.values)
        used.update(value.name for value in (*inner.inputs, *inner.outputs))
        used.update(name for node in inner.nodes for name in (node.name, *node.outputs))
        names.want(inner)
    used.update(names.wanted)
    try:
        made = _Walk(names, functions or {}).graph(graph, opset, None)
    except RecursionError as error:
        raise ConversionError("the model", "graphs or functions too deep in each other") from error
    tensors.update(made.tensors)
    made.tensors = tensors
    return made


def _check(where: str, opset: int) -> None:
    if not 1 <= opset <= NEWEST:
        why = f"version {opset} of the operators of ai.onnx; versions 1 to {NEWEST} are known"
        raise ConversionError(where, f"{why}. A newer modelport may know more")


class _Walk:
    def __init__(self, names: Names, functions: Mapping[FunctionKey, Function]) -> None:
        self._names = names
        self._functions = functions
        self._calls: list[FunctionKey] = []
        self._done: dict[int, tuple[Graph, Graph]] = {}
        self._left = MOST_EXPANDED

    def graph(self, graph: Graph, opset: int, outer: Facts | None) -> Graph:
        """The upgraded copy; the same graph in two nodes stays one graph, and upgraded ones too."""
        known = self._done.get(id(graph))
        if known is not None:
            return known[1]
        facts = Facts(outer)
        for name, tensor in graph.tensors.items():
            facts.add_tensor(tensor, name)
        facts.declare((*graph.inputs, *graph.outputs, *graph.values.values()))
        nodes: list[Node] = []
        for node in graph.nodes:
            self._node(node, opset, facts, nodes)
        made = replace(graph, nodes=nodes, tensors=dict(graph.tensors))
        made.values = dict(graph.values)
        made.inputs, made.outputs = list(graph.inputs), list(graph.outputs)
        self._done[id(graph)] = (graph, made)
        self._done[id(made)] = (made, made)
        return made

    def _node(self, node: Node, version: int, facts: Facts, done: list[Node]) -> None:
        """Append what a node of that version has become."""
        function = self._functions.get(key_of(node))
        if function is not None:
            self._call(node, function, facts, done)
            return
        node = _copied(node)
        if any(inner_graphs(node.attributes)):
            for name, held in node.attributes.items():
                node.attributes[name] = self._inner(held, version, facts)
        learned = LEARNED.get(node.op_type) if node.domain == LEARNED_DOMAIN else None
        if node.domain != DOMAIN and learned is None:
            done.append(node)
            return
        what = f"no {node.op_type} of version {version} looks like this"
        try:
            written = _changed(node, version, facts, self._names, learned)
            if not written:
                facts.infer(node)
        except _MALFORMED as error:
            why = f"{what}: {type(error).__name__}: {error}"
            raise ConversionError(node.name or node.op_type, why) from error
        for new, at in written:
            self._node(new, at, facts, done)
        if not written:
            done.append(node)

    def _inner(self, held: Any, version: int, facts: Facts) -> Any:
        if isinstance(held, Graph):
            return self.graph(held, version, facts)
        if isinstance(held, list | tuple):
            return [self._inner(item, version, facts) for item in held]
        return held

    def _call(self, node: Node, function: Function, facts: Facts, done: list[Node]) -> None:
        key = key_of(node)
        if key in self._calls:
            raise ConversionError(f"function {function.name!r}", "it calls itself")
        opset = function.opsets.get(DOMAIN, NEWEST)
        _check(f"function {function.name!r}", opset)
        self._calls.append(key)
        body = body_of(node, function, self._names)
        for graph in Graph(nodes=body).subgraphs():
            self._names.want(graph)
        self._left -= len(body)
        if self._left < 0:
            why = f"functions that call each other come to more than {MOST_EXPANDED:,} nodes"
            raise ConversionError(f"function {function.name!r}", why)
        for inner in body:
            self._node(inner, opset, facts, done)
        self._calls.pop()


def _changed(
    node: Node, version: int, facts: Facts, names: Names, learned: Step | None
) -> list[tuple[Node, int]]:
    """What the next change makes of a node, or nothing where there is none."""
    if learned is not None:
        write = Rewriting(node, NEWEST, facts, names)
        learned(node, write)
        return write.nodes
    step = next((known for known in _VERSIONS.get(node.op_type, ()) if known > version), None)
    if step is None:
        return []
    write = Rewriting(node, step, facts, names)
    STEPS[node.op_type, step](node, write)
    return write.nodes


def _copied(node: Node) -> Node:
    """A node that can be changed without the one it comes from."""
    held = node.attributes
    copied: MutableMapping[str, Any]
    if isinstance(held, LazyAttributes):
        copied = LazyAttributes(lambda: (dict(held), dict(held.notes)), graphless=held.graphless)
    else:
        copied = dict(held)
    return replace(node, inputs=list(node.inputs), outputs=list(node.outputs), attributes=copied)
