"""Two graphs of ONNX held against each other: node for node, under any names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modelport.model.graph import Graph, Node, SparseTensor
from modelport.model.tensor import Tensor

Pairs = list[tuple[Tensor, Tensor]]
"""Tensors of two graphs that stand in the same places."""


def paired(wanted: Graph, given: Graph) -> Pairs | None:
    """The tensors of both graphs that have the same place, if both compute the same of them.

    Every result of ``wanted`` has to be computed in ``given`` by the same operators with the same
    attributes from the same inputs, which count in their order. Names mean nothing, and neither
    does what no result needs. None where anything differs; dtypes and shapes of the pairs are
    equal, their values are not looked at.
    """
    pairing = _Pairing(wanted, given, None)
    return list(pairing.tensors.values()) if pairing.agrees() else None


class _Pairing:
    """One graph (or body) and what stands for its values in the other."""

    def __init__(self, wanted: Graph, given: Graph, outer: _Pairing | None) -> None:
        self.wanted, self.given, self.outer = wanted, given, outer
        self.made_wanted = _makers(wanted)
        self.made_given = _makers(given)
        self.values: dict[str, str] = {}
        self.tensors: dict[int, tuple[Tensor, Tensor]] = {} if outer is None else outer.tensors

    def agrees(self) -> bool:
        """Whether all that the wanted graph gives is given the same way."""
        inputs = _own_inputs(self.wanted), _own_inputs(self.given)
        outputs = (
            [value.name for value in self.wanted.outputs],
            [value.name for value in self.given.outputs],
        )
        if any(len(mine) != len(others) for mine, others in (inputs, outputs)):
            return False
        self.values.update(zip(*inputs, strict=True))
        return self._follow(list(zip(*outputs, strict=True)))

    def _follow(self, waiting: list[tuple[str, str]]) -> bool:
        """Hold values against each other, and all that they are computed from."""
        while waiting:
            mine, other = waiting.pop()
            known = self.values.get(mine)
            if known is not None or not mine or not other:
                if (known or "") != other:
                    return False
                continue
            node, its = self.made_wanted.get(mine), self.made_given.get(other)
            if node is None or its is None:
                if node is not its or not self._same_leaf(mine, other):
                    return False
                continue
            if not self._same_node(node, its):
                return False
            self.values.update(zip(node.outputs, its.outputs, strict=True))
            if self.values[mine] != other:
                return False
            waiting.extend(zip(node.inputs, its.inputs, strict=True))
        return True

    def _same_leaf(self, mine: str, other: str) -> bool:
        """Whether values that no node of these graphs computes are the same, or may be."""
        wanted, given = self.wanted.tensors.get(mine), self.given.tensors.get(other)
        if wanted is None and given is None and self.outer is not None:
            if any(value.name == other for value in self.given.inputs):
                return False
            return self.outer._follow([(mine, other)])
        if wanted is None or given is None:
            return False
        if wanted.dtype != given.dtype or wanted.shape != given.shape:
            return False
        self.values[mine] = other
        self.tensors[id(wanted)] = wanted, given
        return True

    def _same_node(self, node: Node, other: Node) -> bool:
        if (node.domain, node.op_type, node.overload) != (
            other.domain,
            other.op_type,
            other.overload,
        ):
            return False
        if len(node.inputs) != len(other.inputs) or len(node.outputs) != len(other.outputs):
            return False
        if set(node.attributes) != set(other.attributes):
            return False
        return all(
            self._same(node.attributes[key], other.attributes[key]) for key in node.attributes
        )

    def _same(self, mine: Any, other: Any) -> bool:
        """Whether attributes are equal; graphs in them, where they compute the same."""
        if type(mine) is not type(other):
            return False
        if isinstance(mine, Graph):
            return _Pairing(mine, other, self).agrees()
        if isinstance(mine, Tensor):
            return (
                mine.dtype == other.dtype
                and mine.shape == other.shape
                and np.array_equal(mine.numpy().view("u1"), other.numpy().view("u1"))
            )
        if isinstance(mine, list | tuple):
            return len(mine) == len(other) and all(map(self._same, mine, other))
        if isinstance(mine, float):  # ONNX holds them in single precision
            return bool(np.array_equal(np.float32(mine), np.float32(other), equal_nan=True))
        return not isinstance(mine, SparseTensor) and bool(mine == other)


def _makers(graph: Graph) -> Mapping[str, Node]:
    """The node that makes each value."""
    return {name: node for node in graph.nodes for name in node.outputs if name}


def _own_inputs(graph: Graph) -> Sequence[str]:
    """The inputs that nobody has values for: before IR 4 initializers are listed among them."""
    return [value.name for value in graph.inputs if value.name not in graph.tensors]
