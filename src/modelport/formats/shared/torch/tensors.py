"""Tensors of torch from the calls that rebuild them (``torch._utils``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from modelport.errors import MalformedFile
from modelport.formats.shared.pickle.allowed import ELEMENTS
from modelport.formats.shared.pickle.names import canonical
from modelport.formats.shared.pickle.objects import Builder, Objects
from modelport.formats.shared.torch.array import Array
from modelport.formats.shared.torch.layouts import Layouts
from modelport.formats.shared.torch.storage import Storage, view
from modelport.model.dtype import DTYPES, OBJECT, DType
from modelport.wire.pickle import PersistentId, Reference, Stub
from modelport.wire.source import BytesSource

_DTYPES = {
    "float": "float32",
    "double": "float64",
    "half": "float16",
    "long": "int64",
    "int": "int32",
    "short": "int16",
    "cfloat": "complex64",
    "cdouble": "complex128",
    "quint8": "uint8",
    "qint8": "int8",
    "qint32": "int32",
    "float4_e2m1fn_x2": "float4_e2m1fn",
}
_NUMPY = (
    "numpy._core.multiarray._reconstruct",
    "numpy._core.numeric._frombuffer",
    "numpy._core.multiarray.scalar",
)
_HALF_PAIRS = ("torch.complex32", "torch.chalf")
_JAGGED = "torch.nested._internal.nested_tensor"


def storage_type(reference: Any) -> DType | None:
    """The dtype of a storage class (``torch.FloatStorage``); None for an untyped one.

    Raises:
        MalformedFile: no class of storages.
    """
    word = canonical(reference).rsplit(".", 1)[-1].removesuffix("Storage").removesuffix("Tensor")
    if word in ("Untyped", "_Untyped", "Typed", "_Typed", ""):
        return None
    if word not in ELEMENTS:
        found = f"{reference} at byte {reference.offset:,}"
        raise MalformedFile("pickle", expected="a class of storages of torch", found=found[:100])
    return DTYPES[ELEMENTS[word]]


def torch_dtype(reference: Any) -> DType | None:
    """The dtype that ``torch.<name>`` means, or None where modelport has none."""
    if not isinstance(reference, Reference) or reference.module != "torch":
        return None
    return DTYPES.get(_DTYPES.get(reference.name, reference.name))


class Tensors:
    """Builders of tensors for ``Objects``; ``objects`` is set once there is one."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.objects: Objects

    @property
    def builders(self) -> Mapping[str, Builder]:
        """The builders by the name of what torch calls."""
        return {
            "torch._utils._rebuild_sparse_tensor": lambda s: Layouts(self.objects).sparse(s),
            "torch._utils._rebuild_sparse_csr_tensor": lambda s: Layouts(self.objects).sparse(s),
            "torch._utils._rebuild_nested_tensor": lambda s: Layouts(self.objects).nested(s),
            f"{_JAGGED}._rebuild_njt": lambda s: Layouts(self.objects).jagged(s),
            "torch._utils._rebuild_tensor": self._tensor,
            "torch._utils._rebuild_tensor_v2": self._tensor,
            "torch._utils._rebuild_tensor_v3": self._typed,
            "torch._utils._rebuild_qtensor": self._quantised,
            "torch._utils._rebuild_parameter": self._parameter,
            "torch._utils._rebuild_parameter_with_state": self._parameter,
            "torch._utils._rebuild_device_tensor_from_numpy": self._elsewhere,
            "torch._utils._rebuild_device_tensor_from_cpu_tensor": self._elsewhere,
            "torch._tensor._rebuild_from_type_v2": self._subclass,
            "torch.nn.parameter.Parameter": self._old_parameter,
            "torch.autograd.variable.Variable": self._old_parameter,
            "torch.nn.parameter.Buffer": self._parameter,
            "torch.Size": lambda stub: stub.args[0] if stub.args else (),
            "torch.device": lambda stub: ":".join(map(str, stub.args)),
        } | {f"torch.{word}Tensor": self._old_tensor for word in ELEMENTS}

    def of_numpy(self, stub: Stub) -> Any:
        """A value of numpy; its arrays are tensors like all others in a file of torch."""
        from modelport.formats.shared.pickle.arrays import Arrays, NumpyArray  # in few files

        arrays = Arrays(BytesSource(b"", self.name))
        arrays.objects = self.objects
        made = arrays.builders[canonical(stub.callable)](stub)
        if isinstance(made, NumpyArray):
            return stub if made.data.dtype is OBJECT else Array(made.data)
        return made

    def _tensor(self, stub: Stub) -> Any:
        storage, rest = self._storage(stub)
        if storage is None or storage.dtype is None or len(rest) < 3:
            return stub
        return self._signed(self._view(stub, storage, storage.dtype, rest), rest[5:])

    def _typed(self, stub: Stub) -> Any:
        storage, rest = self._storage(stub)
        stated = rest[5] if len(rest) > 5 else None
        dtype = torch_dtype(stated)
        if storage is not None and isinstance(stated, Reference) and str(stated) in _HALF_PAIRS:
            return self._pairs(stub, storage, rest)
        if storage is None or dtype is None:
            return stub
        return self._signed(self._view(stub, storage, dtype, rest), rest[6:])

    def _pairs(self, stub: Stub, storage: Storage, rest: list[Any]) -> Any:
        """complex32, which nobody has but torch: as ``torch.view_as_real`` shows it."""
        size, stride = self._extents(rest[1]), self._extents(rest[2])
        if not isinstance(rest[0], int) or size is None or stride is None or rest[6:]:
            return stub
        doubled = [2 * rest[0], (*size, 2), (*(2 * step for step in stride), 1)]
        made = self._view(stub, storage, DTYPES["float16"], doubled)
        return Array(made.data, {"layout": "complex32"}, part="view_as_real")

    def _signed(self, made: Any, rest: list[Any]) -> Any:
        """A tensor whose metadata say that its values wait to be conjugated or negated."""
        metadata = self.objects.build(rest[0]) if rest else None
        if isinstance(made, Array) and isinstance(metadata, Mapping):
            conjugated, negated = metadata.get("conj") is True, metadata.get("neg") is True
            if conjugated or negated:
                from modelport.model.signed import Signed

                made.data = Signed(made.data, conjugated, negated)
        return made

    def _quantised(self, stub: Stub) -> Any:
        storage, rest = self._storage(stub)
        if storage is None or storage.dtype is None or len(rest) < 4:
            return stub
        made = self._view(stub, storage, storage.dtype, [*rest[:3], *rest[4:]])
        if isinstance(made, Array) and isinstance(rest[3], tuple):
            made.remark = {"quantizer": rest[3]}
            parts = [self.objects.build(part) for part in rest[3][1:3]]
            if all(isinstance(part, Array) for part in parts):  # one for each channel
                made.parts = dict(zip(("scales", "zero_points"), parts, strict=False))
        return made

    def _parameter(self, stub: Stub) -> Any:
        made = self.objects.build(stub.args[0]) if stub.args else stub
        return made if isinstance(made, Array) else stub

    def _elsewhere(self, stub: Stub) -> Any:
        """``(values, dtype, device, requires_grad)`` of devices whose memory is not stored."""
        made = self.objects.build(stub.args[0]) if len(stub.args) > 1 else stub
        same = isinstance(made, Array) and made.data.dtype == torch_dtype(stub.args[1])
        return made if same else stub

    def _subclass(self, stub: Stub) -> Any:
        """``(function, type, arguments, state)``: the function's tensor, of another class."""
        if len(stub.args) < 3 or not isinstance(stub.args[2], tuple):
            return stub
        made = Stub(stub.opcode, stub.args[0], stub.args[2], {}, stub.offset)
        return self.objects.build(made)

    def _old_parameter(self, stub: Stub) -> Any:
        """Before 0.4 a Parameter was made of a tensor, or empty and then given a state."""
        if stub.args:
            return self._parameter(stub)
        for state in stub.states:
            if isinstance(state, tuple) and state:
                made = self.objects.build(state[0])
                if isinstance(made, Array):
                    return made
        return stub

    def _old_tensor(self, stub: Stub) -> Any:
        """``torch.FloatTensor()`` with the state (storage, offset, size, stride)."""
        for state in stub.states:
            if isinstance(state, tuple) and len(state) == 4:
                storage = self.objects.build(state[0])
                if isinstance(storage, Storage) and storage.dtype is not None:
                    return self._view(stub, storage, storage.dtype, list(state[1:]))
        return stub

    def _storage(self, stub: Stub) -> tuple[Storage | None, list[Any]]:
        found = self.objects.build(stub.args[0]) if stub.args else None
        return (found if isinstance(found, Storage) else None), list(stub.args[1:])

    def _view(self, stub: Stub, storage: Storage, dtype: DType, rest: list[Any]) -> Any:
        offset, size, stride = rest[0], self._extents(rest[1]), self._extents(rest[2])
        if not isinstance(offset, int) or size is None or stride is None:
            raise MalformedFile(
                self.name,
                offset=stub.offset,
                expected="whole numbers for offset, size and stride of a tensor",
                found="something else",
            )
        return Array(view(storage, dtype, offset, size, stride))

    def _extents(self, value: Any) -> tuple[int, ...] | None:
        value = self.objects.build(value)
        if not isinstance(value, tuple | list):
            return None
        return tuple(value) if all(type(extent) is int for extent in value) else None


def objects_of(name: str, outside: Callable[[PersistentId], Any]) -> Objects:
    """What builds the values of one file of torch; ``outside`` finds storages by their ids."""
    tensors = Tensors(name)
    numpy = dict.fromkeys(_NUMPY, tensors.of_numpy)
    tensors.objects = Objects({**numpy, **tensors.builders}, outside)
    return tensors.objects
