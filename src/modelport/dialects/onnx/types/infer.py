"""The types and small constants of every value of an ai.onnx graph, with its bodies.

Nodes are taken as the newest operator set has them. Cost grows with the number of nodes; bodies
that go round are followed a few times each, within a budget that nesting cannot multiply.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelport.dialects.onnx.types.dims import TIMES
from modelport.dialects.onnx.types.known import UNKNOWN, Known, of_tensor
from modelport.dialects.onnx.types.stated import completed, stated
from modelport.dialects.onnx.types.table import results
from modelport.errors import ConversionError
from modelport.model.graph import Graph, Node, inner_graphs

_DEEPEST = 64
"""Bodies within bodies; Python's own stack ends not far beyond."""
_VISITS = 8
"""How often a node is looked at on average before bodies are followed no more than once."""


class Types(Mapping[str, Known]):
    """What is known of each value of a graph, by name.

    Names of the graphs around it are found, too. ``within`` gives the same of a body: names there
    are its own.
    """

    def __init__(self, outer: Types | None = None) -> None:
        self._outer = outer
        self._own: dict[str, Known] = {}
        self._bodies: dict[int, tuple[Graph, Types]] = outer._bodies if outer is not None else {}

    def __getitem__(self, name: str) -> Known:
        types: Types | None = self
        while types is not None:
            found = types._own.get(name)
            if found is not None:
                return found
            types = types._outer
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._own)

    def __len__(self) -> int:
        return len(self._own)

    def within(self, body: Graph) -> Types:
        """What is known of the values of a graph inside one of the nodes.

        Of a body that stands in several nodes, what holds in the last of them.

        Raises:
            KeyError: it is inside none, or could not be reached.
        """
        return self._bodies[id(body)][1]


def infer(graph: Graph, *, naming: bool = False) -> Types:
    """What is known of every value of a graph.

    With ``naming`` every extent of the graph itself that is unknown gets a name of its own, so
    that it can be told to be the same where it is used again; bodies know no such names of theirs.

    Raises:
        ConversionError: a node that no runtime would load, or bodies nested beyond reason.
    """
    return _Walk(graph, naming).top()


class _Walk:
    def __init__(self, graph: Graph, naming: bool) -> None:
        self.graph = graph
        self.naming = naming
        nodes = sum(len(inner.nodes) for inner in graph.subgraphs())
        self.left = _VISITS * nodes + 1000
        self.names = {
            extent
            for value in graph.inputs
            for extent in stated(value.type).shape or ()
            if isinstance(extent, str)
        }

    def top(self) -> Types:
        types = Types()
        for value in self.graph.inputs:
            types._own[value.name] = self.named(stated(value.type), value.name)
        self.fill(self.graph, types, 0)
        return types

    def body(self, graph: Graph, outer: Types, inputs: Sequence[Known], depth: int) -> list[Known]:
        types = Types(outer)
        if self.left < 0 and id(graph) in types._bodies:
            return self.unfollowed(graph, types)
        for value, given in zip(graph.inputs, inputs, strict=False):
            types._own[value.name] = given
        for value in graph.inputs[len(inputs) :]:
            types._own[value.name] = stated(value.type, self.names)
        self.fill(graph, types, depth)
        types._bodies[id(graph)] = graph, types
        return [types.get(value.name, UNKNOWN) for value in graph.outputs]

    def unfollowed(self, graph: Graph, types: Types) -> list[Known]:
        """A body called too often: it counts as what it states itself."""
        types._own.update((value.name, stated(value.type, ())) for value in graph.inputs)
        types._bodies[id(graph)] = graph, types
        return [stated(value.type, ()) for value in graph.outputs]

    def fill(self, graph: Graph, types: Types, depth: int) -> None:
        if depth > _DEEPEST:
            raise ConversionError(graph.name, f"more than {_DEEPEST} bodies within each other")
        own = types._own
        for name, tensor in graph.tensors.items():
            own[name] = of_tensor(tensor)
        for name, sparse in graph.sparse_tensors.items():
            own[name] = Known(sparse.values.dtype, sparse.shape)
        claims = {name: value for name, value in graph.values.items() if value.type is not None}
        claims.update((v.name, v) for v in graph.outputs if v.type is not None)
        names = None if depth == 0 else self.names
        for node in graph.nodes:
            found = self.node(node, types, depth)
            for name, known in zip(node.outputs, found, strict=True):
                if name:
                    claim = claims.get(name)
                    known = known if claim is None else _claimed(known, claim, names)
                    own[name] = known if depth else self.named(known, name)

    def named(self, known: Known, value: str) -> Known:
        """The same with a name for each extent that is unknown, where that is wanted."""
        shape = known.shape
        if not self.naming or shape is None or None not in shape or known.boxes or TIMES in value:
            return known
        named = tuple(f"{value}[{i}]" if d is None else d for i, d in enumerate(shape))
        return Known(known.dtype, named, known.held)

    def node(self, node: Node, types: Types, depth: int) -> list[Known]:
        self.left -= 1
        inputs = [types.get(name, UNKNOWN) if name else None for name in node.inputs]

        def body(graph: Graph, given: Sequence[Known]) -> list[Known]:
            return self.body(graph, types, given, depth + 1)

        try:
            found = results(
                node.op_type, inputs, node.attributes, len(node.outputs), body, node.domain
            )
        except ValueError as error:
            raise ConversionError(node.name or node.op_type, str(error)) from error
        for inner in inner_graphs(node.attributes):
            # What an operator without a rule does with its bodies nobody knows.
            if id(inner) not in types._bodies:
                body(inner, [])
        return found


def _claimed(known: Known, value: Any, names: set[str] | None) -> Known:
    # What is known as a whole needs nobody's word.
    if known.dtype is not None and known.shape is not None and None not in known.shape:
        return known
    return completed(known, stated(value.type, names))
