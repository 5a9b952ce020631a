"""Writing GraphProto, NodeProto and AttributeProto, which hold one another."""

from __future__ import annotations

import json
from collections.abc import Callable, MutableMapping
from numbers import Integral, Real
from typing import Any

from modelport.errors import ConversionError
from modelport.formats.shared.onnx.schema import (
    ATTRIBUTE_CODES,
    ATTRIBUTE_FIELDS,
    ATTRIBUTE_TYPE_OF,
    DOMAIN,
    GRAPH_NAME,
    SCOPE_KEY,
)
from modelport.formats.shared.onnx.tensors_write import (
    ExternalData,
    write_pairs,
    write_sparse,
    write_tensor,
)
from modelport.formats.shared.onnx.types_write import write_type, write_value
from modelport.model.graph import (
    AttributeNote,
    Graph,
    LazyAttributes,
    MapType,
    Node,
    OpaqueType,
    OptionalType,
    Reference,
    SequenceType,
    SparseTensor,
    TensorType,
    UnknownType,
)
from modelport.model.tensor import Tensor
from modelport.wire.protobuf import Walker
from modelport.wire.protobuf_write import Message, pack_float32, tag, varint
from modelport.wire.source import BytesSource

MAX_DEPTH = 16
"""Graphs inside graphs; protobuf's own readers stop at about twice as many."""


def write_graph(graph: Graph, external: ExternalData | None = None, depth: int = 0) -> Message:
    """The GraphProto of a graph."""
    if depth > MAX_DEPTH:
        raise ConversionError(graph.name, f"graphs inside graphs over {MAX_DEPTH} deep")
    message = Message()
    for node in graph.nodes:
        message.message(1, write_node(node, external, depth))
    message.text(2, graph.name or GRAPH_NAME)
    for name, tensor in graph.tensors.items():
        message.message(5, write_tensor(tensor, name, external))
    if graph.doc:
        message.text(10, graph.doc)
    for number, values in ((11, graph.inputs), (12, graph.outputs), (13, graph.values.values())):
        for value in values:
            message.message(number, write_value(value))
    for sparse in graph.sparse_tensors.values():
        message.message(15, write_sparse(sparse))
    write_pairs(message, 16, graph.metadata)
    message.raw(graph.unknown)
    return message


def write_node(node: Node, external: ExternalData | None = None, depth: int = 0) -> Message:
    """The NodeProto of a node.

    Raises:
        ConversionError: an attribute holds what ONNX cannot.
    """
    message = Message()
    for name in node.inputs:
        message.text(1, name)
    for name in node.outputs:
        message.text(2, name)
    if node.name:
        message.text(3, node.name)
    message.text(4, node.op_type)
    write_attributes(message, 5, node.attributes, node.name or node.op_type, external, depth)
    if node.doc:
        message.text(6, node.doc)
    if node.domain not in ("", DOMAIN):
        message.text(7, node.domain)
    if node.overload:
        message.text(8, node.overload)
    metadata = node.metadata
    if node.scope:
        metadata = {**metadata, SCOPE_KEY: json.dumps(node.scope)}
    write_pairs(message, 9, metadata)
    message.raw(node.unknown)
    return message


def write_attributes(
    message: Message,
    number: int,
    attributes: MutableMapping[str, Any],
    where: str,
    external: ExternalData | None = None,
    depth: int = 0,
) -> None:
    """Add an AttributeProto for each attribute."""
    notes = attributes.notes if isinstance(attributes, LazyAttributes) else {}
    for name, value in attributes.items():
        attribute = _attribute(name, value, notes.get(name), where, external, depth)
        message.message(number, attribute)


def _attribute(
    name: str,
    value: Any,
    note: AttributeNote | None,
    where: str,
    external: ExternalData | None,
    depth: int,
) -> Message:
    message = Message()
    message.text(1, name)
    kind = _kind(value, note)
    if kind is None:
        raise ConversionError(where, f"attribute {name!r} holds what ONNX cannot: {value!r:.80}")
    if not name:
        raise ConversionError(where, "an attribute without a name")
    if note is not None and _holds_value(note.unknown):
        raise ConversionError(where, f"attribute {name!r} holds a value beside that of its type")
    if isinstance(value, Reference):
        message.text(21, value.name)
    elif kind != "UNDEFINED":
        _add_value(message, kind, value, external, depth)
    if note is not None and note.doc:
        message.text(13, note.doc)
    message.integer(20, ATTRIBUTE_CODES[kind])
    if note is not None:
        message.raw(note.unknown)
    return message


def _holds_value(fields: bytes) -> bool:
    walker = Walker(BytesSource(fields))
    return any(number in ATTRIBUTE_TYPE_OF for number, *_ in walker.fields(0, len(fields)))


def _add_value(
    message: Message, kind: str, value: Any, external: ExternalData | None, depth: int
) -> None:
    number = ATTRIBUTE_FIELDS[kind]
    if kind == "FLOATS":
        head = tag(number, 5)
        message.raw(b"".join(head + pack_float32(float(item)) for item in value))
    elif kind == "INTS":
        head = tag(number, 0)
        message.raw(b"".join(head + varint(int(item)) for item in value))
    elif kind == "FLOAT":
        message.float32(number, float(value))
    elif kind == "INT":
        message.integer(number, int(value))
    else:
        for item in [value] if kind in _SINGULAR else value:
            if kind in ("STRING", "STRINGS"):
                _add_string(message, number, item)
            elif isinstance(item, Graph):
                message.message(number, write_graph(item, external, depth + 1))
            else:
                message.message(number, _MESSAGES[kind](item))


def _add_string(message: Message, number: int, value: str | bytes) -> None:
    if isinstance(value, bytes):
        message.data(number, value)
    else:
        message.text(number, value)


def _kind(value: Any, note: AttributeNote | None) -> str | None:
    """ONNX' type of a value; None where it has none."""
    if isinstance(value, Reference):
        return value.type
    if not isinstance(value, list | tuple):
        return _singular(value)
    if not value:
        return note.type if note is not None else "INTS"
    kinds = {_singular(item) for item in value}
    if kinds == {"INT", "FLOAT"}:
        kinds = {"FLOAT"}
    kind = kinds.pop() if len(kinds) == 1 else None
    return f"{kind}S" if kind else None


def _singular(value: Any) -> str | None:
    for kind, types in _SINGULAR.items():
        if isinstance(value, types):
            return kind
    return None


_SINGULAR: dict[str, tuple[type, ...]] = {
    "INT": (Integral,),
    "FLOAT": (Real,),
    "STRING": (str, bytes),
    "TENSOR": (Tensor,),
    "GRAPH": (Graph,),
    "SPARSE_TENSOR": (SparseTensor,),
    "TYPE_PROTO": (TensorType, SequenceType, OptionalType, MapType, OpaqueType, UnknownType),
}

_MESSAGES: dict[str, Callable[[Any], Message]] = {
    "TENSOR": write_tensor,
    "TENSORS": write_tensor,
    "SPARSE_TENSOR": write_sparse,
    "SPARSE_TENSORS": write_sparse,
    "TYPE_PROTO": write_type,
    "TYPE_PROTOS": write_type,
}
