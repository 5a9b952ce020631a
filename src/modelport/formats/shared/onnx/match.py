"""Telling an ONNX file from every other run of bytes that may be read as protobuf."""

from __future__ import annotations

from modelport.errors import ModelportError
from modelport.formats.candidate import Candidate
from modelport.wire.protobuf import LENGTH, VARINT, Walker

_MODEL = {1: VARINT, 5: VARINT} | dict.fromkeys((2, 3, 4, 6, 7, 8, 14, 20, 25, 26), LENGTH)
_GRAPH = dict.fromkeys((1, 2, 5, 10, 11, 12, 13, 14, 15, 16), LENGTH)
_NODE = dict.fromkeys((1, 2, 3, 4, 5, 6, 7, 8, 9, 10), LENGTH)
_GRAPH_FIELD, _NODE_FIELD = 7, 1

_LOOKED_AT = 64
_BEYOND = 1 << 62


def match(candidate: Candidate) -> bool:
    """Whether the file is a ModelProto: right fields, and a graph with right fields and nodes.

    A file that breaks off after its graph has begun is still one: ``read`` says where it breaks.
    """
    walker = Walker(candidate.source)
    size = candidate.source.size
    graph: tuple[int, int] | None = None
    try:
        for count, (number, wire, first, second, _) in enumerate(walker.fields(0, _BEYOND)):
            if not _known(_MODEL, number, wire):
                return False
            if number == _GRAPH_FIELD and graph is None:
                graph = (first, second)
            if second >= size or count >= _LOOKED_AT:
                break
        return graph is not None and _is_graph(walker, graph, size)
    except ModelportError:
        return False


def _is_graph(walker: Walker, span: tuple[int, int], size: int) -> bool:
    start, end = span
    nodes = 0
    named = False
    for count, (number, wire, first, second, _) in enumerate(walker.fields(start, end)):
        if not _known(_GRAPH, number, wire):
            return False
        if number == _NODE_FIELD:
            nodes += 1
            if nodes <= 4 and not _is_node(walker, first, second, size):
                return False
        named = named or number in (_NODE_FIELD, 2, 11, 12)
        if second >= size or count >= _LOOKED_AT:
            break
    return named


def _is_node(walker: Walker, start: int, end: int, size: int) -> bool:
    for number, wire, _, second, _ in walker.fields(start, end):
        if second >= size:
            return True
        if not _known(_NODE, number, wire):
            return False
    return True


def _known(fields: dict[int, int], number: int, wire: int) -> bool:
    """Whether a field is one of these, or of a number that a later version may have added."""
    return fields[number] == wire if number in fields else number > 26
