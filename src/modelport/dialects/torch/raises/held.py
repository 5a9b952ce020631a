"""The graph as a checkpoint keeps it: over the tensors of the ``state_dict`` in place of its own.

What torch holds in another layout is turned back by nodes in the graph, so that nothing but ONNX
says what the weights mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelport.errors import ConversionError
from modelport.model.derived import Concatenate, Expression, Fill, Reshape, Slice, Source, Transpose
from modelport.model.expression import (
    concatenate,
    leaves,
    rebase,
    reshape,
    slice_axis,
    source,
    sources,
    transpose,
)
from modelport.model.graph import TURNED, Graph, Node
from modelport.model.inverse import undone
from modelport.model.tensor import InMemory, Tensor

MOST_AXES = 64
MOST_INSIDE = 1 << 16
"""Bytes of a tensor that may stand in the graph itself, because no ``state_dict`` holds it."""


def held(graph: Graph, state: Mapping[str, Expression]) -> Graph:
    """The graph over ``state``; constants that the source code says itself stay in it.

    Raises:
        ConversionError: a large tensor that the state does not hold.
    """
    stored = {key: Tensor(key, expression) for key, expression in state.items()}
    back = undone({key: (part, Source(stored[key])) for key, part in state.items()})
    made = Graph(
        graph.name,
        inputs=list(graph.inputs),
        outputs=list(graph.outputs),
        values=dict(graph.values),
        metadata=dict(graph.metadata),
        tensors=dict(stored),
    )
    turned = _Turned(made, {*stored, *(value.name for value in graph.inputs)})
    names: dict[str, str] = {}
    for name, tensor in graph.tensors.items():
        names[name] = turned.give(name, tensor, back)
    # Exporters give the same weight to several by nodes, whose results are called as it is here.
    made_twice = [n for node in graph.nodes for n in node.outputs if n in stored]
    names |= {name: turned.unused(name) for name in made_twice}
    made.nodes = turned.nodes + [_renamed(node, names) for node in graph.nodes]
    return made


def released(graph: Graph) -> Graph:
    """What ``held`` was given: its tensors are expressions over the state in place of nodes.

    Tensors of the state that no node asks for stay as they are.
    """
    turned: dict[str, Tensor] = {}
    rest: list[Node] = []
    for node in graph.nodes:
        made = None
        if TURNED in node.metadata and len(node.outputs) == 1:
            made = _expression(node, {**graph.tensors, **turned})
        if made is None:
            rest.append(node)
        else:
            turned[node.outputs[0]] = Tensor(node.outputs[0], made)
    wanted = {value.name for value in graph.outputs}
    for inner in replace(graph, nodes=rest).subgraphs():
        wanted.update(name for node in inner.nodes for name in node.inputs)
        wanted.update(value.name for value in inner.outputs)
    needed = {name: tensor for name, tensor in turned.items() if name in wanted}
    inside = {id(leaf) for tensor in needed.values() for leaf in sources(source(tensor))}
    own = {n: t for n, t in graph.tensors.items() if n in wanted or id(t) not in inside}
    return replace(graph, nodes=rest, tensors=own | needed)


def _expression(node: Node, tensors: Mapping[str, Tensor]) -> Expression | None:
    """What a node that ``held`` wrote makes of tensors; None where it is none of those."""
    try:
        if node.op_type == "Constant":
            value = node.attributes["value"]
            return source(value) if isinstance(value, Tensor) else None
        parts = [source(tensors[name]) for name in node.inputs]
        if node.op_type == "Transpose":
            return transpose(parts[0], node.attributes["perm"])
        if node.op_type == "Concat":
            return concatenate(parts, node.attributes["axis"])
        if node.op_type == "Reshape":
            return reshape(parts[0], _numbers(parts[1]))
        if node.op_type == "Slice":
            start, stop, axis, step = (_numbers(part)[0] for part in parts[1:])
            return slice_axis(parts[0], axis, start, stop, step)
    except (IndexError, KeyError, TypeError, ValueError):  # a node of somebody else stays one
        return None
    return None


def _numbers(expression: Expression) -> list[int]:
    if len(expression.shape) != 1 or expression.shape[0] > MOST_AXES:
        raise ValueError(f"{expression.shape} is the shape of no settings")
    return [int(number) for number in Tensor("", expression).numpy()]


class _Turned:
    """Writes the nodes that turn tensors of the state into those of the graph."""

    def __init__(self, graph: Graph, taken: set[str]) -> None:
        self.graph = graph
        self.taken = taken
        self.nodes: list[Node] = []

    def give(self, name: str, tensor: Tensor, back: Mapping[int, Expression]) -> str:
        """The name under which the graph finds a tensor."""
        expression = source(tensor)
        wanted = [leaf for leaf in leaves(expression) if isinstance(leaf, Source)]
        if not wanted or any(id(leaf.tensor) not in back for leaf in wanted):
            if tensor.nbytes > MOST_INSIDE:
                raise ConversionError(name, "no parameter of the model holds this tensor")
            own = self.unused(name)
            self.graph.tensors[own] = tensor if own == name else Tensor(own, tensor.data)
            return own
        made = self.value(rebase(expression, lambda leaf: _replaced(leaf, back)), name)
        if made in self.graph.tensors or name in self.taken:
            return made
        self.taken.add(name)
        self.nodes[-1] = replace(self.nodes[-1], name=name, outputs=[name])
        return name

    def value(self, expression: Expression, name: str) -> str:
        """The name of a value that an expression over the state gives."""
        if isinstance(expression, Source):
            return expression.tensor.name
        if isinstance(expression, Fill):
            value = np.full(expression.shape, expression.value, expression.dtype.numpy)
            return self.constant(name, value)
        if isinstance(expression, Transpose):
            inputs = [self.value(expression.child, name)]
            return self.node("Transpose", inputs, name, perm=list(expression.permutation))
        if isinstance(expression, Reshape):
            shape = self.constant(name, np.array(expression.shape, "int64"))
            return self.node("Reshape", [self.value(expression.child, name), shape], name)
        if isinstance(expression, Concatenate):
            parts = [self.value(child, name) for child in expression.children]
            return self.node("Concat", parts, name, axis=expression.axis)
        if isinstance(expression, Slice):
            indices = expression.indices
            end = indices[-1] + expression.step if indices else indices.start
            bounds = [indices.start, end if end >= 0 else -(1 << 62), expression.axis, indices.step]
            ends = [self.constant(name, np.array([bound], "int64")) for bound in bounds]
            return self.node("Slice", [self.value(expression.child, name), *ends], name)
        raise ConversionError(name, "its values are computed, not only rearranged")

    def node(self, op_type: str, inputs: list[str], name: str, **attributes: object) -> str:
        """A node of the graph; the name of its result."""
        out = self.unused(f"{name}/{op_type}")
        made = Node("ai.onnx", op_type, out, inputs, [out], dict(attributes))
        made.metadata[TURNED] = name
        self.nodes.append(made)
        return out

    def constant(self, name: str, array: NDArray[Any]) -> str:
        """A small constant of the graph."""
        value = Tensor("", InMemory(array))
        return self.node("Constant", [], name, value=value)

    def unused(self, name: str) -> str:
        """A name like this one that the graph does not have yet."""
        found, count = name, 1
        while found in self.taken:
            count += 1
            found = f"{name}_{count}"
        self.taken.add(found)
        return found


def _replaced(leaf: Source | Fill, back: Mapping[int, Expression]) -> Expression:
    return leaf if isinstance(leaf, Fill) else back[id(leaf.tensor)]


def _renamed(node: Node, names: Mapping[str, str]) -> Node:
    """The node over the tensors under their new names, in its bodies too."""
    attributes = {
        key: _renamed_within(value, names) if isinstance(value, Graph) else value
        for key, value in node.attributes.items()
    }
    inputs, outputs = (
        [names.get(name, name) for name in listed] for listed in (node.inputs, node.outputs)
    )
    return replace(node, inputs=inputs, outputs=outputs, attributes=attributes)


def _renamed_within(graph: Graph, names: Mapping[str, str]) -> Graph:
    """A body over the tensors around it; names of its own hide them."""
    own = {*graph.tensors, *(value.name for value in graph.inputs)}
    own |= {name for node in graph.nodes for name in node.outputs}
    seen = {old: new for old, new in names.items() if old not in own}
    outputs = [
        replace(value, name=seen[value.name]) if value.name in seen else value
        for value in graph.outputs
    ]
    nodes = [_renamed(node, seen) for node in graph.nodes]
    return replace(graph, nodes=nodes, outputs=outputs)
