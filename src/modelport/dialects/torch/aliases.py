"""Tensors that share elements: what else changes when an operator changes one of them.

A view (a row of a matrix, the same elements in another shape) shares its elements with its base.
ONNX has values only, so a change of a view is written back into its base, and every other view of
that base is computed anew, where somebody still asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from modelport.dialects.onnx import layout, ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import (
    Call,
    Complex,
    Quantised,
    in_place,
    lowering_of,
    meets_complex,
    plain,
    run,
)
from modelport.dialects.torch.permutation import order_of
from modelport.errors import ConversionError
from modelport.model.graph import Graph, Node, inner_graphs

_SAME = frozenset(
    "alias contiguous detach dropout alpha_dropout feature_dropout lift_fresh positive".split()
)
_CASTS = frozenset("to type_as float double half bfloat16 int long short char byte bool".split())
_MOVED = frozenset(
    "atleast_1d atleast_2d atleast_3d expand expand_as flatten ravel reshape reshape_as squeeze"
    " unflatten unsqueeze view view_as".split()
)
_PERMUTED = frozenset(
    "adjoint mH mT matrix_H moveaxis movedim numpy_T permute swapaxes swapdims t transpose".split()
)
_PARTS = frozenset(
    "select slice narrow diagonal linalg_diagonal split split_with_sizes chunk tensor_split hsplit"
    " vsplit dsplit unbind unfold as_strided real imag view_as_real view_as_complex".split()
)
_CUT = frozenset("split split_with_sizes chunk tensor_split".split())

_ITEMS = frozenset("ListUnpack __getitem__".split())
_LISTS = frozenset("Constant append extend list slice add".split())


class Aliases:
    """Which values of a graph share elements, and how each is a view of its base."""

    STATE: ClassVar[str] = "state of "

    def __init__(self) -> None:
        self._bases: dict[str, tuple[str, Node | None]] = {}
        self._lost: set[str] = set()
        self._lists: set[str] = set()  # lists whose items may share elements with other values

    def copy(self) -> Aliases:
        """The same, for a body that learns more of its own."""
        made = Aliases()
        made._bases, made._lists = dict(self._bases), set(self._lists)
        made._lost = set(self._lost)
        return made

    @classmethod
    def state(cls, name: str) -> str:
        """The name under which the changed value of a weight is held."""
        return f"{cls.STATE}{name}"

    def see(self, node: Node, values: Mapping[str, Any]) -> None:
        """Remember a node that gives a view."""
        name, base = plain(node.op_type), self.changed(node)
        if node.overload == "*":
            self._see_lists(node, base)
        if node.domain != "aten" or base is None or node.attributes.get("copies"):
            return
        if name in _CASTS and base in values and not _copied(node):
            if _alike(values[base], values[node.outputs[0]], "dtype"):
                self._bases[node.outputs[0]] = (base, None)
        elif name in ("resize", "resize_as") and base in values:
            if _alike(values[base], values[node.outputs[0]], "shape"):
                self._bases[node.outputs[0]] = (base, None)
        elif name in _SAME | _MOVED | _PERMUTED | _PARTS:
            for output in node.outputs:
                self._bases[output] = (base, node)

    def _see_lists(self, node: Node, base: str | None) -> None:
        """Remember what code makes lists of, and takes out of them."""
        if node.op_type in _PARTS | _LISTS:
            self._lists.update(node.outputs)
        elif node.op_type in _ITEMS and node.inputs and node.inputs[0] in self._lists:
            self._bases.update((output, (node.inputs[0], node)) for output in node.outputs)
        if node.op_type == "Constant" and base is not None:
            self.join(node.outputs[0], base)

    def join(self, output: str, name: str, held: Any = None) -> None:
        """Another name for a value; ``held`` is the value, where it may be a list."""
        if isinstance(held, list | tuple):
            self._lists.add(output)
        part, place = False, name
        while place in self._bases and place != output:
            place, node = self._bases[place]
            part = part or node is not None
        if place != output:
            self._bases[output] = (name, None)
            self._lost.discard(output)
        elif part:  # a loop goes on with a part of what it went on with: names do not tell which
            self._lost.add(output)

    def changed(self, node: Node) -> str | None:
        """The name of a node's first argument, or of the one that takes its result."""
        written = node.attributes["call"]
        first = written["args"][0] if written["args"] else written["kwargs"].get("self")
        first = written["kwargs"].get("out", first)
        if isinstance(first, Mapping) and "tensor" in first:
            return node.inputs[first["tensor"]]
        if isinstance(first, Mapping) and "parameter" in first:
            return self.state(node.parameters[first["parameter"]])
        return None

    def change(
        self,
        call: Call,
        values: dict[str, Any],
        name: str,
        new: Any,
        later: set[str],
        compute: Callable[[Node], list[Any]],
    ) -> None:
        """Give ``name`` a new value, its base too, and all views of that base used later."""
        new = _by_parts(call, new, values[name], partial(_like, call))
        values[name] = new
        root = name
        while root in self._bases:
            base, node = self._bases[root]
            if root in self._lost:
                raise ConversionError(call.where, "it changes a part of a value of a loop")
            if isinstance(values[base], list | tuple):
                base, new = self._through_list(call, values, root, new)
            elif node is not None:
                back = partial(_written_back, call, node, root, values)
                new = _by_parts(call, new, values[base], back)
            values[base], root = new, base
        stale = [view for view in self._bases if view != name and self.root(view) == root]
        wanted: set[str] = set()
        for view in reversed(stale):
            if view in later or view in wanted:
                wanted |= {view, self._bases[view][0]}
        for view in stale:
            base, node = self._bases[view]
            if view in wanted and node is None:
                values[view] = values[base]
            elif view in wanted and node is not None:
                values.update(zip(node.outputs, compute(node), strict=False))

    def _through_list(
        self, call: Call, values: dict[str, Any], item: str, new: Any
    ) -> tuple[str, Any]:
        """The tensor that a list has the parts of, and its value with a new item in its place.

        Raises:
            ConversionError: the list holds what others may share, or only a run tells which item.
        """
        parts, taken = self._bases[item]
        base, cut = self._bases.get(parts, ("", None))
        place = _place_of(taken, item) if taken is not None else None
        if cut is None or place is None or cut.op_type not in _CUT | {"unbind"}:
            why = "it changes an item of a list in place, which other values may share"
            raise ConversionError(call.where, why)
        held = list(values[parts])
        place %= len(held)
        held[place] = new
        values[parts] = held
        write = partial(_part_back, call, cut, held, place)
        return base, _by_parts(call, new, values[base], write)

    def root(self, name: str) -> str:
        """The tensor that owns the elements."""
        while name in self._bases:
            name = self._bases[name][0]
        return name


