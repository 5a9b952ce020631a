"""Modules that are called several times: which statements belong to which call."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from modelport.dialects.torch.source.inline import all_expressions, free
from modelport.dialects.torch.source.members import Path
from modelport.dialects.torch.source.statements import VALUE, Statement, numbers

MARK = "@"
"""What stands, in the scope of a statement, between a module and the number of a later call."""


def called(name: str, call: int) -> str:
    """A step of a scope: the module, and which call of it."""
    return f"{name}{MARK}{call}" if call else name


def module(scope: Path) -> Path:
    """The modules of a scope, whichever call it is."""
    return tuple(step.partition(MARK)[0] for step in scope)


def settled(statements: Sequence[Statement], results: Iterable[ast.expr]) -> list[Statement]:
    """The statements with calls told apart only where all calls of a module do the same.

    Others count as one call, which then takes and gives more.
    """
    kept = {number for result in results for number in numbers(result)}
    groups: dict[Path, dict[Path, list[int]]] = defaultdict(lambda: defaultdict(list))
    for place, statement in enumerate(statements):
        for length in range(1, len(statement.scope) + 1):
            part = statement.scope[:length]
            groups[module(part)][part].append(place)
    made = list(statements)
    for path, calls in groups.items():
        if len(calls) < 2:
            continue
        looks = {_look(statements, set(places), kept) for places in calls.values()}
        if len(looks) > 1:
            for place in (place for places in calls.values() for place in places):
                scope = made[place].scope
                step = module(scope[len(path) - 1 : len(path)])
                made[place] = replace(
                    made[place], scope=(*scope[: len(path) - 1], *step, *scope[len(path) :])
                )
    return made


def _look(statements: Sequence[Statement], places: set[int], kept: set[int]) -> str:
    """What the statements of a call do, in words that are the same for another call like it."""
    names: dict[str, str] = {}
    own = {ref.number for place in places for ref in statements[place].targets}
    outside = {
        number
        for place, statement in enumerate(statements)
        if place not in places
        for number in free(statement)
    } | kept
    lines = []
    for place in sorted(places):
        statement = statements[place]
        text = " ".join(ast.unparse(found) for found in all_expressions(statement))
        targets = " ".join(str(ref) for ref in statement.targets)
        inner = " ".join(module(statement.scope))
        line = f"{type(statement).__name__} {inner}: {text} > {targets}"
        lines.append(VALUE.sub(lambda found: names.setdefault(found[0], f"v{len(names)}"), line))
    given = sorted(names.get(f"_value_{number}", "") for number in own & outside)
    return "\n".join([*lines, *given])
