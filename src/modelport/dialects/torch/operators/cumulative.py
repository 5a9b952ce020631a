"""Running sums, products and extremes along an axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.builder import Builder
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten, torch_dtype
from modelport.dialects.torch.promote import chosen, floating, roomy, whole
from modelport.model.dtype import INT64

Step = Callable[[Call, Sequence[Edge], Sequence[Edge]], list[Edge]]


@aten("cumsum")
def running_sum(call: Call, x: Any, dim: int, dtype: Any = None) -> Edge:
    """The sum of all elements up to each."""
    edge, wanted = whole(call, x), torch_dtype(dtype)
    edge = edge if wanted is None else ops.cast(call.b, call.tensor(x), wanted)
    if edge.rank == 0:
        return edge
    inputs = [edge, call.b.constant(dim % edge.rank, INT64)]
    return call.b.emit("CumSum", inputs, edge.dtype, edge.shape)


@aten("cumprod")
def running_product(call: Call, x: Any, dim: int, dtype: Any = None) -> Edge:
    """The product of all elements up to each."""
    edge, wanted = whole(call, x), torch_dtype(dtype)
    edge = edge if wanted is None else ops.cast(call.b, call.tensor(x), wanted)

    def step(inner: Call, before: Sequence[Edge], now: Sequence[Edge]) -> list[Edge]:
        return [ops.multiply(inner.b, before[0], now[0])]

    return running(call, [edge], dim, [1], step)[0]


@aten("logcumsumexp")
def running_log_sum(call: Call, x: Any, dim: int) -> Edge:
    """Log of the sum of exp of all elements up to each."""
    from modelport.dialects.torch.operators.arithmetic import log_add_exp

    def step(inner: Call, before: Sequence[Edge], now: Sequence[Edge]) -> list[Edge]:
        return [log_add_exp(inner, before[0], now[0])]

    return running(call, [floating(call, x)], dim, [-math.inf], step)[0]


def _running_extreme(largest: bool) -> Any:
    def lower(call: Call, x: Any, dim: int) -> list[Edge]:
        b, edge = call.b, call.tensor(x)
        if edge.rank == 0:
            return [edge, b.constant(0, INT64)]
        axis, wide = dim % edge.rank, ops.cast(b, edge, roomy(edge.dtype))
        length = ops.arange(b, ops.extent(b, edge, axis))
        places = ops.unsqueeze(b, length, *(i for i in range(edge.rank) if i != axis))
        spread = b.emit("Expand", [places, ops.shape_of(b, wide)], INT64, wide.shape)
        spread = Edge(spread.name, INT64, wide.shape)
        found = running(call, [wide, spread], axis, None, step)
        return [ops.cast(b, found[0], edge.dtype), found[1]]

    def step(inner: Call, before: Sequence[Edge], now: Sequence[Edge]) -> list[Edge]:
        op_type = "GreaterOrEqual" if largest else "LessOrEqual"
        newer = ops.binary(inner.b, op_type, now[0], before[0])
        return [chosen(inner, newer, new, old) for new, old in zip(now, before, strict=True)]

    return lower


aten("cummax")(_running_extreme(True))
aten("cummin")(_running_extreme(False))


def running(
    call: Call, edges: Sequence[Edge], dim: int, first: Sequence[float] | None, step: Step
) -> list[Edge]:
    """Walk along an axis; ``step`` gives the new state from the old and the elements now.

    ``first`` are the numbers before the walk; None starts with the first elements themselves.
    """
    b = call.b
    if edges[0].rank == 0:
        return list(edges)
    order = list(range(edges[0].rank))
    order.insert(0, order.pop(dim))
    back = [order.index(axis) for axis in range(len(order))]
    over = [ops.transpose(b, edge, order) for edge in edges]
    heads = [ops.gather(b, edge, b.constant(0, INT64), 0) for edge in over]
    states = heads
    if first is not None:
        states = [_filled(b, head, value) for head, value in zip(heads, first, strict=True)]
    names = [b.name(edge) for edge in (*states, *over)]
    body = b.subgraph("step")
    before = [body.input("before", edge.dtype, edge.shape) for edge in states]
    now = [body.input("now", edge.dtype, edge.shape[1:]) for edge in over]
    inner = Call(body, call.op_type, call.overload, call.name)
    after = step(inner, before, now)
    for kind in ("after", "all"):
        for edge, state in zip(after, states, strict=True):
            body.output(kind, Edge(body.name(edge), edge.dtype, state.shape))
    count = 2 * len(edges)
    found = b.node("Scan", names, count, body=body.finish(), num_scan_inputs=len(over))
    return [
        ops.transpose(b, Edge(name, edge.dtype, edge.shape), back)
        for name, edge in zip(found[len(edges) :], over, strict=True)
    ]


def _filled(b: Builder, like: Edge, value: float) -> Edge:
    inputs = [b.constant(value, like.dtype), ops.shape_of(b, like)]
    return b.emit("Expand", inputs, like.dtype, like.shape)
