"""Parts of values: slices, splits, elements by their indices."""

from __future__ import annotations

from typing import Any

import numpy as np

from modelport.dialects.keras.raises.call import Call, raises
from modelport.dialects.keras.raises.constants import MOST_WRITTEN
from modelport.dialects.keras.raises.value import Held, plain
from modelport.dialects.keras.stock.chain import slices
from modelport.model.expression import source
from modelport.model.graph import Dim
from modelport.model.tensor import InMemory, Tensor

_TURNED = {"float": "Negative"}
"""What turns the order of numbers round; of whole ones their complement."""


@raises("Slice")
def slice_(call: Call) -> Held:
    """From start to stop along some axes."""
    x, shape = call.held(), call.output().shape
    axes = call.whole(3) if call.has(3) else None
    steps = call.whole(4) if call.has(4) else None
    bounds = [call.known(i).extents for i in (1, 2)]
    count = next((len(bound) for bound in bounds if bound is not None), 0)
    if count == 0 or (call.has(3) and axes is None) or (call.has(4) and steps is None):
        raise call.refused("its bounds are computed, where Keras takes numbers")
    chosen: list[Any] = [slices() for _ in range(x.rank)]
    for place in range(count):
        axis = (axes[place] if axes is not None else place) % x.rank
        step = 1 if steps is None else steps[place]
        start, stop = (None if bound is None else bound[place] for bound in bounds)
        before, after = call.known(0).dim(axis), shape[axis] if shape else None
        if isinstance(start, int) and isinstance(stop, int):
            chosen[x.axis(axis)] = _bounds(start, stop, step)
        elif start == 0 and step == 1 and before == after is not None:
            continue
        elif isinstance(start, int) and start >= 0 and step > 0 and stop == before is not None:
            chosen[x.axis(axis)] = slices(start, None, step)
        else:
            x = _along(call, x, axis, place)
    if all(part == slices() for part in chosen):
        return x
    return call.op("GetItem", x, chosen)


def _along(call: Call, x: Held, axis: int, place: int) -> Held:
    """Elements along an axis of which only a run knows how many there are."""
    start, stop = (_at(call.known(i).extents, place) for i in (1, 2))
    steps = call.whole(4) if call.has(4) else None
    step = 1 if steps is None else steps[place]
    before, after = call.known(0).dim(axis), call.output().dim(axis)
    extents = call.writer.extents
    if start is None or step < 0 or (isinstance(start, int) and start < 0):
        raise call.refused("its bounds are computed, where Keras takes numbers")
    if isinstance(start, int) and isinstance(before, int) and isinstance(stop, str):
        # As many as the other extent says, but no more than there are.
        chosen = call.op("GetItem", extents.ramp(stop), [slices(start, before, step)])
        return call.op("Take", x, chosen, axis=x.axis(axis), order=x.order)
    places = extents.ramp(after)
    if step != 1:
        places = call.op("Multiply", places, step)
    first = start if isinstance(start, int) else extents.number(start)
    if first != 0:
        places = call.op("Add", places, first)
    return call.op("Take", x, places, axis=x.axis(axis), order=x.order)


def _at(extents: tuple[Dim, ...] | None, place: int) -> Dim:
    return None if extents is None else extents[place]


def _bounds(start: int, stop: int, step: int) -> dict[str, Any]:
    """A slice as Python has it; ONNX writes numbers beyond either end for what is open."""
    far = 1 << 30
    first = None if (start == 0 and step > 0) or (start >= far and step < 0) else start
    last = None if (stop >= far and step > 0) or (stop <= -far and step < 0) else stop
    return slices(first, last, None if step == 1 else step)


