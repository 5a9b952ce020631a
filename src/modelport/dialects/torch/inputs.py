"""What the code of a model tells of inputs whose types its file does not state.

An operator that takes one rank only, a check of the code's own, or a comparison with a number of
axes tells the rank; a weight tells the extent of the axis that meets it, and the dtype.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from modelport.dialects.torch.assumptions import NO_TYPE
from modelport.dialects.torch.axes import (
    CHANGES,
    EXACT,
    GIVE_FLOATS,
    KINDS,
    MEANT,
    MOVED,
    NAMES_AXES,
    POINTWISE,
    SAME_RANK,
    SPATIAL,
    STATES,
    SUGGESTED,
    SUMS,
    WHOLE,
)
from modelport.dialects.torch.script.numbers import SCALAR_TYPES
from modelport.dialects.torch.told import From, Told
from modelport.errors import ConversionError
from modelport.model.component import Component
from modelport.model.dtype import FLOAT32, INT64
from modelport.model.graph import Dim, Graph, Node, TensorType, Value
from modelport.model.report import Kind, Report
from modelport.model.tensor import Tensor


def stated(graph: Graph, report: Report) -> Graph:
    """The graph with a shape for every input; what the file does not state goes into the report.

    Raises:
        ConversionError: an input of which not even the rank can be told.
    """
    open_ = [value.name for value in graph.inputs if value.shape is None]
    if not open_ or not any(node.overload == "*" for node in graph.nodes):
        return graph
    told = _Reader(graph, open_).told
    inputs = []
    for value in graph.inputs:
        if value.name not in told:
            inputs.append(value)
            continue
        kind = _type(value, told[value.name])
        shown = ", ".join("?" if dim is None else str(dim) for dim in kind.shape or ())
        why = f"{NO_TYPE}; the code reads as if for {kind.dtype} [{shown}]"
        report.add(Kind.INVENTED, Component.SIGNATURE, value.name, why)
        inputs.append(replace(value, type=kind))
    return replace(graph, inputs=inputs)


def _type(value: Value, told: Told) -> TensorType:
    rank = told.rank()
    if rank is None or rank < 0:
        why = (
            "the file does not state how many axes it has, and the code does not tell; give an "
            "example (convert ... --inputs FILE.npz, written with numpy.savez(FILE, "
            f"{value.name}=...)), or save the module with torch.jit.trace or torch.export"
        )
        raise ConversionError(f"input {value.name!r}", why)
    shape: list[Dim] = [None] * rank
    for axis, extent in told.extents.items():
        if -rank <= axis < rank:
            shape[axis] = extent
    return TensorType(value.dtype or told.dtype or FLOAT32, tuple(shape))


class _Reader:
    """Follows inputs through the nodes of a graph."""

    def __init__(self, graph: Graph, names: Sequence[str]) -> None:
        self.tensors: Mapping[str, Tensor] = graph.tensors
        self.told = {name: Told() for name in names}
        self._from: dict[str, From] = {name: From(name) for name in names}
        self._ranks: dict[str, From] = {}  # the value of x.dim()
        self._same_dtype: dict[str, str] = {name: name for name in names}
        self._plain: dict[str, Any] = {}  # values that the file tells
        self._quantised = set[str]()
        self._sizes: dict[str, From] = {}  # the value of x.size()
        self._tests: dict[str, tuple[From, str, list[int]]] = {}
        self._met: list[tuple[str, str]] = []
        self._graph(graph, 0)
        for one, two in self._met:
            for a, b in ((one, two), (two, one)):
                rank = self.told[b].rank()
                if self.told[a].rank() is None and rank is not None:
                    self.told[a].suggested.append(rank)
        self._alike()

    def _alike(self) -> None:
        """Of inputs whose rows a matrix takes, as attention does, one may tell of the others."""
        rows = [told for told in self.told.values() if told.rows]
        sure = {max(told.exact[:1] or [told.least]) for told in rows}
        most = max(sure, default=0)
        for told in rows:
            if not told.exact and told.least < most and sure <= {most, told.least, 0}:
                told.suggested.insert(0, most)

    def _graph(self, graph: Graph, depth: int) -> None:
        for node in graph.nodes:
            self._node(node, depth)

    def _node(self, node: Node, depth: int) -> None:
        args = node.attributes["call"]["args"]
        given = [self._name(node, item) for item in args]
        name = node.op_type.rstrip("_") if not node.op_type.startswith("__") else node.op_type
        if node.domain == "quantized":
            name = KINDS.sub("", name)
            if len(args) > 1 and isinstance(args[1], list):  # weights, packed with settings
                args = [args[0], *args[1], *args[2:]]
        taken = given[1:2] if name in SUMS else given[:1]
        first = self._from.get(taken[0] or "") if taken else None
        self._others(node, name, given, args, depth)
        if node.domain == "prim":
            self._prim(node, given, args, depth)
            return
        if first is not None:
            self._demands(node, name, first, args, depth)
        self._indices(name, given, depth)
        self._comparison(node, name, given, args)
        self._quantisation(node, name, given)
        self._results(node, name, given, args, first)

    def _quantisation(self, node: Node, name: str, given: list[str | None]) -> None:
        """Which values are quantised, and what code is told that asks."""
        if name == "is_quantized":
            self._plain[node.outputs[0]] = given[0] in self._quantised
            return
        whole = name.startswith("quantize_per") or (
            node.domain == "quantized" and not node.op_type.endswith(GIVE_FLOATS)
        )
        if whole or (given and given[0] in self._quantised and name not in MEANT):
            self._quantised.update(node.outputs)

    def _name(self, node: Node, item: Any) -> str | None:
        if isinstance(item, Mapping) and "tensor" in item:
            return node.inputs[item["tensor"]]
        if isinstance(item, list) and item:
            return self._name(node, item[0])
        return None

    def _prim(self, node: Node, given: list[str | None], args: list[Any], depth: int) -> None:
        if node.op_type == "RaiseIf":
            test = self._tests.get(given[0] or "")
            if test is not None and (test[1] in ("ne", "not in")) is bool(args[1]):
                told = self.told[test[0].name]
                told.checked.append([number - test[0].more for number in test[2]])
            elif test is not None:  # the numbers that it refuses
                told = self.told[test[0].name]
                told.compared = [x for x in told.compared if x + test[0].more not in test[2]]
        elif node.op_type == "If":
            then, other = (item["graph"] for item in args[1:3])
            known = self._plain.get(given[0] or "")
            if known is not None:
                self._only(node, then if known else other, depth)
                return
            self._graph(then, depth + 1)
            self._graph(other, depth + 1)
            for output, one, two in zip(node.outputs, then.outputs, other.outputs, strict=False):
                origins = [self._same_dtype.get(v.name) for v in (one, two)]
                for origin in filter(None, origins):
                    self._same_dtype[output] = origin
                found = [self._from[v.name] for v in (one, two) if v.name in self._from]
                if found:
                    self._from[output] = min(found, key=lambda item: abs(item.more))
        elif node.op_type == "Loop":
            body = args[3]["graph"]
            begins = [self._name(node, item) for item in args[2]]
            for inside, outside in zip(body.inputs[1:], begins, strict=False):
                self._joined(outside, inside.name)
            self._graph(body, depth + 1)
            for outside, output in zip(begins, node.outputs, strict=False):
                self._joined(outside, output)
        elif node.op_type == "dtype":
            weight = self._weight(node, args)
            if weight is not None:
                self._plain[node.outputs[0]] = weight.dtype.name
        elif node.op_type == "Constant" and isinstance(args[0], bool | int | float | str):
            self._plain[node.outputs[0]] = args[0]
        elif node.op_type == "Constant" and given and given[0] in self._from:
            if not isinstance(args[0], list):
                self._from[node.outputs[0]] = self._from[given[0]]
        elif node.op_type == "ListUnpack" and given[0] in self._sizes:
            source = self._sizes[given[0]]
            self.told[source.name].exact.append(len(node.outputs) - source.more)
        elif node.op_type == "ListUnpack" and given[0] in self._from:
            self._joined(given[0], node.outputs[0])

    def _joined(self, name: str | None, other: str) -> None:
        """Another name for a value."""
        tables: tuple[dict[str, Any], ...] = (self._from, self._same_dtype, self._plain)
        for held in tables:
            if name in held:
                held[other] = held[name]

    def _only(self, node: Node, graph: Graph, depth: int) -> None:
        """The branch that is taken, as if it stood here."""
        self._graph(graph, depth)
        for output, inner in zip(node.outputs, graph.outputs, strict=False):
            self._joined(inner.name, output)

    def _others(
        self, node: Node, name: str, given: list[str | None], args: list[Any], depth: int
    ) -> None:
        """What an operator demands of inputs that it takes beside its first one."""
        found: list[tuple[str | None, int]] = []
        if name in SUMS and given[:1]:
            found.append((given[0], EXACT[name]))
        elif name in STATES and len(args) > 1:
            states = args[1] if isinstance(args[1], list) else [args[1]]
            found += [(self._name(node, state), EXACT[name]) for state in states]
        elif name == "embedding_bag" and given[2:3] and given[2] in self._from:
            found += [(item, 1) for item in given[1:3]]
        for item, rank in found:
            source = self._from.get(item or "")
            if source is not None:
                told = self.told[source.name]
                (told.suggested if depth == 0 else told.hinted).insert(0, rank - source.more)

    def _demands(self, node: Node, name: str, first: From, args: list[Any], depth: int) -> None:
        told = self.told[first.name]
        ranks = told.exact if depth == 0 else told.conditional
        weight = self._weight(node, args[1:] if len(args) > 1 else [])
        spatial = SPATIAL.fullmatch(name)
        if spatial:
            ranks.append(int(spatial[1]) + 2 - first.more)
        elif name in EXACT:
            ranks.append(EXACT[name] - first.more)
        elif name == "permute" and isinstance(args[1], list):
            ranks.append(len(args[1]) - first.more)
        elif name == "_convolution" and isinstance(args[3], list):  # a stride for every axis
            ranks.append(len(args[3]) + 2 - first.more)
        elif name == "flatten" and len(args) == 3 and args[2] == -1:
            told.suggested.append(4 - first.more)
        elif name in SUGGESTED:
            ranks = told.suggested if depth == 0 else told.hinted
            ranks.append(SUGGESTED[name] - first.more)
        told.rows |= name in ("linear", "matmul") and first.same and not first.more
        if depth == 0:
            axes = [args[place] for place in NAMES_AXES.get(name, ()) if place < len(args)]
            flat = [axis for item in axes for axis in (item if isinstance(item, list) else [item])]
            named = [axis + 1 if axis >= 0 else -axis for axis in flat if type(axis) is int]
            told.least = max([told.least, *(least - first.more for least in named)])
        if weight is not None:
            self._extents(name, first, told, weight, args)

    def _extents(self, name: str, first: From, told: Told, weight: Tensor, args: list[Any]) -> None:
        typed = told.dtype is not None or name in WHOLE or not weight.shape
        if not typed and weight.dtype.kind == "float":
            told.dtype = weight.dtype
        if not first.same or first.more or len(weight.shape) == 0:
            return
        if "conv" in name and len(weight.shape) > 2:
            transposed = "transpose" in name or (name == "_convolution" and args[6] is True)
            place = 8 if name == "_convolution" else 6
            groups = args[place] if len(args) > place and type(args[place]) is int else 1
            told.extents.setdefault(
                1, weight.shape[0 if transposed else 1] * (1 if transposed else groups)
            )
        elif name in ("linear", "lstm", "gru", "rnn_tanh", "rnn_relu") and len(weight.shape) == 2:
            told.extents.setdefault(-1, weight.shape[1])
        elif name in ("matmul", "mm") and len(weight.shape) == 2:
            told.extents.setdefault(-1, weight.shape[0])
        elif name == "batch_norm":
            told.extents.setdefault(1, weight.shape[0])
        elif name == "layer_norm":
            told.extents.setdefault(-1, weight.shape[-1])

    def _weight(self, node: Node, items: Sequence[Any]) -> Tensor | None:
        for item in items:
            if isinstance(item, Mapping) and "quantised" in item:
                item = item["quantised"][0]
            if isinstance(item, Mapping) and "parameter" in item:
                return self.tensors.get(node.parameters[item["parameter"]])
            if isinstance(item, list):
                found = self._weight(node, item)
                if found is not None:
                    return found
        return None

    def _indices(self, name: str, given: list[str | None], depth: int) -> None:
        for place in WHOLE.get(name, ()):
            origin = self._same_dtype.get(given[place] or "") if place < len(given) else None
            if origin is not None:
                self.told[origin].dtype = self.told[origin].dtype or INT64
        place = WHOLE.get(name, (0,))[0]
        source = self._from.get(given[place] or "") if place < len(given) else None
        if source is not None and name in WHOLE:
            told = self.told[source.name]
            if name in SUGGESTED:
                (told.suggested if depth == 0 else told.hinted).append(
                    SUGGESTED[name] - source.more
                )

    def _comparison(self, node: Node, name: str, given: list[str | None], args: list[Any]) -> None:
        if name in ("dim", "ndimension") and given[0] in self._from:
            self._ranks[node.outputs[0]] = self._from[given[0]]
        elif name == "size" and given[0] in self._from and len(args) == 1:
            self._sizes[node.outputs[0]] = self._from[given[0]]
        elif name in ("eq", "ne") and given[0] in self._plain and len(args) == 2:
            found = self._plain[given[0]]
            other = self._plain.get(given[1] or "", args[1])
            if isinstance(found, str) and type(other) is int:
                found = SCALAR_TYPES.index(found) if found in SCALAR_TYPES else -1
            if isinstance(other, bool | int | float | str):
                self._plain[node.outputs[0]] = (found == other) is (name == "eq")
        elif name in ("eq", "ne"):
            for place, other in ((0, 1), (1, 0)):
                rank = self._ranks.get(given[place] or "") if len(args) == 2 else None
                if rank is not None and type(args[other]) is int:
                    self._tests[node.outputs[0]] = (rank, name, [args[other]])
                    self.told[rank.name].compared.append(args[other] - rank.more)
        elif name == "__contains__" and given[1] in self._ranks:
            numbers = [item for item in args[0] if type(item) is int]
            self._tests[node.outputs[0]] = (self._ranks[given[1]], "in", numbers)
        elif name == "__not__" and given[0] in self._tests:
            rank, test, numbers = self._tests[given[0]]
            flipped = {"in": "not in", "eq": "ne", "ne": "eq", "not in": "in"}[test]
            self._tests[node.outputs[0]] = (rank, flipped, numbers)

    def _results(
        self,
        node: Node,
        name: str,
        given: list[str | None],
        args: list[Any],
        first: From | None,
    ) -> None:
        sources = [self._from[item] for item in given if item in self._from]
        self._met.extend(
            (sources[0].name, other.name)
            for other in sources[1:]
            if name in POINTWISE and other.name != sources[0].name
        )
        if name in MOVED and node.outputs and given and given[0] in self._same_dtype:
            self._same_dtype[node.outputs[0]] = self._same_dtype[given[0]]
        if not node.outputs or not sources:
            return
        source = first or sources[0]
        if name in POINTWISE:
            self._from[node.outputs[0]] = source
        elif name in SAME_RANK or SPATIAL.fullmatch(name) or name == "_convolution":
            self._from[node.outputs[0]] = replace(source, same=False)
        elif name in CHANGES:
            more = source.more + CHANGES[name]
            self._from[node.outputs[0]] = replace(source, more=more, same=False)
