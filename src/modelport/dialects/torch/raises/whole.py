"""The arithmetic of shapes, which Python's integers carry."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable

from modelport.dialects.torch.raises.call import Call
from modelport.dialects.torch.source.sizes import Sizes, sizes
from modelport.dialects.torch.source.statements import VALUE, parse
from modelport.model.dtype import INT32, INT64

MOST_LETTERS = 40
"""How long an expression may be that is written again at each of its uses."""


def bare(item: str) -> str:
    """An integer without the brackets that keep the sign of a number."""
    return item[1:-1] if item.startswith("(-") and item[2:-1].replace(".", "").isdigit() else item


def counts(call: Call, index: int) -> bool:
    """Whether an operand is numbers that Python's integers carry, not a tensor or a constant."""
    return call.knows_sizes(index) and call.known(index).array is None


def of_sizes(call: Call) -> Sizes | None:
    """The result of an operator over vectors or scalars of Python's integers."""
    operands = range(len(call))
    if not any(counts(call, i) for i in operands):
        return None
    if not all(call.knows_sizes(i) and call.known(i).dtype in (INT64, INT32) for i in operands):
        return None
    total = call.sizes(0)
    for index in operands[1:]:
        total = _paired(call, total, call.sizes(index))
    return total


def _paired(call: Call, a: Sizes, b: Sizes) -> Sizes:
    count = max(len(a.items), len(b.items)) if a.items and b.items else 0
    firsts, seconds = (
        part.items * count if len(part.items) == 1 else part.items for part in (a, b)
    )
    operator = call.node.op_type
    if operator == "Mod" and call.attribute("fmod", 0):
        operator = "FMod"
    items = [combined(call, operator, *pair) for pair in zip(firsts, seconds, strict=True)]
    return sizes(items, a.scalar and b.scalar, a.like or b.like)


def combined(call: Call, operator: str, a: str, b: str) -> int | str:
    """An integer of two others: a number, an expression, or a variable where that is long."""
    plain = [bare(a), bare(b)]
    if all(item.lstrip("-").isdigit() for item in plain):
        return _NUMBERS[operator](int(plain[0]), int(plain[1]))
    if plain == [plain[0], _NEUTRAL.get(operator)]:
        return a
    if operator in ("Add", "Mul") and plain[0] == _NEUTRAL[operator]:
        return b
    text = ast.unparse(parse(_texts(operator, a, b)))
    if len(VALUE.sub("x", text)) <= MOST_LETTERS:
        return text
    ref = call.writer.ref("size")
    call.writer.let((ref,), text, inline=True)
    return str(ref)


def _texts(operator: str, a: str, b: str) -> str:
    """An expression of two; a quotient is cut towards zero, as ``//`` does without signs."""
    if operator in _CALLS:
        return f"{_CALLS[operator]}({a}, {b})"
    if operator == "Div" and (_signed(a) or _signed(b)):
        return f"int(({a}) / ({b}))"
    if operator == "FMod":
        return f"int(math.fmod({a}, {b}))"
    return f"({a}) {_SIGNS[operator]} ({b})"


def _signed(text: str) -> bool:
    """Whether an expression may be negative, as far as one can see."""
    return "-" in text or "int(" in text or VALUE.fullmatch(text) is not None


_SIGNS = {"Add": "+", "Sub": "-", "Mul": "*", "Div": "//", "Mod": "%"}
_CALLS = {"Max": "max", "Min": "min"}
_NEUTRAL = {"Add": "0", "Sub": "0", "Mul": "1", "Div": "1"}
_NUMBERS: dict[str, Callable[[int, int], int]] = {
    "Add": lambda a, b: a + b,
    "Sub": lambda a, b: a - b,
    "Mul": lambda a, b: a * b,
    "Div": lambda a, b: int(a / b),
    "Mod": lambda a, b: a % b,
    "FMod": lambda a, b: int(math.fmod(a, b)),
    "Max": max,
    "Min": min,
}
