"""Other shapes over the same elements."""

from __future__ import annotations

import re

import numpy as np

from modelport.dialects.keras.raises.call import Call, raises
from modelport.dialects.keras.raises.rows import joined
from modelport.dialects.keras.raises.value import Held, channels_last, plain
from modelport.dialects.onnx.scopes import class_of
from modelport.model.expression import fill, source
from modelport.model.graph import Dim
from modelport.model.tensor import InMemory, Tensor


@raises("Transpose")
def transposed(call: Call) -> Held:
    """Axes in another order: nothing is moved until somebody needs it."""
    x = call.held()
    order = call.ints("perm") or list(reversed(range(x.rank)))
    return Held(x.name, tuple(order.index(axis) for axis in x.order))


@raises("Identity")
def identity(call: Call) -> Held:
    """The same value."""
    return call.held()


@raises("Dropout")
def dropout(call: Call) -> Held:
    """The same value, but in training."""
    if call.has(2) and call.array(2) != np.False_:
        raise call.refused("a model in training")
    ratio = call.array(1) if call.has(1) else np.float32(0.5)
    if ratio is None or call.known(0).dtype is None or not _is_float(call):
        return call.held()
    rate = {"rate": float(str(ratio.reshape(())))}
    whole = re.fullmatch(r"Dropout([123])d", class_of(call.node))
    if whole and call.held().rank == int(whole[1]) + 2:
        if whole[1] == "1":  # this one knows channels last alone
            x = call.writer.ordered(call.held(), channels_last(3))
            return call.layer("SpatialDropout1D", rate, x)
        settings = {**rate, "data_format": call.data_format}
        return call.layer(f"SpatialDropout{whole[1]}D", settings, call.spatial())
    return call.layer("Dropout", rate, call.held())


@raises("Concat")
def concat(call: Call) -> Held:
    """One behind the other along an axis."""
    full = [i for i in range(len(call)) if 0 not in (call.known(i).shape or ())]
    full = full or [0]
    values = [call.held(i) for i in full if not call.is_constant(i)]
    order = (
        call.writer.cheapest(values, call.writer.wish(call.node))
        if values
        else plain(call.output().rank or 0)
    )
    if any(x.name in call.writer.rows for x in values):
        order = plain(2)
    axis = order.index(int(call.attribute("axis")) % len(order))
    parts = [call.placed(i, order) for i in full]
    if len(parts) == 1:
        return parts[0]
    if axis == 0 or len(order) < 2 or not _is_float(call):
        made = call.op("Concatenate", parts, axis=axis)
    else:
        made = call.layer("Concatenate", {"axis": axis}, parts)
    sizes = [extent for i in full if isinstance(extent := call.known(i).dim(axis), int)]
    rows = joined(call.writer, [part.name for part in parts], sizes)
    if rows is not None:
        call.writer.rows[made.name] = rows
    return made


def _is_float(call: Call) -> bool:
    dtype = call.known(0).dtype
    return dtype is not None and dtype.kind == "float"


@raises("Expand")
def expand(call: Call) -> Held:
    """Repeated along axes of extent 1."""
    shape, before = call.output().shape, call.known(0).shape
    if shape is None or before is None:
        raise call.refused("the rank of its result is not known")
    return expanded(call, call.held(), before, shape)


def expanded(call: Call, x: Held, before: tuple[Dim, ...], shape: tuple[Dim, ...]) -> Held:
    """A value of the shape ``before`` repeated to another; open extents come from other values."""
    before = (1,) * (len(shape) - len(before)) + before
    if x.rank < len(shape):
        x = call.writer.ordered(x, plain(x.rank))
        wanted = [extent if isinstance(extent, int) else -1 for extent in before]
        if wanted.count(-1) > 1:
            x = call.op("ExpandDims", x, axis=list(range(len(shape) - x.rank)))
        else:
            x = call.op("Reshape", x, newshape=wanted)
        x = Held(x.name, plain(len(shape)))
    repeats = [1] * len(shape)
    missing: list[Dim] = [1] * len(shape)
    for axis, (have, want) in enumerate(zip(before, shape, strict=True)):
        if have != want and have != 1:
            raise call.refused("an extent of its operand is open")
        if have == 1 and isinstance(want, int):
            repeats[axis] = want
        elif have == 1:
            missing[axis] = want
    if any(count != 1 for count in repeats):
        x = call.op("Tile", x, repeats=[repeats[axis] for axis in x.order])
    if all(extent == 1 for extent in missing):
        return x
    dtype = call.writer.dtypes.get(x.name, "float32")
    laid = [missing[axis] for axis in x.order]
    zeros = call.writer.extents.zeros(laid, dtype)
    return call.op("LogicalOr" if dtype == "bool" else "Subtract", x, zeros)