def _alike(x: Any, y: Any, what: str) -> bool:
    """Whether two values are tensors (code has numbers too) that are the same in one respect."""
    return hasattr(x, what) and hasattr(y, what) and getattr(x, what) == getattr(y, what)


_ACTS = frozenset("RaiseIf RaiseException Stuck".split())


def changes(node: Node) -> bool:
    """Whether a node gives a tensor that is there new elements."""
    return in_place(node.op_type) or "out" in node.attributes["call"]["kwargs"]


def acts(node: Node) -> bool:
    """Whether a node does something beside giving its outputs, or one in a body of it does."""
    if changes(node) or (node.domain == "prim" and node.op_type in _ACTS):
        return True
    return any(acts(inner) for graph in inner_graphs(node.attributes) for inner in graph.nodes)


def live_nodes(graph: Graph) -> list[Node]:
    """The nodes that something depends on, and those that change a tensor; not mere assertions."""
    needed = {value.name for value in graph.outputs}
    live = []
    for node in reversed(graph.nodes):
        if acts(node) or any(output in needed for output in node.outputs):
            live.append(node)
            needed.update(node.inputs)
    return live[::-1]


def needed_later(graph: Graph, nodes: Sequence[Node]) -> list[set[str]]:
    """For every node, the values that are used after it."""
    needed = {value.name for value in graph.outputs}
    if not any(acts(node) for node in nodes):
        return [needed] * len(nodes)
    found = []
    for node in reversed(nodes):
        found.append(set(needed))
        needed.update(node.inputs)
        needed.update(Aliases.state(name) for name in node.parameters.values())
    return found[::-1]


def _copied(node: Node) -> bool:
    """Whether a cast is told to copy even what has the dtype already."""
    written = node.attributes["call"]
    return written["kwargs"].get("copy") is True or True in written["args"][2:]


