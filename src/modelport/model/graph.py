"""The graph: nodes of any vocabulary, the values between them, and the only home of weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from modelport.model.dtype import DType
from modelport.model.tensor import Tensor

Dim: TypeAlias = int | str | None
"""An extent: fixed, named (the same name is the same extent), or unknown."""

Shape: TypeAlias = tuple[Dim, ...] | None
"""The extents of a value, or None where even the rank is unknown."""


@dataclass(frozen=True, slots=True)
class TensorType:
    """A dense (or sparse) tensor of ``dtype`` (None: not stated) and ``shape``."""

    dtype: DType | None
    shape: Shape = None
    sparse: bool = False


@dataclass(frozen=True, slots=True)
class SequenceType:
    """A list of values of one type."""

    element: ValueType


@dataclass(frozen=True, slots=True)
class OptionalType:
    """A value that may be absent."""

    element: ValueType


@dataclass(frozen=True, slots=True)
class MapType:
    """A dictionary from ``key`` (an integer type or string) to values of one type."""

    key: DType
    value: ValueType


@dataclass(frozen=True, slots=True)
class OpaqueType:
    """A type only its own domain understands."""

    domain: str
    name: str


ValueType: TypeAlias = TensorType | SequenceType | OptionalType | MapType | OpaqueType


@dataclass(slots=True)
class Value:
    """What flows along an edge: a name and, where known, a type.

    ``denotation`` and ``dim_denotations`` are ONNX' remarks on the meaning of a value.
    """

    name: str
    type: ValueType | None = None
    doc: str = ""
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def dtype(self) -> DType | None:
        """The element type of a tensor, else None."""
        return self.type.dtype if isinstance(self.type, TensorType) else None

    @property
    def shape(self) -> Shape:
        """The shape of a tensor, else None."""
        return self.type.shape if isinstance(self.type, TensorType) else None


class Scope(NamedTuple):
    """One step of the path to a node: a module or layer, its type, and the number of its call."""

    name: str
    type: str
    call: int = 0


@dataclass(slots=True, eq=False)
class Node:
    """One call of an operator or layer.

    ``domain`` says whose vocabulary ``op_type`` is: ``ai.onnx`` (stored as ``""`` is normalised to
    it), ``keras``, ``aten``, ``torch.nn``, ``tensorflow``, ``cntk``, or a custom one.
    ``inputs`` and ``outputs`` are names of values; an empty name is an absent optional input.
    ``attributes`` hold plain Python values, ``Tensor``, ``Graph`` (the same Graph object in two
    nodes is one model called twice) or lists of them. ``parameters`` maps a role (``kernel``) to a
    name in ``graph.tensors``, in the order of the file; it is empty for ``ai.onnx``.
    """

    domain: str
    op_type: str
    name: str
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    scope: tuple[Scope, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    doc: str = ""
    overload: str = ""

    def __repr__(self) -> str:
        return f"Node({self.domain}::{self.op_type}, {self.name!r})"


@dataclass(slots=True, eq=False)
class Graph:
    """Nodes in the order of the file, with the values they share.

    ``values`` describes inner values by name where the file states their type. ``tensors`` is the
    only home of weights. ``sparse_tensors`` are initializers that only list their non-zeros.
    """

    name: str = ""
    nodes: list[Node] = field(default_factory=list)
    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    values: dict[str, Value] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    doc: str = ""

    def subgraphs(self) -> Iterator[Graph]:
        """This graph and every graph inside its nodes' attributes, each once."""
        seen: set[int] = set()
        waiting = [self]
        while waiting:
            graph = waiting.pop()
            if id(graph) in seen:
                continue
            seen.add(id(graph))
            yield graph
            inner = [found for node in graph.nodes for found in _graphs(node.attributes)]
            waiting.extend(reversed(inner))


def _graphs(attributes: dict[str, Any]) -> Iterator[Graph]:
    for value in attributes.values():
        if isinstance(value, Graph):
            yield value
        elif isinstance(value, list | tuple):
            yield from (item for item in value if isinstance(item, Graph))
