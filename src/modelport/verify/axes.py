"""Models whose inputs and outputs a conversion has turned, seen with the axes of the source.

A file of modelport's own says in its metadata what was turned. Both sides of a verification are
seen with the axes of the source then: what is given to a side is turned to what it takes, and what
comes out is turned back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from modelport.model.axes import LAYOUT, Axes, Order, axes_of
from modelport.model.graph import TensorType, Value
from modelport.model.model import Model
from modelport.model.signature import Signature
from modelport.runtimes.runtime import Run
from modelport.verify.signature import Inputs, differing_inputs

SEEN = "axes"
"""The key of ``Model.extras`` with how a model that is seen with other axes has them itself."""


def seen(model: Model) -> Model:
    """A model with the axes of the source in its signature."""
    axes = axes_of(model)
    if not axes.are_turned or model.signature is None or SEEN in model.extras:
        return model
    inputs = _straight(model.signature.inputs, axes.inputs)
    outputs = _straight(model.signature.outputs, axes.outputs)
    extras = {**model.extras, SEEN: axes}
    return replace(model, signature=Signature(inputs, outputs), extras=extras)


def seen_alike(a: Model, b: Model) -> tuple[Model, Model]:
    """Both with the axes of the source; but as they are, where their inputs fit so alone."""
    pair = seen(a), seen(b)
    if differing_inputs(*pair) is not None and differing_inputs(a, b) is None:
        return _unseen(a), _unseen(b)
    return pair


def _unseen(model: Model) -> Model:
    return replace(model, metadata={k: v for k, v in model.metadata.items() if k != LAYOUT})


def _straight(values: Sequence[Value], orders: Sequence[Order | None]) -> list[Value]:
    found: list[Value] = []
    for value, order in zip(values, orders, strict=True):
        held = value.type
        if order is not None and isinstance(held, TensorType) and held.shape is not None:
            shape = tuple(held.shape[order.index(axis)] for axis in range(len(order)))
            value = replace(value, type=replace(held, shape=shape))
        found.append(value)
    return found


def _own(model: Model) -> Axes:
    axes = model.extras.get(SEEN)
    return axes if isinstance(axes, Axes) else Axes()


def _order(model: Model, name: str, place: int) -> Order | None:
    """How a model that is seen has the axes of the input of a name, or else of a place."""
    orders = _own(model).inputs
    names = [value.name for value in model.signature.inputs] if model.signature else []
    place = names.index(name) if name in names else place
    return orders[place] if place < len(orders) else None


def turned(model: Model, inputs: Inputs) -> Inputs:
    """Inputs with the axes of the source as a model that is seen takes them."""
    found = []
    for place, (name, array) in enumerate(inputs):
        order = _order(model, name, place)
        fits = order is not None and array.ndim == len(order)
        found.append((name, np.ascontiguousarray(array.transpose(order)) if fits else array))
    return found


def straightened(inputs: Inputs, *models: Model) -> Inputs:
    """Inputs as the first of some models takes them whose axes they fit, as the source has them."""
    found = []
    for place, (name, array) in enumerate(inputs):
        for model in models:
            order = _order(model, name, place)
            values = model.signature.inputs if model.signature else []
            shape = values[place].shape if place < len(values) else None
            back = array if order is None else array.transpose(np.argsort(order))
            if shape is None or _has(back.shape, shape):
                array = back
                break
        found.append((name, array))
    return found


def _has(shape: Sequence[int], stated: Sequence[object]) -> bool:
    fixed = zip(shape, stated, strict=False)
    return len(shape) == len(stated) and all(
        not isinstance(extent, int) or extent == own for own, extent in fixed
    )


def given_back(model: Model, run: Run) -> Run:
    """What a model that is seen gave, with the axes of the source."""
    orders = _own(model).outputs
    if not any(order is not None for order in orders) or len(orders) != len(run.outputs):
        return run
    outputs = [
        array if order is None or array.ndim != len(order) else array.transpose(np.argsort(order))
        for array, order in zip(run.outputs, orders, strict=True)
    ]
    return replace(run, outputs=outputs)
