"""From stubs to values: the known ones built, everything else left as the stub it is.

A value is built when somebody asks for it, not before, and only once; what is inside it is asked
for in the same way. So nothing here recurses over the file.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from modelport.formats.shared.pickle.names import canonical
from modelport.wire.pickle import Blob, PersistentId, Reference, Stub

_DEEPEST = 16  # a parameter of a tensor of a storage is 3

Builder = Callable[[Stub], Any]


class Attributed(dict[Any, Any]):
    """A dict with attributes of its own, such as the ``_metadata`` of a state dict."""

    __slots__ = ("attributes",)

    def __init__(self, pairs: Any, attributes: dict[str, Any]) -> None:
        super().__init__(pairs)
        self.attributes = attributes


class Objects:
    """Builds values of one file.

    ``builders`` are those of a format (tensors of torch) beside the common ones, by canonical
    name; a builder that cannot make sense of its stub returns it. ``outside`` finds what a
    persistent id stands for.
    """

    def __init__(
        self, builders: Mapping[str, Builder], outside: Callable[[PersistentId], Any]
    ) -> None:
        self._builders = {**_COMMON, **builders}
        self._outside = outside
        self._built: dict[int, tuple[Any, Any]] = {}  # the stub too, so that its id stays taken
        self._depth = 0

    def build(self, value: Any) -> Any:
        """The value that a stub or persistent id stands for, or the stub itself."""
        if not isinstance(value, Stub | PersistentId):
            return value
        if id(value) not in self._built:
            if self._depth == _DEEPEST:
                return value
            self._depth += 1
            try:
                self._built[id(value)] = (value, self._make(value))
            finally:
                self._depth -= 1
        return self._built[id(value)][1]

    def _make(self, value: Stub | PersistentId) -> Any:
        if isinstance(value, PersistentId):
            return self._outside(value)
        target = value.callable
        builder = self._builders.get(canonical(target)) if isinstance(target, Reference) else None
        return builder(value) if builder and isinstance(value.args, tuple) else value


def attributes(stub: Stub) -> dict[Any, Any]:
    """What BUILD put into an object's ``__dict__`` (and slots), the later over the earlier."""
    found: dict[Any, Any] = {}
    for state in stub.states:
        parts = state if isinstance(state, tuple) and len(state) == 2 else (state,)
        for part in parts:
            if isinstance(part, dict):
                found.update(part)
    return found


def class_name(stub: Stub) -> str:
    """The class of an object that a stub stands for, as ``module.Name``."""
    target = stub.callable
    if isinstance(target, Reference):
        name = canonical(target)
        first = stub.args[0] if isinstance(stub.args, tuple) and stub.args else None
        if name.startswith("copyreg.") and isinstance(first, Reference):
            return canonical(first)
        return name
    if isinstance(target, PersistentId) and isinstance(target.id, tuple):
        return next((canonical(part) for part in target.id if isinstance(part, Reference)), "?")
    if isinstance(target, Stub) and class_name(target) == "builtins.getattr":
        match target.args:  # a method that makes an object, as Keras restores its models
            case (Reference() as owner, str(method)):
                return f"{canonical(owner)}.{method}"
    return "?"


def _pairs(stub: Stub) -> Iterator[tuple[Any, Any]]:
    for argument in stub.args[:1]:
        if isinstance(argument, dict):
            yield from argument.items()
        elif isinstance(argument, list | tuple):
            for pair in argument:
                if isinstance(pair, list | tuple) and len(pair) == 2:
                    yield pair[0], pair[1]
    yield from stub.pairs


def _mapping(stub: Stub) -> Any:
    return Attributed(_pairs(stub), attributes(stub))


def _default_mapping(stub: Stub) -> Any:
    return dict(stub.pairs)


def _items(kind: type[Any]) -> Builder:
    def build(stub: Stub) -> Any:
        first = stub.args[0] if stub.args else ()
        return kind([*first, *stub.items]) if isinstance(first, list | tuple | set) else stub

    return build


def encoded(stub: Stub) -> Any:
    """Bytes that protocol 2 has as text in Latin-1; the stub where it is something else."""
    text = stub.args[0] if stub.args else None
    if isinstance(text, Blob):
        text = text.read().decode("utf-8", "surrogatepass")
    try:
        return text.encode("latin-1") if isinstance(text, str) else stub
    except UnicodeEncodeError:
        return stub


def _changeable(stub: Stub) -> Any:
    """A bytearray of bytes, which is as good as these."""
    whole = len(stub.args) == 1 and isinstance(stub.args[0], bytes | Blob)
    return stub.args[0] if whole else stub


def _number(kind: Callable[..., Any]) -> Builder:
    """A builder that calls a harmless constructor of Python with numbers and texts."""

    def build(stub: Stub) -> Any:
        if not all(isinstance(value, int | float | str | None) for value in stub.args):
            return stub
        try:
            return kind(*stub.args)
        except (TypeError, ValueError, OverflowError):
            return stub

    return build


_COMMON: dict[str, Builder] = {
    "collections.OrderedDict": _mapping,
    "collections.Counter": _mapping,
    "collections.defaultdict": _default_mapping,
    "collections.deque": _items(list),
    "builtins.list": _items(list),
    "builtins.tuple": _items(tuple),
    "builtins.set": _items(list),
    "builtins.frozenset": _items(list),
    "builtins.dict": _mapping,
    "builtins.complex": _number(complex),
    "builtins.bytearray": _changeable,
    "builtins.bytes": lambda stub: stub if stub.args else b"",  # protocol 2 has no empty bytes
    "_codecs.encode": encoded,
    "datetime.timedelta": _number(datetime.timedelta),
}
