"""The graph: nodes of any vocabulary, the values between them, and the only home of weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
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
    """A dense (or sparse) tensor of ``dtype`` (None: not stated) and ``shape``.

    ``denotation`` and ``dim_denotations`` (one for each axis, or none at all) are ONNX' remarks on
    what a value and its axes mean, such as ``IMAGE`` and ``DATA_BATCH``.
    """

    dtype: DType | None
    shape: Shape = None
    sparse: bool = False
    denotation: str = ""
    dim_denotations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SequenceType:
    """A list of values of one type."""

    element: ValueType
    denotation: str = ""


@dataclass(frozen=True, slots=True)
class OptionalType:
    """A value that may be absent."""

    element: ValueType
    denotation: str = ""


@dataclass(frozen=True, slots=True)
class MapType:
    """A dictionary from ``key`` (an integer type or string) to values of one type."""

    key: DType
    value: ValueType
    denotation: str = ""


@dataclass(frozen=True, slots=True)
class OpaqueType:
    """A type only its own domain understands."""

    domain: str
    name: str
    denotation: str = ""


@dataclass(frozen=True, slots=True)
class UnknownType:
    """A type that none of the others can say, as the bytes that its file has for it."""

    encoded: bytes


ValueType: TypeAlias = TensorType | SequenceType | OptionalType | MapType | OpaqueType | UnknownType


def type_name(described: ValueType | None) -> str | None:
    """The type of a value in one word (``float32``, ``sequence(float32)``)."""
    if isinstance(described, TensorType):
        if described.dtype is None:
            return None
        return f"sparse({described.dtype})" if described.sparse else described.dtype.name
    if isinstance(described, SequenceType):
        return f"sequence({type_name(described.element)})"
    if isinstance(described, OptionalType):
        return f"optional({type_name(described.element)})"
    if isinstance(described, MapType):
        return f"map({described.key}, {type_name(described.value)})"
    if isinstance(described, OpaqueType):
        return f"opaque({described.domain}, {described.name})"
    return None


@dataclass(slots=True)
class Value:
    """What flows along an edge: a name and, where known, a type."""

    name: str
    type: ValueType | None = None
    doc: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    unknown: bytes = b""

    @property
    def dtype(self) -> DType | None:
        """The element type of a tensor, else None."""
        return self.type.dtype if isinstance(self.type, TensorType) else None

    @property
    def shape(self) -> Shape:
        """The shape of a tensor, else None."""
        return self.type.shape if isinstance(self.type, TensorType) else None

    def __str__(self) -> str:
        if not isinstance(self.type, TensorType):
            kind = type_name(self.type)
            return self.name if kind is None else f"{self.name} {kind}"
        dtype = f" {self.type.dtype}" if self.type.dtype is not None else ""
        if self.type.shape is None:
            return f"{self.name}{dtype}"
        extents = ", ".join("?" if dim is None else str(dim) for dim in self.type.shape)
        return f"{self.name}{dtype} [{extents}]"

    def __repr__(self) -> str:
        return f"<Value {self}>"


class Scope(NamedTuple):
    """One step of the path to a node: a module or layer, its type, and the number of its call."""

    name: str
    type: str
    call: int = 0


@dataclass(slots=True, eq=False)
class SparseTensor:
    """A tensor that lists only its non-zeros.

    ``values`` has shape ``(n,)`` and the tensor's name; ``indices`` is either ``(n,)``, counting
    elements in C order, or ``(n, rank)``.
    """

    values: Tensor
    indices: Tensor
    shape: tuple[int, ...]
    unknown: bytes = b""

    @property
    def name(self) -> str:
        """The name, which ONNX keeps with the values."""
        return self.values.name


@dataclass(frozen=True, slots=True)
class Reference:
    """In a function's body: the value of the function's attribute ``name``, of ONNX' ``type``."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class AttributeNote:
    """What an attribute's plain value does not say: ONNX' type of an empty list, a remark."""

    type: str
    doc: str = ""
    unknown: bytes = b""


