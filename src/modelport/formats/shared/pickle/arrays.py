"""Arrays and numbers of numpy inside pickles.

``_reconstruct(ndarray, (0,), b'b')`` makes an empty array, whose state (version, shape, dtype,
fortran order, values) fills it; protocol 5 calls ``_frombuffer(values, dtype, shape, order)``.
A dtype is ``dtype('f4', False, True)`` with the state (version, byte order, ...). joblib leaves the
values out and writes them behind the state (``joblib/numpy_pickle.py``).
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelport.errors import LimitExceeded, MalformedFile
from modelport.formats.shared.numpy_arrays import ML_DTYPES, TYPES, Stored, array_data
from modelport.formats.shared.pickle.objects import Builder, Objects, attributes, class_name
from modelport.formats.shared.pickle.show import short
from modelport.model.dtype import DTYPES
from modelport.model.tensor import TensorData
from modelport.wire.pickle import Blob, BlobKind, Program, Reference, Stub, interpret
from modelport.wire.source import ByteSource, BytesSource

WRAPPER = "joblib.numpy_pickle.NumpyArrayWrapper"
_LARGEST = 1 << 62
_DEEPEST = 8
_STRUCT = {
    "bool": "?",
    "int8": "b",
    "int16": "h",
    "int32": "i",
    "int64": "q",
    "uint8": "B",
    "uint16": "H",
    "uint32": "I",
    "uint64": "Q",
    "float16": "e",
    "float32": "f",
    "float64": "d",
}


@dataclass(frozen=True, slots=True, eq=False)
class NumpyArray:
    """An array of numpy: its values."""

    data: TensorData


class Arrays:
    """Builders of numpy's values for ``Objects``; ``objects`` is set once there is one."""

    def __init__(self, source: ByteSource) -> None:
        self.source = source
        self.objects: Objects
        self.nested: dict[int, Program] = {}
        self._depth = 0

    @property
    def builders(self) -> Mapping[str, Builder]:
        """The builders by the name of what is called."""
        return {
            "numpy._core.multiarray._reconstruct": self._array,
            "numpy._core.numeric._frombuffer": self._from_buffer,
            "numpy._core.multiarray.scalar": self._scalar,
            WRAPPER: self._wrapped,
        }

    def _array(self, stub: Stub) -> Any:
        state = stub.states[-1] if stub.states else None
        if not isinstance(state, tuple) or len(state) != 5:
            return stub
        _, shape, dtype, fortran, values = state
        return self._stored(stub, values, dtype, shape, bool(fortran))

    def _from_buffer(self, stub: Stub) -> Any:
        if len(stub.args) < 4:
            return stub
        values, dtype, shape, order = stub.args[:4]
        return self._stored(stub, values, dtype, shape, order == "F")

    def _stored(self, stub: Stub, values: Any, dtype: Any, shape: Any, fortran: bool) -> Any:
        descr, raw, extents = type_string(dtype), self._bytes(values), _extents(shape)
        if isinstance(values, list) and extents is not None:  # an array of objects
            return values if math.prod(extents) == len(values) else stub
        if descr is None or raw is None or extents is None:
            return stub
        source, start, length = raw
        return NumpyArray(array_data(Stored(source, start, length, descr, extents, fortran)))

    def _bytes(self, values: Any) -> tuple[ByteSource, int, int] | None:
        """Where the values of an array lie."""
        built = self.objects.build(values)
        if isinstance(built, Blob) and built.kind is not BlobKind.TEXT:
            return built.source, built.offset, built.length
        if isinstance(built, str):  # data of Python 2 that happens to be ASCII
            built = built.encode("latin-1", "replace")
        if isinstance(built, bytes | bytearray):
            return BytesSource(built, self.source.name), 0, len(built)
        return None

    def _scalar(self, stub: Stub) -> Any:
        descr = type_string(stub.args[0]) if stub.args else None
        raw = self.objects.build(stub.args[1]) if len(stub.args) > 1 else None
        if isinstance(raw, str):
            raw = raw.encode("latin-1", "replace")
        if descr is None or not isinstance(raw, bytes | bytearray):
            return stub
        code = _STRUCT.get(TYPES.get(descr[1:], ""))
        if code is None or struct.calcsize(code) != len(raw):
            return stub
        return struct.unpack((">" if descr[0] == ">" else "<") + code, raw)[0]

    def _wrapped(self, stub: Stub) -> Any:
        state = attributes(stub)
        descr, shape = type_string(state.get("dtype")), _extents(state.get("shape"))
        if id(stub) in self.nested:
            return self.objects.build(self.nested[id(stub)].value)
        if stub.payload is None or descr is None or shape is None:
            return stub
        start, end = stub.payload
        fortran = state.get("order") == "F"
        return NumpyArray(
            array_data(Stored(self.source, start, end - start, descr, shape, fortran))
        )

    def payload(self, stub: Stub, source: ByteSource, position: int) -> tuple[int, int] | None:
        """Where the values of an array of joblib lie: behind its state, after a count and padding.

        An array of objects is a pickle of its own there; ``nested`` keeps it.

        Raises:
            MalformedFile: a dtype or shape that says no length; a nested pickle that is broken.
        """
        if class_name(stub) != WRAPPER:
            return None
        state = attributes(stub)
        descr, shape = type_string(state.get("dtype")), _extents(state.get("shape"))
        if descr is None or shape is None:
            found = f"{short(state.get('dtype'))} and {short(state.get('shape'))}"
            raise MalformedFile(
                source.name, offset=position, expected="a dtype and a shape", found=found
            )
        if descr[1:2] == "O":
            return position, self._nested(stub, source, position)
        if state.get("numpy_array_alignment_bytes") is not None:
            position += 1 + source.read_at(position, 1)[0]
        return position, position + _width(descr) * math.prod(shape)

    def _nested(self, stub: Stub, source: ByteSource, position: int) -> int:
        if self._depth == _DEEPEST:
            raise LimitExceeded(
                source.name,
                resource="pickles inside each other",
                limit=_DEEPEST,
                actual=_DEEPEST + 1,
            )
        self._depth += 1
        program = interpret(source, position, payload=self.payload)
        self._depth -= 1
        self.nested[id(stub)] = program
        if program.error is not None:
            raise program.error
        return program.end


