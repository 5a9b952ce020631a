"""Writing expressions where they are used: what needs no variable gets none."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from modelport.dialects.torch.source.statements import (
    VALUE,
    Body,
    Choose,
    Let,
    Repeat,
    Statement,
    number_of,
    numbers,
    parse,
    renamed,
)

MOST_LETTERS = 48
"""How long an expression may be that is written inside another one."""


def inlined(body: Body) -> Body:
    """The same statements without those that only name what is used once, or not at all.

    Another name for a value disappears; an ``inline`` expression moves to its use in the same
    block, and the last one of a block into what the block yields.
    """
    plain = _without_aliases(body, {})
    return _moved(plain, Counter(_uses(plain)))


def _without_aliases(body: Body, outer: dict[int, ast.expr]) -> Body:
    held = dict(outer)
    kept: list[Statement] = []
    for statement in body.statements:
        made = _each(statement, held, lambda block: _without_aliases(block, held))
        if isinstance(made, Let) and number_of(made.expression) is not None:
            held[made.targets[0].number] = made.expression
        else:
            kept.append(made)
    return Body(kept, [substituted(result, held) for result in body.results])


def _moved(body: Body, uses: Counter[int]) -> Body:
    held: dict[int, ast.expr] = {}
    here = set(_direct(body))
    kept: list[Statement] = []
    for statement in body.statements:
        made = _each(statement, held, lambda block: _moved(block, uses))
        single = made.targets[0].number if len(made.targets) == 1 else -1
        if isinstance(made, Let) and uses[single] == 1 and single in here and _moves(made, body):
            held[single] = made.expression
        elif any(uses[target.number] for target in made.targets):
            kept.append(made)
    return Body(kept, [substituted(result, held) for result in body.results])


def _moves(statement: Let, body: Body) -> bool:
    """Whether an expression goes to its only use: short ones, and the last of a block."""
    last = body.statements[-1].targets == statement.targets
    return last or (statement.inline and len(_brief(statement.expression)) <= MOST_LETTERS)


def _brief(expression: ast.expr) -> str:
    """An expression about as long as it will be, with a letter for every value."""
    return VALUE.sub("x", ast.unparse(expression))


def _each(
    statement: Statement, held: dict[int, ast.expr], block: Callable[[Body], Body]
) -> Statement:
    """A statement over what is held, with its blocks made anew."""
    if isinstance(statement, Let):
        return replace(statement, expression=substituted(statement.expression, held))
    if isinstance(statement, Choose):
        return replace(
            statement,
            condition=substituted(statement.condition, held),
            then=block(statement.then),
            otherwise=block(statement.otherwise),
        )
    return replace(
        statement,
        count=statement.count and substituted(statement.count, held),
        condition=statement.condition and substituted(statement.condition, held),
        start=tuple(substituted(expression, held) for expression in statement.start),
        body=block(statement.body),
    )


def _direct(body: Body) -> Iterator[int]:
    """What a block uses once when it runs, its inner blocks apart."""
    for statement in body.statements:
        for expression in _own(statement):
            yield from numbers(expression)
    for result in body.results:
        yield from numbers(result)


def _own(statement: Statement) -> tuple[ast.expr, ...]:
    if isinstance(statement, Let):
        return (statement.expression,)
    if isinstance(statement, Choose):
        return (statement.condition,)
    return (*statement.start, *((statement.count,) if statement.count else ()))


def substituted(expression: ast.expr, held: Mapping[int, ast.expr]) -> ast.expr:
    """The expression with others in place of some values."""
    return renamed(expression, lambda name: held.get(_number(name)))


def _number(name: str) -> int:
    found = number_of(ast.Name(name))
    return -1 if found is None else found


def _uses(body: Body) -> Iterator[int]:
    for statement in body.statements:
        yield from used_by(statement)
    for result in body.results:
        yield from numbers(result)


def used_by(statement: Statement) -> Iterator[int]:
    """The numbers of the values that a statement uses, with all that stands in its blocks."""
    for expression in _own(statement):
        yield from numbers(expression)
    if isinstance(statement, Choose):
        yield from _uses(statement.then)
        yield from _uses(statement.otherwise)
    elif isinstance(statement, Repeat):
        yield from numbers(statement.condition) if statement.condition else ()
        yield from _uses(statement.body)


def all_expressions(statement: Statement) -> Iterator[ast.expr]:
    """Every expression of a statement, with those in its blocks."""
    yield from _own(statement)
    bodies: tuple[Body, ...] = ()
    if isinstance(statement, Choose):
        bodies = (statement.then, statement.otherwise)
    elif isinstance(statement, Repeat):
        bodies = (statement.body,)
        yield from (statement.condition,) if statement.condition else ()
    for body in bodies:
        yield from body.results
        for inner in body.statements:
            yield from all_expressions(inner)


def free(statement: Statement) -> Iterator[int]:
    """The numbers of the values that a statement takes from outside, once for each use."""
    own = set(_made_inside(statement))
    yield from (number for number in used_by(statement) if number not in own)


def _made_inside(statement: Statement) -> Iterator[int]:
    bodies: tuple[Body, ...] = ()
    if isinstance(statement, Choose):
        bodies = (statement.then, statement.otherwise)
    elif isinstance(statement, Repeat):
        bodies = (statement.body,)
        yield statement.counter.number
        yield from (ref.number for ref in statement.carried)
    for body in bodies:
        for inner in body.statements:
            yield from (ref.number for ref in inner.targets)
            yield from _made_inside(inner)


def replaced(body: Body, text: Callable[[str], str | None]) -> Body:
    """The statements with other expressions for the names that ``text`` knows."""

    def made(name: str) -> ast.expr | None:
        found = text(name)
        return None if found is None else parse(found)

    return _mapped(body, lambda expression: renamed(expression, made))


def _mapped(body: Body, over: Callable[[ast.expr], ast.expr]) -> Body:
    made: list[Statement] = []
    for statement in body.statements:
        if isinstance(statement, Let):
            made.append(replace(statement, expression=over(statement.expression)))
        elif isinstance(statement, Choose):
            made.append(
                replace(
                    statement,
                    condition=over(statement.condition),
                    then=_mapped(statement.then, over),
                    otherwise=_mapped(statement.otherwise, over),
                )
            )
        else:
            made.append(
                replace(
                    statement,
                    count=statement.count and over(statement.count),
                    condition=statement.condition and over(statement.condition),
                    start=tuple(over(expression) for expression in statement.start),
                    body=_mapped(statement.body, over),
                )
            )
    return Body(made, [over(result) for result in body.results])
