"""Values of a pickle as plain JSON values, for people and programs to read."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any

from modelport.formats.shared.pickle.names import canonical
from modelport.formats.shared.pickle.objects import Objects, attributes, class_name
from modelport.wire.pickle import Blob, PersistentId, Reference, Stub

DEEPEST = 24
MOST = 100_000


class Plain:
    """Turns values into plain ones; see ``plain``."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._left = MOST
        self._open: set[int] = set()
        self._kinds: dict[str, dict[str, str]] = {}  # one for all, for there may be millions

    def value(self, value: Any, depth: int = 0) -> Any:
        """The plain form of one value."""
        built = self._objects.build(value)
        self._left -= 1
        if built is None or isinstance(built, bool | int | str):
            return built
        if isinstance(built, float):
            return built if math.isfinite(built) else str(built)
        if depth >= DEEPEST or self._left < 0 or id(built) in self._open:
            return self._kinds.setdefault(kind := _kind(built), {"…": kind})
        self._open.add(id(built))
        try:
            return self._inside(built, depth + 1)
        finally:
            self._open.discard(id(built))

    def _inside(self, built: Any, depth: int) -> Any:
        if isinstance(built, Mapping):
            return {_key(key): self.value(item, depth) for key, item in built.items()}
        if isinstance(built, list | tuple | set | frozenset):
            return [self.value(item, depth) for item in built]
        if isinstance(built, bytes | bytearray):
            return {"bytes": base64.b64encode(built).decode("ascii")}
        if isinstance(built, Stub):
            return self._stub(built, depth)
        return _described(built)

    def _stub(self, stub: Stub, depth: int) -> dict[str, Any]:
        told: dict[str, Any] = {"class": class_name(stub)}
        args = stub.args if isinstance(stub.args, tuple) else (stub.args,)
        if class_name(stub) != canonical_of(stub):
            args = args[1:]
        if args:
            told["arguments"] = [self.value(item, depth) for item in args]
        told |= {
            _key(key): self.value(item, depth)
            for key, item in attributes(stub).items()
            if _key(key) not in told
        }
        rest = [state for state in stub.states if not isinstance(state, dict)]
        if rest and len(told) == 1:
            told["state"] = [self.value(state, depth) for state in rest]
        if stub.items:
            told["items"] = [self.value(item, depth) for item in stub.items]
        if stub.pairs:
            told["entries"] = {_key(key): self.value(item, depth) for key, item in stub.pairs}
        return told


def plain(value: Any, objects: Objects) -> Any:
    """The plain form of a value: texts, numbers, lists and dicts with texts as keys.

    An object is a dict that begins with its ``class``; nested deeper than ``DEEPEST`` or after
    ``MOST`` values only the kind is told, and an object inside itself only once.
    """
    return Plain(objects).value(value)


def canonical_of(stub: Stub) -> str:
    """What a stub calls, by name; empty where that is no name."""
    return canonical(stub.callable) if isinstance(stub.callable, Reference) else ""


def _key(key: Any) -> str:
    return key if isinstance(key, str) else repr(key)[:200]


def _kind(value: Any) -> str:
    return class_name(value) if isinstance(value, Stub) else type(value).__name__


def _described(value: Any) -> Any:
    if isinstance(value, Reference):
        return {"name": canonical(value)}
    if isinstance(value, Blob):
        return {str(value.kind): f"{value.length:,} bytes"}
    if isinstance(value, PersistentId):
        return {"outside": "an object outside the stream"}
    data = getattr(value, "data", None)
    if data is not None and hasattr(data, "shape") and hasattr(data, "dtype"):
        return {"tensor": str(data.dtype), "shape": list(data.shape)}
    return str(value)