@raises("Split")
def split(call: Call) -> list[Held]:
    """Parts along an axis, equal ones where nothing else is said."""
    x, outputs = call.held(), len(call.node.outputs)
    axis = int(call.attribute("axis", 0))
    sizes = call.whole(1) if call.has(1) else None
    if call.has(1) and sizes is None:
        raise call.refused("the sizes of its parts are computed, where Keras takes numbers")
    if sizes is None:
        extent = call.known(0).dim(axis)
        if not isinstance(extent, int):
            raise call.refused("the extent that it splits is not known")
        part = -(-extent // outputs)
        sizes = [part] * (outputs - 1) + [extent - part * (outputs - 1)]
    ends = [int(end) for end in np.cumsum(sizes)[:-1]]
    if not ends:
        return [x]
    return call.ops("Split", outputs, x, indices_or_sections=ends, axis=x.axis(axis))


@raises("Gather")
def gather(call: Call) -> Held:
    """Slices along an axis by their indices; rows of a matrix of the file are an Embedding."""
    axis = int(call.attribute("axis", 0))
    table = call.weight(0)
    if table is not None and len(table.shape) == 2 and axis == 0 and not call.is_constant(1):
        x = _from_the_front(call, call.plain(1), table.shape[0])
        config = {"input_dim": table.shape[0], "output_dim": table.shape[1]}
        weights = {"embeddings": table}
        return call.layer("Embedding", config, x, weights, plain(x.rank + 1))
    x = call.held(0)
    axis %= x.rank
    indices: Any = call.array(1)
    rank = call.known(1).rank or 0
    if indices is not None and indices.ndim == 0:
        chosen: list[Any] = [slices() for _ in range(x.rank)]
        chosen[x.axis(axis)] = int(indices)
        order = tuple(at - (at > axis) for at in x.order if at != axis)
        return call.op("GetItem", x, chosen, order=order)
    if rank != 1:
        x = call.writer.ordered(x, plain(x.rank))
    extent = call.known(0).dim(axis)
    taken: Any = indices
    if indices is None or indices.size > MOST_WRITTEN:
        taken = _from_the_front(call, call.placed(1, plain(rank)), extent)
    elif isinstance(extent, int):
        taken = np.where(indices < 0, indices + extent, indices)
    if rank == 1:
        return call.op("Take", x, taken, axis=x.axis(axis), order=x.order)
    return call.op("Take", x, taken, axis=axis, order=plain(x.rank - 1 + rank))


def _from_the_front(call: Call, indices: Any, extent: Any) -> Any:
    """Indices below 0 count from the end, which an Embedding and TensorFlow do not know."""
    if not isinstance(indices, Held) or not isinstance(extent, int):
        return indices
    below = call.op("Less", indices, 0)
    return call.op("Where", below, call.op("Add", indices, extent), indices)


@raises("GatherElements")
def gather_elements(call: Call) -> Held:
    """Elements along an axis by indices of the same rank."""
    x = call.plain(0)
    return call.op("TakeAlongAxis", x, call.plain(1), axis=int(call.attribute("axis", 0)) % x.rank)


@raises("TopK")
def top_k(call: Call) -> list[Held]:
    """The largest or smallest elements along an axis, sorted, and where they were."""
    k, dtype = call.whole(1), call.known(0).dtype
    if k is None or dtype is None:
        raise call.refused("how many it gives is computed, where Keras takes a number")
    x = call.held(0)
    axis = int(call.attribute("axis", -1)) % x.rank
    x = call.writer.ordered(x, (*(place for place in x.order if place != axis), axis))
    other = "" if call.attribute("largest", 1) else _TURNED.get(dtype.kind, "BitwiseNot")
    values, indices = call.ops("TopK", 2, call.op(other, x) if other else x, k=k[0], sorted=True)
    values = call.op(other, values) if other else values
    return [values, call.cast(indices, call.output(1).dtype)]


@raises("OneHot")
def one_hot(call: Call) -> Held:
    """One value at an index, another everywhere else."""
    depth, values = call.whole(1), call.array(2)
    if depth is None or values is None:
        raise call.refused("its depth or its values are computed, where Keras takes numbers")
    x = call.plain(0)
    axis = int(call.attribute("axis", -1)) % (x.rank + 1)
    count = depth[0]
    within = call.op("Mod", call.cast(x, call.known(1).dtype), count) if count else x
    off, on = (value.item() for value in values.reshape(-1))
    name = values.dtype.name
    order = plain(x.rank + 1)
    hot = call.op("OneHot", within, num_classes=count, axis=axis, dtype="bool", order=order)
    return call.op("Where", hot, *(np.full(1, value, name) for value in (on, off)))


@raises("Trilu")
def trilu(call: Call) -> Held:
    """The triangle over or under a diagonal of the last two axes."""
    upper, k = bool(call.attribute("upper", 1)), call.whole(1) if call.has(1) else [0]
    if k is not None:
        return call.op("Triu" if upper else "Tril", call.plain(0), k=k[0])
    rows, columns = (call.known(0).dim(axis) for axis in (-2, -1))
    if not isinstance(rows, int) or not isinstance(columns, int):
        raise call.refused("its diagonal is computed and the extents are open")
    if 0 in (rows, columns):
        return call.held()
    above = np.arange(columns)[None] - np.arange(rows)[:, None]
    name, x = "GreaterEqual" if upper else "LessEqual", call.plain(0)
    places = call.writer.constants.value(source(Tensor("above", InMemory(above))), plain(2))
    diagonal = call.op("Reshape", call.plain(1), newshape=[], order=())
    dtype = call.known(0).dtype
    zero = np.zeros((), dtype.numpy if dtype is not None else "f4")
    return call.op("Where", call.op(name, places, diagonal), x, zero, order=x.order)
