"""Parts of values: slices, splits, elements by their indices."""

from __future__ import annotations

from typing import Any

import numpy as np

from modelport.dialects.keras.raises.call import Call, raises
from modelport.dialects.keras.raises.value import Held, plain
from modelport.dialects.keras.stock.chain import slices


@raises("Slice")
def slice_(call: Call) -> Held:
    """From start to stop along some axes."""
    bounds = [call.whole(i) for i in (1, 2)]
    if bounds[0] is None or bounds[1] is None:
        raise call.refused("its bounds are computed, where Keras takes numbers")
    x = call.held()
    count = len(bounds[0])
    axes = (call.whole(3) if call.has(3) else None) or list(range(count))
    steps = (call.whole(4) if call.has(4) else None) or [1] * count
    chosen: list[Any] = [slices() for _ in range(x.rank)]
    for axis, start, stop, step in zip(axes, bounds[0], bounds[1], steps, strict=True):
        chosen[x.axis(axis)] = _bounds(start, stop, step)
    return call.op("GetItem", x, chosen)


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
        x = call.plain(1)
        config = {"input_dim": table.shape[0], "output_dim": table.shape[1]}
        weights = {"embeddings": table}
        return call.layer("Embedding", config, x, weights, plain(x.rank + 1))
    if call.is_constant(0):
        raise call.refused("it takes from a constant, where Keras takes from a value")
    x = call.plain(0)
    axis %= x.rank
    indices: Any = call.array(1) if call.is_constant(1) else call.plain(1)
    if indices is None:
        raise call.refused("its indices are a large constant")
    if isinstance(indices, np.ndarray) and indices.ndim == 0:
        chosen: list[Any] = [slices() for _ in range(x.rank)]
        chosen[axis] = int(indices)
        return call.op("GetItem", x, chosen, order=plain(x.rank - 1))
    rank = indices.ndim if isinstance(indices, np.ndarray) else indices.rank
    return call.op("Take", x, indices, axis=axis, order=plain(x.rank - 1 + rank))


@raises("GatherElements")
def gather_elements(call: Call) -> Held:
    """Elements along an axis by indices of the same rank."""
    x = call.plain(0)
    return call.op("TakeAlongAxis", x, call.plain(1), axis=int(call.attribute("axis", 0)) % x.rank)


@raises("TopK")
def top_k(call: Call) -> list[Held]:
    """The largest elements along the last axis, sorted, and where they were."""
    k = call.whole(1)
    x = call.plain(0)
    last = int(call.attribute("axis", -1)) % x.rank == x.rank - 1
    if k is None or not last or not call.attribute("largest", 1):
        raise call.refused("Keras gives the largest elements along the last axis, k a number")
    values, indices = call.ops("TopK", 2, x, k=k[0], sorted=True)
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
    k = call.whole(1) if call.has(1) else [0]
    if k is None:
        raise call.refused("its diagonal is computed, where Keras takes a number")
    return call.op("Triu" if call.attribute("upper", 1) else "Tril", call.plain(0), k=k[0])
