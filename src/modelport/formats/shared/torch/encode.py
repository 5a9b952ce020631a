"""Objects for ``torch.save``'s own formats: those of a file again, or new ones of tensors.

Tensors are calls of ``torch._utils`` over storages; the storages are listed in the order in which
the object first names them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from modelport.formats.shared.pickle.allowed import ELEMENTS
from modelport.formats.shared.pickle.objects import Objects
from modelport.formats.shared.torch.storage import Storage
from modelport.model.dtype import DTYPES, DType
from modelport.model.tensor import Tensor, TensorData
from modelport.wire.pickle import PersistentId, Reference, Stub
from modelport.wire.source import Sink

_WORDS = {name: word for word, name in reversed(ELEMENTS.items()) if not word.startswith("Q")}
_UNTYPED = {
    *("uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz"),
    *("float8_e5m2fnuz", "float8_e8m0fnu"),
}
DTYPE_NAMES: frozenset[str] = frozenset((*_WORDS, *_UNTYPED))
"""The dtypes that torch has."""


@dataclass(slots=True)
class Written:
    """A storage to be written: its class, its number of elements, and its values."""

    key: str
    kind: Reference
    location: str
    count: int
    dtype: DType
    data: TensorData

    @property
    def nbytes(self) -> int:
        """The bytes of the values."""
        return self.dtype.nbytes(math.prod(self.data.shape))

    def copy(self, file: Sink) -> None:
        """Append the values to a file, little-endian."""
        Tensor(self.key, self.data).copy(file)


@dataclass(slots=True)
class Encoded:
    """An object ready to be pickled, and the storages that its persistent ids name."""

    value: Any
    storages: list[Written] = field(default_factory=list)
    ids: dict[int, Any] = field(default_factory=dict)

    def renamed(self, persistent: PersistentId) -> Any:
        """The id under which what a persistent one stands for is written."""
        return self.ids.get(id(persistent), persistent.id)


def encode_again(root: Any, objects: Objects, *, sources: bool) -> Encoded:
    """The object of a file as it is, its storages numbered anew.

    ``sources`` tells whether classes may stand there with their source code, as old files have it.
    """
    encoded = Encoded(root)
    places: dict[tuple[str, int, int], Written] = {}
    for persistent in _persistent(root):
        storage = objects.build(persistent)
        if not isinstance(storage, Storage):
            if not sources and isinstance(persistent.id, tuple) and len(persistent.id) == 4:
                encoded.ids[id(persistent)] = persistent.id[1]
            continue
        place = (storage.key, storage.offset, storage.length)
        if place not in places:
            places[place] = _stored(str(len(places)), persistent.id[1], storage)
            encoded.storages.append(places[place])
        found = places[place]
        encoded.ids[id(persistent)] = (
            "storage",
            found.kind,
            found.key,
            found.location,
            found.count,
        )
    return encoded


def _stored(key: str, kind: Reference, storage: Storage) -> Written:
    dtype = storage.dtype or DTYPES["uint8"]
    data = storage.values(dtype)
    return Written(key, kind, storage.location, data.shape[0], dtype, data)


def _persistent(root: Any) -> Iterator[PersistentId]:
    """Every persistent id of an object, in the order in which a writer meets them."""
    waiting, seen = [root], set[int]()
    while waiting:
        value = waiting.pop()
        if isinstance(value, PersistentId):
            yield value
            if isinstance(value.id, tuple) and value.id[:1] == ("module",):
                continue
        if not isinstance(value, list | tuple | dict | Stub) or id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Stub):
            parts = [value.callable, value.args, value.items, value.pairs, value.states]
        elif isinstance(value, dict):
            parts = [part for pair in value.items() for part in pair]
        else:
            parts = list(value)
        waiting.extend(reversed(parts))


def encode_tensors(tensors: Mapping[str, Tensor]) -> Encoded:
    """A new state dict of tensors; those with the same data share a storage."""
    from modelport.model.sharing import same_data  # needs numpy, as whoever writes does

    encoded = Encoded(None)
    keys: dict[object, PersistentId] = {}
    pairs: list[tuple[Any, Any]] = []
    for name, tensor in tensors.items():
        key = same_data(tensor)
        if key not in keys:
            keys[key] = _new_storage(encoded, tensor)
        pairs.append((name, _rebuild(keys[key], tensor)))
    encoded.value = _ordered(pairs)
    return encoded


def _new_storage(encoded: Encoded, tensor: Tensor) -> PersistentId:
    untyped = tensor.dtype.name not in _WORDS
    word = "UntypedStorage" if untyped else f"{_WORDS[tensor.dtype.name]}Storage"
    kind = Reference("torch.storage" if untyped else "torch", word, 0)
    key = str(len(encoded.storages))
    count = tensor.nbytes if untyped else tensor.size
    encoded.storages.append(Written(key, kind, "cpu", count, tensor.dtype, tensor.data))
    return PersistentId(("storage", kind, key, "cpu", count), 0)


def _rebuild(storage: PersistentId, tensor: Tensor) -> Stub:
    shape = tuple(tensor.shape)
    strides = tuple(math.prod([max(n, 1) for n in shape[axis + 1 :]]) for axis in range(len(shape)))
    args: tuple[Any, ...] = (storage, 0, shape, strides, False, _ordered([]))
    if tensor.dtype.name in _WORDS:
        return _call("torch._utils", "_rebuild_tensor_v2", args)
    dtype = Reference("torch", tensor.dtype.name, 0)
    return _call("torch._utils", "_rebuild_tensor_v3", (*args, dtype))


def _ordered(pairs: list[tuple[Any, Any]]) -> Stub:
    made = _call("collections", "OrderedDict", ())
    made.pairs = pairs
    return made


def _call(module: str, name: str, args: tuple[Any, ...]) -> Stub:
    return Stub("REDUCE", Reference(module, name, 0), args, {}, 0)
