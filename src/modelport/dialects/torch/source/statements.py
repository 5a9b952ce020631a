"""The statements of a function while it is made: what is computed, from what, in which order.

Expressions are ordinary Python with values in them. A value formats as a name of its own, so that
``f"{x} + {y}"`` is an expression already; which variable carries it in the end, and whether it
needs one at all, is decided when the whole function is known.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from modelport.dialects.torch.source.members import PREFIX, Path

_PREFIX = "_value_"
VALUE = re.compile(_PREFIX + r"\d+")
"""The name of a value in the text of an expression."""
_TEXT = re.compile(r"'([^'\"\\]*)'")
CHILD = "_child_"
"""What calls of a module's own part begin with."""


@dataclass(frozen=True, slots=True, eq=False)
class Ref:
    """A value of the function. ``hint`` is what a person might call it."""

    number: int
    hint: str

    def __str__(self) -> str:
        return f"{_PREFIX}{self.number}"


@dataclass(slots=True)
class Let:
    """``targets = expression``. An ``inline`` one is written where its only use is.

    ``module`` is the constructor of a module without weights that does the same with one operand.
    """

    targets: tuple[Ref, ...]
    expression: ast.expr
    inline: bool = False
    scope: Path = ()
    module: str = ""


@dataclass(slots=True)
class Choose:
    """``if condition: ... else: ...``; both sides set the same targets to what they yield."""

    targets: tuple[Ref, ...]
    condition: ast.expr
    then: Body
    otherwise: Body
    scope: Path = ()


@dataclass(slots=True)
class Repeat:
    """A loop of ``count`` rounds at most, as long as ``condition`` holds (None: no such limit).

    Before the first round the variables of ``carried`` are what ``start`` says, after each round
    what the body yields; after the last they are the ``targets``. The condition speaks of them.
    """

    targets: tuple[Ref, ...]
    counter: Ref
    count: ast.expr | None
    condition: ast.expr | None
    carried: tuple[Ref, ...]
    start: tuple[ast.expr, ...]
    body: Body
    scope: Path = ()


Statement: TypeAlias = Let | Choose | Repeat


@dataclass(slots=True)
class Body:
    """Statements in order, and what the block yields at its end."""

    statements: list[Statement] = field(default_factory=list)
    results: list[ast.expr] = field(default_factory=list)


def parse(text: str) -> ast.expr:
    """Python's own reading of an expression."""
    return ast.parse(text, mode="eval").body


def unparse(expression: ast.expr) -> str:
    """An expression as formatters write it: Python's own text, with double quotes."""
    text = ast.unparse(expression)
    if "'" not in text:
        return text
    return _TEXT.sub(lambda found: f'"{found[1]}"', text)


def renamed(expression: ast.expr, put: Callable[[str], ast.expr | None]) -> ast.expr:
    """The expression with others in place of some names; what does not change is shared."""
    made = _renamed(expression, put)
    return expression if made is None else made


def _renamed(node: Any, put: Callable[[str], ast.expr | None]) -> Any:
    """The node made anew, or None where nothing in it changes."""
    if isinstance(node, ast.Name):
        return put(node.id)
    if isinstance(node, list):
        parts = [_renamed(item, put) for item in node]
        if all(part is None for part in parts):
            return None
        return [old if new is None else new for old, new in zip(node, parts, strict=True)]
    if not isinstance(node, ast.AST):
        return None
    old = {name: getattr(node, name) for name in node._fields}
    new = {name: made for name, value in old.items() if (made := _renamed(value, put)) is not None}
    return type(node)(**{**old, **new}) if new else None


def numbers(expression: ast.AST) -> Iterator[int]:
    """The numbers of the values that an expression uses, once for each use."""
    for node in ast.walk(expression):
        if isinstance(node, ast.Name) and node.id.startswith(_PREFIX):
            yield int(node.id.removeprefix(_PREFIX))


def number_of(node: ast.AST) -> int | None:
    """The number of the value that a name stands for; None for any other node."""
    if isinstance(node, ast.Name) and node.id.startswith(_PREFIX):
        return int(node.id.removeprefix(_PREFIX))
    return None


def members(expression: ast.AST) -> Iterator[int]:
    """The numbers of the members of the model that an expression uses."""
    for node in ast.walk(expression):
        if isinstance(node, ast.Name) and node.id.startswith(PREFIX):
            yield int(node.id.removeprefix(PREFIX))
