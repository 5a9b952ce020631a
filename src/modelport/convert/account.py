"""Accounting for a conversion: what every tensor became, and what the target cannot hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelport.formats.format import Format
from modelport.model.component import Component, Holds
from modelport.model.expression import (
    Expression,
    Fill,
    Source,
    is_exact,
    leaves,
    sources,
)
from modelport.model.graph import Graph, inner_graphs
from modelport.model.model import Model
from modelport.model.report import AS_NUMBER, Kind, Report
from modelport.model.tensor import FileSlice, Tensor
from modelport.model.training import METRIC_STATE

CARRIED_WITH = {
    Component.ARCHITECTURE: "layers and connections",
    Component.LOSS: "loss and metrics",
    Component.OPTIMIZER: "optimizer and its settings",
    Component.OPTIMIZER_STATE: "step count and slots, needed to go on training",
    Component.SIGNATURE: "names and shapes of inputs and outputs",
    Component.TRAINING_DATA: "training data in the file",
}


def account_for(source: Model, carried: Model, target: Format, report: Report) -> None:
    """Put what became of every tensor and component of ``source`` into the report."""
    own = {id(tensor) for tensor in source.tensors.values()}
    for tensor in carried.tensors.values():
        # An expression of the source's own tells how the values lie there, which is no change.
        if not (
            id(tensor) in own and isinstance(tensor.data, Expression) and is_exact(tensor.data)
        ):
            _account_for_tensor(tensor, report)
    for name in unused(source, carried, report):
        why = "the target model has no use for this tensor"
        report.add(Kind.DROPPED, Component.WEIGHTS, name, why)
    counted = source.extras.get(METRIC_STATE)
    if counted:
        why = "what they had counted when the file was written; training counts anew"
        report.add(Kind.DROPPED, Component.LOSS, ", ".join(_metrics(counted)), why)
    for component in sorted(source.components):
        if target.holds[component] is Holds.NEVER or component not in carried.components:
            what = f" ({CARRIED_WITH[component]})" if component in CARRIED_WITH else ""
            why = f"{target.name} cannot hold it{what}"
            report.add(Kind.DROPPED, component, str(component), why)


def tell_numbers(source: Model, lowered: Graph, carried: Model, report: Report) -> None:
    """Say of constants which results need, but no weight of ``carried`` holds, where they are.

    ``lowered`` is the graph that ``carried`` was made of: axes, shapes, factors are settings of
    layers or plain numbers of code now.
    """
    needed = {_place(part) for tensor in _needed(lowered) for part in _parts(tensor)}
    left = set(unused(source, carried, report))
    for name, tensor in source.tensors.items():
        if name in left and _place(tensor) in needed:
            report.add(Kind.REARRANGED, Component.WEIGHTS, name, AS_NUMBER)


def _needed(graph: Graph) -> Iterator[Tensor]:
    """The tensors that results of a graph are computed from."""
    makers = {name: node for node in graph.nodes for name in node.outputs}
    waiting = [value.name for value in graph.outputs]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in graph.tensors:
            yield graph.tensors[name]
        node = makers.get(name)
        if node is not None:
            waiting.extend(node.inputs)
            for body in inner_graphs(node.attributes):
                for inner in body.subgraphs():
                    yield from inner.tensors.values()
                    waiting.extend(name for each in inner.nodes for name in each.inputs)
                    waiting.extend(value.name for value in inner.outputs)


def _parts(tensor: Tensor) -> tuple[Tensor, ...]:
    data = tensor.data
    return (tensor, *(sources(data) if isinstance(data, Expression) else ()))


def _metrics(counted: Mapping[str, Tensor]) -> list[str]:
    """The metrics by their groups in the file."""
    return list(dict.fromkeys(path.rpartition("/vars/")[0] for path in counted))


def sum_up(source: Model, target: Format, report: Report) -> None:
    """Say in the report for each component how much of it was kept; once everything is told."""
    report.kept = {component: _kept(component, source, target, report) for component in Component}


def unused(source: Model, carried: Model, report: Report | None = None) -> list[str]:
    """The names of the source's weights that no tensor of the carried model is made of.

    A tied weight has two names and one place in the file; it is used where either is. Those that
    are numbers of the graph now, as ``report`` tells, are used.
    """
    used: set[Any] = set()
    for tensor in carried.tensors.values():
        used.update(_place(part) for part in _parts(tensor))
    numbers = {change.where for change in report or () if change.why == AS_NUMBER}
    return [
        name
        for name, tensor in source.tensors.items()
        if name not in numbers and not _is_used(tensor, used)
    ]


def _is_used(tensor: Tensor, used: set[Any]) -> bool:
    """Whether a tensor is among those used, or is derived from tensors that are."""
    if _place(tensor) in used or not isinstance(tensor.data, Expression):
        return _place(tensor) in used
    own = sources(tensor.data)
    return bool(own) and all(_place(part) in used for part in own)


def _place(tensor: Tensor) -> Any:
    """What two tensors have in common that are one: the place of their values."""
    data = tensor.data
    if isinstance(data, FileSlice):
        return data.source.name, data.offset, data.dtype.name, data.shape
    return id(tensor)


def _account_for_tensor(tensor: Tensor, report: Report) -> None:
    data = tensor.data
    if not isinstance(data, Expression):
        return
    origin = ", ".join(part.name for part in sources(data)) or "nothing in the source"
    if not is_exact(data):
        report.add(Kind.APPROXIMATED, Component.WEIGHTS, tensor.name, f"computed from {origin}")
    elif any(isinstance(leaf, Fill) for leaf in leaves(data)):
        fills = {leaf.value for leaf in leaves(data) if isinstance(leaf, Fill)}
        values = ", ".join(str(value) for value in sorted(fills))
        why = f"the target demands it, the source never had it (filled with {values})"
        report.add(Kind.INVENTED, Component.WEIGHTS, tensor.name, why)
    elif not isinstance(data, Source):
        report.add(Kind.REARRANGED, Component.WEIGHTS, tensor.name, f"from {origin}")
    elif data.tensor.name != tensor.name:
        report.add(Kind.REARRANGED, Component.WEIGHTS, tensor.name, f"was called {origin}")


def _kept(component: Component, source: Model, target: Format, report: Report) -> str:
    if component not in source.components:
        return "absent"
    if target.holds[component] is Holds.NEVER:
        return "none"
    lossy = (Kind.DROPPED, Kind.APPROXIMATED, Kind.FOREIGN)
    changes = [change for change in report if change.component is component]
    return "part" if any(change.kind in lossy for change in changes) else "all"
