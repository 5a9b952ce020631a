"""Reading GraphProto, NodeProto and AttributeProto, which hold one another."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Iterator
from typing import Any

from modelport.errors import LimitExceeded
from modelport.formats.shared.onnx.reading import Reading, add_pair
from modelport.formats.shared.onnx.schema import (
    ATTRIBUTE_FIELDS,
    ATTRIBUTE_TYPE_OF,
    ATTRIBUTE_TYPES,
    DOMAIN,
    SCOPE_KEY,
)
from modelport.formats.shared.onnx.tensor_data import text_or_bytes
from modelport.formats.shared.onnx.tensors_read import read_sparse, read_tensor
from modelport.formats.shared.onnx.types_read import read_type, read_value
from modelport.model.graph import AttributeNote, Graph, LazyAttributes, Node, Reference, Scope
from modelport.model.model import Level
from modelport.wire.protobuf import (
    FIXED32,
    LENGTH,
    VARINT,
    Field,
    Walker,
    decode_varints,
    signed,
)

MAX_NUMBERS = 20_000_000

_NAME, _DOC, _TYPE, _REFERENCE = 1, 13, 20, 21
_FLOAT, _INT, _STRING, _FLOATS, _INTS, _STRINGS = 2, 3, 4, 7, 8, 9
_REPEATED = (7, 8, 9, 10, 11, 15, 23)
_DEFAULTS: dict[str, Any] = {"FLOAT": 0.0, "INT": 0, "STRING": ""}

# The first bytes (also in their longer spelling) of the fields g and graphs, and the key that every
# external tensor has. Where none of them occurs, decoding can wait: nothing inside can matter to
# one who walks graphs or looks for side files.
_MATTERS = re.compile(rb"[\x32\x5a\xb2\xda]|location")
_LONG = 4096

# Of longer ones the fields are looked at, those with messages inside:
_INSIDE = (5, 6, 10, 11, 22, 23)

RUN = -1
_RUNS = {
    (7, FIXED32): re.compile(rb"(?:\x3d[\s\S]{4})+"),
    (8, VARINT): re.compile(rb"(?:\x40[\x80-\xff]{0,9}[\x00-\x7f])+"),
}


def read_graph(reading: Reading, start: int, end: int) -> Graph:
    """The graph from ``start`` to ``end``."""
    graph = Graph()
    walker = reading.walker
    unknown: list[bytes] = []
    for number, wire, first, second, at in walker.fields(start, end):
        if wire != LENGTH:
            unknown.append(walker.read(at, second))
        elif number == 1:
            graph.nodes.append(read_node(reading, first, second))
        elif number == 5:
            _add_tensor(reading, graph, first, second)
        elif number == 13:
            value = read_value(reading, first, second)
            if value.name in graph.values:
                unknown.append(walker.read(at, second))
            else:
                graph.values[value.name] = value
        else:
            unknown.append(_read_rest(reading, graph, number, first, second, at))
    graph.unknown = b"".join(unknown)
    return graph


def _read_rest(
    reading: Reading, graph: Graph, number: int, first: int, second: int, at: int
) -> bytes:
    """Take one of the rarer fields into ``graph``; returns the field where it has no place."""
    walker = reading.walker
    if number == 2:
        graph.name = walker.text(first, second)
    elif number == 10:
        graph.doc = walker.text(first, second)
    elif number == 11:
        graph.inputs.append(read_value(reading, first, second))
    elif number == 12:
        graph.outputs.append(read_value(reading, first, second))
    elif number == 15:
        sparse = read_sparse(reading, first, second)
        _note_second(reading, sparse.name, sparse.name in graph.sparse_tensors)
        graph.sparse_tensors[sparse.name] = sparse
    elif number == 16:
        return add_pair(reading, graph.metadata, first, second, at)
    else:
        return walker.read(at, second)
    return b""


def _add_tensor(reading: Reading, graph: Graph, start: int, end: int) -> None:
    tensor = read_tensor(reading, start, end)
    _note_second(reading, tensor.name, tensor.name in graph.tensors)
    graph.tensors[tensor.name] = tensor


def _note_second(reading: Reading, name: str, there: bool) -> None:
    # Some exporters write an initializer twice; onnxruntime takes the last one.
    if there:
        what = "two initializers of one name; the last one counts"
        reading.files.note("ONX-003", Level.INERT, what, name)


def read_node(reading: Reading, start: int, end: int) -> Node:
    """The node from ``start`` to ``end``, its attributes undecoded."""
    node = Node(DOMAIN, "", "")
    walker = reading.walker
    spans: list[tuple[int, int]] = []
    for number, wire, first, second, at in walker.fields(start, end):
        if wire != LENGTH:
            node.unknown += walker.read(at, second)
        elif number == 1:
            node.inputs.append(walker.text(first, second))
        elif number == 2:
            node.outputs.append(walker.text(first, second))
        elif number == 5:
            spans.append((first, second))
        elif number == 3:
            node.name = walker.text(first, second)
        elif number == 4:
            node.op_type = walker.text(first, second)
        elif number == 7:
            node.domain = walker.text(first, second) or DOMAIN
        elif number == 6:
            node.doc = walker.text(first, second)
        elif number == 8:
            node.overload = walker.text(first, second)
        elif number == 9:
            node.unknown += add_pair(reading, node.metadata, first, second, at)
        else:
            node.unknown += walker.read(at, second)
    if spans:
        node.attributes = read_attributes(reading, spans)
    if SCOPE_KEY in node.metadata:
        _take_scope(node)
    return node


def _take_scope(node: Node) -> None:
    """Turn modelport's own hint back into the scope, where it has the right form."""
    try:
        steps = json.loads(node.metadata[SCOPE_KEY])
        scope = tuple(Scope(str(name), str(kind), int(call)) for name, kind, call in steps)
    except (ValueError, TypeError, RecursionError):
        return
    node.scope = scope
    del node.metadata[SCOPE_KEY]


