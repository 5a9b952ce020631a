"""From a graph of ONNX operators to statements of Python and the members they use."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from modelport.dialects.onnx.operands import Absorbed
from modelport.dialects.onnx.scopes import scope_of
from modelport.dialects.onnx.types.infer import Types
from modelport.dialects.onnx.types.known import UNKNOWN, Known
from modelport.dialects.torch.raises.call import Call, Result, Same, table, torch_dtype
from modelport.dialects.torch.raises.literals import literal
from modelport.dialects.torch.raises.ownership import Ownership
from modelport.dialects.torch.source.calls import module
from modelport.dialects.torch.source.inline import all_expressions
from modelport.dialects.torch.source.members import (
    PREFIX,
    Member,
    Path,
    common,
)
from modelport.dialects.torch.source.sizes import Sizes, sizes
from modelport.dialects.torch.source.statements import (
    Body,
    Let,
    Ref,
    Statement,
    members,
    parse,
)
from modelport.errors import ConversionError
from modelport.model.dtype import INT64
from modelport.model.expression import Expression, source
from modelport.model.graph import Graph, Node, inner_graphs

MOST_WRITTEN = 16
"""Elements of a constant whose values stand in the source."""


@dataclass(slots=True)
class Frame:
    """What one body knows: the main graph's, or that of a branch or loop inside another."""

    graph: Graph
    types: Types
    refs: dict[str, Ref] = field(default_factory=dict)
    sizes: dict[str, Sizes] = field(default_factory=dict)
    users: dict[str, list[Node]] = field(default_factory=dict)
    body: Body = field(default_factory=Body)
    outer: Frame | None = None


