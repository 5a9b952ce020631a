"""A node of ONNX as the ways out of ONNX see it: its operands, settings and neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from modelport.dialects.onnx.types.known import Known
from modelport.errors import ConversionError
from modelport.model.expression import Expression
from modelport.model.graph import Node


class Told(Protocol):
    """Who knows the values of a graph by their names."""

    def known(self, name: str) -> Known:
        """What is known of a value."""

    def weight(self, name: str) -> Expression | None:
        """What the file holds under a name."""


class Operands:
    """A node with what is known about its operands and settings."""

    def __init__(self, told: Told, node: Node) -> None:
        self._told = told
        self.node = node

    def __len__(self) -> int:
        return len(self.node.inputs)

    def has(self, index: int) -> bool:
        """Whether the node has this operand."""
        return self._name(index) != ""

    def known(self, index: int) -> Known:
        """What is known of the operand."""
        return self._told.known(self._name(index))

    def output(self, index: int = 0) -> Known:
        """What is known of a result."""
        return self._told.known(self.node.outputs[index])

    def array(self, index: int) -> NDArray[Any] | None:
        """The elements of an operand, where it is a small constant."""
        return self.known(index).array if self.has(index) else None

    def whole(self, index: int) -> list[int] | None:
        """The elements of an operand as integers, where it is a small constant."""
        array = self.array(index)
        return None if array is None else [int(item) for item in np.asarray(array).reshape(-1)]

    def weight(self, index: int) -> Expression | None:
        """An operand that the file holds, as an expression over its tensors."""
        return self._told.weight(self._name(index)) if self.has(index) else None

    def attribute(self, name: str, default: Any = None) -> Any:
        """A setting of the node; texts are decoded, floats in the fewest digits they need."""
        value = self.node.attributes.get(name, default)
        if isinstance(value, float):
            return float(str(np.float32(value)))
        return value.decode() if isinstance(value, bytes) else value

    def ints(self, name: str, default: Sequence[int] = ()) -> list[int]:
        """A setting that lists integers."""
        return [int(item) for item in self.node.attributes.get(name, default)]

    def refused(self, why: str) -> ConversionError:
        """The error that says why this node has no translation."""
        name = self.node.name or (self.node.outputs or ["?"])[0]
        return ConversionError(f"{self.node.op_type} {name!r}", why)

    def _name(self, index: int) -> str:
        return self.node.inputs[index] if index < len(self.node.inputs) else ""


class Absorbed:
    """Nodes that need no translation of their own, for the one before stands for them, too."""

    def __init__(self) -> None:
        self._gone: set[int] = set()
        self._next: dict[int, Node] = {}

    def add(self, node: Node, following: Node) -> None:
        """Let the translation of ``node`` stand for ``following``."""
        self._gone.add(id(following))
        self._next[id(node)] = following

    def __contains__(self, node: Node) -> bool:
        return id(node) in self._gone

    def last(self, node: Node) -> Node:
        """The last of the nodes that the translation of this one stands for."""
        while id(node) in self._next:
            node = self._next[id(node)]
        return node
