"""The builder of ONNX graphs: nodes with readable names, weights once each, subgraphs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelport.dialects.onnx.bfloat16 import widen
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.onnx.types.dims import fits, refined
from modelport.dialects.onnx.types.known import UNKNOWN, Known
from modelport.dialects.onnx.types.table import results
from modelport.errors import ConversionError
from modelport.model.dtype import DType, from_numpy
from modelport.model.expression import Expression, same, sources
from modelport.model.graph import Dim, Graph, Node, Scope, TensorType, Value
from modelport.model.tensor import InMemory, Tensor

OPSET = 21
"""The version of the default operator set that is written (ONNX 1.16)."""

OTHER_OPSETS = {"ai.onnx.ml": 4}
"""The versions of further operator sets; domains of somebody's own have version 1."""

IR_VERSION = 10
"""The version of the file format that is written: the first with metadata on nodes and tensors."""


class Builder:
    """A graph under construction.

    A child builder (``subgraph``) builds the body of a control-flow node: it may use every value
    of its parents, keeps names unique across all of them and puts weights into the outermost
    graph. ``most_scopes`` limits how many modules or layers may be entered.
    """

    def __init__(
        self, name: str = "model", parent: Builder | None = None, most_scopes: int | None = None
    ) -> None:
        self.graph = Graph(name)
        self.parent = parent
        self._root: Builder = parent._root if parent else self
        self._scopes_left = most_scopes
        self._outputs: list[tuple[str, str]] = []
        self._scope: tuple[Scope, ...] = parent._scope if parent else ()
        self._used: dict[str, int] = parent._used if parent else {}
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = (
            parent._constants if parent else {}
        )
        self._weights: dict[str, list[tuple[Expression, Edge]]] = parent._weights if parent else {}
        self._types: dict[str, Known] = parent._types if parent else {}
        self.notes: list[tuple[str, str]] = parent.notes if parent else []

    # Names and scopes

    @contextmanager
    def scope(self, step: Scope) -> Iterator[None]:
        """Within the block, nodes belong to one more module or layer.

        Raises:
            ConversionError: more blocks than ``most_scopes``.
        """
        if self._scopes_left is not None:
            if self._scopes_left == 0:
                why = "models that call each other over and over make too large a graph"
                raise ConversionError(self.path, why)
            self._scopes_left -= 1
        outer = self._scope
        self._scope = (*outer, step)
        try:
            yield
        finally:
            self._scope = outer

    @property
    def steps(self) -> tuple[Scope, ...]:
        """The scopes a new node would belong to, outermost first."""
        return self._scope

    @property
    def path(self) -> str:
        """The names of the scopes, joined by ``/``."""
        return "/".join(
            step.name if step.call == 0 else f"{step.name}:{step.call}" for step in self._scope
        )

    def unique(self, name: str) -> str:
        """``name``, or ``name_1``, ``name_2`` ... where it is taken."""
        name = name or "unnamed"
        count = self._used.get(name, -1) + 1
        self._used[name] = count
        if count == 0:
            return name
        return self.unique(f"{name}_{count}")

    # Nodes

    def node(
        self,
        op_type: str,
        inputs: Sequence[str],
        outputs: int = 1,
        *,
        domain: str = "ai.onnx",
        **attributes: Any,
    ) -> list[str]:
        """Add one ONNX node; returns the names of its outputs.

        An empty input name is an absent optional input. Attributes that are None are left out.

        Raises:
            ValueError: ONNX does not allow the operator on these inputs.
        """
        prefix = f"{self.path}/" if self._scope else ""
        name = self.unique(f"{prefix}{op_type}")
        suffixes = [""] if outputs == 1 else [f":{i}" for i in range(outputs)]
        names = [self.unique(f"{name}{suffix}:out") for suffix in suffixes]
        given = {key: value for key, value in attributes.items() if value is not None}
        known = [self._types.get(item, UNKNOWN) if item else None for item in inputs]
        found = results(op_type, known, given, outputs, domain=domain)
        self._types.update(zip(names, found, strict=True))
        self.graph.nodes.append(
            Node(domain, op_type, name, list(inputs), names, given, scope=self._scope)
        )
        return names

    def emit(
        self,
        op_type: str,
        inputs: Sequence[Edge | None],
        dtype: DType,
        shape: Sequence[Dim],
        **attributes: Any,
    ) -> Edge:
        """Add a node with one output over edges in their own layout; None is an absent input."""
        names = [self.name(edge) if edge is not None else "" for edge in inputs]
        while names and not names[-1]:
            names.pop()
        for edge in inputs:
            if edge is not None:
                self._claim(edge)
        made = Edge(self.node(op_type, names, **attributes)[0], dtype, tuple(shape))
        self._claim(made)
        return made

    def _claim(self, edge: Edge) -> None:
        """Take what an edge says of itself where the rules leave it open."""
        known = self._types.get(edge.name or "", UNKNOWN)
        shape = refined(known.shape, edge.shape)
        self._types[edge.name or ""] = Known(known.dtype or edge.dtype, shape, known.held)

    def name(self, edge: Edge) -> str:
        """The ONNX value that carries an edge in its own layout, computed now if need be."""
        if edge.name is None:
            from modelport.dialects.onnx.layout import own_layout

            edge.name = own_layout(self, edge)
        return edge.name

    # Inputs, weights, constants

    def input(self, name: str, dtype: DType, shape: Sequence[Dim]) -> Edge:
        """Add a graph input; unknown extents get names, the first one ``batch``."""
        taken = self.unique(name)
        dims: list[Dim] = []
        for axis, extent in enumerate(shape):
            unknown = "batch" if axis == 0 and self.parent is None else f"{taken}_{axis}"
            dims.append(unknown if extent is None else extent)
        self.graph.inputs.append(Value(taken, TensorType(dtype, tuple(dims))))
        self._types[taken] = Known(dtype, tuple(dims))
        return Edge(taken, dtype, tuple(dims))

    def weight(self, name: str, expression: Expression, role: str = "") -> Edge:
        """An initializer for derived data; the same data under the same name is one initializer.

        ``role`` and the names of the source tensors are kept as metadata.
        """
        held = self._weights.setdefault(name, [])
        for known, edge in held:
            if same(known, expression):
                return edge
        tensor = Tensor(self.unique(name), expression, _origin(expression, role))
        self._root.graph.tensors[tensor.name] = tensor
        edge = Edge(tensor.name, expression.dtype, expression.shape)
        held.append((expression, edge))
        self._types[tensor.name] = Known(edge.dtype, edge.shape)
        return edge

    def constant(self, value: Any, dtype: DType | None = None) -> Edge:
        """A small constant, shared among equal ones; Python ints become int64, floats float32."""
        array = _array(value, dtype)
        held = from_numpy(array.dtype)
        key = (held.name, array.shape, array.tobytes())
        if array.dtype == object:
            key = (held.name, array.shape, repr(array.tolist()).encode())
        if key not in self._constants:
            name = self.unique(f"const/{_label(array)}")
            self._root.graph.tensors[name] = Tensor(name, InMemory(array))
            self._constants[key] = name
            self._types[name] = Known(held, array.shape)
        return Edge(self._constants[key], held, array.shape)

    def note(self, where: str, why: str) -> None:
        """Remember what the graph expresses otherwise than its source: the place and one line."""
        self.notes.append((where, why))

    # Bodies and the end

    def subgraph(self, name: str) -> Builder:
        """A builder for the body of a Loop, Scan or If of this graph.

        Values of this graph that the body uses must have their name (``b.name(edge)``) before,
        so that whatever computes them stands outside the body.
        """
        return Builder(name, self)

    def output(self, name: str, edge: Edge) -> None:
        """Make an edge an output of the graph under a name of its own.

        Raises:
            ValueError: what carries it cannot have the shape that the edge claims.
        """
        final = self.unique(name)
        known = self._types.get(self.name(edge))
        if known is not None and known.shape is not None and not fits(known.shape, edge.shape):
            raise ValueError(f"it comes out as {list(known.shape)}, not as {list(edge.shape)}")
        self._outputs.append((self.name(edge), final))
        self.graph.outputs.append(Value(final, TensorType(edge.dtype, edge.shape)))

    def finish(self) -> Graph:
        """The finished graph: outputs renamed where possible, else behind an Identity."""
        produced = {name for node in self.graph.nodes for name in node.outputs}
        renamed: dict[str, str] = {}
        for carried, final in self._outputs:
            if carried in produced and carried not in renamed:
                renamed[carried] = final
            else:
                source = renamed.get(carried, carried)
                node = Node("ai.onnx", "Identity", self.unique(f"{final}/Identity"))
                node.inputs, node.outputs = [source], [final]
                self.graph.nodes.append(node)
        _rename(self.graph, renamed)
        if self.parent is None:
            _drop_unused_nodes(self.graph)
            self._drop_unused_constants()
            widen(self.graph, self.unique)
        return self.graph

    def _drop_unused_constants(self) -> None:
        used = {
            name for graph in self.graph.subgraphs() for node in graph.nodes for name in node.inputs
        }
        used.update(value.name for graph in self.graph.subgraphs() for value in graph.outputs)
        for name in self._constants.values():
            if name not in used:
                del self.graph.tensors[name]


