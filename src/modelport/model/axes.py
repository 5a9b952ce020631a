"""In which order the axes of inputs and outputs lie, where a conversion has turned them.

A file that modelport wrote says so in its metadata, by position: what was turned can be held
against the source then, value by value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelport.errors import LimitExceeded, MalformedFile
from modelport.wire.json import parse

if TYPE_CHECKING:
    from modelport.model.graph import Value
    from modelport.model.model import Model

LAYOUT = "modelport.layout"
"""The key of the metadata: JSON, so that every format can hold it."""

Order = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Axes:
    """For each input and output None, or an order: axis i of it is axis ``order[i]`` of the source.

    ``layout`` is what was asked for, if anything.
    """

    inputs: Sequence[Order | None] = ()
    outputs: Sequence[Order | None] = ()
    layout: str | None = None

    @property
    def are_turned(self) -> bool:
        """Whether any input or output lies otherwise than in the source."""
        return any(order is not None for order in (*self.inputs, *self.outputs))

    def then(self, later: Axes) -> Axes:
        """What two conversions have turned, one after the other."""
        inputs, outputs = _then(self.inputs, later.inputs), _then(self.outputs, later.outputs)
        return Axes(inputs, outputs, later.layout)


def _then(first: Sequence[Order | None], second: Sequence[Order | None]) -> list[Order | None]:
    found: list[Order | None] = []
    for place, b in enumerate(second):
        a = first[place] if place < len(first) else None
        order = tuple(a[axis] for axis in b) if a is not None and b is not None else a or b
        found.append(None if order is None or order == tuple(range(len(order))) else order)
    return found


def with_axes(metadata: Mapping[str, Any], axes: Axes) -> dict[str, Any]:
    """The metadata of a model whose inputs and outputs have their axes so."""
    found = {key: value for key, value in metadata.items() if key != LAYOUT}
    if axes.are_turned or axes.layout is not None:
        told = {"layout": axes.layout, "inputs": axes.inputs, "outputs": axes.outputs}
        found[LAYOUT] = json.dumps(told)
    return found


def axes_of(model: Model) -> Axes:
    """What the metadata of a file says; nothing where it says what does not fit its signature."""
    stated = model.metadata.get(LAYOUT)
    if not isinstance(stated, str) or model.signature is None:
        return Axes()
    try:
        told = parse(stated.encode(errors="replace"), LAYOUT)
    except (MalformedFile, LimitExceeded):
        return Axes()
    found = told if isinstance(told, dict) else {}
    inputs = _orders(found.get("inputs"), model.signature.inputs)
    outputs = _orders(found.get("outputs"), model.signature.outputs)
    layout = found.get("layout")
    if inputs is None or outputs is None or not (layout is None or isinstance(layout, str)):
        return Axes()
    return Axes(inputs, outputs, layout)


def _orders(told: Any, values: Sequence[Value]) -> list[Order | None] | None:
    """One order (or None) for each value; None where they are not that."""
    if not isinstance(told, list) or len(told) != len(values):
        return None
    found: list[Order | None] = []
    for order, value in zip(told, values, strict=True):
        if order is not None and not _fits(order, value.shape):
            return None
        found.append(None if order is None else tuple(order))
    return found


def _fits(order: Any, shape: Sequence[Any] | None) -> bool:
    if not isinstance(order, list) or not all(type(axis) is int for axis in order):
        return False
    return sorted(order) == list(range(len(order) if shape is None else len(shape)))
