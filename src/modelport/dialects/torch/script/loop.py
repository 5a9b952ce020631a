"""Loops of code: unrolled as long as it can be told that there is one more round, then Loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.builder import Builder
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, is_number, number_edge
from modelport.dialects.torch.script.join import (
    as_edge,
    blank,
    call_of,
    cast_of,
    common,
    condition_of,
    name_all,
    opened,
)
from modelport.dialects.torch.script.lists import stacked
from modelport.dialects.torch.script.numbers import Growing, Maybe, Read, Stacked, sure
from modelport.errors import ConversionError
from modelport.model.dtype import BOOL, INT64
from modelport.model.graph import Graph, Node

if TYPE_CHECKING:
    from modelport.dialects.torch.lower import Walk

MOST_ROUNDS = 4096
MOST_TRIES = 8
_ALWAYS = (1 << 63) - 1


def loop(walk: Walk, node: Node, later: set[str]) -> None:
    """Round after round as long as it can be told that there is one more, then ONNX' Loop."""
    count, again, carried, written = walk.arguments(node)[0]
    body: Graph = written["graph"]
    step_name = body.inputs[0].name
    names = [value.name for value in body.inputs[1 : 1 + len(carried)]]
    ends = [value.name for value in body.outputs[1:]]
    begins = [_source(node, item) for item in node.attributes["call"]["args"][2]]
    sources = begins
    inside = later | set(node.inputs) | set(ends)
    step = 0
    while not isinstance(again, Edge) and not isinstance(count, Edge):
        if not again or (count is not None and step >= count):
            walk.assign(node, carried, sources)
            return
        if step == MOST_ROUNDS:
            raise ConversionError(f"node {node.name!r}", f"it has over {MOST_ROUNDS:,} rounds")
        walk.values[step_name] = step
        walk.values.update(zip(names, carried, strict=True))
        for name, source, held in zip(names, sources, carried, strict=True):
            if source is not None:
                walk.aliases.join(name, source, held)
        sources = [*ends]
        again, *carried = walk.inline(body, inside)
        step += 1
    if step and count is not None:
        count = count - step
    walk.assign(node, _Loop(walk, node, body, names, later).emit(count, again, carried, step))


def _source(node: Node, item: Any) -> str | None:
    """The value that a carried one begins as."""
    return node.inputs[item["tensor"]] if isinstance(item, Mapping) and "tensor" in item else None


