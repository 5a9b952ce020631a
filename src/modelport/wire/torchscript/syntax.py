"""The tree of a TorchScript text. ``at`` is an offset in bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(slots=True, eq=False)
class Literal:
    """A number, text, bool or None."""

    value: Any
    at: int


@dataclass(slots=True, eq=False)
class Name:
    """A variable, function or type."""

    id: str
    at: int


@dataclass(slots=True, eq=False)
class Attribute:
    """``value.name``."""

    value: Expression
    name: str
    at: int


@dataclass(slots=True, eq=False)
class Subscript:
    """``value[index]``; of a type, the index may be a tuple."""

    value: Expression
    index: Expression
    at: int


@dataclass(slots=True, eq=False)
class Call:
    """``function(*arguments, **keywords)``."""

    function: Expression
    arguments: list[Expression]
    keywords: dict[str, Expression]
    at: int


@dataclass(slots=True, eq=False)
class Sequence:
    """A list (``kind`` ``[``) or tuple (``(``)."""

    kind: str
    items: list[Expression]
    at: int


@dataclass(slots=True, eq=False)
class Mapping:
    """``{key: value, ...}``."""

    keys: list[Expression]
    values: list[Expression]
    at: int


Expression: TypeAlias = Literal | Name | Attribute | Subscript | Call | Sequence | Mapping


@dataclass(slots=True, eq=False)
class Assign:
    """``target = value``; a Sequence as target unpacks. ``type`` is an annotation."""

    target: Expression
    value: Expression | None
    at: int
    type: Expression | None = None


@dataclass(slots=True, eq=False)
class Evaluate:
    """An expression for its effect."""

    value: Expression
    at: int


@dataclass(slots=True, eq=False)
class If:
    """``if test: body else: other``."""

    test: Expression
    body: list[Statement]
    other: list[Statement]
    at: int


@dataclass(slots=True, eq=False)
class For:
    """``for target in items: body``."""

    target: Expression
    items: Expression
    body: list[Statement]
    at: int


@dataclass(slots=True, eq=False)
class While:
    """``while test: body``."""

    test: Expression
    body: list[Statement]
    at: int


@dataclass(slots=True, eq=False)
class With:
    """``with value as target: body``."""

    value: Expression
    target: str | None
    body: list[Statement]
    at: int


@dataclass(slots=True, eq=False)
class Return:
    """``return value``."""

    value: Expression | None
    at: int


@dataclass(slots=True, eq=False)
class Raise:
    """``raise value`` or a failed ``assert``: the program ends here."""

    value: Expression | None
    at: int


Statement: TypeAlias = Assign | Evaluate | If | For | While | With | Return | Raise


@dataclass(slots=True, eq=False)
class Parameter:
    """A parameter of a function."""

    name: str
    type: Expression | None
    default: Expression | None


@dataclass(slots=True, eq=False)
class Function:
    """``def name(parameters) -> returns: body``."""

    name: str
    parameters: list[Parameter]
    returns: Expression | None
    body: list[Statement]
    at: int


@dataclass(slots=True, eq=False)
class Class:
    """``class name(base): ...``; ``types`` are the annotations of its attributes."""

    name: str
    base: str
    at: int
    functions: dict[str, Function] = field(default_factory=dict)
    types: dict[str, Expression] = field(default_factory=dict)
    constants: dict[str, Expression] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class File:
    """What one text defines."""

    classes: dict[str, Class] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
