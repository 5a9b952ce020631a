"""Writing TensorProto and SparseTensorProto, values streamed or in a file beside the model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from modelport.errors import ConversionError
from modelport.formats.shared.onnx.schema import CODE_OF
from modelport.formats.shared.onnx.sparse import check_sparse
from modelport.formats.shared.onnx.tensor_data import Segment, Strings, TypedField, Withheld
from modelport.model.graph import SparseTensor
from modelport.model.tensor import Tensor, TensorData
from modelport.wire.protobuf_write import Message, Payload

ALIGNMENT = 4096
"""Where external values may start: a page, so that a runtime can map them (onnx.proto)."""

EXTERNAL_FROM = 4096
"""Smaller tensors stay inside: shape inference reads them, and alignment would waste a page."""


@dataclass(slots=True)
class ExternalData:
    """The values that go into one file beside the model, in order."""

    name: str
    size: int = 0
    payloads: list[tuple[int, Payload]] = field(default_factory=list)

    def add(self, payload: Payload) -> int:
        """Give a payload its place; returns its offset."""
        offset = -(-self.size // ALIGNMENT) * ALIGNMENT
        self.payloads.append((offset, payload))
        self.size = offset + payload.size
        return offset

    def write(self, file: BinaryIO) -> None:
        """Write every payload at its place."""
        position = 0
        for offset, payload in self.payloads:
            file.write(bytes(offset - position))
            payload.write(file)
            position = offset + payload.size


def write_tensor(
    tensor: Tensor, name: str | None = None, external: ExternalData | None = None
) -> Message:
    """The TensorProto of a tensor, under ``name`` where it is known by another one."""
    name = tensor.name if name is None else name
    data = tensor.data.stored if isinstance(tensor.data, Segment) else tensor.data
    strings = _strings(name, data)
    message = Message()
    for extent in tensor.shape:
        message.integer(1, extent)
    code = CODE_OF["string"] if strings is not None else CODE_OF.get(data.dtype.name)
    if code is None:
        raise ConversionError(name, f"ONNX has no data type for {data.dtype}")
    if code:
        message.integer(2, code)
    for string in strings or ():
        message.data(6, string)
    if name:
        message.text(8, name)
    payload = None if strings is not None or not code else _payload(data)
    inside = external is None or payload is None or payload.size < EXTERNAL_FROM
    if payload is not None and inside:
        message.payload(9, payload)
    if tensor.doc:
        message.text(12, tensor.doc)
    if payload is not None and external is not None and not inside:
        _write_external(message, payload, external)
    write_pairs(message, 16, tensor.metadata)
    message.raw(tensor.unknown)
    return message


def write_sparse(sparse: SparseTensor) -> Message:
    """The SparseTensorProto of a sparse tensor.

    Raises:
        ConversionError: its indices fit neither its values nor its shape.
    """
    check_sparse(sparse)
    message = Message()
    message.message(1, write_tensor(sparse.values))
    message.message(2, write_tensor(sparse.indices))
    for extent in sparse.shape:
        message.integer(3, extent)
    message.raw(sparse.unknown)
    return message


def write_pairs(message: Message, number: int, entries: dict[str, str]) -> None:
    """Add a StringStringEntryProto for each entry."""
    for key, value in entries.items():
        entry = Message()
        entry.text(1, key)
        entry.text(2, value)
        message.message(number, entry)


def _write_external(message: Message, payload: Payload, external: ExternalData) -> None:
    offset = external.add(payload)
    place = {"location": external.name, "offset": str(offset), "length": str(payload.size)}
    write_pairs(message, 13, place)
    message.integer(14, 1)


def _payload(data: TensorData) -> Payload:
    tensor = Tensor("", data)
    if isinstance(data, TypedField):
        return Payload(tensor.nbytes, lambda: iter((data.stored(),)))
    return Payload(tensor.nbytes, tensor.pieces)


def _strings(name: str, data: TensorData) -> list[bytes] | None:
    """The values of a tensor of strings; None for a tensor of numbers."""
    if isinstance(data, Strings):
        return data.stored()
    if data.dtype.kind not in ("string", "other") or isinstance(data, Withheld):
        return None
    values = list(_encoded(Tensor(name, data)))
    if not values and data.dtype.kind == "other":
        return None
    return values


def _encoded(tensor: Tensor) -> Iterator[bytes]:
    for value in tensor.numpy().ravel().tolist():
        if isinstance(value, bytes):
            yield value
        elif isinstance(value, str):
            yield value.encode("utf-8", "backslashreplace")
        else:
            raise ConversionError(tensor.name, f"ONNX cannot hold a {type(value).__name__}")