def type_string(dtype: Any) -> str | None:
    """Numpy's type string of a dtype (``<f4``); structured types are raw bytes (``|V16``).

    One of ml_dtypes is told by its name (``<bfloat16``).
    """
    if isinstance(dtype, str):
        return dtype if dtype[:1] in "<>|=" else f"<{dtype}"
    if not isinstance(dtype, Stub) or class_name(dtype) != "numpy.dtype":
        return None
    code = dtype.args[0] if isinstance(dtype.args, tuple) and dtype.args else None
    state = dtype.states[-1] if dtype.states else None
    if isinstance(code, Reference) and code.module == "ml_dtypes" and code.name in ML_DTYPES:
        return f"<{code.name}"
    if not isinstance(code, str) or not code:
        return None
    order = state[1] if isinstance(state, tuple) and len(state) > 1 else "<"
    order = order if order in ("<", ">", "|") else "<"
    # Two raw bytes would be bfloat16 elsewhere, but these have fields of their own.
    fields = isinstance(state, tuple) and len(state) > 3 and state[3] is not None
    return f"|V{code[1:]} with fields" if fields else f"{order}{code}"


def _width(descr: str) -> int:
    if descr[1:] in ML_DTYPES:
        return DTYPES[descr[1:]].bits // 8
    digits = re.match(r"\d*", descr[2:])
    return int(digits[0] or "1" if digits else "1") * (4 if descr[1] == "U" else 1)


def _extents(shape: Any) -> tuple[int, ...] | None:
    if not isinstance(shape, tuple) or len(shape) > 64:
        return None
    whole = all(type(extent) is int and 0 <= extent < _LARGEST for extent in shape)
    return shape if whole else None
