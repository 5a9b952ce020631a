"""Whether the nodes of a model fit together: what every reader of ONNX files takes for granted.

From https://onnx.ai/onnx/repo-docs/IR.html: a name is given once in its scope, a node stands
behind those that make its inputs, an inner graph also sees the names around it and makes none of
them anew, the inputs and outputs of the model have types, and no function calls itself, be it by
way of others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from modelport.errors import ConversionError
from modelport.formats.shared.onnx.schema import CODE_OF
from modelport.model.graph import Function, Graph, Node, TensorType, inner_graphs
from modelport.model.model import Model

_Key = tuple[str, str, str]
_Scopes = tuple[set[str], ...]
"""The names that are known: of the graph itself, then of each graph around it."""


def check_wiring(model: Model) -> None:
    """Hold a model against the rules above before it is written.

    Raises:
        ConversionError: the first node, graph or function that breaks one.
    """
    _check_graph(model.graph, ())
    for value in (*model.graph.inputs, *model.graph.outputs):
        if value.type is None or (isinstance(value.type, TensorType) and value.type.dtype is None):
            raise ConversionError(f"value {value.name!r}", "an input or output without a type")
    for function in model.functions.values():
        where = f"function {function.name!r}"
        if not function.name:
            raise ConversionError(where, "a function without a name")
        _check_once(where, "an input", function.inputs)
        _check_once(where, "an output", function.outputs)
        _check_once(where, "an attribute", [*function.attributes, *function.defaults])
        known = set(function.inputs)
        _check_nodes(function.nodes, (known,))
        _check_outputs(where, function.outputs, (known,))
    _check_calls(list(model.functions.values()))


def _check_graph(graph: Graph, around: _Scopes) -> None:
    where = f"graph {graph.name!r}"
    inputs = [value.name for value in graph.inputs]
    initializers = [*graph.tensors, *graph.sparse_tensors]
    if "" in inputs or "" in initializers:
        raise ConversionError(where, "an input or initializer without a name")
    _check_once(where, "an input", inputs)
    _check_once(where, "an initializer", initializers)
    for tensor in graph.tensors.values():
        if not CODE_OF.get(tensor.dtype.name, 1):
            raise ConversionError(where, f"its initializer {tensor.name!r} has no data type")
    scopes = ({*inputs, *initializers}, *around)
    _check_nodes(graph.nodes, scopes)
    _check_outputs(where, [value.name for value in graph.outputs], scopes)


def _check_nodes(nodes: Iterable[Node], scopes: _Scopes) -> None:
    known = scopes[0]
    for node in nodes:
        if node.parameters:
            why = f"{node.domain} {node.op_type} keeps its weights in a way ONNX does not have"
            raise ConversionError(node.name, why)
        where = f"node {node.name!r} ({node.op_type})"
        if not node.op_type or not (node.inputs or node.outputs):
            raise ConversionError(where, "no operator, or nothing that goes in or comes out")
        for name in node.inputs:
            if name and not _is_known(name, scopes):
                raise ConversionError(where, f"nothing before it makes its input {name!r}")
        for graph in inner_graphs(node.attributes):
            _check_graph(graph, scopes)
        for name in node.outputs:
            if name and _is_known(name, scopes):
                raise ConversionError(where, f"its output {name!r} is there already")
            known.add(name)


def _check_outputs(where: str, outputs: Iterable[str], scopes: _Scopes) -> None:
    for name in outputs:
        if not _is_known(name, scopes):
            raise ConversionError(where, f"nothing makes its output {name!r}")


def _check_once(where: str, what: str, names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConversionError(where, f"{what} {twice!r} is there twice")


def _is_known(name: str, scopes: _Scopes) -> bool:
    return any(name in known for known in scopes)


def _check_calls(functions: Sequence[Function]) -> None:
    """Take away functions that call none that is left; what stays at the end goes in a circle."""
    calls = {_key(function): _called(function.nodes) for function in functions}
    callers: dict[_Key, list[_Key]] = {key: [] for key in calls}
    missing: dict[_Key, int] = {}
    for key, called in calls.items():
        own = called & calls.keys()
        missing[key] = len(own)
        for other in own:
            callers[other].append(key)
    ends = [key for key, count in missing.items() if count == 0]
    while ends:
        done = ends.pop()
        del missing[done]
        for caller in callers[done]:
            missing[caller] -= 1
            if missing[caller] == 0:
                ends.append(caller)
    for key in missing:
        raise ConversionError(f"function {key[1]!r}", "it calls itself, or another that calls it")


def _called(nodes: Iterable[Node]) -> set[_Key]:
    found: set[_Key] = set()
    for node in nodes:
        found.add((node.domain, node.op_type, node.overload))
        for graph in inner_graphs(node.attributes):
            found |= _called(graph.nodes)
    return found


def _key(function: Function) -> _Key:
    return function.domain, function.name, function.overload
