"""The arguments of a script's ``forward`` out of flat inputs, which are named by their places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class Nesting:
    """Flat inputs in the order of ``forward``'s parameters, put into lists, tuples and dicts."""

    def __init__(self, names: Sequence[str], arrays: Sequence[Any]) -> None:
        self._waiting = list(zip(names, arrays, strict=True))

    def arguments(self, schema: Any) -> list[Any]:
        """A value for each parameter; inputs that are left out keep their defaults.

        Inputs under names of another file go by their order.
        """
        args: list[Any] = []
        parameters = schema.arguments[1:]
        own = all(
            any(_belongs(name, item.name) for item in parameters) for name, _ in self._waiting
        )
        for parameter in parameters:
            if not self._waiting and parameter.has_default_value():
                break
            if own and parameter.has_default_value() and not self._is_next(parameter.name):
                args.append(parameter.default_value)
            else:
                args.append(self._value(parameter.name, parameter.type))
        return args

    def _is_next(self, name: str) -> bool:
        return _belongs(self._waiting[0][0], name)

    def _value(self, name: str, kind: Any) -> Any:
        word = kind.kind()
        if word == "OptionalType":
            return self._value(name, kind.getElementType())
        if word == "ListType":
            return self._list(name, kind.getElementType())
        if word == "TupleType":
            return tuple(self._value(f"{name}_{i}", item) for i, item in enumerate(kind.elements()))
        if word == "DictType":
            return self._dict(name, kind)
        value = self._waiting.pop(0)[1]
        return value if word == "TensorType" else value.item()

    def _list(self, name: str, kind: Any) -> Any:
        if kind.kind() in ("IntType", "FloatType", "BoolType"):
            return self._waiting.pop(0)[1].tolist()
        items: list[Any] = []
        while self._waiting and self._is_next(f"{name}_{len(items)}"):
            items.append(self._value(f"{name}_{len(items)}", kind))
        return items

    def _dict(self, name: str, kind: Any) -> Any:
        items: dict[Any, Any] = {}
        inside = f"{name}_"
        while self._waiting and self._waiting[0][0].startswith(inside):
            key = self._waiting[0][0].removeprefix(inside)
            whole = kind.getKeyType().kind() == "IntType"
            items[int(key) if whole else key] = self._value(f"{inside}{key}", kind.getValueType())
        return items


def _belongs(name: str, parameter: str) -> bool:
    """Whether an input is, or lies in, what a parameter takes."""
    return name == parameter or name.startswith(f"{parameter}_")
