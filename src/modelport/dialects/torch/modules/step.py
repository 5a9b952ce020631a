"""One module on its way to aten operators, and the registry of what each class computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple, TypeAlias

from modelport.dialects.torch.modules.tree import HOOKS, Tree
from modelport.errors import ConversionError
from modelport.model.graph import Dim, Graph, Node, Scope

FAMILIES = ("activations", "convolution", "encoder", "layers", "normalization", "pooling")
"""The files of this folder that know classes."""


class Ref(NamedTuple):
    """A value of the graph."""

    name: str


class Weight(NamedTuple):
    """A parameter of a module, by its role there."""

    role: str
    tensor: str


@dataclass(slots=True)
class Input:
    """What a module takes: the rank, and the extents of some axes; None where it takes any.

    ``through`` tells of a module that keeps the channels: one behind it may tell more.
    """

    rank: int | None = None
    axes: Mapping[int, Dim] = field(default_factory=dict)
    through: bool = False
    index: bool = False


Calls: TypeAlias = "Callable[[Step, Ref], Ref | list[Ref]]"
Takes: TypeAlias = "Callable[[Step], Input]"

_CALLS: dict[str, tuple[Calls, Takes]] = {}


def module(*names: str, takes: Takes | Input | None = None) -> Callable[[Calls], Calls]:
    """Register what the classes of those names compute, and what they take."""
    told = Input() if takes is None else takes
    tell: Takes = told if callable(told) else lambda step: told

    def register(function: Calls) -> Calls:
        for name in names:
            _CALLS[name] = (function, tell)
        return function

    return register


@cache
def known() -> Mapping[str, tuple[Calls, Takes]]:
    """What is known of classes, by name."""
    for family in FAMILIES:
        import_module(f"modelport.dialects.torch.modules.{family}")
    return _CALLS


@dataclass(slots=True)
class Step:
    """One module that is called; ``rank`` is that of the value it is given, and then gives."""

    tree: Tree
    graph: Graph
    scope: tuple[Scope, ...]
    rank: int

    def get(self, key: str, default: Any = None) -> Any:
        """A setting; files of older versions lack those that came later."""
        found = self.tree.node.attributes.get(key, default)
        return default if found is None else found

    def weight(self, role: str) -> Weight | Ref | None:
        """A parameter or buffer, None where the module has none of that name.

        Where a hook of torch computes it from others, its value.
        """
        for hook in self.tree.node.attributes.get(HOOKS, ()):
            if hook.get("name") == role:
                return self._computed(role, hook)
        name = self.tree.node.parameters.get(role)
        return None if name is None else Weight(role, name)

    def _computed(self, role: str, hook: Mapping[str, Any]) -> Ref:
        """A weight that is normalised before each call: by its length, or its largest scale.

        Source of the formulas: ``torch/nn/utils/weight_norm.py`` and ``spectral_norm.py``.
        """
        dim = int(hook.get("dim", 0))
        if hook["class"].endswith("WeightNorm"):
            length, direction = self.weight(f"{role}_g"), self.weight(f"{role}_v")
            return self.call("_weight_norm", direction, length, dim)
        own, u, v = (self.weight(f"{role}_{part}") for part in ("orig", "u", "v"))
        # The rows of the matrix are those of one axis, which comes first.
        rows = own if dim == 0 else self.call("transpose.int", own, 0, dim)
        if dim > 1:
            raise self.broken(f"its weight is normalised along axis {dim}")
        matrix = self.call("flatten.using_ints", rows, 1, -1)
        scale = self.call("dot", u, self.call("mv", matrix, v))
        return self.call("div.Tensor", own, scale)

    def several(self, key: str, count: int, default: Any = None) -> list[Any]:
        """A setting for each axis, where it may be one for all."""
        value = self.get(key, default)
        return list(value) if isinstance(value, list | tuple) else [value] * count

    def call(self, name: str, *args: Any, **kwargs: Any) -> Ref:
        """One aten operator, as ``name`` or ``name.overload``; its first result."""
        return self.calls(name, 1, *args, **kwargs)[0]

    def calls(self, name: str, count: int, *args: Any, **kwargs: Any) -> list[Ref]:
        """One aten operator with that many results."""
        op_type, _, overload = name.partition(".")
        at = len(self.graph.nodes)
        node = Node("aten", op_type, f"{op_type}_{at}", overload=overload, scope=self.scope)
        node.outputs = [f"{op_type}_{at}_{i}" if count > 1 else node.name for i in range(count)]
        written = [_written(node, item) for item in args]
        named = {key: _written(node, item) for key, item in kwargs.items()}
        node.attributes["call"] = {"args": written, "kwargs": named}
        self.graph.nodes.append(node)
        return [Ref(output) for output in node.outputs]

    def inner(self, name: str) -> Step:
        """A module inside this one."""
        tree = self.tree.children.get(name)
        if tree is None:
            raise self.broken(f"it has no {name!r}")
        scope = (*self.scope, Scope(name, tree.name))
        return Step(tree, self.graph, scope, self.rank)

    def run(self, x: Ref) -> list[Ref]:
        """What the module computes.

        Raises:
            ConversionError: a class whose calls are not known, or settings that no torch writes.
        """
        found = known().get(self.tree.name) if self.tree.node.domain == "torch.nn" else None
        if found is None:
            raise self.broken(f"modelport knows no calls of torch.nn.{self.tree.name}")
        try:
            made = found[0](self, x)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise self.broken(f"settings that torch does not write ({error})") from error
        return [made] if isinstance(made, Ref) else made

    def takes(self) -> Input:
        """What the module takes."""
        found = known().get(self.tree.name)
        return found[1](self) if found else Input()

    def broken(self, why: str) -> ConversionError:
        """An error that names the module."""
        return ConversionError(f"module {self.tree.node.name!r}", why)


def _written(node: Node, item: Any) -> Any:
    """An argument as a native graph of torch has it."""
    if isinstance(item, Ref):
        node.inputs.append(item.name)
        return {"tensor": len(node.inputs) - 1}
    if isinstance(item, Weight):
        node.parameters[item.role] = item.tensor
        return {"parameter": item.role}
    if isinstance(item, list):
        return [_written(node, part) for part in item]
    return item