class Writer:
    """Writes the statements of a graph, node by node."""

    def __init__(self, graph: Graph, types: Types, weights: Container[str] | None = None) -> None:
        self.owned = Ownership(graph, weights)
        self.helpers: dict[str, str] = {}
        self._count = 0
        self._absorbed = Absorbed()
        self.turned: dict[str, str] = {}
        self.node: Node | None = None
        self.frame = Frame(graph, types)
        self._enter(self.frame)

    def main(self) -> Body:
        """The statements of the main graph."""
        frame = self.frame
        for value in frame.graph.inputs:
            if value.name not in frame.graph.tensors:
                frame.refs[value.name] = self.ref(value.name)
        self.write(frame.graph)
        frame.body.results = [parse(self.tensor(value.name)) for value in frame.graph.outputs]
        return frame.body

    def ref(self, hint: str = "") -> Ref:
        """A new value."""
        self._count += 1
        return Ref(self._count, hint)

    def write(self, graph: Graph) -> None:
        """The nodes of a graph, into the body of the current frame."""
        for node in graph.nodes:
            if node not in self._absorbed:
                self._write(node)

    def _write(self, node: Node) -> None:
        if all(self._is_constant(name) for name in node.outputs if name):
            return
        function = table().get((node.domain, node.op_type))
        if function is None:
            domain = "" if node.domain == "ai.onnx" else f"{node.domain}::"
            why = f"modelport cannot write the operator {domain}{node.op_type} for PyTorch"
            raise ConversionError(f"{node.op_type} {node.name!r}", why)
        outer, self.node = self.node, node
        self._hold(node, function(Call(self, node)))
        self.node = outer

    def _is_constant(self, name: str) -> bool:
        known = self.frame.types.get(name)
        return known is not None and not known.boxes and known.array is not None

    def _hold(self, node: Node, result: Result | None) -> None:
        """Bind what a translation returned to the names of the node's outputs."""
        if result is None:
            return
        node = self._absorbed.last(node)
        items = [result] if isinstance(result, str | Sizes) else list(result)
        names = [name for name in node.outputs if name][: len(items)]
        for name, item in zip(names, items, strict=True):
            if isinstance(item, Sizes):
                self.frame.sizes[name] = item
            else:
                self.bind(name, item)

    def bind(self, name: str, text: str, *, module: str = "", inline: bool = True) -> Ref:
        """A statement that computes the value ``name``."""
        ref = self.ref()
        self.frame.refs[name] = ref
        self.let((ref,), text, module=module, inline=inline or isinstance(text, Same))
        return ref

    def helper(self, text: str) -> str:
        """The name of a function of the file, whose text this is."""
        name = text.partition("def ")[2].partition("(")[0]
        self.helpers[name] = text.strip("\n")
        return name

    def add(self, statement: Statement) -> None:
        """A branch or loop, in the scope of its node and of all members it uses."""
        used = (number for found in all_expressions(statement) for number in members(found))
        statement.scope = self._scope(used)
        self.frame.body.statements.append(statement)

    def target(self, name: str) -> Ref:
        """The value that a branch gives to ``name``."""
        ref = self.ref()
        if name:
            self.frame.refs[name] = ref
        return ref

    @contextmanager
    def within(self, graph: Graph, *, here: bool = False) -> Iterator[Frame]:
        """The frame of a graph inside the current node; ``here`` adds to the body around it."""
        outer = self.frame
        body = outer.body if here else Body()
        frame = Frame(graph, outer.types.within(graph), body=body, outer=outer)
        self._enter(frame)
        self.frame, node = frame, self.node
        try:
            yield frame
        finally:
            self.frame, self.node = outer, node

    def activation(self, node: Node, module: str, text: str) -> None:
        """The only result of a node, by a function or by a module without weights."""
        self.bind(self._absorbed.last(node).outputs[0], text, module=module, inline=True)

    def let(
        self, targets: Sequence[Ref], text: str, *, module: str = "", inline: bool = False
    ) -> None:
        """A statement for several values at once."""
        expression = parse(text)
        inline = inline or _is_module_call(text)
        scope = self._scope(members(expression))
        statement = Let(tuple(targets), expression, inline, scope, module)
        self.frame.body.statements.append(statement)

    def _scope(self, used: Iterable[int]) -> Path:
        """Where a statement belongs: at its node, but not below what it uses."""
        if self.node is None:
            return ()
        own = self.owned.names.scope(scope_of(self.node))
        parents = [self.owned.members[number].path[:-1] for number in used]
        return own[: len(common([module(own), *parents]))]

    # What operands are

    def known(self, name: str) -> Known:
        """What is known of a value."""
        return self.frame.types.get(name, UNKNOWN) if name else UNKNOWN

    def users(self, name: str) -> list[Node]:
        """The nodes that use a value, each once for each time."""
        return self.frame.users.get(name, [])

    def uses(self, name: str) -> int:
        """How often a value is used."""
        return len(self.frame.users.get(name, ()))

    def follower(self, node: Node, op_types: Sequence[str], output: int = 0) -> Node | None:
        """The only user of a result of a node, if it is one of these operators."""
        users = self.frame.users.get(self._absorbed.last(node).outputs[output], [])
        if len(users) != 1 or users[0].op_type not in op_types or users[0].domain != "ai.onnx":
            return None
        return users[0] if users[0].name != "" or users[0].outputs else None

    def producer(self, name: str) -> Node | None:
        """The node of this graph that gives a value."""
        if not name:
            return None
        return next((node for node in self.frame.graph.nodes if name in node.outputs), None)

    def absorbed(self, node: Node, following: Node) -> None:
        """``following`` needs no statement of its own any more."""
        self._absorbed.add(node, following)

    def tensor(self, name: str) -> str:
        """An operand as text that is a tensor."""
        found = self._find(name)
        if isinstance(found, Ref):
            return str(found)
        if isinstance(found, Sizes):
            return self._of_sizes(name, found)
        return str(self._held(name))

    def _of_sizes(self, name: str, found: Sizes) -> str:
        items = found.items[0] if found.scalar else f"[{found.text()}]"
        dtype = self.known(name).dtype
        kind = "" if dtype is None or dtype is INT64 else f", dtype={torch_dtype(dtype)}"
        device = f", device={found.like}.device" if found.like else ""
        return str(self.bind(name, f"torch.tensor({items}{kind}{device})", inline=True))

    def _find(self, name: str) -> Ref | Sizes | None:
        frame: Frame | None = self.frame
        while frame is not None:
            if name in frame.refs:
                return frame.refs[name]
            if name in frame.sizes:
                return frame.sizes[name]
            frame = frame.outer
        return None

    def number(self, name: str, node: Node) -> str:
        """An operand as a plain number where it is a constant that broadcasts, else as a tensor."""
        known = self.known(name)
        if self._find(name) is None and known.array is not None and known.array.size == 1:
            ranks = [self.known(other).rank for other in node.inputs if other != name]
            if known.array.ndim == 0 or any(
                rank is not None and rank >= known.array.ndim for rank in ranks
            ):
                return literal(known.array.reshape(()).item(), known.dtype)
        return self.tensor(name)

    def knows_sizes(self, name: str) -> bool:
        """Whether a vector's elements are integers that need no look into a tensor."""
        return isinstance(self._find(name), Sizes) or self.known(name).array is not None

    def sizes(self, name: str) -> Sizes:
        """A vector's elements as Python's integers."""
        known = self.known(name)
        if known.array is not None:
            return sizes(known.array.reshape(-1).tolist(), known.array.ndim == 0)
        found = self._find(name)
        if isinstance(found, Sizes):
            return found
        text = self.tensor(name)
        extent = known.dim(0)
        if known.rank == 0:
            return Sizes((f"int({text})",), True, text)
        if not isinstance(extent, int):
            raise ConversionError(name, "it is not known how many numbers it holds")
        return Sizes(tuple(f"int({text}[{i}])" for i in range(extent)), False, text)

    # What the model owns

    def weight(self, name: str) -> Expression | None:
        """What the file holds under a name."""
        frame: Frame | None = self.frame
        while frame is not None:
            if name in frame.graph.tensors:
                return source(frame.graph.tensors[name])
            if name in frame.refs:
                return None
            frame = frame.outer
        return None

    def module(
        self, constructor: str, tensors: Mapping[str, Expression], node: Node
    ) -> Member | None:
        """The module of this constructor over these tensors; None where it cannot be one."""
        return self.owned.module(constructor, tensors, node)

    def parameter(self, name: str, expression: Expression) -> str:
        """A tensor that the file holds, rearranged, as an attribute of the model."""
        return self.owned.parameter(name, expression, self.node)

    def _held(self, name: str) -> str:
        """A constant or weight as an attribute of the model."""
        known = self.known(name)
        expression = self.weight(name)
        small = known.array is not None and known.array.size <= MOST_WRITTEN
        if small and known.array is not None and known.array.size > 1 and expression is not None:
            floats = known.dtype is not None and known.dtype.kind == "float"
            small = not (floats and self.owned.is_weight(name))
        if expression is None or small:
            return str(self.owned.written(name, known, self.node))
        return self.parameter(name, expression)

    def _enter(self, frame: Frame) -> None:
        for node in frame.graph.nodes:
            for name in (*node.inputs, *_captured(node)):
                if name:
                    frame.users.setdefault(name, []).append(node)
        for value in frame.graph.outputs:
            frame.users.setdefault(value.name, []).append(Node("", "output", ""))


def _captured(node: Node) -> Iterator[str]:
    """The names that the bodies of a node use; some are their own."""
    for graph in inner_graphs(node.attributes):
        for inner in graph.subgraphs():
            for within in inner.nodes:
                yield from within.inputs
            yield from (value.name for value in inner.outputs)


def _is_module_call(text: str) -> bool:
    """Whether an expression does nothing but call a module."""
    return re.fullmatch(PREFIX + r"\d+\(\w+\)", text) is not None
