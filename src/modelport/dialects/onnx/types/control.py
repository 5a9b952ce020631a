"""Operators with bodies: If, Loop, Scan, SequenceMap.

What goes round may change its shape from step to step: it is taken as it comes in, then as what it
came in or went out as, then as anything; what then holds before a step holds after it.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelport.dialects.onnx.types.call import Call, rule, within
from modelport.dialects.onnx.types.dims import demand, either, fits
from modelport.dialects.onnx.types.known import Known
from modelport.dialects.onnx.types.sequence import element
from modelport.dialects.onnx.types.stated import stated
from modelport.model.dtype import BOOL, INT64
from modelport.model.graph import Graph

_ROUNDS = 3


def outcome(call: Call, graph: Graph, inputs: Sequence[Known]) -> list[Known]:
    """What a body gives: inferred, or where nobody infers as the graph states it."""
    if call.body is None:
        return [stated(value.type, ()) for value in graph.outputs]
    return call.body(graph, inputs)


def joined(a: Known, b: Known) -> Known:
    """What holds of a value that is the one or the other."""
    dtype = a.dtype if a.dtype == b.dtype else None
    shape = either(a.shape, b.shape) if a.boxes == b.boxes else None
    return Known(dtype, shape, None, b.boxes)


@rule("If")
def _if(call: Call) -> Sequence[Known]:
    chosen = call.need(0).array
    branches = [call.graph("then_branch"), call.graph("else_branch")]
    found = [outcome(call, branch, []) for branch in branches]
    for branch, results in zip(branches, found, strict=True):
        fine = len(results) >= call.outputs
        demand(fine, f"the branch {branch.name!r} gives {len(results)} of {call.outputs} values")
    if chosen is not None and chosen.size == 1:
        return [item.bare() for item in found[0 if bool(chosen.reshape(-1)[0]) else 1]]
    return [joined(a, b) for a, b in zip(*found, strict=False)]


@rule("Loop")
def _loop(call: Call) -> Sequence[Known]:
    graph = call.graph("body")
    states = [call.need(index) for index in range(2, len(call.inputs))]
    demand(len(graph.inputs) == len(states) + 2, f"a body of {len(graph.inputs)} inputs")
    fine = len(graph.outputs) >= len(states) + 1
    demand(fine, f"a body that gives {len(graph.outputs)} values for {len(states)} states")
    lead = [Known(INT64, ()), Known(BOOL, ())]
    found, states = _rounds(call, graph, lead, states, [], 1)
    scanned = [_stacked(item, None, 0) for item in found[1 + len(states) :]]
    return [*states, *scanned]


def _rounds(
    call: Call,
    graph: Graph,
    lead: Sequence[Known],
    states: Sequence[Known],
    rest: Sequence[Known],
    first: int,
) -> tuple[list[Known], list[Known]]:
    """What the body gives once its states are of types that a step does not change."""
    states = [state.bare() for state in states]
    for round_number in range(_ROUNDS):
        found = outcome(call, graph, [*lead, *states, *rest])
        after = found[first : first + len(states)]
        demand(len(after) == len(states), f"a body that gives {len(found)} values")
        if call.body is None:
            return found, [joined(x, y) for x, y in zip(states, after, strict=True)]
        _check_types(states, after)
        wider = [joined(x, y) for x, y in zip(states, after, strict=True)]
        if wider == states or round_number == _ROUNDS - 1:
            return found, list(states)
        states = wider
        if round_number == _ROUNDS - 2:
            states = [Known(item.dtype, None, None, item.boxes) for item in states]
    return found, list(states)


def _check_types(before: Sequence[Known], after: Sequence[Known]) -> None:
    for x, y in zip(before, after, strict=True):
        fine = x.dtype is None or y.dtype is None or x.dtype == y.dtype
        demand(fine, f"a state of {x.dtype} becomes {y.dtype}")


def _stacked(item: Known, count: int | str | None, axis: int) -> Known:
    if item.shape is None or item.boxes:
        return Known(item.dtype, None)
    axis = within(axis, len(item.shape) + 1)
    return Known(item.dtype, (*item.shape[:axis], count, *item.shape[axis:]))


@rule("Scan")
def _scan(call: Call) -> Sequence[Known]:
    """States go round: what a step gives must be what the next step takes."""
    graph, scanned = call.graph("body"), call.number("num_scan_inputs")
    count = len(call.inputs) - scanned
    demand(scanned > 0 and count >= 0, f"{scanned} sequences among {len(call.inputs)} inputs")
    states = [call.need(index) for index in range(count)]
    for given, before, after in zip(states, graph.inputs, graph.outputs, strict=False):
        shown = f"a state {before.shape} becomes {after.shape}"
        fine = before.dtype is None or after.dtype is None or before.dtype == after.dtype
        demand(fine, f"a state of {before.dtype} becomes {after.dtype}")
        if before.shape is None or after.shape is None:
            continue
        demand(fits(before.shape, after.shape), shown)
        if given.shape is not None:
            fine = fits(given.shape, before.shape)
            demand(fine, f"a state {list(given.shape)} for {shown}")
    demand(len(graph.inputs) == len(call.inputs), f"a body of {len(graph.inputs)} inputs")
    axes = call.numbers("scan_input_axes") or [0] * scanned
    demand(len(axes) == scanned, f"{len(axes)} axes for {scanned} sequences")
    length: int | str | None = None
    steps = []
    for index, axis in enumerate(axes, count):
        x = call.need(index)
        if x.shape is None:
            steps.append(Known(x.dtype, None))
            continue
        place = within(axis, len(x.shape))
        extent = x.shape[place]
        length = extent if length is None or isinstance(extent, int) else length
        steps.append(Known(x.dtype, (*x.shape[:place], *x.shape[place + 1 :])))
    return _scanned(call, graph, states, steps, length)


def _scanned(
    call: Call,
    graph: Graph,
    states: list[Known],
    steps: list[Known],
    length: int | str | None,
) -> Sequence[Known]:
    found, states = _rounds(call, graph, [], states, steps, 0)
    results = found[len(states) :]
    axes = call.numbers("scan_output_axes") or [0] * len(results)
    demand(len(axes) == len(results), f"{len(axes)} axes for {len(results)} results")
    pairs = zip(results, axes, strict=True)
    return [*states, *(_stacked(item, length, axis) for item, axis in pairs)]


@rule("SequenceMap")
def _map(call: Call) -> Sequence[Known]:
    graph = call.graph("body")
    first = call.need(0)
    items = [element(first), *(_each(item) for item in call.given()[1:])]
    demand(len(graph.inputs) == len(items), f"a body of {len(graph.inputs)} inputs")
    found = outcome(call, graph, items)
    return [Known(item.dtype, item.shape, None, ("sequence",)) for item in found]


def _each(item: Known) -> Known:
    return element(item) if item.boxes == ("sequence",) else item.bare()