def _by_parts(call: Call, new: Any, old: Any, function: Callable[[Edge, Edge], Edge]) -> Any:
    """A function of a new value and the old one; or of the parts of complex or quantised ones."""
    if isinstance(new, Quantised) and isinstance(old, Quantised):
        return Quantised(function(new.values, old.values), new.scale, new.zero_point, new.axis)
    if not meets_complex([new, old]):
        return function(call.tensor(new), call.tensor(old))
    if not (isinstance(new, Complex) and isinstance(old, Complex)):
        raise ConversionError(call.where, "it changes complex numbers into real ones, or these")
    return Complex(function(new.real, old.real), function(new.imag, old.imag))


def _like(call: Call, new: Edge, old: Edge) -> Edge:
    """A new value in the dtype and shape of the tensor that takes it."""
    new = ops.cast(call.b, new, old.dtype)
    if new.shape == old.shape:
        return new
    made = call.b.emit("Expand", [new, ops.shape_of(call.b, old)], old.dtype, old.shape)
    return Edge(made.name, old.dtype, old.shape)


def _written_back(
    call: Call, node: Node, view: str, values: Mapping[str, Any], new: Edge, base: Edge
) -> Edge:
    """The base with a view's new elements in their places."""
    written, name = node.attributes["call"], plain(node.op_type)
    args = [_told(item, node, values) for item in written["args"][1:]]
    kwargs = {k: _told(v, node, values) for k, v in written["kwargs"].items() if k != "self"}
    if name in _SAME:
        return new
    if name in ("expand", "expand_as"):
        raise ConversionError(call.where, "it changes a tensor whose elements are repeated")
    if name in _MOVED | _PERMUTED:
        return _moved_back(call, node, base, new)
    if any(isinstance(item, Mapping) for item in (*args, *kwargs.values())):
        raise ConversionError(call.where, "it changes a view whose place is computed")
    if name in _CUT or name == "unbind":
        parts = [values[output] for output in node.outputs]
        return _part_back(call, node, parts, node.outputs.index(view), new, base)
    scatter = lowering_of("aten", f"{name}_scatter", "")
    if name in ("select", "slice", "diagonal", "narrow") and scatter is not None:
        (made,) = run(call, scatter, [base, new, *args], kwargs)
        return call.tensor(made)
    raise ConversionError(call.where, f"it changes a part that {name} gave")


def _part_back(
    call: Call, node: Node, parts: Sequence[Edge], at: int, new: Edge, base: Edge
) -> Edge:
    """The base with new elements in place of one of the parts that a node cut it into."""
    written, unbound = node.attributes["call"], node.op_type == "unbind"
    args = written["args"][1 if unbound else 2 :]
    axis = written["kwargs"].get("dim", args[0] if args else 0) % base.rank
    place = [at]
    if not unbound:
        extents = [part.shape[axis] for part in parts[: at + 1]]
        known = [extent for extent in extents if isinstance(extent, int)]
        if len(known) < len(extents):
            raise ConversionError(f"node {node.name!r}", "parts of unknown extents are changed")
        place = [sum(known[:-1]), sum(known)]
    scatter = lowering_of("aten", "select_scatter" if unbound else "slice_scatter", "")
    if scatter is None:
        raise ConversionError(call.where, f"it changes a part that {node.op_type} gave")
    return call.tensor(run(call, scatter, [base, new, axis, *place], {})[0])


def _place_of(taken: Node, item: str) -> int | None:
    """Which item of a list a node takes; None where only a run can tell."""
    if taken.op_type == "ListUnpack":
        return taken.outputs.index(item)
    args = taken.attributes["call"]["args"]
    return args[1] if len(args) > 1 and type(args[1]) is int else None


def _told(item: Any, node: Node, values: Mapping[str, Any]) -> Any:
    """An argument of a view, where it is computed as what it was computed to."""
    if isinstance(item, Mapping) and "tensor" in item:
        return values.get(node.inputs[item["tensor"]], item)
    return item


def _moved_back(call: Call, node: Node, base: Edge, new: Edge) -> Edge:
    name = plain(node.op_type)
    if name in _PERMUTED:
        written = node.attributes["call"]
        given = [*written["args"][1:], *(v for k, v in written["kwargs"].items() if k != "self")]
        order = order_of(name, base.rank, given)
        return ops.transpose(call.b, new, layout.inverse(order))
    made = call.b.emit("Reshape", [new, ops.shape_of(call.b, base)], base.dtype, base.shape)
    return Edge(made.name, base.dtype, base.shape)
