"""Torch to ONNX: walk a native graph and let every operator write its ONNX operators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from modelport.dialects.onnx.builder import Builder
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.aliases import Aliases, changes, live_nodes, needed_later
from modelport.dialects.torch.assumptions import ASSUMPTIONS, STACKED
from modelport.dialects.torch.call import Call, Parameter, lowering_of, plain, run
from modelport.dialects.torch.operators.quantised import quantised_weight
from modelport.dialects.torch.script.code import compute
from modelport.dialects.torch.script.control import CONTROL
from modelport.dialects.torch.script.numbers import CASTS, Stacked, sure
from modelport.errors import ConversionError
from modelport.model.component import Component
from modelport.model.dtype import FLOAT32
from modelport.model.graph import Graph, Node, TensorType, Value
from modelport.model.report import AS_NUMBER, Kind, Report
from modelport.model.tensor import Tensor

ANY = "*"
"""The overload of a call that code writes without one: its arguments tell which it is."""

MOST_NODES = 100_000
"""The most operators that the loops of code may be unrolled to."""


def lower(graph: Graph, report: Report, name: str = "model") -> Graph:
    """The ONNX graph of a native torch graph; weights are rearrangements of its tensors.

    What ONNX expresses otherwise goes into the report.

    Raises:
        ConversionError: an operator that ONNX cannot hold, by node and reason.
    """
    try:
        return _lowered(graph, report, name)
    except RecursionError as error:
        raise ConversionError("code", "its branches lie too deep in each other") from error


def _lowered(graph: Graph, report: Report, name: str) -> Graph:
    if not graph.outputs:
        raise ConversionError("outputs", "the model returns no tensor, and ONNX needs one")
    b = Builder(name)
    values: dict[str, Any] = {value.name: _input(b, value) for value in graph.inputs}
    results = lower_graph(b, graph, values, graph.tensors)
    for value, held in zip(graph.outputs, results, strict=True):
        for name, edge in _parts(value.name, sure(held)):
            if isinstance(edge, Stacked):
                b.note(name, STACKED)
            b.output(name, _output(b, name, edge))
    made = b.finish()
    for where, why in dict.fromkeys(b.notes):
        kind = Kind.INVENTED if why in ASSUMPTIONS else Kind.APPROXIMATED
        kind = Kind.REARRANGED if why == STACKED else kind
        report.add(kind, Component.ARCHITECTURE, where, why)
    for name in sorted(set(_read_as_numbers(graph)) - set(made.tensors)):
        report.add(Kind.REARRANGED, Component.WEIGHTS, name, AS_NUMBER)
    return made


def _read_as_numbers(graph: Graph) -> Iterator[str]:
    """Weights of one element whose values stand in the ONNX graph as numbers.

    Code turned them into numbers, or, where it was traced, holds these instead.
    """
    for inner in graph.subgraphs():
        for node in inner.nodes:
            if node.op_type in CASTS:
                yield from node.parameters.values()
    scales = {
        tensor.numpy().item(): name
        for name, tensor in graph.tensors.items()
        if tensor.size == 1 and tensor.dtype == FLOAT32 and "scale" in name
    }
    for node in graph.nodes if scales else ():
        numbers = _numbers(node)
        for name in (scales[value] for value in numbers if value in scales):
            yield name
            zero = graph.tensors.get(name.replace("scale", "zero_point"))
            if zero is not None and zero.size == 1 and zero.numpy().item() in numbers:
                yield name.replace("scale", "zero_point")


def _numbers(node: Node) -> list[int | float]:
    args = node.attributes["call"]["args"] if node.overload == ANY else ()
    return [item for item in args if isinstance(item, int | float)]


def _parts(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """An output, or those of a list."""
    if not isinstance(value, list):
        yield name, value
        return
    for place, item in enumerate(value):
        yield from _parts(f"{name}_{place}", item)


def _output(b: Builder, name: str, value: Any) -> Edge:
    try:
        held = value.edge if isinstance(value, Stacked) else value
        return Call(b, "output", "", name).tensor(held)
    except ValueError as error:
        raise ConversionError(f"output {name!r}", str(error)) from error


def lower_graph(
    b: Builder, graph: Graph, values: dict[str, Any], tensors: Mapping[str, Tensor]
) -> list[Any]:
    """Lower the nodes of a graph over the values of its inputs; returns those of its outputs.

    Operators that change a tensor give it, and all views of it, a new value.
    """
    walk = Walk(b, graph, values, tensors)
    walk.nodes(graph, set(), len(b.steps) if b.parent else 0)
    missing = [value.name for value in graph.outputs if value.name not in walk.values]
    weights = {name: Parameter(tensors[name], name) for name in missing if name in tensors}
    if len(weights) < len(missing):
        raise ConversionError(f"output {missing[0]!r}", "no node computes it")
    return [(walk.values | weights)[value.name] for value in graph.outputs]


_AGAIN_THE_SAME = frozenset({"embedding_renorm_"})
"""What changes a weight so that a second time nothing changes: no need to keep it."""


class Walk:
    """One way through the nodes of a graph.

    ``budget`` is how many nodes may still be lowered: loops of code repeat theirs.
    """

    def __init__(
        self,
        b: Builder,
        graph: Graph,
        values: dict[str, Any],
        tensors: Mapping[str, Tensor],
        budget: list[int] | None = None,
    ) -> None:
        self.b = b
        self.graph = graph
        self.values = values
        self.tensors = tensors
        self.aliases = Aliases()
        self.budget = [MOST_NODES] if budget is None else budget

    def nodes(self, graph: Graph, later: set[str], entered: int) -> None:
        """Lower the nodes of a graph; ``later`` are values that are used after it.

        ``entered`` is how many of their scopes the builder is in already.
        """
        live = live_nodes(graph)
        for node, needed in zip(live, needed_later(graph, live), strict=True):
            self.budget[0] -= 1
            if self.budget[0] < 0:
                raise ConversionError("code", f"it has over {MOST_NODES:,} operators, unrolled")
            with ExitStack() as stack:
                for step in node.scope[entered:]:
                    stack.enter_context(self.b.scope(step))
                self.node(node, needed | later if later else needed)

    def inline(self, graph: Graph, later: set[str]) -> list[Any]:
        """Lower the nodes of a graph inside this one, over the same values; gives its outputs."""
        self.nodes(graph, later, len(self.b.steps))
        return [self.values[value.name] for value in graph.outputs]

    def child(self, b: Builder) -> Walk:
        """A walk through a body, which sees the values of this one."""
        made = Walk(b, self.graph, dict(self.values), self.tensors, self.budget)
        made.aliases = self.aliases.copy()
        return made

    def arguments(self, node: Node) -> tuple[list[Any], dict[str, Any]]:
        """What a call is given, its tensors in their places."""
        missing = [name for name in node.inputs if name not in self.values]
        if missing:
            where = f"node {node.name!r} ({node.domain}::{node.op_type})"
            raise ConversionError(where, f"its input {missing[0]!r} is never computed")
        written = node.attributes["call"]
        args = [self._filled(item, node) for item in written["args"]]
        return args, {key: self._filled(item, node) for key, item in written["kwargs"].items()}

    def assign(self, node: Node, results: Sequence[Any], names: Sequence[str | None] = ()) -> None:
        """Give a node's outputs their values, and the names that these have already."""
        self.values.update(zip(node.outputs, results, strict=False))
        for output, name, held in zip(node.outputs, names, results, strict=False):
            if name is not None:
                self.aliases.join(output, name, held)

    def change(self, call: Call, name: str, new: Any, later: set[str]) -> None:
        """Give a value, and everything that shares its elements, a new value."""
        self.aliases.change(call, self.values, name, new, later, self.compute)

    def node(self, node: Node, later: set[str]) -> None:
        """Lower one node and give its outputs their values."""
        if node.domain == "prim" and node.op_type in CONTROL:
            CONTROL[node.op_type](self, node, later)
            return
        results = self.compute(node)
        if changes(node):
            self._change(node, results, later)
        else:
            self.values.update(zip(node.outputs, results, strict=False))
            self.aliases.see(node, self.values)

    def compute(self, node: Node) -> list[Any]:
        """The results of one call."""
        types = [self._type(name) for name in node.outputs]
        options = (node.domain, types, self._lower_inner)
        call = Call(self.b, plain(node.op_type), node.overload, node.name, *options)
        call.memory = node.attributes.get("memory")
        args, kwargs = self.arguments(node)
        kwargs.pop("out", None)
        if node.overload == ANY:
            call.overload, call.types = "", [None] * node.attributes["call"].get("count", 0)
            return compute(call, node, args, kwargs)
        function = lowering_of(node.domain, node.op_type, node.overload)
        if function is None and node.domain == "aten":
            function = lowering_of("complex", node.op_type, node.overload)
        if function is None:
            raise ConversionError(call.where, "ONNX has no form of it that modelport knows")
        results = run(call, function, args, kwargs)
        for edge, stated in zip(results, types, strict=False):
            _complete(edge, stated)
        return results

    def _type(self, name: str) -> TensorType | None:
        value = self.graph.values.get(name)
        return value.type if value is not None and isinstance(value.type, TensorType) else None

    def _lower_inner(self, b: Builder, graph: Graph, values: Sequence[Any]) -> list[Any]:
        names = [value.name for value in graph.inputs]
        inner = dict(zip(names, values, strict=True))
        return lower_graph(b, graph, inner, {**self.tensors, **graph.tensors})

    def _filled(self, written: Any, node: Node) -> Any:
        if isinstance(written, Mapping):
            if "tensor" in written:
                return self.values[node.inputs[written["tensor"]]]
            if "parameter" in written:
                name = node.parameters[written["parameter"]]
                changed = self.values.get(Aliases.state(name))
                return Parameter(self.tensors[name], name) if changed is None else changed
            if "quantised" in written:
                parts = [self._filled(item, node) for item in written["quantised"]]
                return quantised_weight(self.b, *parts)
            return written
        if isinstance(written, list | tuple):
            return [self._filled(item, node) for item in written]
        return written

    def _change(self, node: Node, results: Sequence[Any], later: set[str]) -> None:
        """Give the tensor that a node changed, and everything that shares its elements, values."""
        name = self.aliases.changed(node)
        if name is None:
            raise ConversionError(f"node {node.name!r}", "it changes what is no tensor")
        call = Call(self.b, node.op_type, node.overload, node.name)
        root = self.aliases.root(name)
        held = root.removeprefix(Aliases.STATE)
        if held != root and node.op_type not in _AGAIN_THE_SAME:
            why = (
                f"it changes the weight {held!r} for the next run, which ONNX cannot keep; of a "
                "module saved in training mode, call eval() and save it again"
            )
            raise ConversionError(f"node {node.name!r}", why)
        if held != root:
            self.values.setdefault(root, call.tensor(Parameter(self.tensors[held], held)))
        self.change(call, name, results[0], later)
        for output in node.outputs:
            self.values[output] = self.values[name]
            self.aliases.join(output, name)


def _complete(edge: Any, stated: TensorType | None) -> None:
    """Let an edge know the extents that the file states and the lowering could not tell."""
    if not isinstance(edge, Edge) or stated is None or stated.shape is None:
        return
    if edge.rank == len(stated.shape) and edge.values is None:
        edge.shape = tuple(
            told if known is None else known
            for known, told in zip(edge.shape, stated.shape, strict=True)
        )


def _input(b: Builder, value: Value) -> Edge:
    if value.shape is None:
        raise ConversionError(f"input {value.name!r}", "the file states no shape of it")
    if value.dtype is not None and value.dtype.kind == "complex":
        why = "it is complex, which ONNX models are not given; give its parts (view_as_real)"
        raise ConversionError(f"input {value.name!r}", why)
    return b.input(value.name, value.dtype or FLOAT32, value.shape)
