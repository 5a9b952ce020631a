"""Two values of a run as one: what If and Loop give, and what their bodies may use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.builder import Builder
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, Parameter, is_number, number_edge
from modelport.dialects.torch.script.numbers import Maybe, Stacked
from modelport.model.dtype import BOOL, FLOAT64, INT64
from modelport.model.graph import Dim, Node

if TYPE_CHECKING:
    from modelport.dialects.torch.lower import Walk


class Unlike(Exception):
    """Two values of a run that ONNX cannot hold in one; says why."""


def call_of(walk: Walk, b: Builder, node: Node) -> Call:
    """What lets a builder write operators in the name of a node."""
    return Call(b, node.op_type, "", node.name, "prim")


def condition_of(call: Call, test: Any) -> Edge:
    """A condition as ONNX takes it: one bool without axes."""
    edge = call.tensor(test) if not isinstance(test, Edge) else test
    edge = ops.cast(call.b, edge, BOOL)
    edge = ops.reshape(call.b, edge, []) if edge.rank else edge
    return Edge(call.b.name(edge), BOOL, ())


def name_all(b: Builder, value: Any) -> None:
    """Let everything that a body may use be computed before it."""
    if isinstance(value, Edge):
        b.name(value)
    elif isinstance(value, Stacked):
        b.name(value.edge)
    elif isinstance(value, Maybe):
        b.name(value.there)
        name_all(b, value.value)
    elif isinstance(value, list | tuple):
        for item in value:
            name_all(b, item)


def opened(edge: Edge) -> tuple[Dim, ...] | None:
    """The ``values`` of an edge that comes out of a body: numbers stay numbers."""
    return (None,) if edge.values is not None and edge.shape == (1,) else None


def common(a: Sequence[Dim], b: Sequence[Dim]) -> tuple[Dim, ...]:
    """What two shapes of one rank agree in."""
    return tuple(x if x == y else None for x, y in zip(a, b, strict=True))


class _Hole:
    """Where in a value the output of a node goes."""

    def __init__(self, place: int) -> None:
        self.place = place


def filled(shape: Any, edges: Sequence[Edge]) -> Any:
    """A form that ``joined`` gave with the outputs of the node in it."""
    if isinstance(shape, _Hole):
        return edges[shape.place]
    if isinstance(shape, list):
        return [filled(item, edges) for item in shape]
    if isinstance(shape, Maybe):
        return Maybe(filled(shape.value, edges), filled(shape.there, edges))
    return shape


def _unset(value: Any) -> bool:
    return isinstance(value, Mapping) and "unset" in value


def joined(calls: Sequence[Call], pairs: list[tuple[Edge, Edge]], a: Any, b: Any) -> Any:
    """The form of a value that is one of two; the edges that differ go into ``pairs``."""
    if _unset(a) and _unset(b):
        return a
    if _unset(a) or _unset(b):
        known, place = (b, 0) if _unset(a) else (a, 1)
        empty = blank(calls[place], known)
        a, b = (empty, b) if place == 0 else (a, empty)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        if len(a) != len(b):
            raise Unlike("its branches give lists of different lengths")
        return [joined(calls, pairs, x, y) for x, y in zip(a, b, strict=True)]
    if a is b or (type(a) is type(b) and not isinstance(a, Edge | Parameter) and a == b):
        return a
    if any(item is None or isinstance(item, Maybe) for item in (a, b)):
        return _maybe(calls, pairs, a, b)
    try:
        edges = [as_edge(call, value) for call, value in zip(calls, (a, b), strict=True)]
    except ValueError as error:
        raise Unlike(f"its branches give what is no tensor ({error})") from error
    if edges[0].dtype != edges[1].dtype:
        if not (is_number(a) or is_number(b)):
            raise Unlike(f"its branches give {edges[0].dtype} and {edges[1].dtype}")
        wanted = edges[1].dtype if is_number(a) else edges[0].dtype
        edges = [cast_of(call, edge, wanted) for call, edge in zip(calls, edges, strict=True)]
    if edges[0].rank != edges[1].rank:
        raise Unlike(f"its branches give tensors of {edges[0].rank} and {edges[1].rank} axes")
    pairs.append((edges[0], edges[1]))
    return _Hole(len(pairs) - 1)


def _maybe(calls: Sequence[Call], pairs: list[tuple[Edge, Edge]], a: Any, b: Any) -> Maybe:
    """A value that is None after one of two ways, or on some runs of it."""
    values: list[Any] = []
    there: list[Edge] = []
    for call, item in zip(calls, (a, b), strict=True):
        held = isinstance(item, Maybe)
        values.append(item.value if held else item)
        there.append(item.there if held else call.b.constant(item is not None, BOOL))
    known = values[0] if values[1] is None else values[1]
    for place, call in enumerate(calls):
        if values[place] is None:
            values[place] = blank(call, known)
    whole = joined(calls, pairs, *values)
    pairs.append((there[0], there[1]))
    return Maybe(whole, _Hole(len(pairs) - 1))  # type: ignore[arg-type]  # filled in later


def cast_of(call: Call, edge: Edge, dtype: Any) -> Edge:
    """An edge in another dtype; numbers stay numbers."""
    made = ops.cast(call.b, edge, dtype)
    return Edge(call.b.name(made), made.dtype, made.shape, values=edge.values)


def blank(call: Call, value: Any) -> Any:
    """Something of the type of a value, where nobody will look at it."""
    if isinstance(value, list | tuple):
        return [blank(call, item) for item in value]
    if isinstance(value, Edge | Parameter):
        if isinstance(value, Edge) and is_number(value):
            return number_edge(call.b.constant([0], value.dtype))
        shape = [extent if isinstance(extent, int) else 1 for extent in value.shape]
        edge = call.b.constant(0, value.dtype)
        made = call.b.emit("Expand", [edge, call.b.constant(shape, INT64)], value.dtype, shape)
        return Edge(made.name, value.dtype, value.shape)
    return value


def as_edge(call: Call, value: Any) -> Edge:
    """A value as an edge of a builder; numbers keep that they are some."""
    if isinstance(value, bool | int | float):
        dtype = {bool: BOOL, int: INT64}.get(type(value), FLOAT64)
        return number_edge(call.b.constant([value], dtype))
    if isinstance(value, Edge) and is_number(value):
        return Edge(call.b.name(value), value.dtype, value.shape, values=value.values)
    edge = call.tensor(value)
    return Edge(call.b.name(edge), edge.dtype, edge.shape, values=edge.values)
