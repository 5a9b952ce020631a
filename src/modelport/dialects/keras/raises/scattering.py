"""Parts of values by several indices: read where they point, or written there."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from modelport.dialects.keras.raises.call import Call, raises
from modelport.dialects.keras.raises.value import Held, plain
from modelport.dialects.keras.stock.chain import slices
from modelport.model.dtype import DTYPES
from modelport.model.expression import source
from modelport.model.graph import Dim
from modelport.model.tensor import InMemory, Tensor

_REDUCTIONS = {"none": None, "add": "add", "mul": "mul", "max": "max", "min": "min"}


@raises("GatherND")
def gather_nd(call: Call) -> Held:
    """The parts that the last axis of indices points at, behind axes that both have."""
    x, indices = call.plain(0), call.plain(1)
    shape, batch = call.known(0).shape or (), int(call.attribute("batch_dims", 0))
    width = call.known(1).dim(-1)
    if not isinstance(width, int):
        raise call.refused("how many indices point at a part is open")
    depth, rank = batch + width, indices.rank - 1
    rest = _numbers(call, shape[depth:])
    strides = _numbers(call, shape[1:depth])
    total: Held | None = None
    for axis in range(depth):
        if axis < batch:
            column = _along(call, shape[axis], axis, rank)
        else:
            column = _column(call, indices, axis - batch, shape[axis])
        step = math.prod(strides[axis:])
        column = call.op("Multiply", column, step) if step != 1 else column
        total = column if total is None else call.op("Add", total, column, order=plain(rank))
    if depth > 1:
        x = call.op("Reshape", x, newshape=[-1, *rest], order=plain(1 + len(rest)))
    return call.op("Take", x, total, axis=0, order=plain(rank + len(rest)))


def _numbers(call: Call, extents: tuple[Dim, ...]) -> list[int]:
    found = [extent for extent in extents if isinstance(extent, int)]
    if len(found) != len(extents):
        raise call.refused("an extent behind the first is open")
    return found


def _column(call: Call, indices: Held, place: int, extent: Dim) -> Held:
    """One of the numbers that point at a part; those below 0 count from the end."""
    chosen = [slices()] * (indices.rank - 1) + [place]
    column = call.op("GetItem", indices, chosen, order=plain(indices.rank - 1))
    return _from_the_front(call, column, extent)


def _from_the_front(call: Call, indices: Held, extent: Dim) -> Held:
    if not isinstance(extent, int):
        return indices
    below = call.op("Less", indices, 0)
    return call.op("Where", below, call.op("Add", indices, extent), indices)


def _along(call: Call, extent: Dim, axis: int, rank: int) -> Any:
    """The numbers of the places along one of several axes."""
    if isinstance(extent, int):
        shape = [extent if i == axis else 1 for i in range(rank)]
        steps = Tensor("places", InMemory(np.arange(extent, dtype="int64").reshape(shape)))
        return call.writer.constants.value(source(steps), plain(rank))
    shape = [-1 if i == axis else 1 for i in range(rank)]
    ramp = call.writer.extents.ramp(extent)
    return call.op("Reshape", ramp, newshape=shape, order=plain(rank))


@raises("ScatterND")
def scatter_nd(call: Call) -> Held:
    """Parts written where the last axis of indices points."""
    x, indices = call.plain(0), call.plain(1)
    width = call.known(1).dim(-1)
    if not isinstance(width, int):
        raise call.refused("how many indices point at a part is open")
    shape = call.known(0).shape or ()
    columns = [_column(call, indices, place, shape[place]) for place in range(width)]
    rest = _numbers(call, shape[width:])
    updates = call.op("Reshape", call.plain(2), newshape=[-1, *rest], order=plain(1 + len(rest)))
    return _written(call, x, columns, updates)


@raises("ScatterElements")
def scatter_elements(call: Call) -> Held:
    """One element written for each index, along an axis."""
    x, indices = call.plain(0), call.plain(1)
    axis = int(call.attribute("axis", 0)) % x.rank
    shape = call.known(1).shape or ()
    none = call.op("ZerosLike", call.cast(indices, DTYPES["int64"]))
    columns = [
        _from_the_front(call, indices, call.known(0).dim(axis))
        if place == axis
        else call.op("Add", none, _along(call, extent, place, x.rank))
        for place, extent in enumerate(shape)
    ]
    updates = call.op("Reshape", call.plain(2), newshape=[-1], order=plain(1))
    return _written(call, x, columns, updates)


def _written(call: Call, x: Held, columns: list[Held], updates: Held) -> Held:
    rank = columns[0].rank + 1
    wide = [call.cast(column, DTYPES["int64"]) for column in columns]
    places = call.op("Stack", wide, axis=-1, order=plain(rank))
    places = call.op("Reshape", places, newshape=[-1, len(columns)], order=plain(2))
    how = _REDUCTIONS[call.attribute("reduction", "none")]
    settings: dict[str, Any] = {} if how is None else {"reduction": how}
    return call.op("ScatterUpdate", x, places, updates, **settings)
