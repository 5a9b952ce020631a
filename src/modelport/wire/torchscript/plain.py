"""What the built-in functions of TorchScript give on numbers, texts and lists, which are Python's.

Numbers stay below 64 bits and lists below a limit, so that hostile code cannot grow them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

MOST_ITEMS = 100_000
"""The most items of a list, and characters of a text that code makes."""

_MOST_BITS = 1 << 63


class Unbounded(ValueError):
    """A number, list or text larger than any that code makes."""


def _product(a: Any, b: Any) -> Any:
    if isinstance(a, int | float) and isinstance(b, int | float):
        return a * b
    items, times = (a, b) if isinstance(a, list | str) else (b, a)
    _bounded(len(items) * max(0, int(times)))
    return items * times


def _power(a: Any, b: Any) -> Any:
    if isinstance(a, int) and isinstance(b, int) and b >= 0:
        _bounded(a.bit_length() * b // 64)
        return a**b
    return float(a) ** float(b)


def _shifted(a: int, b: int) -> int:
    if b > 64:
        raise Unbounded("a number of more than 64 bits")
    return a << b


def _bounded(count: int) -> None:
    if count > MOST_ITEMS:
        raise Unbounded(f"{count:,} items, of {MOST_ITEMS:,} at most")


def _format(text: Any, *values: Any) -> str:
    parts, filled = str(text).split("{}"), [str(value)[:1000] for value in values]
    _bounded(len(parts) + sum(map(len, filled)))
    filled += [""] * (len(parts) - len(filled))
    return "".join(part + fill for part, fill in zip(parts, filled, strict=False))


def _divide(a: Any, b: Any, rounding_mode: str | None = None) -> Any:
    if rounding_mode == "floor":
        return a // b
    if rounding_mode == "trunc":
        return math.trunc(a / b) if isinstance(a, float) else abs(a) // abs(b) * _sign(a * b)
    return a / b


def _sign(value: Any) -> int:
    return int(value > 0) - int(value < 0)


def _slice(items: Any, start: Any = None, stop: Any = None, step: int = 1) -> Any:
    return items[slice(start, stop, step)]


def _joined(text: str, items: Any) -> str:
    _bounded(len(text) * len(items) + sum(map(len, items)))
    return text.join(items)


def _replaced(text: str, old: str, new: str) -> str:
    _bounded(len(text) + (len(text) + 1) * len(new))
    return text.replace(old, new)


def _range(*bounds: int) -> list[int]:
    found = range(*bounds)
    _bounded(len(found))
    return list(found)


PLAIN: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "rsub": lambda a, b: b - a,
    "mul": _product,
    "div": _divide,
    "truediv": lambda a, b: a / b,
    "true_divide": lambda a, b: a / b,
    "floordiv": lambda a, b: a // b,
    "floor_divide": lambda a, b: a // b,
    "remainder": lambda a, b: a % b,
    "mod": lambda a, b: a % b,
    "fmod": math.fmod,
    "pow": _power,
    "neg": lambda a: -a,
    "abs": abs,
    "sqrt": math.sqrt,
    "exp": math.exp,
    "log": math.log,
    "sin": math.sin,
    "cos": math.cos,
    "tanh": math.tanh,
    "floor": math.floor,
    "ceil": math.ceil,
    "round": round,
    "trunc": math.trunc,
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "max": max,
    "min": min,
    "sum": sum,
    "any": any,
    "all": all,
    "len": len,
    "format": _format,
    "slice": _slice,
    "str": str,
    "ord": ord,
    "list": list,
    "copy": lambda items: items.copy(),
    "range": _range,
    "__range_length": lambda start, stop, step: len(range(start, stop, step)),
    "__derive_index": lambda index, start, step: start + index * step,
    "index": lambda items, value: items.index(value),
    "count": lambda items, value: items.count(value),
    "lower": lambda text: text.lower(),
    "upper": lambda text: text.upper(),
    "strip": lambda text, *rest: text.strip(*rest),
    "startswith": lambda text, *rest: text.startswith(*rest),
    "endswith": lambda text, *rest: text.endswith(*rest),
    "find": lambda text, *rest: text.find(*rest),
    "split": lambda text, *rest: text.split(*rest),
    "join": _joined,
    "replace": _replaced,
    "__and__": lambda a, b: a & b,
    "__or__": lambda a, b: a | b,
    "__xor__": lambda a, b: a ^ b,
    "__not__": lambda a: not a,
    "__is__": lambda a, b: a is b,
    "__isnot__": lambda a, b: a is not b,
    "__contains__": lambda items, value: value in items,
    "__getitem__": lambda items, key: items[key],
    "__lshift__": _shifted,
    "__rshift__": lambda a, b: a >> b,
    "bitwise_and": lambda a, b: a & b,
    "isinf": math.isinf,
    "isnan": math.isnan,
    "isfinite": math.isfinite,
    "int": int,
    "float": float,
    "bool": bool,
    "Int": int,
    "Float": float,
    "Bool": bool,
    "ScalarImplicit": lambda value: value,
    "IntImplicit": int,
    "FloatImplicit": float,
    "NumToTensor": lambda value: value,
}
"""Functions by the last part of their names."""

BROKEN = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What a function raises that is given values of other kinds than torch would."""


def evaluate(name: str, args: Sequence[Any], keywords: dict[str, Any]) -> Any:
    """The result of a function on known values.

    Raises:
        ValueError, TypeError ...: one of ``BROKEN``; values that it does not take.
    """
    found = PLAIN[name](*args, **keywords)
    if isinstance(found, int) and not -_MOST_BITS <= found < _MOST_BITS:
        raise Unbounded("a number of more than 64 bits")
    if isinstance(found, list | tuple | dict | str):
        _bounded(len(found))
    return found
