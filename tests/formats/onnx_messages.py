"""Whether two ONNX messages mean the same, judged by the onnx package alone."""

from __future__ import annotations

from typing import Any

import onnx
from onnx import AttributeProto, TensorProto, numpy_helper

_VALUE_FIELDS = (
    "float_data",
    "int32_data",
    "int64_data",
    "double_data",
    "uint64_data",
    "raw_data",
)
_CONTENT = {1: "f", 2: "i", 3: "s", 4: "t", 5: "g", 6: "floats", 7: "ints", 8: "strings"}


def same(a: Any, b: Any) -> bool:
    """Whether two messages mean the same: every field, however the file spells it.

    Values may stand in ``raw_data`` or a typed field, the default domain has two names, a field
    that is stated to be its default says no more than one left out, entries of a dictionary have
    no order, and the type of an attribute may be left out where it shows.
    """
    a, b = normal(a), normal(b)
    return bool(a.SerializeToString(deterministic=True) == b.SerializeToString(deterministic=True))


def normal(message: Any) -> Any:
    """A copy of a message in one spelling."""
    copy = type(message)()
    copy.CopyFrom(message)
    _normalise(copy)
    return copy


def _normalise(message: Any) -> None:
    if isinstance(message, TensorProto):
        _tensor(message)
    if isinstance(message, AttributeProto) and not message.type:
        _attribute(message)
    if getattr(message, "domain", None) == "ai.onnx":
        message.domain = ""
    if hasattr(message, "metadata_props"):
        entries = sorted(message.metadata_props, key=lambda entry: entry.key)
        del message.metadata_props[:]
        message.metadata_props.extend(entries)
    for field, value in message.ListFields():
        if field.message_type is not None:
            for item in value if field.is_repeated else [value]:
                _normalise(item)
    for field, value in message.ListFields():
        if field.message_type is None and not field.is_repeated and _says_nothing(field, value):
            message.ClearField(field.name)


def _says_nothing(field: Any, value: Any) -> bool:
    if field.containing_oneof is not None:
        return bool(value == "")  # a dimension of no name; of extent 0 it says something
    return bool(value == field.default_value) and str(value) == str(field.default_value)


def _tensor(tensor: TensorProto) -> None:
    if tensor.HasField("segment") or tensor.data_type in (0, TensorProto.STRING):
        return
    if not tensor.HasField("raw_data"):
        raw = numpy_helper.from_array(numpy_helper.to_array(tensor)).raw_data
        for name in _VALUE_FIELDS:
            tensor.ClearField(name)
        tensor.raw_data = raw


def _attribute(attribute: AttributeProto) -> None:
    for code, name in _CONTENT.items():
        if attribute.HasField(name) if code <= 5 else len(getattr(attribute, name)):
            attribute.type = code


def load(data: bytes) -> onnx.ModelProto:
    """The model in a file's bytes, external data not looked at."""
    return onnx.load_from_string(data)