def _drop_unused_nodes(graph: Graph) -> set[str]:
    """Leave out, in place, what computes results that nothing uses; gives the names used."""
    needed = {value.name for value in graph.outputs}
    kept = []
    for node in reversed(graph.nodes):
        if needed.isdisjoint(node.outputs):
            continue
        kept.append(node)
        needed.update(node.inputs)
        for item in node.attributes.values():
            if isinstance(item, Graph):
                needed |= _drop_unused_nodes(item)
    graph.nodes[:] = kept[::-1]
    return needed


def _rename(graph: Graph, names: dict[str, str]) -> None:
    for inner in graph.subgraphs():
        for node in inner.nodes:
            node.inputs = [names.get(name, name) for name in node.inputs]
            node.outputs = [names.get(name, name) for name in node.outputs]
        for value in inner.outputs:
            value.name = names.get(value.name, value.name)


def _origin(expression: Expression, role: str) -> dict[str, str]:
    origin = {"modelport.source": " ".join(tensor.name for tensor in sources(expression))}
    if role:
        origin["modelport.role"] = role
    return origin


def _array(value: Any, dtype: DType | None) -> NDArray[Any]:
    if dtype is not None:
        return np.asarray(value).astype(dtype.numpy)
    array = np.asarray(value)
    if array.dtype == np.float64:
        return array.astype(np.float32)
    return array.astype(np.int64) if array.dtype.kind in "iu" else array


def _label(array: NDArray[Any]) -> str:
    if array.size == 1:
        return str(array.reshape(-1)[0])
    return "x".join(str(extent) for extent in array.shape) or "scalar"
