"""One call of a layer said with several layers and operations of Keras 3."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from modelport.dialects.keras.defaults import UNNAMED, complete
from modelport.dialects.keras.words import snake_case
from modelport.errors import ConversionError
from modelport.model.graph import Graph, Node, Scope, Shape
from modelport.model.report import Report


@dataclass(frozen=True, slots=True)
class V:
    """A value of the graph, by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Dims:
    """A shape, or one extent of it, that TensorFlow computes and Keras 3 has to know.

    ``extents`` are the numbers (None: unknown), ``of`` the value whose whole shape it is.
    """

    extents: tuple[int | None, ...]
    scalar: bool = False
    of: V | None = None


@dataclass(slots=True)
class Names:
    """The names of one graph: which are taken, and how often each new layer has been called."""

    graph: Graph
    taken: set[str] = field(default_factory=set)
    chosen: dict[tuple[str, str], str] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    """The dtypes of values, where they are known."""
    models: dict[str, Graph] = field(default_factory=dict)
    """The models made here, one for all calls of a layer."""
    replaced: set[str] = field(default_factory=set)
    """The tensors that others stand for."""

    def choose(self, owner: str, suffix: str) -> str:
        """The name of a part of the layer ``owner``; the same in each of its calls."""
        if (owner, suffix) not in self.chosen:
            name = wanted = f"{owner}_{suffix}" if suffix else owner
            number = 0
            while suffix and name in self.taken:
                number += 1
                name = f"{wanted}_{number}"
            self.taken.add(name)
            self.chosen[owner, suffix] = name
        return self.chosen[owner, suffix]

    def count(self, name: str) -> int:
        """The number of the next call of a layer."""
        self.calls[name] = self.calls.get(name, -1) + 1
        return self.calls[name]