def read_attributes(reading: Reading, spans: list[tuple[int, int]]) -> LazyAttributes:
    """The attributes in these spans, decoded now only where a graph or side file may be inside."""
    walker = reading.walker
    waits = not any(_matters(walker, start, stop) for start, stop in spans)
    later = reading.later()
    attributes = LazyAttributes(lambda: _decode(later, spans), graphless=waits)
    if not waits:
        len(attributes)
    return attributes


def _matters(walker: Walker, start: int, end: int) -> bool:
    if end - start <= _LONG:
        return _MATTERS.search(walker.read(start, end)) is not None
    return any(number in _INSIDE for number, *_ in _fields(walker, start, end))


def _fields(walker: Walker, start: int, end: int) -> Iterator[Field]:
    """The fields of an AttributeProto; many numbers in a row, each a field, come as one ``RUN``."""
    position = start
    while position < end:
        for field in walker.fields(position, end):
            number, wire, _, second, at = field
            pattern = _RUNS.get((number, wire)) if end - at > _LONG else None
            stop = second if pattern is None else walker.run(at, end, pattern)
            if stop > second:
                yield number, RUN, at, stop, at
                position = stop
                break
            yield field
        else:
            return


def _decode(
    reading: Reading, spans: list[tuple[int, int]]
) -> tuple[dict[str, Any], dict[str, AttributeNote]]:
    # A walker of its own, so that two threads may decode two nodes at a time.
    reading = reading.later()
    values: dict[str, Any] = {}
    notes: dict[str, AttributeNote] = {}
    for start, end in spans:
        name, value, note = _read_attribute(reading, start, end)
        if name in values:
            reading.malformed(start, "each attribute once", f"a second {name!r}")
        values[name] = value
        if note is not None:
            notes[name] = note
    return values, notes