@raises("ConstantOfShape")
def constant_of_shape(call: Call) -> Held:
    """One number everywhere."""
    shape, dtype = call.output().shape, call.output().dtype
    number = call.writer.constants.filled(call.node.outputs[0])
    if shape is None or dtype is None or number is None:
        raise call.refused("its shape is not known")
    one = fill((1,) * len(shape), number, dtype)
    x = call.writer.constants.value(one, plain(len(shape)))
    return expanded(call, x, one.shape, shape)


@raises("EyeLike")
def eye_like(call: Call) -> Held:
    """1 on a diagonal, else 0."""
    shape, dtype = call.output().shape, call.output().dtype
    if shape is None or dtype is None or not all(isinstance(extent, int) for extent in shape):
        raise call.refused("its extents are open")
    rows, columns = (int(str(extent)) for extent in shape)
    ones = np.eye(rows, columns, int(call.attribute("k", 0)), dtype.numpy)
    return call.writer.constants.value(source(Tensor("eye", InMemory(ones))), plain(2))


@raises("Range")
def range_(call: Call) -> Held:
    """Numbers at equal distances."""
    steps = call.writer.extents.ramp((call.output().shape or (None,))[0])
    dtype = call.output().dtype
    steps = call.cast(steps, dtype) if dtype is not None and dtype.name != "int64" else steps
    if call.array(2) is None or call.array(2) != 1:
        steps = call.op("Multiply", steps, call.arranged(2, (0,)))
    if call.array(0) is not None and call.array(0) == 0:
        return steps
    return call.op("Add", steps, call.arranged(0, (0,)))


@raises("Shape", "Size")
def shape_of(call: Call) -> Held:
    """Extents as numbers, of which some only a run knows."""
    shape = call.known(0).shape
    if shape is None:
        raise call.refused("the rank of its operand is not known")
    numbers = call.writer.extents
    if call.node.op_type == "Size":
        return numbers.product(shape)
    start, end = call.attribute("start", 0), call.attribute("end", len(shape))
    chosen = shape[slice(start, end)]
    parts = [
        numbers.fixed(extent) if isinstance(extent, int) else numbers.number(extent)
        for extent in chosen
    ]
    return call.op("Stack", parts, axis=0, order=(0,))


@raises("Tile")
def tile(call: Call) -> Held:
    """Repeated along each axis a number of times."""
    repeats = call.whole(1)
    if repeats is None:
        raise call.refused("its repeats are computed, where Keras takes numbers")
    x = call.held()
    return call.op("Tile", x, repeats=[repeats[axis] for axis in x.order])


@raises("Pad")
def pad(call: Call) -> Held:
    """More elements at the ends of axes (fewer, where numbers are negative)."""
    pads = call.whole(1)
    mode = call.attribute("mode", "constant")
    x = call.held()
    if pads is None or min(pads, default=0) < 0 or mode == "wrap":
        raise call.refused("what it adds is computed, negative or goes round")
    axes = (call.whole(3) if call.has(3) else None) or list(range(x.rank))
    around = {axis % x.rank: (pads[i], pads[i + len(axes)]) for i, axis in enumerate(axes)}
    width = [list(around.get(axis, (0, 0))) for axis in x.order]
    if mode != "constant":
        word = {"edge": "edge", "reflect": "reflect"}[mode]
        return call.op("Pad", x, pad_width=width, mode=word)
    value = call.array(2) if call.has(2) else None
    if call.has(2) and value is None:
        raise call.refused("the value it adds is computed, where Keras takes a number")
    number = 0 if value is None else value.reshape(()).item()
    if not number:
        return call.op("Pad", x, pad_width=width, mode="constant")
    return call.op("Pad", x, number, pad_width=width, mode="constant")
