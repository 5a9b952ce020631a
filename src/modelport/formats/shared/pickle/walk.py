"""Finding values of one kind anywhere in a pickled object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from modelport.formats.shared.pickle.objects import Objects, attributes
from modelport.wire.pickle import Stub

Found = TypeVar("Found")
_PLAIN = (str, int, float, bytes, type(None))  # nothing is inside; most of large objects is such


def find(
    root: Any, objects: Objects, kind: type[Found] | tuple[type[Found], ...], path: str = ""
) -> Iterator[tuple[str, Found]]:
    """Every value of that kind (or of several), with its path of keys, indices and attributes.

    Each container and object is entered once, by the first path that leads there.
    """
    # Paths are put together when one is told: those of lists in lists would fill the memory.
    waiting: list[tuple[str | None, Iterator[tuple[str | None, Any]]]] = [
        (path, iter([(None, root)]))
    ]
    seen = set[int]()
    while waiting:
        _, inside = waiting[-1]
        for key, value in inside:
            if isinstance(value, _PLAIN) or id(value) in seen:
                continue
            built = objects.build(value)
            if id(built) in seen:
                continue
            if isinstance(built, kind):
                seen.add(id(built))
                yield _path([*(outer for outer, _ in waiting), key]), built
            elif isinstance(built, Mapping | list | tuple | Stub) and _holds_any(built):
                seen.add(id(built))
                waiting.append((key, _parts(built)))
                break
        else:
            waiting.pop()


def _path(keys: list[str | None]) -> str:
    told = [key for key in keys if key is not None]
    first = next((place for place, key in enumerate(told) if key), len(told) - 1)
    return ".".join(told[max(first, 0) :])


def _holds_any(value: Mapping[Any, Any] | list[Any] | tuple[Any, ...] | Stub) -> bool:
    return isinstance(value, Stub) or len(value) > 0


def _parts(value: Any) -> Iterator[tuple[str | None, Any]]:
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