def _read_attribute(
    reading: Reading, start: int, end: int
) -> tuple[str, Any, AttributeNote | None]:
    walker = reading.walker
    name = doc = reference = ""
    code = 0
    found: dict[int, list[Any]] = {}
    unknown = b""
    for number, wire, first, second, at in _fields(walker, start, end):
        if number == _NAME and wire == LENGTH:
            name = walker.text(first, second)
        elif number == _TYPE and wire == VARINT:
            code = first
        elif number == _DOC and wire == LENGTH:
            doc = walker.text(first, second)
        elif number == _REFERENCE and wire == LENGTH:
            reference = walker.text(first, second)
        elif _add_value(reading, found, number, wire, first, second):
            pass
        else:
            unknown += walker.read(at, second)
    kind = ATTRIBUTE_TYPES.get(code)
    if kind is None:
        reading.malformed(start, "an attribute type up to 14", str(code))
    value: Any
    if reference:
        value = Reference(reference, kind)
        unused = list(found)
    else:
        if kind == "UNDEFINED":  # files before IR 2 leave it out
            kind = ATTRIBUTE_TYPE_OF[next(iter(found))] if found else kind
        value = _value(reading, start, kind, found)
        unused = [other for other in found if other != ATTRIBUTE_FIELDS.get(kind)]
    if unused:
        unknown += b"".join(
            walker.read(at, second)
            for number, _, _, second, at in _fields(walker, start, end)
            if number in unused
        )
    plain = not (doc or unknown) and not (isinstance(value, list) and not value)
    return name, value, None if plain else AttributeNote(kind, doc, unknown)


def _value(reading: Reading, start: int, kind: str, found: dict[int, list[Any]]) -> Any:
    number = ATTRIBUTE_FIELDS.get(kind, 0)
    values = found.get(number, [])
    if number in _REPEATED or not number:
        return values
    if not values and kind not in _DEFAULTS:
        reading.malformed(start, f"the value of an attribute of type {kind}", "none")
    if len(values) > 1 and kind not in _DEFAULTS:
        reading.malformed(start, f"one value of an attribute of type {kind}", f"{len(values):,}")
    return values[-1] if values else _DEFAULTS[kind]


def _add_value(
    reading: Reading, found: dict[int, list[Any]], number: int, wire: int, first: int, second: int
) -> bool:
    """Take one value field into ``found``; False where it is none."""
    walker = reading.walker
    if number in (_INT, _INTS) and wire == VARINT:
        found.setdefault(number, []).append(signed(first))
    elif number in (_FLOAT, _FLOATS) and wire == FIXED32:
        found.setdefault(number, []).append(struct.unpack("<f", walker.read(first, second))[0])
    elif wire == RUN:
        found.setdefault(number, []).extend(_run(reading, number, first, second))
    elif wire != LENGTH:
        return False
    elif number == _INTS:
        _check_numbers(reading, second - first)
        found.setdefault(number, []).extend(map(signed, walker.varints(first, second)))
    elif number == _FLOATS:
        count = (second - first) // 4
        _check_numbers(reading, count)
        if (second - first) % 4:
            reading.malformed(first, "packed floats of 4 bytes", f"{second - first:,} bytes")
        packed = struct.unpack(f"<{count}f", walker.read(first, second))
        found.setdefault(number, []).extend(packed)
    elif number in (_STRING, _STRINGS):
        found.setdefault(number, []).append(text_or_bytes(walker.read(first, second)))
    elif number in _MESSAGES:
        found.setdefault(number, []).append(_MESSAGES[number](reading, first, second))
    else:
        return False
    return True


def _run(reading: Reading, number: int, start: int, end: int) -> list[Any]:
    """The values of many fields in a row, each a tag of one byte and a number."""
    _check_numbers(reading, (end - start) // (5 if number == _FLOATS else 2))
    raw = reading.walker.read(start, end)
    if number == _FLOATS:
        return [value for (value,) in struct.iter_unpack("<xf", raw)]
    values: list[Any] = decode_varints(raw)[1::2].view("int64").tolist()
    return values


def _check_numbers(reading: Reading, count: int) -> None:
    if count > MAX_NUMBERS:
        raise LimitExceeded(
            reading.walker.source.name,
            resource="numbers in an attribute",
            limit=MAX_NUMBERS,
            actual=count,
        )


_MESSAGES: dict[int, Callable[[Reading, int, int], Any]] = {
    5: read_tensor,
    6: read_graph,
    10: read_tensor,
    11: read_graph,
    14: read_type,
    15: read_type,
    22: read_sparse,
    23: read_sparse,
}
