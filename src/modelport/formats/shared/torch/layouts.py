"""Tensors of torch that are kept as several: sparse and nested ones.

Each becomes its parts, under the names of the methods that give them in torch (``indices``,
``crow_indices``, ``values``). Source: ``torch/_utils.py``, ``torch/nested/_internal``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelport.formats.shared.pickle.names import canonical
from modelport.formats.shared.pickle.objects import Objects
from modelport.formats.shared.torch.array import Array
from modelport.wire.pickle import Reference, Stub

VALUES = "values"
_ROWS = ("crow_indices", "col_indices")
_COLUMNS = ("ccol_indices", "row_indices")
_INDICES = {
    "sparse_coo": ("indices",),
    "sparse_csr": _ROWS,
    "sparse_bsr": _ROWS,
    "sparse_csc": _COLUMNS,
    "sparse_bsc": _COLUMNS,
}


class Layouts:
    """Builders of such tensors; ``objects`` builds what is inside."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def sparse(self, stub: Stub) -> Any:
        """``(layout, (indices ..., values, size[, coalesced]))``."""
        if len(stub.args) != 2 or not isinstance(stub.args[1], tuple):
            return stub
        layout = self._word(stub.args[0])
        names = (*_INDICES.get(layout, ()), VALUES)
        built = [self._objects.build(part) for part in stub.args[1]]
        size = built[len(names)] if len(built) > len(names) else None
        if layout not in _INDICES or not isinstance(size, tuple | list):
            return stub
        remark: dict[str, Any] = {"layout": layout, "shape": list(size)}
        if layout == "sparse_coo" and built[3:] == [False]:
            remark["coalesced"] = False
        return _joined(stub, dict(zip(names, built, strict=False)), remark)

    def nested(self, stub: Stub) -> Any:
        """``(buffer, sizes, strides, offsets)``, each tensor inside somewhere in the buffer."""
        built = [self._objects.build(part) for part in stub.args]
        names = (VALUES, "nested_sizes", "nested_strides", "storage_offsets")
        return _joined(stub, dict(zip(names, built, strict=False)), {"layout": "nested"})

    def jagged(self, stub: Stub) -> Any:
        """A dict of values, offsets and perhaps lengths along the ragged axis."""
        state = self._objects.build(stub.args[0]) if stub.args else None
        if not isinstance(state, Mapping):
            return stub
        parts = {name: self._objects.build(state.get(name)) for name in (VALUES, "offsets")}
        lengths = self._objects.build(state.get("lengths"))
        if lengths is not None:
            parts["lengths"] = lengths
        remark = {"layout": "jagged", "ragged axis": state.get("_ragged_idx")}
        return _joined(stub, parts, remark)

    def _word(self, layout: Any) -> str:
        built = self._objects.build(layout)
        if isinstance(built, Stub) and built.args:  # torch.serialization._get_layout(text)
            built = built.args[0]
        text = canonical(built) if isinstance(built, Reference) else str(built)
        return text.removeprefix("torch.")


def _joined(stub: Stub, parts: dict[str, Any], remark: dict[str, Any]) -> Any:
    """The values with their companions; the stub where a part is no tensor."""
    values = parts.pop(VALUES, None)
    if not isinstance(values, Array) or not all(isinstance(p, Array) for p in parts.values()):
        return stub
    return Array(values.data, remark, parts, VALUES)
