"""How one change of an operator's form is written: the registry, and what a change may do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from modelport.dialects.onnx.history.facts import Facts
from modelport.dialects.onnx.naming import unique
from modelport.errors import ConversionError
from modelport.model.dtype import FLOAT32, INT64, DType
from modelport.model.graph import Dim, Graph, Node, Reference
from modelport.model.tensor import InMemory, Tensor

DOMAIN = "ai.onnx"


class Names:
    """The names of a model, so that new ones are new, and its shared small constants.

    ``wanted`` are those that a node takes or a graph gives.
    """

    def __init__(self, used: set[str], tensors: dict[str, Tensor]) -> None:
        self.wanted: set[str] = set()
        self._used = used
        self._tensors = tensors
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def unique(self, wanted: str) -> str:
        """``wanted``, or with the first number behind it that makes it new."""
        return unique(wanted, self._used)

    def want(self, graph: Graph) -> None:
        """Add what the nodes of a graph take and what it gives to ``wanted``."""
        self.wanted.update(name for node in graph.nodes for name in node.inputs)
        self.wanted.update(value.name for value in graph.outputs)

    def constant(self, array: NDArray[Any], role: str, facts: Facts) -> str:
        """The name of a tensor of the outermost graph with these values, shared by all alike."""
        key = (str(array.dtype), array.shape, array.tobytes())
        if key not in self._constants:
            shown = "_".join(str(item) for item in array.reshape(-1)[:4].tolist())
            name = self.unique(f"const/{role}_{shown}" if shown else f"const/{role}")
            self._tensors[name] = Tensor(name, InMemory(array))
            self._constants[key] = name
        facts.add_tensor(self._tensors[self._constants[key]])
        return self._constants[key]


class Rewriting:
    """One application of a change: what is known, and the nodes that take the old one's place.

    New nodes are in the form of ``version``, the one the change leads to; later changes are applied
    to them in turn. An attribute of a later version may be set already where no later change
    touches it.
    """

    def __init__(self, old: Node, version: int, facts: Facts, names: Names) -> None:
        self.version = version
        self.nodes: list[tuple[Node, int]] = []
        self._old = old
        self._facts = facts
        self._names = names

    def put(self, node: Node, at: int | None = None) -> None:
        """Add a node, usually the old one with changes; ``at``: it is of that version already."""
        while node.inputs and not node.inputs[-1]:
            node.inputs.pop()
        self._names.wanted.update(node.inputs)
        self.nodes.append((node, at or self.version))

    def node(
        self, op_type: str, inputs: Sequence[str], outputs: Sequence[str] = (), **attributes: Any
    ) -> str:
        """Add a new node; gives its first output, named after the old node where not given."""
        name = self._names.unique(f"{self.where}/{op_type}")
        made = list(outputs) or [self._names.unique(f"{name}:out")]
        node = Node(DOMAIN, op_type, name, list(inputs), made, attributes, scope=self._old.scope)
        self.put(node)
        return made[0]

    def inner(self, op_type: str) -> tuple[str, str]:
        """New names for a node of that operator and for its output."""
        name = self._names.unique(f"{self.where}/{op_type}")
        return name, self._names.unique(f"{name}:out")

    def name(self, wanted: str) -> str:
        """A new name for a value."""
        return self._names.unique(f"{self.where}/{wanted}")

    @property
    def where(self) -> str:
        """The old node's name, or that of its first output."""
        return self._old.name or next(filter(None, self._old.outputs), self._old.op_type)

    def constant(self, values: Any, role: str, dtype: DType = INT64) -> str:
        """A small constant; ``role`` is part of its name."""
        array = np.asarray(values).astype(dtype.numpy)
        return self._names.constant(array, role, self._facts)

    def like(self, value: float, other: str, role: str) -> str:
        """A scalar of the type of another value, cast to it where that type is not known."""
        dtype = self.dtype(other)
        if dtype is not None and dtype.kind in ("float", "int", "uint"):
            return self.constant(value, role, dtype)
        return self.node("CastLike", [self.constant(value, role, FLOAT32), other])

    def wanted(self, name: str) -> bool:
        """Whether anything in the old graphs takes a value."""
        return bool(name) and name in self._names.wanted

    def rank(self, name: str) -> int | None:
        """The number of axes of a value, where known."""
        return self._facts.of(name).rank

    def shape(self, name: str) -> tuple[Dim, ...] | None:
        """The extents of a value, where known."""
        return self._facts.of(name).shape

    def dtype(self, name: str) -> DType | None:
        """The type of a value's elements, where known."""
        return self._facts.of(name).dtype

    def values(self, name: str) -> NDArray[Any] | None:
        """The values of a small constant; None for anything else."""
        return self._facts.of(name).array

    def fail(self, why: str) -> ConversionError:
        """The error for what cannot be carried: names operator, version and node."""
        old = self._old
        what = f"{old.op_type} of a version before {self.version}"
        return ConversionError(self.where, f"{what}: {why}")


Step: TypeAlias = Callable[[Node, Rewriting], None]

STEPS: dict[tuple[str, int], Step] = {}
"""Every change, by operator and the version that brought the new form."""


def since(version: int, *op_types: str) -> Callable[[Step], Step]:
    """Register the change from the form before ``version`` to that of it."""

    def register(step: Step) -> Step:
        for op_type in op_types:
            if (op_type, version) in STEPS:
                raise ValueError(f"two changes of {op_type} at version {version}")
            STEPS[op_type, version] = step
        return step

    return register


def take_ints(node: Node, name: str, write: Rewriting) -> list[int] | None:
    """Take an attribute that lists integers away from a node; None where it is not there."""
    found = node.attributes.pop(name, None)
    if isinstance(found, Reference):
        raise write.fail(f"attribute {name!r} is that of a function which is not expanded")
    return None if found is None else [int(item) for item in found]


def text(value: str | bytes) -> str:
    """An attribute of type STRING as text."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def renamed(node: Node, op_type: str) -> Node:
    """The node as a call of another operator."""
    return replace(node, op_type=op_type)
