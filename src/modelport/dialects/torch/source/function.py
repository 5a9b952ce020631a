"""From statements to the lines of a function: which variable carries which value."""

from __future__ import annotations

import ast
import builtins
import keyword
from collections.abc import Iterator, Mapping, Sequence

from modelport.dialects.torch.source.inline import inlined, substituted, used_by
from modelport.dialects.torch.source.statements import (
    Body,
    Choose,
    Let,
    Ref,
    Repeat,
    numbers,
    unparse,
)
from modelport.dialects.torch.source.wrap import INDENT

FLOW = ("x", "y", "z", "u", "v", "w")
"""What values are called that nobody has a better name for."""

RESERVED = frozenset(
    {*keyword.kwlist, *dir(builtins), "self", "torch", "nn", "F", "math"} - {"input"}
)
"""What no variable may be called; ``input`` is what everybody calls it."""


def lines_of(body: Body, arguments: Mapping[int, str]) -> list[str]:
    """The lines of a function's body, not indented; ``arguments`` names the values it is given."""
    body = inlined(body)
    names = dict(arguments)
    lines = list(_block(body, names, frozenset()))
    return [*lines, f"return {', '.join(_text(result, names) for result in body.results)}"]


def _block(body: Body, names: dict[int, str], outside: frozenset[str]) -> Iterator[str]:
    """The lines of a block; the variables in ``outside`` are needed after it."""
    last = _last_uses(body)
    for position, statement in enumerate(body.statements):
        after = {names[n] for n, use in last.items() if use > position and n in names} | outside
        dying = [n for n in dict.fromkeys(used_by(statement)) if names.get(n) not in after]
        if isinstance(statement, Let):
            text = _text(statement.expression, names)
            _name(statement.targets, names, after, dying)
            yield f"{', '.join(names[ref.number] for ref in statement.targets)} = {text}"
        elif isinstance(statement, Choose):
            yield from _choose(statement, names, frozenset(after))
        else:
            yield from _repeat(statement, names, frozenset(after))


def _choose(statement: Choose, names: dict[int, str], after: frozenset[str]) -> Iterator[str]:
    condition = _text(statement.condition, names)
    blocks = []
    inner = [dict(names), dict(names)]
    for block, known in zip((statement.then, statement.otherwise), inner, strict=True):
        blocks.append(list(_block(block, known, after)))
    _name(statement.targets, names, after, ())
    for word, block, known, lines in zip(
        (f"if {condition}:", "else:"),
        (statement.then, statement.otherwise),
        inner,
        blocks,
        strict=True,
    ):
        lines += _assign(statement.targets, block.results, names, known)
        if lines or word != "else:":
            yield word
            yield from (INDENT + line for line in lines or ["pass"])


def _repeat(statement: Repeat, names: dict[int, str], after: frozenset[str]) -> Iterator[str]:
    used = after | {names[n] for n in used_by(statement) if n in names}
    before = dict(names)
    _name(statement.carried, names, used, ())
    yield from _assign(statement.carried, statement.start, names, before)
    kept = used | {names[ref.number] for ref in statement.carried}
    inner = dict(names)
    _name((statement.counter,), inner, kept, ())
    condition = statement.condition and _text(statement.condition, inner)
    if statement.count is None:
        yield f"while {condition or True}:"
    else:
        yield f"for {inner[statement.counter.number]} in range({_text(statement.count, before)}):"
        if condition is not None:
            yield from (f"{INDENT}if not ({condition}):", f"{INDENT * 2}break")
    lines = list(_block(statement.body, inner, kept))
    lines += _assign(statement.carried, statement.body.results, names, inner)
    yield from (INDENT + line for line in lines or ["pass"])
    for target, ref in zip(statement.targets, statement.carried, strict=True):
        names[target.number] = names[ref.number]


def _assign(
    targets: Sequence[Ref],
    values: Sequence[ast.expr],
    names: Mapping[int, str],
    known: Mapping[int, str],
) -> list[str]:
    """All at once, for one may be needed to compute another; nothing for what is there already."""
    pairs = [
        (names[ref.number], _text(value, known)) for ref, value in zip(targets, values, strict=True)
    ]
    pairs = [(name, text) for name, text in pairs if name != text]
    if not pairs:
        return []
    return [f"{', '.join(name for name, _ in pairs)} = {', '.join(text for _, text in pairs)}"]


def _name(
    targets: Sequence[Ref],
    names: dict[int, str],
    used: frozenset[str] | set[str],
    dying: Sequence[int],
) -> None:
    """Give values their variables: what flows goes on in the variable it came in."""
    taken = set(used)
    free = sorted({names[n] for n in dying if names[n] in FLOW}, key=FLOW.index)
    for ref in targets:
        if ref.hint:
            name = unused(ref.hint, taken)
        else:
            name = next((name for name in (*free, *FLOW) if name not in taken), None) or unused(
                "x", taken
            )
        names[ref.number] = name
        taken.add(name)


def unused(hint: str, taken: set[str] | frozenset[str]) -> str:
    """An identifier like ``hint`` that is not among ``taken``."""
    word = "".join(letter if letter.isalnum() else "_" for letter in hint) or "x"
    word = f"_{word}" if word[0].isdigit() else word
    name, count = word, 1
    while name in taken or name in RESERVED:
        count += 1
        name = f"{word}_{count}" if word[-1].isdigit() else f"{word}{count}"
    return name


def _last_uses(body: Body) -> dict[int, int]:
    """The position of the statement that uses a value last; what is yielded is used at the end."""
    last: dict[int, int] = {}
    for position, statement in enumerate(body.statements):
        last.update(dict.fromkeys(used_by(statement), position))
    for result in body.results:
        last.update(dict.fromkeys(numbers(result), len(body.statements)))
    return last


def _text(expression: ast.expr, names: Mapping[int, str]) -> str:
    """An expression with the variables of its values, in one line."""
    known = {n: ast.Name(names[n]) for n in numbers(expression)}
    return unparse(substituted(expression, dict(known)))
