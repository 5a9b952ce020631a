"""A recurrence as an ONNX Scan: any cell, any activation, masks anywhere in the sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelport.dialects.keras.layers.cells import Cell
from modelport.dialects.onnx import layout, ops
from modelport.dialects.onnx.builder import Builder
from modelport.dialects.onnx.edge import Edge
from modelport.model.dtype import DType
from modelport.model.graph import Dim


@dataclass(frozen=True, slots=True)
class Walk:
    """How a recurrence walks over time.

    ``backwards``: from the last step to the first. ``in_time_order``: the sequence of outputs
    is in the order of the inputs even then; else in the order of the walk. ``sequences``: whether
    the outputs of all steps are wanted. ``zero_masked``: the output at masked steps is zero
    instead of the previous one.
    """

    backwards: bool = False
    in_time_order: bool = False
    sequences: bool = True
    zero_masked: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a recurrence gives: the last output, all outputs where wanted, and the last states."""

    last: Edge
    sequence: Edge | None
    states: list[Edge]


def time_major(rank: int) -> tuple[int, ...]:
    """The permutation from (batch, time, ...) to (time, batch, ...)."""
    return (1, 0, *range(2, rank))


def scan(
    b: Builder, cell: Cell, x: Edge, initial: Sequence[Edge], mask: Edge | None, walk: Walk
) -> Outcome:
    """Run a cell over the time axis (1) of ``x``.

    At a step masked for a row, the row's states stay and its output is repeated (zero before the
    first step). ``initial`` states are in the cell's dtype. The Scan itself walks forwards over
    axis 0: every runtime has that, and chains stay time-major.
    """
    over = [_steps(b, cell, x)]
    if mask is not None:
        over.append(ops.transpose(b, mask, time_major(mask.rank)))
    if walk.backwards:
        over = [ops.flip(b, edge, 0) for edge in over]
    dtype, batch = initial[0].dtype, x.shape[0]
    carried = [zeros(b, x, cell.output, dtype), *initial]
    names = [b.name(edge) for edge in (*carried, *over)]
    body = _body(b, cell, carried, over, walk)
    count = len(body.graph.outputs)
    found = b.node("Scan", names, count, body=body.finish(), num_scan_inputs=len(over))
    edges = [
        Edge(name, dtype, (batch, *size))
        for name, size in zip(found, (cell.output, *cell.sizes), strict=False)
    ]
    sequence = _sequence(b, found[-1], edges[0], x, walk) if walk.sequences else None
    return Outcome(edges[0], sequence, edges[1:])


def _steps(b: Builder, cell: Cell, x: Edge) -> Edge:
    """The inputs of all steps, time-major; projected in the layout there is, where that may be."""
    value, order = layout.carried(b, x)
    if cell.projects_ahead:
        if order[-1] != x.rank - 1:
            value, order = b.name(x), tuple(range(x.rank))
        given = Edge(value, x.dtype, tuple(x.shape[axis] for axis in order))
        projected = cell.project(b, given)
        shape = (*x.shape[:-1], projected.shape[-1])
        x = layout.moved(b.name(projected), order, projected.dtype, shape)
    return ops.transpose(b, x, time_major(x.rank))


def _sequence(b: Builder, name: str, last: Edge, x: Edge, walk: Walk) -> Edge:
    batch, time = x.shape[:2]
    outputs = Edge(name, last.dtype, (time, batch, *last.shape[1:]))
    if walk.backwards and walk.in_time_order:
        outputs = ops.flip(b, outputs, 0)
    shape = (batch, time, *last.shape[1:])
    return layout.moved(b.name(outputs), time_major(len(shape)), last.dtype, shape)


def zeros(b: Builder, x: Edge, extents: Sequence[Dim], dtype: DType) -> Edge:
    """Zeros of the batch extent of ``x`` and further known extents."""
    known = [extent for extent in extents if isinstance(extent, int)]
    return ops.zeros(b, (x.shape[0], *extents), [ops.extent(b, x, 0), *known], dtype)


def _body(
    b: Builder, cell: Cell, carried: Sequence[Edge], over: Sequence[Edge], walk: Walk
) -> Builder:
    body = b.subgraph("step")
    before = [
        body.input(f"{b.path}/{'output' if i == 0 else f'state_{i - 1}'}", edge.dtype, edge.shape)
        for i, edge in enumerate(carried)
    ]
    now = [
        body.input(f"{b.path}/{name}", edge.dtype, edge.shape[1:])
        for name, edge in zip(("input", "mask"), over, strict=False)
    ]
    x = now[0] if cell.projects_ahead else cell.project(body, now[0])
    output, states = cell.step(body, x, before[1:])
    after = [output, *states]
    if len(now) == 2:
        kept = list(before)
        if walk.zero_masked:
            kept[0] = body.constant(0, output.dtype)
        after = [_choose(body, now[1], *pair) for pair in zip(after, kept, strict=True)]
    for i, edge in enumerate(after):
        body.output(f"{b.path}/{'output' if i == 0 else f'state_{i - 1}'}/next", edge)
    if walk.sequences:
        body.output(f"{b.path}/output/all", after[0])
    return body


def _choose(b: Builder, mask: Edge, new: Edge, old: Edge) -> Edge:
    wide = mask
    if new.rank > mask.rank:
        wide = ops.unsqueeze(b, mask, *range(mask.rank, new.rank))
    chosen = ops.where(b, wide, new, old)
    chosen.shape = new.shape
    return chosen
