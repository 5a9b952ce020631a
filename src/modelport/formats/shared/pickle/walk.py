"""Finding values of one kind anywhere in a pickled object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from modelport.formats.shared.pickle.objects import Objects, attributes
from modelport.wire.pickle import Stub

Found = TypeVar("Found")


def find(
    root: Any, objects: Objects, kind: type[Found], path: str = ""
) -> Iterator[tuple[str, Found]]:
    """Every value of that kind, with its path of keys, indices and attributes.

    Each container and object is entered once, by the first path that leads there.
    """
    waiting, seen = [(path, root)], set[int]()
    while waiting:
        where, value = waiting.pop()
        built = objects.build(value)
        if isinstance(built, kind):
            if id(built) not in seen:
                seen.add(id(built))
                yield where, built
        elif isinstance(built, Mapping | list | tuple | Stub) and id(built) not in seen:
            seen.add(id(built))
            inside = [
                (f"{where}.{key}" if where else str(key), item) for key, item in _parts(built)
            ]
            waiting.extend(reversed(inside))


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield (key if isinstance(key, str) else repr(key)[:100]), item
    elif isinstance(value, Stub):
        yield from _parts(attributes(value))
        yield from _parts(dict(value.pairs))
        for index, item in enumerate([*_arguments(value), *value.items]):
            yield str(index), item
    else:
        for index, item in enumerate(value):
            yield str(index), item


def _arguments(stub: Stub) -> tuple[Any, ...]:
    return stub.args if isinstance(stub.args, tuple) else ()
