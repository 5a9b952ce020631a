"""Branches chosen from, loops unrolled."""

from __future__ import annotations

import numpy as np

from modelport.dialects.onnx.flat.writing import Names, Writing, stacked, writes
from modelport.dialects.onnx.types.known import UNKNOWN, Known
from modelport.dialects.onnx.types.table import DOMAIN
from modelport.model.graph import Graph, Node

_BY_INDEX = (
    *("Gather", "GatherElements", "GatherND", "ScatterElements", "ScatterND", "Compress"),
    *("TensorScatter", "OneHot", "Loop", "Scan", "SequenceAt"),
)
"""Operators that fail on wrong numbers among their operands after the first."""


@writes("If")
def choose(writing: Writing, node: Node) -> bool:
    """One of two bodies, or both of them and a choice between their results."""
    bodies: list[Graph] = [node.attributes["then_branch"], node.attributes["else_branch"]]
    condition = writing.known(node.inputs[0])
    if condition.array is not None and condition.array.size == 1:
        return writing.stand(node, writing.inline(bodies[not condition.array.reshape(-1)[0]], ()))
    ends = [[_inside(writing, body, value.name) for value in body.outputs] for body in bodies]
    alike = all(_is_choice(yes, no) for yes, no in zip(*ends, strict=True))
    if not alike or condition.rank is None or any(_may_fail(writing, body) for body in bodies):
        return False
    yes, no = (writing.inline(body, ()) for body in bodies)
    chosen = node.inputs[0]
    if condition.rank != 0:
        chosen = writing.put(node, "Squeeze", [chosen])
    for name, one, other in zip(node.outputs, yes, no, strict=True):
        if name:
            writing.put(node, "Where", [chosen, one, other], name)
    return True


def _inside(writing: Writing, body: Graph, name: str) -> Known:
    return writing.types.within(body).get(name, UNKNOWN)


def _is_choice(a: Known, b: Known) -> bool:
    """Whether one of two values can be taken element by element."""
    plain = not a.boxes and not b.boxes and a.dtype is not None and a.dtype == b.dtype
    return plain and a.shape is not None and None not in a.shape and a.shape == b.shape


def _may_fail(writing: Writing, body: Graph) -> bool:
    """Whether it may be wrong to compute a body that was not meant to be."""
    types = writing.types.within(body)
    for node in body.nodes:
        if node.op_type == "If" and node.domain == DOMAIN:
            inner = (node.attributes["then_branch"], node.attributes["else_branch"])
            if any(_may_fail(writing, branch) for branch in inner):
                return True
        elif node.op_type in _BY_INDEX or node.domain != DOMAIN:
            fixed = [types.get(name, UNKNOWN).array is not None for name in node.inputs[1:2]]
            if not fixed or not all(fixed):
                return True
        for name in node.outputs:
            known = types.get(name, UNKNOWN)
            if name and not known.boxes and (known.shape is None or None in known.shape):
                return True
    return False


@writes("Loop")
def loop(writing: Writing, node: Node) -> bool:
    """A body as often as its rounds are known to be."""
    body: Graph = node.attributes["body"]
    count = writing.number(node, 0)
    if count is None or not _goes_on(writing, node, body):
        return False
    states = list(node.inputs[2:])
    gathered: list[Names] = [[] for _ in body.outputs[1 + len(states) :]]
    if count * len(body.nodes) > writing.left or (gathered and count < 1):
        return False
    on = writing.constant(np.array(True), f"{node.outputs[0]}/on")
    for round_ in range(count):
        number = writing.constant(np.array(round_, "int64"), f"{node.outputs[0]}/round")
        found = writing.inline(body, [number, on, *states])[1:]
        found, items = found[: len(states)], found[len(states) :]
        states = found
        for rows, item in zip(gathered, items, strict=True):
            rows.append(item)
    return writing.stand(node, states + [stacked(writing, node, rows) for rows in gathered])


def _goes_on(writing: Writing, node: Node, body: Graph) -> bool:
    """Whether nothing but the number of rounds ends a loop."""
    first = writing.known(node.inputs[1]).array if node.inputs[1] else np.array(True)
    if first is None or not first.all():
        return False
    same = {inner.outputs[0]: inner.inputs[0] for inner in body.nodes if _is(inner, "Identity")}
    name = body.outputs[0].name
    while name in same:
        name = same[name]
    known = _inside(writing, body, name).array
    return name == body.inputs[1].name or (known is not None and bool(known.all()))


def _is(node: Node, op_type: str) -> bool:
    return node.op_type == op_type and node.domain == DOMAIN


@writes("Scan")
def scan(writing: Writing, node: Node) -> bool:
    """A body for each element along an axis of its operands."""
    body: Graph = node.attributes["body"]
    width = int(node.attributes["num_scan_inputs"])
    states, rows = list(node.inputs[: len(node.inputs) - width]), node.inputs[-width:]
    axes = _listed(node, "scan_input_axes", width)
    turned = _listed(node, "scan_input_directions", width)
    count = writing.known(rows[0]).dim(axes[0])
    if not isinstance(count, int) or not 0 < count * len(body.nodes) <= writing.left:
        return False
    gathered: list[Names] = [[] for _ in body.outputs[len(states) :]]
    for round_ in range(count):
        given = []
        for name, axis, back in zip(rows, axes, turned, strict=True):
            place = np.array(count - 1 - round_ if back else round_, "int64")
            index = writing.constant(place, f"{node.outputs[0]}/place")
            given.append(writing.put(node, "Gather", [name, index], axis=axis))
        found = writing.inline(body, [*states, *given])
        states, items = found[: len(states)], found[len(states) :]
        for kept, item in zip(gathered, items, strict=True):
            kept.append(item)
    places = _listed(node, "scan_output_axes", len(gathered))
    turned = _listed(node, "scan_output_directions", len(gathered))
    ends = [
        stacked(writing, node, items[::-1] if back else items, axis)
        for items, axis, back in zip(gathered, places, turned, strict=True)
    ]
    return writing.stand(node, states + ends)


def _listed(node: Node, name: str, count: int) -> list[int]:
    return [int(item) for item in node.attributes.get(name) or [0] * count]