class _Loop:
    """One loop as ONNX' Loop."""

    def __init__(
        self, walk: Walk, node: Node, body: Graph, names: Sequence[str], later: set[str]
    ) -> None:
        self.walk = walk
        self.node = node
        self.body = body
        self.names = list(names)
        self.later = later
        self.given = 1 + len(names)
        self.fixed: set[int] = set()  # places of carried lists that keep their length
        self.read: set[int] = set()  # places of those that the body reads while it fills them
        self.missing: dict[int, Any] = {}  # what comes, by its place, where None is at first
        self.changed: list[str] = []  # tensors of the code around that the body changes in place

    def emit(self, count: Any, again: Any, carried: list[Any], first: int) -> list[Any]:
        """The values after the loop, which begins with round ``first``."""
        b, walk = self.walk.b, self.walk
        call = call_of(walk, b, self.node)
        for value in self.body.inputs[self.given :]:
            name_all(b, walk.values[value.name])
        number = as_edge(call, _ALWAYS if count is None else count)
        number = ops.reshape(b, ops.cast(b, number, INT64), [])
        test = condition_of(call, again)
        dims: list[Any] = []
        for _ in range(MOST_TRIES):
            begin = [self._begin(call, place, value) for place, value in enumerate(carried)]
            flat = [edge for value in begin for edge in _flat(value)]
            dims = dims or [edge.shape for edge in flat]
            try:
                inner, results, found = self._round(begin, dims, first)
            except Read as error:
                self._keep(error, carried)
                dims = []
                continue
            if found:
                self.changed += found
                self.names += found
                carried = [*carried, *(walk.values[name] for name in found)]
                dims = []
                continue
            if self._other_forms(begin, results[1:]):
                dims = []
                continue
            after, scans, new = self._after(inner, begin, results[1:], dims)
            if new == dims:
                break
            dims = new
        else:
            raise ConversionError(f"node {self.node.name!r}", "its values change their shape")
        inner.b.output("again", condition_of(call_of(walk, inner.b, self.node), results[0]))
        for edge in after:
            inner.b.output("next", edge)
        for edge in scans:
            inner.b.output("item", edge)
        inputs = [b.name(number), b.name(test), *(b.name(edge) for edge in flat)]
        made = b.node("Loop", inputs, len(after) + len(scans), body=inner.b.finish())
        outer = [
            Edge(name, edge.dtype, shape, values=opened(edge))
            for name, edge, shape in zip(made, flat, dims, strict=False)
        ]
        stacks = [
            self._of_scan(b, Edge(name, edge.dtype, (None, *edge.shape)))
            for name, edge in zip(made[len(after) :], scans, strict=True)
        ]
        parts = (iter(outer), iter(stacks))
        made_of = [_rebuilt(call, value, *parts) for value in begin]
        for name, value in zip(self.changed, made_of[self.given - 1 :], strict=True):
            walk.change(call, name, value, self.later)
        return [  # what fills a list of a loop around this one is part of a round of that
            replace(value, items=(*value.items, made)) if isinstance(value, Growing) else made
            for value, made in zip(carried, made_of[: self.given - 1], strict=False)
        ]

    def _begin(self, call: Call, place: int, value: Any) -> Any:
        """A carried value before the loop: edges, lists of them, or a list that will grow."""
        if place in self.missing and not isinstance(value, Maybe):
            form = self.missing[place]
            held = self._begin(call, -1, blank(call, form) if value is None else value)
            return Maybe(held, as_edge(call, call.b.constant(value is not None, BOOL)))
        if isinstance(value, Maybe):
            return Maybe(self._begin(call, -1, value.value), as_edge(call, value.there))
        if place in self.read:
            found = stacked(call, value if isinstance(value, list) else [value])
            return Stacked(as_edge(call, found.edge))
        if isinstance(value, list | Stacked) and place not in self.fixed and place >= 0:
            prefix = tuple(value) if isinstance(value, list) else (value,)
            return Growing(prefix, place=place, loop=self)
        if isinstance(value, Growing):  # of a loop around this one
            return Growing(place=place, loop=self)
        if isinstance(value, list | tuple):
            return [self._begin(call, place, item) for item in value]
        if value is None or isinstance(value, str | Mapping):
            return value
        if isinstance(value, Stacked):
            return Stacked(as_edge(call, value.edge))
        return as_edge(call, value)

    def _keep(self, error: Read, carried: Sequence[Any]) -> None:
        """Carry a list along, which the body reads, as one tensor that grows."""
        if error.items.loop is not self:
            raise error
        value = carried[error.items.place]
        if isinstance(value, Growing):
            raise Read(value)
        if value == []:
            why = "it reads a list while it fills it, which begins empty"
            raise ConversionError(f"node {self.node.name!r}", why)
        self.read.add(error.items.place)

    @staticmethod
    def _of_scan(b: Builder, edge: Edge) -> Stacked:
        """The items of all rounds, of which each gives several, one after another."""
        shape = (None, *edge.shape[2:])
        rest = [ops.extent(b, edge, axis) for axis in range(2, edge.rank)]
        wanted = ops.vector(b, [-1, *rest])
        return Stacked(b.emit("Reshape", [edge, wanted], edge.dtype, shape))

    def _written(self) -> list[Any]:
        found: list[Any] = self.node.attributes["call"]["args"][2]
        return found

    def _other_forms(self, begin: Sequence[Any], results: Sequence[Any]) -> bool:
        """Learn of lists that were taken to grow and do not, and of values that may be None."""
        found = False
        for place, (value, result) in enumerate(zip(begin, results, strict=True)):
            if isinstance(value, Growing) and not isinstance(result, Growing):
                self.fixed.add(place)
                found = True
            comes = value is None and result is not None
            goes = value is not None and (result is None or isinstance(result, Maybe))
            if (comes or goes) and not isinstance(value, Maybe):
                self.missing[place] = sure(result if comes else value)
                found = True
        return found

    def _round(
        self, begin: Sequence[Any], dims: Sequence[Any], first: int
    ) -> tuple[Any, list[Any], list[str]]:
        """One round in a body of its own, what it gives, and what else it changes in place."""
        walk = self.walk
        inner = walk.child(walk.b.subgraph("body"))
        step = inner.b.input("step", INT64, ())
        inner.b.input("holds", BOOL, ())
        places = iter(dims)
        states = [_state(inner.b, value, places) for value in begin]
        step = ops.add(inner.b, step, first) if first else step
        number = number_edge(ops.reshape(inner.b, step, [1]))
        inner.values[self.body.inputs[0].name] = number
        inner.values.update(zip(self.names, states, strict=True))
        before = dict(inner.values)
        results = inner.inline(self.body, self.later | set(self.node.inputs))
        for name, state, item in zip(self.names, states, self._written(), strict=False):
            source = _source(self.node, item)
            if isinstance(state, Edge) and inner.values[name] is not state and source in self.later:
                why = f"it changes {source!r} in place, under another name"
                raise ConversionError(f"node {self.node.name!r}", why)
        needed = self.later | set(self.node.inputs)
        found = [
            name
            for name, value in before.items()
            if name in walk.values and name in needed and name not in self.changed
            if inner.values[name] is not value
        ]
        return inner, [*results, *(inner.values[name] for name in self.changed)], found

    def _after(
        self, inner: Any, begin: Sequence[Any], results: Sequence[Any], dims: Sequence[Any]
    ) -> tuple[list[Edge], list[Edge], list[Any]]:
        call = call_of(self.walk, inner.b, self.node)
        after: list[Edge] = []
        scans: list[Edge] = []
        for value, result in zip(begin, results, strict=True):
            self._gather(call, value, result, after, scans)
        new = []
        for old, edge in zip(dims, after, strict=True):
            if len(old) != edge.rank:
                why = f"a value begins with {len(old)} axes and goes on with {edge.rank}"
                raise ConversionError(f"node {self.node.name!r}", why)
            new.append(common(old, edge.shape))
        return after, scans, new

    def _gather(
        self, call: Call, value: Any, result: Any, after: list[Edge], scans: list[Edge]
    ) -> None:
        where = f"node {self.node.name!r}"
        if isinstance(value, Growing):
            if not isinstance(result, Growing):
                raise ConversionError(where, "a list changes in a way that ONNX cannot follow")
            if not result.items:
                raise ConversionError(where, "a list of a loop around it does not grow")
            try:
                scans.append(as_edge(call, stacked(call, result.items).edge))
            except ValueError as error:
                raise ConversionError(where, str(error)) from error
        elif isinstance(value, Maybe):
            held = isinstance(result, Maybe)
            inner = value.value if result is None else sure(result)
            self._gather(call, value.value, inner, after, scans)
            there = result.there if held else call.b.constant(result is not None, BOOL)
            after.append(as_edge(call, there))
        elif isinstance(value, Stacked):
            if not isinstance(result, Stacked):
                raise ConversionError(where, "a list changes in a way that ONNX cannot follow")
            after.append(as_edge(call, result.edge))
        elif isinstance(value, list):
            if not isinstance(result, list | tuple) or len(result) != len(value):
                raise ConversionError(where, "a list changes its length from round to round")
            for one, two in zip(value, result, strict=True):
                self._gather(call, one, two, after, scans)
        elif isinstance(value, Edge):
            try:
                edge = as_edge(call, result)
            except ValueError as error:
                raise ConversionError(where, str(error)) from error
            after.append(edge if edge.dtype == value.dtype else cast_of(call, edge, value.dtype))
        elif result != value:
            raise ConversionError(where, "a value is None, or not set, in the first round only")


