"""The inputs that a module was traced with: their types, for their elements are not kept."""

from __future__ import annotations

from typing import Any

from modelport.formats.shared.pickle.names import canonical
from modelport.formats.shared.torch.tensors import storage_type
from modelport.model.graph import TensorType
from modelport.wire.pickle import PersistentId, Reference, Stub

_DEEPEST = 12


def examples(value: Any) -> list[Any] | None:
    """The inputs of ``forward`` from ``{"forward": [inputs]}``: tensors as their types."""
    found = _untagged(value, 0)
    given = found.get("forward") if isinstance(found, dict) else None
    return given if isinstance(given, list) else None


def _untagged(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        return None
    if isinstance(value, Stub) and isinstance(value.args, tuple) and value.args:
        if isinstance(value.args[0], PersistentId):
            return _tensor(value)
        return _untagged(value.args[0], depth + 1)
    if isinstance(value, dict):
        return {key: _untagged(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_untagged(item, depth + 1) for item in value)
    return value


def _tensor(stub: Stub) -> TensorType | None:
    """The type of ``torch._utils._rebuild_tensor_v2(storage, offset, size, ...)``."""
    name = canonical(stub.callable) if isinstance(stub.callable, Reference) else ""
    storage = stub.args[0].id
    size = stub.args[2] if len(stub.args) > 2 else None
    if not name.startswith("torch._utils._rebuild_tensor") or not isinstance(size, tuple):
        return None
    if not isinstance(storage, tuple) or len(storage) < 2:
        return None
    if not all(type(extent) is int and extent >= 0 for extent in size):
        return None
    return TensorType(storage_type(storage[1]), size)
