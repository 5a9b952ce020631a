"""What ``forward`` is called with: an input of the graph for every tensor and number in it.

A list, tuple or dict becomes an input for each item: ``name_0``, ``name_1`` ..., ``name_key``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelport.formats.shared.torch.script.emit import Emitter
from modelport.formats.shared.torch.script.library import Library
from modelport.formats.shared.torch.script.taken import Taken, taken
from modelport.formats.shared.torch.script.values import Listing, Named, Stuck
from modelport.model.component import Component
from modelport.model.dtype import BOOL, FLOAT64, INT64, DType
from modelport.model.graph import TensorType
from modelport.wire.torchscript import syntax

NUMBERS: dict[str, DType] = {"int": INT64, "float": FLOAT64, "bool": BOOL}
WAY_OUT = (
    "give example inputs (convert ... --inputs FILE.npz), or save the module with torch.jit.trace"
)
_MOST_INPUTS = 1000
_NUMBERED = "arr_"
"""What numpy calls arrays that were saved without names: they go by their order."""


class Arguments:
    """The arguments of ``forward``.

    ``traced`` are the inputs that the module was traced with, ``given`` types that whoever opens
    the file knows, by name or (``arr_0`` ...) in order. ``assumed`` gathers part, place and reason
    of what the file does not state.
    """

    def __init__(
        self,
        emitter: Emitter,
        library: Library,
        traced: list[Any] | None,
        given: Mapping[str, TensorType],
    ) -> None:
        self._emitter = emitter
        self._library = library
        self._traced = traced or []
        ordered = all(name.startswith(_NUMBERED) for name in given)
        self._queue = [given[name] for name in sorted(given, key=_place)] if ordered else []
        self._given = {} if ordered else dict(given)
        self.assumed: list[tuple[Component, str, str]] = []

    def of(self, function: syntax.Function) -> list[Any]:
        """A value for each parameter but the module itself.

        Raises:
            Stuck: an input whose number of parts cannot be told.
        """
        uses = taken(function)
        args = []
        for place, parameter in enumerate(function.parameters[1:]):
            example = self._traced[place] if place < len(self._traced) else None
            args.append(self._argument(parameter, example, uses.get(parameter.name, Taken())))
        return args

    def _is_given(self, name: str) -> bool:
        inside = f"{name}_"
        return bool(self._queue) or any(
            key == name or key.startswith(inside) for key in self._given
        )

    def _argument(self, parameter: syntax.Parameter, example: Any, uses: Taken) -> Any:
        name = parameter.name
        word, inner = type_of(parameter.type)
        if example is None and parameter.default is not None and not self._is_given(name):
            default = parameter.default
            known = isinstance(default, syntax.Literal)
            shown = repr(default.value) if isinstance(default, syntax.Literal) else "its default"
            if known and (word == "Optional" or word in NUMBERS or word == "str"):
                why = f"the input is taken to be {shown}, which the code gives where it is left out"
                self.assumed.append((Component.SIGNATURE, name, why))
                return default.value if isinstance(default, syntax.Literal) else None
        if word == "Optional" and self._given and example is None and not self._is_given(name):
            why = "the input is taken to be None, for the examples leave it out"
            self.assumed.append((Component.SIGNATURE, name, why))
            return None
        kind = inner[0] if word == "Optional" and len(inner) == 1 else parameter.type
        return self._input(name, kind, example, uses)

    def _input(
        self, name: str, kind: syntax.Expression | None, example: Any, uses: Taken | None = None
    ) -> Any:
        if len(self._emitter.graph.inputs) > _MOST_INPUTS:
            raise Stuck("the code has more inputs than modelport takes")
        word, inner = type_of(kind)
        if isinstance(example, list | tuple):
            items = [self._input(f"{name}_{i}", None, item) for i, item in enumerate(example)]
            return Listing(items) if isinstance(example, list) else tuple(items)
        if isinstance(example, dict):
            return {key: self._input(f"{name}_{key}", None, item) for key, item in example.items()}
        if word == "Tensor":
            return self._tensor(name, example)
        if word in NUMBERS:
            self._take(name)
            given = self._emitter.input(name, TensorType(NUMBERS[word], ()))
            return self._emitter.call("aten", "item", [given])
        if word == "Tuple" and inner:
            return tuple(self._input(f"{name}_{i}", item, None) for i, item in enumerate(inner))
        if word == "List" and inner and type_of(inner[0])[0] in NUMBERS:
            return self._numbers(name, type_of(inner[0])[0])
        if word == "List" and inner:
            count = self._count(name, uses)
            return Listing([self._input(f"{name}_{i}", inner[0], None) for i in range(count)])
        if word == "Dict" and len(inner) == 2 and type_of(inner[0])[0] in ("str", "int"):
            whole = type_of(inner[0])[0] == "int"
            return {
                int(key) if whole else key: self._input(f"{name}_{key}", inner[1], None)
                for key in self._keys(name, uses)
            }
        found = self._library.class_(word) if word.startswith("__torch__.") else None
        if found is not None and found.base == "NamedTuple":
            made = Named(
                self._input(f"{name}_{field}", item, None) for field, item in found.types.items()
            )
            made.names, made.class_name = tuple(found.types), word
            return made
        raise Stuck(
            f"the input {name!r} is a {word or 'value'}, which ONNX does not take; trace it"
        )

    def _take(self, name: str) -> TensorType | None:
        """The type that was given for a tensor."""
        return self._queue.pop(0) if self._queue else self._given.get(name)

    def _tensor(self, name: str, example: Any) -> Any:
        given = self._take(name)
        kind = given or (example if isinstance(example, TensorType) else None)
        if kind is not None:
            shown = "x".join("?" if dim is None else str(dim) for dim in kind.shape or ())
            of = "given" if given is not None else "it was traced with"
            why = f"the shape is that of the example {of} ({shown or 'a single number'})"
            self.assumed.append((Component.SIGNATURE, name, why))
        return self._emitter.input(name, kind)

    def _numbers(self, name: str, word: str) -> Listing:
        """A list of numbers is one vector."""
        kind = self._take(name)
        count = kind.shape[0] if kind is not None and kind.shape else None
        if not isinstance(count, int):
            raise Stuck(f"the input {name!r} is a list of a length that is not stated; {WAY_OUT}")
        vector = self._emitter.input(name, TensorType(NUMBERS[word], (count,)))
        parts = [self._emitter.call("aten", "select", [vector, 0, i]) for i in range(count)]
        return Listing([self._emitter.call("aten", "item", [part]) for part in parts])

    def _count(self, name: str, uses: Taken | None) -> int:
        """How many items a list has: as many as were given, or as the code takes out of it."""
        if self._queue:
            return len(self._queue)
        count = 0
        while self._is_given(f"{name}_{count}"):
            count += 1
        if count:
            return count
        if uses is None or uses.whole or not (uses.exact or uses.items):
            raise Stuck(
                f"the input {name!r} is a list whose length neither the file states nor its code "
                f"tells; {WAY_OUT}, its items named {name}_0, {name}_1 ..."
            )
        found = uses.exact or 1 + max(int(item) for item in uses.items)
        why = f"the file does not state how many tensors it holds; the code takes {found} out of it"
        self.assumed.append((Component.SIGNATURE, name, why))
        return found

    def _keys(self, name: str, uses: Taken | None) -> list[str]:
        """The keys of a dict: those that were given, or that the code looks up."""
        inside = f"{name}_"
        found = [key.removeprefix(inside) for key in self._given if key.startswith(inside)]
        if found:
            return found
        if uses is None or uses.whole or not uses.items:
            raise Stuck(
                f"the input {name!r} is a dict whose keys neither the file states nor its code "
                f"tells; {WAY_OUT}, its items named {name}_KEY"
            )
        found = [str(item) for item in dict.fromkeys(uses.items)]
        why = f"the file does not state its keys; the code looks up {', '.join(found)}"
        self.assumed.append((Component.SIGNATURE, name, why))
        return found


def _place(name: str) -> tuple[int, str]:
    number = name.removeprefix(_NUMBERED)
    return (int(number) if number.isdecimal() else 0, name)


def outputs_of(value: Any, label: str = "") -> Iterator[tuple[str, Any]]:
    """The values that ``forward`` gives, one after another, and the keys that lead to them."""
    if isinstance(value, Listing) and value.items is not None:
        value = value.items
    if isinstance(value, Named):
        value = dict(zip(value.names, value, strict=False))
    if isinstance(value, tuple | list):
        for place, item in enumerate(value):
            yield from outputs_of(item, f"{label}_{place}" if label else "")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from outputs_of(item, f"{label}_{key}" if label else str(key))
    elif value is not None:
        yield label, value


def type_of(kind: syntax.Expression | None) -> tuple[str, list[syntax.Expression]]:
    """The outermost word of a type, and the types inside."""
    if isinstance(kind, syntax.Subscript):
        index = kind.index
        word = type_of(kind.value)[0]
        return word, (index.items if isinstance(index, syntax.Sequence) else [index])
    if isinstance(kind, syntax.Attribute):
        return f"{type_of(kind.value)[0]}.{kind.name}", []
    return (kind.id if isinstance(kind, syntax.Name) else "Tensor"), []
