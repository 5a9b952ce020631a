"""Writing ValueInfoProto and TypeProto."""

from __future__ import annotations

from modelport.formats.shared.onnx.schema import CODE_OF
from modelport.formats.shared.onnx.tensors_write import write_pairs
from modelport.model.graph import (
    MapType,
    OpaqueType,
    OptionalType,
    SequenceType,
    TensorType,
    UnknownType,
    Value,
    ValueType,
)
from modelport.wire.protobuf_write import Message


def write_value(value: Value) -> Message:
    """The ValueInfoProto of a value."""
    message = Message()
    message.text(1, value.name)
    if value.type is not None:
        message.message(2, write_type(value.type))
    if value.doc:
        message.text(3, value.doc)
    write_pairs(message, 4, value.metadata)
    message.raw(value.unknown)
    return message


def write_type(value_type: ValueType) -> Message:
    """The TypeProto of a type."""
    message = Message()
    if isinstance(value_type, UnknownType):
        message.raw(value_type.encoded)
        return message
    if isinstance(value_type, TensorType):
        message.message(8 if value_type.sparse else 1, _tensor(value_type))
    elif isinstance(value_type, SequenceType | OptionalType):
        element = Message()
        element.message(1, write_type(value_type.element))
        message.message(4 if isinstance(value_type, SequenceType) else 9, element)
    elif isinstance(value_type, MapType):
        entry = Message()
        entry.integer(1, CODE_OF[value_type.key.name])
        entry.message(2, write_type(value_type.value))
        message.message(5, entry)
    else:
        message.message(7, _opaque(value_type))
    if value_type.denotation:
        message.text(6, value_type.denotation)
    return message


def _tensor(tensor: TensorType) -> Message:
    message = Message()
    if tensor.dtype is not None:
        message.integer(1, CODE_OF[tensor.dtype.name])
    if tensor.shape is None:
        return message
    shape = Message()
    for axis, extent in enumerate(tensor.shape):
        dim = Message()
        if isinstance(extent, int):
            dim.integer(1, extent)
        elif extent:
            dim.text(2, extent)
        if tensor.dim_denotations and tensor.dim_denotations[axis]:
            dim.text(3, tensor.dim_denotations[axis])
        shape.message(1, dim)
    message.message(2, shape)
    return message


def _opaque(opaque: OpaqueType) -> Message:
    message = Message()
    if opaque.domain:
        message.text(1, opaque.domain)
    if opaque.name:
        message.text(2, opaque.name)
    return message
