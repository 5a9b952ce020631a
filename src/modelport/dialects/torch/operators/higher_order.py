"""Operators that take graphs: branches, loops and mere wrappers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.builder import Builder
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import (
    Call,
    Parameter,
    aten,
    is_number,
    number_edge,
    torch_dtype,
)
from modelport.model.dtype import BOOL, FLOAT32, INT64
from modelport.model.graph import Dim, Graph


def _graph(value: Any) -> Graph:
    if isinstance(value, dict) and isinstance(value.get("graph"), Graph):
        return value["graph"]  # type: ignore[no-any-return]
    raise ValueError("it is given no graph")


def _lowered(call: Call, b: Builder, graph: Any, values: Sequence[Any]) -> list[Any]:
    if call.lower_graph is None:
        raise ValueError("a graph within a graph that is not lowered")
    return call.lower_graph(b, _graph(graph), values)


@aten("higher_order::wrap_with_set_grad_enabled", "higher_order::wrap_with_autocast")
def wrapped(call: Call, rest: Sequence[Any]) -> list[Any]:
    """The graph itself, in the dtypes of its inputs."""
    at = next(i for i, item in enumerate(rest) if isinstance(item, dict) and "graph" in item)
    if call.op_type == "wrap_with_autocast" and rest[2] is True:
        narrow = torch_dtype(rest[1], FLOAT32)
        call.b.note(call.name, f"it is computed in float32, where torch uses {narrow}")
    return _lowered(call, call.b, rest[at], rest[at + 1 :])


@aten("higher_order::invoke_subgraph")
def invoke(call: Call, rest: Sequence[Any]) -> list[Any]:
    """The graph itself."""
    return _lowered(call, call.b, rest[0], rest[2:])


def _edges(call: Call, values: Sequence[Any]) -> list[Any]:
    """Values that a body may use: computed before it. Weights stay weights."""
    made: list[Any] = []
    for value in values:
        if isinstance(value, Parameter):
            made.append(value)
        else:
            edge = value if isinstance(value, Edge) else call.tensor(value)
            call.b.name(edge)
            made.append(edge)
    return made


def _body_edge(b: Builder, call: Call, value: Any) -> Edge:
    inner = Call(b, call.op_type, call.overload, call.name)
    edge = value if is_number(value) and isinstance(value, Edge) else inner.tensor(value)
    return Edge(b.name(edge), edge.dtype, edge.shape, values=edge.values)


@aten("higher_order::cond")
def cond(call: Call, pred: Any, true_fn: Any, false_fn: Any, operands: Any = ()) -> list[Edge]:
    """One graph where the condition holds, else the other."""
    b = call.b
    if isinstance(pred, bool):
        return _lowered(call, b, true_fn if pred else false_fn, operands)
    condition = ops.cast(b, call.tensor(pred), BOOL)
    condition = ops.reshape(b, condition, []) if condition.rank else condition
    b.name(condition)
    values = _edges(call, operands)
    branches, results = [], []
    for name, graph in (("then", true_fn), ("else", false_fn)):
        body = b.subgraph(name)
        results.append(
            [_body_edge(body, call, item) for item in _lowered(call, body, graph, values)]
        )
        for edge in results[-1]:
            body.output(name, edge)
        branches.append(body.finish())
    count = len(results[0])
    names = b.node(
        "If", [b.name(condition)], count, then_branch=branches[0], else_branch=branches[1]
    )
    return [
        Edge(name, one.dtype, _common(one.shape, other.shape), values=one.values)
        for name, one, other in zip(names, *results, strict=True)
    ]


def _common(a: Sequence[Dim], b: Sequence[Dim]) -> tuple[Dim, ...]:
    return tuple(x if x == y else None for x, y in zip(a, b, strict=True))


@aten("higher_order::while_loop")
def while_loop(
    call: Call, cond_fn: Any, body_fn: Any, carried_inputs: Any, additional_inputs: Any = ()
) -> list[Edge]:
    """A graph over and over while another holds."""
    b = call.b
    begin = list(_edges(call, carried_inputs))
    start = [_body_edge(b, call, item) for item in begin]
    more = _edges(call, additional_inputs)
    first = _truth(b, call, _lowered(call, b, cond_fn, [*start, *more])[0])
    names = ["", b.name(first), *(b.name(edge) for edge in start)]
    body = b.subgraph("body")
    body.input("step", INT64, ())
    body.input("holds", BOOL, ())
    states = []
    for edge in start:
        state = body.input("state", edge.dtype, edge.shape)
        states.append(number_edge(state) if is_number(edge) else state)
    after = [_body_edge(body, call, i) for i in _lowered(call, body, body_fn, [*states, *more])]
    again = _truth(body, call, _lowered(call, body, cond_fn, [*after, *more])[0])
    body.output("again", again)
    for edge in after:
        body.output("next", edge)
    found = b.node("Loop", names, len(start), body=body.finish())
    return [
        Edge(name, edge.dtype, _common(edge.shape, end.shape), values=edge.values)
        for name, edge, end in zip(found, start, after, strict=True)
    ]


def _truth(b: Builder, call: Call, value: Any) -> Edge:
    edge = ops.cast(b, _body_edge(b, call, value), BOOL)
    edge = ops.reshape(b, edge, []) if edge.rank else edge
    return Edge(b.name(edge), BOOL, ())


@aten("higher_order::scan")
def scan(
    call: Call, combine_fn: Any, init: Any, xs: Any, additional_inputs: Any = ()
) -> list[Edge]:
    """A graph over the entries of the first axis: last states, then all outputs."""
    b = call.b
    start = [_body_edge(b, call, item) for item in _edges(call, init)]
    over = [_body_edge(b, call, item) for item in _edges(call, xs)]
    more = _edges(call, additional_inputs)
    body = b.subgraph("step")
    states = [body.input("state", edge.dtype, edge.shape) for edge in start]
    now = [body.input("now", edge.dtype, edge.shape[1:]) for edge in over]
    after = [
        _body_edge(body, call, i) for i in _lowered(call, body, combine_fn, [*states, *now, *more])
    ]
    for i, edge in enumerate(after):
        body.output("next" if i < len(start) else "out", edge)
    names = [b.name(edge) for edge in (*start, *over)]
    found = b.node("Scan", names, len(after), body=body.finish(), num_scan_inputs=len(over))
    length = over[0].shape[0]
    return [
        Edge(name, edge.dtype, edge.shape if i < len(start) else (length, *edge.shape))
        for i, (name, edge) in enumerate(zip(found, after, strict=True))
    ]


@aten("higher_order::map_impl")
def mapped(call: Call, f: Any, xs: Any, pos_args: Any = ()) -> list[Edge]:
    """A graph over the entries of the first axis."""
    return scan(call, f, [], xs, pos_args)
