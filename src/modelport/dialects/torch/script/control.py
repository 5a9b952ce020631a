"""Branches of code: followed where it can be told which, else If."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.assumptions import GOES_ON
from modelport.dialects.torch.script.join import (
    Unlike,
    call_of,
    common,
    condition_of,
    filled,
    joined,
    name_all,
    opened,
)
from modelport.dialects.torch.script.loop import loop
from modelport.errors import ConversionError
from modelport.model.graph import Graph, Node

if TYPE_CHECKING:
    from modelport.dialects.torch.lower import Walk


def if_(walk: Walk, node: Node, later: set[str]) -> None:
    """One branch where the condition is known, else ONNX' If over both."""
    test, one, two = walk.arguments(node)[0]
    then, other = one["graph"], two["graph"]
    if not isinstance(test, Edge):
        _follow(walk, node, then if test else other, later)
        return
    for graph, rest in ((then, other), (other, then)):
        if any(inner.op_type == "RaiseException" for inner in graph.nodes):
            walk.b.note(node.name, GOES_ON)
            _follow(walk, node, rest, later)
            return
    _branches(walk, node, test, [then, other], later)


def _follow(walk: Walk, node: Node, graph: Graph, later: set[str]) -> None:
    names = [value.name for value in graph.outputs]
    walk.assign(node, walk.inline(graph, later | set(names)), names)


def raise_if(walk: Walk, node: Node, later: set[str]) -> None:
    """A check of the model's own: what only a run can tell is taken to hold."""
    test, sense = walk.arguments(node)[0]
    if isinstance(test, Edge):
        walk.b.note(node.name, GOES_ON)
    elif bool(test) is sense:
        raise ConversionError(f"node {node.name!r}", "the code raises an exception here")


def stuck(walk: Walk, node: Node, later: set[str]) -> None:
    """What the reader of the code could not turn into a graph, on a way that is taken."""
    raise ConversionError("", str(walk.arguments(node)[0][0]))


def _branches(walk: Walk, node: Node, test: Edge, graphs: Sequence[Graph], later: set[str]) -> None:
    b = walk.b
    condition = condition_of(call_of(walk, b, node), test)
    for graph in graphs:
        for value in graph.inputs:
            name_all(b, walk.values[value.name])
    inners = [walk.child(b.subgraph(name)) for name in ("then", "else")]
    results = [inner.inline(graph, later) for inner, graph in zip(inners, graphs, strict=True)]
    changed = [
        name
        for name in walk.values
        if name in later and any(inner.values[name] is not walk.values[name] for inner in inners)
    ]
    pairs: list[tuple[Edge, Edge]] = []
    calls = [call_of(walk, inner.b, node) for inner in inners]
    try:
        shapes = [joined(calls, pairs, a, c) for a, c in zip(*results, strict=True)]
        extra = [
            joined(calls, pairs, *(inner.values[name] for inner in inners)) for name in changed
        ]
    except Unlike as error:
        raise ConversionError(f"node {node.name!r}", str(error)) from error
    for one, two in pairs:
        inners[0].b.output("then", one)
        inners[1].b.output("else", two)
    names = b.node(
        "If",
        [b.name(condition)],
        len(pairs),
        then_branch=inners[0].b.finish(),
        else_branch=inners[1].b.finish(),
    )
    edges = [
        Edge(name, one.dtype, common(one.shape, two.shape), values=opened(one))
        for name, (one, two) in zip(names, pairs, strict=True)
    ]
    walk.assign(node, [filled(shape, edges) for shape in shapes])
    for name, shape in zip(changed, extra, strict=True):
        walk.change(call_of(walk, b, node), name, filled(shape, edges), later)


CONTROL = {
    "If": if_,
    "Loop": loop,
    "RaiseIf": raise_if,
    "RaiseException": stuck,
    "Stuck": stuck,
}
"""Nodes that decide which others are lowered, by operator."""