@dataclass(slots=True)
class Chain:
    """The layers and operations that one call becomes, in order."""

    node: Node
    names: Names
    report: Report
    dims: dict[str, Dims]
    nodes: list[Node] = field(default_factory=list)
    _suffixes: dict[str, int] = field(default_factory=dict)
    _values: int = 0

    @property
    def owner(self) -> str:
        """The name of the layer that is called."""
        return self.node.scope[-1].name

    @property
    def config(self) -> dict[str, Any]:
        """The layer's config."""
        config: dict[str, Any] = self.node.attributes.get("config") or {}
        return config

    def error(self, why: str) -> ConversionError:
        """The error for what Keras 3 cannot say."""
        return ConversionError(f"layer {self.owner!r} ({self.node.op_type})", why)

    def call(self) -> tuple[list[Any], dict[str, Any]]:
        """The arguments of the call, tensors as values."""
        written = self.node.attributes.get("call") or {}
        args = written.get("args", [{"tensor": i} for i in range(len(self.node.inputs))])
        return self._given(args), self._given(dict(written.get("kwargs", {})))

    def _given(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            if set(value) == {"tensor"}:
                name = self.node.inputs[value["tensor"]]
                return self.dims.get(name, V(name))
            return {key: self._given(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._given(item) for item in value]
        return value

    def shape(self, value: V) -> Shape:
        """The shape that the file states for a value, or None."""
        known = self.names.graph.values.get(value.name)
        for each in self.names.graph.inputs:
            known = each if each.name == value.name else known
        return None if known is None else known.shape

    def dtype(self, value: V) -> str | None:
        """The dtype of a value, where it is known."""
        return self.names.types.get(value.name)

    def op(self, class_name: str, *args: Any, outputs: int = 1, **settings: Any) -> Any:
        """A call of an operation of ``keras.ops``; one value, or a list for several outputs."""
        attributes = {"module": "keras.ops", "registered_name": class_name}
        made = self._add(class_name, settings, list(args), {}, outputs, attributes, "")
        return made if outputs > 1 else made[0]

    def layer(
        self,
        op_type: str,
        config: Mapping[str, Any],
        args: list[Any],
        kwargs: Mapping[str, Any] | None = None,
        weights: Mapping[str, str] | None = None,
        outputs: int = 1,
        suffix: str = "",
    ) -> list[V]:
        """A call of a stock layer; ``weights`` are the names of its tensors by role."""
        settings = complete(op_type, {"dtype": self.config.get("dtype", "float32"), **config})
        if op_type not in UNNAMED:
            settings["trainable"] = bool(self.config.get("trainable", True)) and bool(
                settings.get("trainable", True)
            )
        attributes = {"module": "keras.layers", "registered_name": None}
        given = (settings, args, dict(kwargs or {}), outputs, attributes, suffix)
        made = self._add(op_type, *given)
        self.nodes[-1].parameters = dict(weights or {})
        return made

    def model(
        self,
        suffix: str,
        args: list[Any],
        kwargs: Mapping[str, Any],
        make: Callable[[str, tuple[Scope, ...]], Graph],
    ) -> list[V]:
        """A call of a small model inside this one; ``make`` gives its graph, by name and scope."""
        name = self.names.choose(self.owner, suffix)
        scope = (*self.node.scope[:-1], Scope(name, "Functional", 0))
        graph = self.names.models.setdefault(name, make(name, scope))
        config = {"trainable": bool(self.config.get("trainable", True))}
        outputs = len(graph.outputs)
        given = dict(kwargs)
        return self._add("Functional", config, args, given, outputs, {"graph": graph}, suffix)

    def _add(
        self,
        op_type: str,
        settings: Mapping[str, Any],
        args: list[Any],
        kwargs: dict[str, Any],
        outputs: int,
        attributes: dict[str, Any],
        suffix: str,
    ) -> list[V]:
        suffix = suffix or snake_case(op_type)
        number = self._suffixes[suffix] = self._suffixes.get(suffix, -1) + 1
        suffix = f"{suffix}_{number}" if number else suffix
        inputs: list[str] = []
        call = {"args": self._placed(args, inputs), "kwargs": self._placed(kwargs, inputs)}
        name = self.names.choose(self.owner, suffix)
        values = [f"{name}:{self.node.scope[-1].call}:{i}" for i in range(outputs)]
        attributes = {**attributes, "config": {**settings, "name": name}, "call": call}
        scope = (*self.node.scope[:-1], Scope(name, op_type, 0))
        self.nodes.append(Node("keras", op_type, name, inputs, values, attributes, scope=scope))
        return [V(value) for value in values]

    def _placed(self, value: Any, inputs: list[str]) -> Any:
        if isinstance(value, V):
            inputs.append(value.name)
            return {"tensor": len(inputs) - 1}
        if isinstance(value, Dims):
            if None in value.extents:
                raise self.error("it computes with an extent that the file does not state")
            return value.extents[0] if value.scalar else constant(list(value.extents))
        if isinstance(value, Mapping):
            return {key: self._placed(item, inputs) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._placed(item, inputs) for item in value]
        return value

    def finish(self, values: list[Any]) -> list[Node]:
        """The nodes, of which the last one made carries the layer's own name.

        ``values`` become the outputs of the call.
        """
        renamed: dict[str, str] = {}
        for value, output in zip(values, self.node.outputs, strict=False):
            own = {name for node in self.nodes for name in node.outputs}
            if not isinstance(value, V):
                raise self.error("its result is a constant")
            if value.name in renamed or value.name not in own:
                value = self.op("Copy", value)
            renamed[value.name] = output
        last = next(node for node in reversed(self.nodes) if {*node.outputs} & renamed.keys())
        named = (replace(node, attributes=dict(node.attributes)) for node in self.nodes)
        return [
            self._named(new, old is last, renamed)
            for new, old in zip(named, self.nodes, strict=True)
        ]

    def _named(self, node: Node, last: bool, renamed: Mapping[str, str]) -> Node:
        name = self.names.choose(self.owner, "") if last else node.scope[-1].name
        number = self.names.count(name)
        node.name = f"{name}:{number}" if number else name
        node.scope = (*node.scope[:-1], Scope(name, node.op_type, number))
        node.attributes["config"] = {**node.attributes["config"], "name": name}
        node.inputs = [renamed.get(value, value) for value in node.inputs]
        node.outputs = [renamed.get(value, value) for value in node.outputs]
        return node


Says: TypeAlias = Callable[[Chain], list[Any]]
"""What says a call in other words: the values of its outputs."""


def constant(value: Any) -> Any:
    """An operand; Keras 3 takes a list of numbers for an array only where it says so."""
    if not isinstance(value, list) or not value:
        return value
    first: Any = value
    while isinstance(first, list) and first:
        first = first[0]
    kinds = {bool: "bool", int: "int32", float: "float32"}
    if type(first) not in kinds:
        return value
    return {"class_name": "__numpy__", "config": {"value": value, "dtype": kinds[type(first)]}}


def slices(start: Any = None, stop: Any = None, step: Any = None) -> dict[str, Any]:
    """A slice as Keras 3 serialises it."""
    return {"class_name": "__slice__", "config": {"start": start, "stop": stop, "step": step}}


ELLIPSIS = {"class_name": "__ellipsis__", "config": {}}


def along(axis: int, part: Any) -> list[Any]:
    """An index of one axis, counted from either end, that leaves the others whole."""
    if axis >= 0:
        return [*(slices() for _ in range(axis)), part]
    return [ELLIPSIS, part, *(slices() for _ in range(-axis - 1))]
