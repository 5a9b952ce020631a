"""Which arguments a harmless constructor gets from a pickler, and which it never gets.

Each function tells of the arguments of one call whether they are such. A stub among them was or
will be judged where it is called itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelport.formats.shared.pickle.names import canonical
from modelport.wire.pickle import Blob, BlobKind, PersistentId, Reference, Stub

Check = Callable[[tuple[Any, ...]], bool]

_SHORT = 1000
_EMPTY = frozenset(
    f"builtins.{name}" for name in "list dict set int float str tuple bool".split()
) | {"collections.OrderedDict", "collections.Counter"}

_BYTES = frozenset({"_codecs.encode", "builtins.bytes", "builtins.bytearray"})
_MASKED = frozenset(
    f"numpy.ma.{place}{name}"
    for place, name in (
        ("core.", "MaskedArray"),
        ("", "MaskedArray"),
        ("core.", "MaskedConstant"),
        ("mrecords.", "MaskedRecords"),
    )
)
_GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")
_MAKE_BITS = "numpy.random._pickle.__bit_generator_ctor"


def nothing(args: tuple[Any, ...]) -> bool:
    """No argument at all."""
    return not args


def anything(args: tuple[Any, ...]) -> bool:
    """Whatever the stream gives; for callables that only keep or copy what they get."""
    return True


def kinds(*wanted: type[Any] | tuple[type[Any], ...], least: int | None = None) -> Check:
    """Arguments of those types, in order; the last ones may be missing down to ``least``."""
    fewest = len(wanted) if least is None else least

    def check(args: tuple[Any, ...]) -> bool:
        return fewest <= len(args) <= len(wanted) and all(
            isinstance(value, kind) for value, kind in zip(args, wanted, strict=False)
        )

    return check


def every(kind: type[Any] | tuple[type[Any], ...], least: int = 0, most: int = 1 << 20) -> Check:
    """Any number of arguments, all of one type."""
    return lambda args: least <= len(args) <= most and all(isinstance(v, kind) for v in args)


def either(*checks: Check) -> Check:
    """What one of several checks lets pass."""
    return lambda args: any(check(args) for check in checks)


def literal(args: tuple[Any, ...]) -> bool:
    """Nothing, or one list, tuple, set or dict that the stream spells out.

    A stub instead could be a range of 10^12 numbers, or call back into its own class.
    """
    return not args or (len(args) == 1 and isinstance(args[0], list | tuple | set | dict))


def pairs(args: tuple[Any, ...]) -> bool:
    """Nothing, or a dict or pairs that the stream spells out, so that every key is seen."""
    if not literal(args) or not args or isinstance(args[0], dict):
        return literal(args)
    return all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in args[0])


def latin1(args: tuple[Any, ...]) -> bool:
    """Text that stands for bytes, and the name of Latin-1: how protocol 0 to 2 write bytes."""
    text = args[:1] and isinstance(args[0], str | Blob)
    if text and isinstance(args[0], Blob) and args[0].kind is not BlobKind.TEXT:
        return False
    return bool(text) and len(args) == 2 and args[1] in ("latin1", "latin-1")


def some_bytes(args: tuple[Any, ...]) -> bool:
    """Nothing, bytes themselves, or text in Latin-1; never a number, which would be a size."""
    if len(args) == 1 and isinstance(args[0], Stub):
        made = args[0].callable
        return isinstance(made, Reference) and canonical(made) in _BYTES
    return not args or latin1(args) or (len(args) == 1 and _is_bytes(args[0]))


def _is_bytes(value: Any) -> bool:
    return isinstance(value, bytes | bytearray | Blob | list)


def factory(args: tuple[Any, ...]) -> bool:
    """Nothing, None, or the class of an empty container or number."""
    if not args or args == (None,):
        return True
    return len(args) == 1 and isinstance(args[0], Reference) and canonical(args[0]) in _EMPTY


def empty_array(args: tuple[Any, ...]) -> bool:
    """A class and a shape without elements, to be filled by the state; never memory of a size."""
    shapes = [value for value in args if isinstance(value, tuple)]
    return len(shapes) == 1 and shapes[0][:1] == (0,) and isinstance(args[0], Reference)


def bit_generator(args: tuple[Any, ...]) -> bool:
    """The class of one of numpy's bit generators, which is called."""
    named = len(args) == 1 and isinstance(args[0], Reference) and canonical(args[0])
    return named in {f"numpy.random._{name.lower()}.{name}" for name in _GENERATORS}


def generator(args: tuple[Any, ...]) -> bool:
    """Nothing, a bit generator made already, or its name and numpy's own function to make it."""
    if not args or (len(args) <= 2 and not isinstance(args[0], str | Stub)):
        return not args
    if len(args) == 2:
        return isinstance(args[1], Reference) and canonical(args[1]) == _MAKE_BITS
    return len(args) == 1


def empty_masked(args: tuple[Any, ...]) -> bool:
    """An empty array of a masked class, which is called with the data."""
    masked = bool(args) and isinstance(args[0], Reference) and canonical(args[0])
    return masked in _MASKED and empty_array(args)


def pattern(args: tuple[Any, ...]) -> bool:
    """A short regular expression and its flags."""
    return (
        len(args) == 2
        and isinstance(args[0], str | bytes)
        and len(args[0]) <= _SHORT
        and isinstance(args[1], int | Stub)
    )


def storage_first(args: tuple[Any, ...]) -> bool:
    """A storage, which is a persistent id, an object of its own or missing, then plain values."""
    return bool(args) and (args[0] is None or isinstance(args[0], PersistentId | Stub))


def plain_name(args: tuple[Any, ...]) -> bool:
    """One short word."""
    return len(args) == 1 and isinstance(args[0], str) and len(args[0]) <= _SHORT


NUMBER = (int, float)