def _flat(value: Any) -> list[Edge]:
    if isinstance(value, list):
        return [edge for item in value for edge in _flat(item)]
    if isinstance(value, Stacked):
        return [value.edge]
    if isinstance(value, Maybe):
        return [*_flat(value.value), value.there]
    return [value] if isinstance(value, Edge) else []


def _state(b: Builder, value: Any, dims: Any) -> Any:
    """A carried value inside the body."""
    if isinstance(value, list):
        return [_state(b, item, dims) for item in value]
    if isinstance(value, Stacked):
        return Stacked(b.input("state", value.edge.dtype, next(dims)))
    if isinstance(value, Maybe):
        return Maybe(_state(b, value.value, dims), _state(b, value.there, dims))
    if not isinstance(value, Edge):
        return value
    shape = next(dims)
    edge = b.input("state", value.dtype, shape)
    return number_edge(edge) if is_number(value) else Edge(edge.name, edge.dtype, edge.shape)


def _rebuilt(call: Call, value: Any, edges: Any, lists: Any) -> Any:
    if isinstance(value, Growing):
        return stacked(call, [*value.prefix, next(lists)])
    if isinstance(value, Stacked):
        return Stacked(next(edges))
    if isinstance(value, Maybe):
        return Maybe(_rebuilt(call, value.value, edges, lists), next(edges))
    if isinstance(value, list):
        return [_rebuilt(call, item, edges, lists) for item in value]
    return next(edges) if isinstance(value, Edge) else value