class LazyAttributes(MutableMapping[str, Any]):
    """Attributes that are decoded when they are first asked for.

    ``notes`` tells what plain values do not say. ``graphless`` is true where the reader knows
    without decoding that no attribute holds a graph.
    """

    __slots__ = ("_decode", "_graphless", "_notes", "_values")

    def __init__(
        self,
        decode: Callable[[], tuple[dict[str, Any], dict[str, AttributeNote]]],
        *,
        graphless: bool,
    ) -> None:
        self._decode: Callable[[], Any] | None = decode
        self._graphless = graphless
        self._values: dict[str, Any] = {}
        self._notes: dict[str, AttributeNote] = {}

    def _load(self) -> dict[str, Any]:
        if self._decode is not None:
            self._values, self._notes = self._decode()
            self._decode = None
        return self._values

    @property
    def graphless(self) -> bool:
        """Whether it is known, without decoding, that there is no graph inside."""
        return self._decode is not None and self._graphless

    @property
    def notes(self) -> dict[str, AttributeNote]:
        """Remarks on the attributes that need one."""
        self._load()
        return self._notes

    def __getitem__(self, name: str) -> Any:
        return self._load()[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._load()[name] = value

    def __delitem__(self, name: str) -> None:
        del self._load()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._load())

    def __len__(self) -> int:
        return len(self._load())

    def __repr__(self) -> str:
        return repr(self._load())


TURNED = "modelport.turned"
"""The key of a node's metadata that says it only turns the file's weights into another layout."""


@dataclass(slots=True, eq=False)
class Node:
    """One call of an operator or layer.

    ``domain`` says whose vocabulary ``op_type`` is: ``ai.onnx`` (stored as ``""`` is normalised to
    it), ``keras``, ``aten``, ``torch.nn``, ``tensorflow``, ``cntk``, or a custom one.
    ``inputs`` and ``outputs`` are names of values; an empty name is an absent optional input.
    ``attributes`` hold plain Python values, ``Tensor``, ``SparseTensor``, ``Graph`` (the same Graph
    object in two nodes is one model called twice), a value type, ``Reference``, or lists of them.
    ``parameters`` maps a role (``kernel``) to a name in ``graph.tensors``, in the order of the
    file; it is empty for ``ai.onnx``. ``unknown`` are fields of the file that nobody here knows.
    """

    domain: str
    op_type: str
    name: str
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    attributes: MutableMapping[str, Any] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    scope: tuple[Scope, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    doc: str = ""
    overload: str = ""
    unknown: bytes = b""

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
    sparse_tensors: dict[str, SparseTensor] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    doc: str = ""
    unknown: bytes = b""

    def __repr__(self) -> str:
        held = {
            "node": self.nodes,
            "tensor": self.tensors,
            "input": self.inputs,
            "output": self.outputs,
        }
        counts = ", ".join(
            f"{len(items):,} {part}{'' if len(items) == 1 else 's'}" for part, items in held.items()
        )
        return f"<Graph {self.name!r}: {counts}>"

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
            inner = [found for node in graph.nodes for found in inner_graphs(node.attributes)]
            waiting.extend(reversed(inner))


@dataclass(slots=True, eq=False)
class Function:
    """An operator that the model defines itself, as nodes over its own names.

    ``attributes`` are the names of those a call must give, ``defaults`` those it may.
    """

    domain: str
    name: str
    overload: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    attributes: list[str] = field(default_factory=list)
    defaults: MutableMapping[str, Any] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    values: dict[str, Value] = field(default_factory=dict)
    opsets: dict[str, int] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    doc: str = ""
    unknown: bytes = b""


def inner_graphs(attributes: MutableMapping[str, Any]) -> Iterator[Graph]:
    """The graphs that a node's attributes hold, not decoding any where there can be none."""
    if isinstance(attributes, LazyAttributes) and attributes.graphless:
        return
    for value in attributes.values():
        if isinstance(value, Graph):
            yield value
        elif isinstance(value, list | tuple):
            yield from (item for item in value if isinstance(item, Graph))
