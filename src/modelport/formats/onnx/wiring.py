"""Whether the nodes of a model fit together: what every reader of ONNX files takes for granted.

From https://onnx.ai/onnx/repo-docs/IR.html: a name is given once in its scope, a node stands
behind those that make its inputs, an inner graph also sees the names around it, and no function
calls itself, be it by way of others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from modelport.errors import ConversionError
from modelport.model.graph import Function, Graph, Node, inner_graphs
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
    for function in model.functions.values():
        known = set(function.inputs)
        _check_nodes(function.nodes, (known,))
        _check_outputs(f"function {function.name!r}", function.outputs, (known,))
    _check_calls(list(model.functions.values()))


def _check_graph(graph: Graph, around: _Scopes) -> None:
    known = {value.name for value in graph.inputs} | graph.tensors.keys()
    scopes = (known | graph.sparse_tensors.keys(), *around)
    _check_nodes(graph.nodes, scopes)
    _check_outputs(f"graph {graph.name!r}", [value.name for value in graph.outputs], scopes)


def _check_nodes(nodes: Iterable[Node], scopes: _Scopes) -> None:
    known = scopes[0]
    for node in nodes:
        where = f"node {node.name!r} ({node.op_type})"
        for name in node.inputs:
            if name and not _is_known(name, scopes):
                raise ConversionError(where, f"nothing before it makes its input {name!r}")
        for graph in inner_graphs(node.attributes):
            _check_graph(graph, scopes)
        for name in node.outputs:
            if name and name in known:
                raise ConversionError(where, f"its output {name!r} is there already")
            known.add(name)


def _check_outputs(where: str, outputs: Iterable[str], scopes: _Scopes) -> None:
    for name in outputs:
        if not _is_known(name, scopes):
            raise ConversionError(where, f"nothing makes its output {name!r}")


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
