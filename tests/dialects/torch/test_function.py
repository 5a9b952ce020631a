"""The lines of a function compute what its statements say, whatever is inlined and named."""

from __future__ import annotations

import ast
import random
from itertools import count

import pytest

from modelport.dialects.torch.source.function import lines_of
from modelport.dialects.torch.source.statements import Body, Choose, Let, Ref, Repeat, parse

MODULUS = 1_000_003


class Programs:
    """Random functions of whole numbers."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.numbers = count()

    def ref(self) -> Ref:
        return Ref(next(self.numbers), self.random.choice(["", "", "", "mask", "size", "if", "0"]))

    def expression(self, known: list[Ref]) -> ast.expr:
        a, b = self.random.choice(known), self.random.choice(known)
        forms = [f"{a}", f"({a} + {b}) % {MODULUS}", f"({a} - {b}) % 11", f"{a} * {b} % 101", "7"]
        return parse(self.random.choice(forms))

    def expressions(self, known: list[Ref], n: int) -> list[ast.expr]:
        return [self.expression(known) for _ in range(n)]

    def body(self, outer: list[Ref], results: int, depth: int = 0) -> Body:
        known, body = list(outer), Body()
        for _ in range(self.random.randint(0, 7)):
            kind = self.random.choice(["let", "let", "let", "pair", "choose", "repeat"])
            kind = "let" if depth == 2 else kind
            targets = tuple(self.ref() for _ in range(1 if kind == "let" else 2))
            if kind == "let":
                inline = self.random.random() < 0.4
                body.statements.append(Let(targets, self.expression(known), inline))
            elif kind == "pair":
                a, b = known[0], self.random.choice(known)
                body.statements.append(Let(targets, parse(f"divmod({a}, {b} % 7 + 1)")))
            elif kind == "choose":
                sides = [self.body(known, 2, depth + 1) for _ in range(2)]
                condition = parse(f"{self.random.choice(known)} % 2 == 0")
                body.statements.append(Choose(targets, condition, *sides))
            else:
                body.statements.append(self.repeat(targets, known, depth))
            known += targets
        body.results = self.expressions(known, results)
        return body

    def repeat(self, targets: tuple[Ref, ...], known: list[Ref], depth: int) -> Repeat:
        counter, carried = self.ref(), (self.ref(), self.ref())
        start = tuple(self.expressions(known, 2))
        limited = self.random.random() < 0.5
        condition = parse(f"{carried[0]} % 5 != {self.random.randint(0, 4)}") if limited else None
        body = self.body([*known, counter, *carried], 2, depth + 1)
        rounds = parse(f"{self.random.choice(known)} % 4")
        return Repeat(targets, counter, rounds, condition, carried, start, body)


def evaluate(body: Body, values: dict[str, int]) -> list[int]:
    """What the statements mean, with a name of its own for every value."""

    def of(expression: ast.expr) -> int:
        return int(eval(ast.unparse(expression), {}, values))

    for statement in body.statements:
        if isinstance(statement, Let):
            found = eval(ast.unparse(statement.expression), {}, values)
            found = found if len(statement.targets) > 1 else [found]
        elif isinstance(statement, Choose):
            side = statement.then if of(statement.condition) else statement.otherwise
            found = evaluate(side, dict(values))
        else:
            found = [of(expression) for expression in statement.start]
            assert statement.count is not None
            for index in range(of(statement.count)):
                carried = zip(map(str, statement.carried), found, strict=True)
                inner = {**values, str(statement.counter): index, **dict(carried)}
                goes_on = statement.condition
                if goes_on is not None and not eval(ast.unparse(goes_on), {}, inner):
                    break
                found = evaluate(statement.body, inner)
        values |= {str(ref): item for ref, item in zip(statement.targets, found, strict=True)}
    return [of(result) for result in body.results]


@pytest.mark.parametrize("block", range(10))
def test_lines_compute_what_the_statements_say(block: int) -> None:
    for seed in range(block * 60, block * 60 + 60):
        programs = Programs(seed)
        arguments = [programs.ref(), programs.ref()]
        body = programs.body(arguments, 2)
        given = {arguments[0].number: "x", arguments[1].number: "other"}
        lines = lines_of(body, given)
        text = "\n    ".join(["def f(x, other):", *lines])
        names: dict[str, object] = {}
        exec(compile(text, f"seed {seed}", "exec"), names)
        function = names["f"]
        assert callable(function)
        for x, other in ((0, 1), (17, 4), (1000, 999)):
            expected = evaluate(body, {str(arguments[0]): x, str(arguments[1]): other})
            assert list(function(x, other)) == expected, f"seed {seed}\n{text}"
