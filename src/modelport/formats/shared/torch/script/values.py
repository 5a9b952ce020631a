"""Values that TorchScript code computes with, as far as they are known without running it.

Numbers, texts, None, tuples and dicts are Python's own. What only a run (or the rank of an input)
can tell is a ``Var``: a value of the graph under construction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias


class Stuck(Exception):
    """The code cannot be turned into a graph; says why, and where in the code."""

    def __init__(self, why: str, where: str = "") -> None:
        super().__init__(f"{where}: {why}" if where else why)
        self.why = why
        self.where = where


class Raised(Exception):
    """The code raises an exception on the way that is followed."""


@dataclass(slots=True, eq=False)
class Var:
    """A value of the graph, or a weight of the file (``weight``).

    ``optional`` tells that it may turn out as None. ``node`` is the one that gives it.
    """

    name: str
    weight: bool = False
    optional: bool = False
    node: Any = None


@dataclass(slots=True, eq=False)
class Listing:
    """A list: its items, or, where only the graph knows them, a value of the graph."""

    items: list[Any] | None
    var: Var | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Quantised:
    """A quantised weight: its whole numbers, and their scale and zero point.

    These are numbers, or weights with one for each index of ``axis``.
    """

    values: Var
    scale: Any
    zero_point: Any
    axis: int | None = None


@dataclass(slots=True, eq=False)
class Thing:
    """A module or object of a class of the file; ``path`` leads to it from the root module.

    ``made`` tells that code made it: it does not outlive the run. ``state`` is what its own
    ``__setstate__`` makes the attributes of, where that has yet to be followed.
    """

    class_name: str
    path: str
    attributes: dict[str, Any] = field(default_factory=dict)
    made: bool = False
    state: Any = None


@dataclass(frozen=True, slots=True, eq=False)
class Method:
    """A method of a thing."""

    thing: Thing
    name: str


@dataclass(frozen=True, slots=True)
class Dotted:
    """A dotted name: ``torch.add``, ``ops.prim.dtype``, ``__torch__.torch.nn.functional.relu``."""

    name: str


@dataclass(frozen=True, slots=True)
class Device:
    """A device, of which only the kind is kept."""

    kind: str


class Named(tuple[Any, ...]):
    """A NamedTuple of the file's own."""

    names: tuple[str, ...] = ()
    class_name: str = ""


@dataclass(frozen=True, slots=True)
class Nothing:
    """What a variable holds that a way through the code never sets, or that cannot be told."""

    why: str = "the code uses a variable that it never sets"


UNSET = Nothing()


@dataclass(slots=True, eq=False)
class Frame:
    """One call of a function of the code."""

    where: str
    variables: dict[str, Any]
    returned: bool = False
    result: Any = None


Mutable: TypeAlias = Listing | dict[Any, Any]


def is_plain(value: Any) -> bool:
    """Whether a value is known in all its parts."""
    if isinstance(value, Listing):
        return value.items is not None and all(is_plain(item) for item in value.items)
    if isinstance(value, tuple):
        return all(is_plain(item) for item in value)
    if isinstance(value, dict):
        return all(is_plain(item) for item in value.values())
    return value is None or isinstance(value, bool | int | float | complex | str)


def plain(value: Any) -> Any:
    """A known value as Python has it."""
    if isinstance(value, Listing):
        return [plain(item) for item in value.items or ()]
    if isinstance(value, tuple):
        return tuple(plain(item) for item in value)
    return value


def listed(value: Any) -> Any:
    """What a plain function gave, its lists as lists of the code."""
    if isinstance(value, list):
        return Listing([listed(item) for item in value])
    if isinstance(value, tuple):
        return tuple(listed(item) for item in value)
    return value


def same(a: Any, b: Any) -> bool:
    """Whether two values are known to be one."""
    if a is b:
        return True
    if isinstance(a, Var) and isinstance(b, Var):
        return bool(a.name) and (a.name, a.weight) == (b.name, b.weight)
    if type(a) is not type(b) or isinstance(a, Listing | dict):
        return False
    if isinstance(a, tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return is_plain(a) and bool(a == b)
