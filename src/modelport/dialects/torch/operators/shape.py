"""Views of the same elements: transposed, reshaped, sliced, repeated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.assumptions import NOT_ONE, ONE
from modelport.dialects.torch.call import Call, aten, dim_of
from modelport.dialects.torch.operators.create import full_of
from modelport.dialects.torch.permutation import order_of
from modelport.model.dtype import INT64
from modelport.model.graph import Dim


def _permuting(op_type: str, overload: str = "") -> None:
    """Register an operator that only changes the order of axes."""

    def none(call: Call, x: Any) -> Edge:
        return moved(call, x, ())

    def one(call: Call, x: Any, dims: Any) -> Edge:
        return moved(call, x, (dims,))

    def two(call: Call, x: Any, dim0: int, dim1: int) -> Edge:
        return moved(call, x, (dim0, dim1))

    def names(call: Call, x: Any, axis0: int, axis1: int) -> Edge:
        return moved(call, x, (axis0, axis1))

    def ends(call: Call, x: Any, source: Any, destination: Any) -> Edge:
        return moved(call, x, (source, destination))

    def moved(call: Call, x: Any, args: tuple[Any, ...]) -> Edge:
        edge = call.tensor(x)
        return ops.transpose(call.b, edge, order_of(op_type, edge.rank, args))

    plain: dict[str, Any] = {"permute": one, "movedim": ends, "moveaxis": ends}
    plain |= {"transpose": two, "swapdims": two, "swapaxes": names}
    aten(op_type)(plain.get(op_type, none))


for _name in (
    *("transpose", "swapaxes", "swapdims", "permute"),
    *("movedim", "moveaxis", "t", "mT", "mH", "numpy_T", "adjoint"),
    "matrix_H",
):
    _permuting(_name)


# Shapes


def reshaped(call: Call, x: Edge, size: Sequence[ops.Extent]) -> Edge:
    """The elements under another shape; one extent may be -1, others may be computed."""
    b = call.b
    free = [i for i, item in enumerate(size) if isinstance(item, Edge)]
    if len(free) == 1 and -1 not in [item for item in size if isinstance(item, int)]:
        rest = [item for item in size if isinstance(item, int)]
        if 0 not in rest:
            known = dim_of(size[free[0]])
            given = [-1 if i == free[0] else item for i, item in enumerate(size)]
            made = ops.reshape(b, x, given)
            shape = [known if i == free[0] else dim for i, dim in enumerate(made.shape)]
            return Edge(b.name(made), x.dtype, tuple(shape))
    if free and 0 in [item for item in size if isinstance(item, int)]:
        raise ValueError("a shape with 0 and computed extents")
    made = ops.reshape(b, x, size)
    shape = [
        dim_of(item) if isinstance(item, Edge) else dim
        for item, dim in zip(size, made.shape, strict=True)
    ]
    if tuple(shape) == made.shape:
        return made
    return Edge(b.name(made), x.dtype, tuple(shape), twin=None)


@aten("view", "_unsafe_view")
def view(call: Call, x: Any, size: Any) -> Edge:
    """The elements under another shape."""
    return reshaped(call, call.tensor(x), call.extents(size))


@aten("reshape")
def reshape(call: Call, x: Any, shape: Any) -> Edge:
    """The elements under another shape."""
    return reshaped(call, call.tensor(x), call.extents(shape))


@aten("_reshape_alias")
def reshape_alias(call: Call, x: Any, size: Any, stride: Any = None) -> Edge:
    """The elements under another shape."""
    return reshape(call, x, size)


@aten("resize")
def resized(call: Call, x: Any, size: Any, memory_format: Any = None) -> Any:
    """In another shape; of a tensor without elements, one that is to be filled."""
    edge, sizes = call.tensor(x), call.extents(size)
    if edge.shape == tuple(sizes):
        return edge
    if 0 not in edge.shape:
        raise ValueError("it gives a tensor another number of elements")
    return full_of(call, sizes, 0, edge.dtype)


@aten("resize_as")
def resized_as(call: Call, x: Any, the_template: Any, memory_format: Any = None) -> Edge:
    """In the shape of another tensor."""
    like = call.tensor(the_template)
    made = resized(call, x, [ops.extent(call.b, like, axis) for axis in range(like.rank)])
    return Edge(call.b.name(made), made.dtype, like.shape)


@aten("view.dtype")
def view_as_dtype(call: Call, x: Any, dtype: Any) -> Edge:
    """The same bytes in another dtype: ONNX has no such operator."""
    raise ValueError("ONNX cannot read the bytes of a tensor as another dtype")


@aten("view_as", "reshape_as")
def view_as(call: Call, x: Any, other: Any) -> Edge:
    """The elements under the shape of another tensor."""
    b, edge, like = call.b, call.tensor(x), call.tensor(other)
    made = b.emit("Reshape", [edge, ops.shape_of(b, like)], edge.dtype, like.shape)
    return Edge(made.name, edge.dtype, like.shape)


@aten("flatten", "flatten.using_ints")
def flatten(call: Call, x: Any, start_dim: int = 0, end_dim: int = -1) -> Edge:
    """Several axes in one."""
    b, edge = call.b, call.tensor(x)
    if edge.rank == 0:
        return ops.reshape(b, edge, [1])
    start, end = start_dim % edge.rank, end_dim % edge.rank
    extents = [ops.extent(b, edge, axis) for axis in range(start, end + 1)]
    known = [item for item in extents if isinstance(item, int)]
    if start == end:
        return edge
    one: ops.Extent = math.prod(known) if len(known) == len(extents) else -1
    head = [_kept(call, edge, axis) for axis in range(start)]
    tail = [_kept(call, edge, axis) for axis in range(end + 1, edge.rank)]
    return reshaped(call, edge, [*head, one, *tail])


def _kept(call: Call, x: Edge, axis: int) -> ops.Extent:
    found = ops.extent(call.b, x, axis)
    if isinstance(found, Edge):
        return Edge(found.name, INT64, (1,), values=(x.shape[axis],))
    return found


@aten("ravel")
def ravel(call: Call, x: Any) -> Edge:
    """All elements in one axis."""
    return ops.reshape(call.b, call.tensor(x), [-1])


@aten("unflatten", "unflatten.int")
def unflatten(call: Call, x: Any, dim: int, sizes: Any) -> Edge:
    """One axis as several."""
    edge = call.tensor(x)
    axis = dim % edge.rank
    head = [_kept(call, edge, i) for i in range(axis)]
    tail = [_kept(call, edge, i) for i in range(axis + 1, edge.rank)]
    return reshaped(call, edge, [*head, *call.extents(sizes), *tail])


@aten("unsqueeze")
def unsqueeze(call: Call, x: Any, dim: int) -> Edge:
    """A new axis of extent 1."""
    return ops.unsqueeze(call.b, call.tensor(x), dim)


@aten("squeeze")
def squeeze_all(call: Call, x: Any) -> Edge:
    """Without all axes of extent 1."""
    edge = call.tensor(x)
    if not all(isinstance(dim, int) for dim in edge.shape) and not _is_stated(call):
        call.b.note(call.name, NOT_ONE)
    gone = [axis for axis in range(edge.rank) if edge.shape[axis] == 1]
    return ops.squeeze(call.b, edge, *gone) if gone else edge


@aten("squeeze.dim", "squeeze.dims")
def squeeze(call: Call, x: Any, dim: Any) -> Edge:
    """Without those of the given axes that have extent 1."""
    edge = call.tensor(x)
    given = dim if isinstance(dim, list | tuple) else [dim]
    gone = [axis for axis in given if edge.rank and edge.shape[axis] == 1]
    unknown = [axis for axis in given if edge.rank and not isinstance(edge.shape[axis], int)]
    if unknown and not _is_stated(call):
        call.b.note(call.name, ONE)
        gone = [axis for axis in given if axis in gone or axis in unknown]
    return ops.squeeze(call.b, edge, *gone) if gone else edge


def _is_stated(call: Call) -> bool:
    """Whether the file states the shape of the result: then no extent that it leaves open is 1."""
    return bool(call.types) and call.types[0] is not None


@aten("expand")
def expand(call: Call, x: Any, size: Any, implicit: bool = False) -> Edge:
    """Axes of extent 1 repeated up to a shape, where -1 keeps an extent."""
    edge, extents = call.tensor(x), call.extents(size)
    missing = len(extents) - edge.rank
    shape: list[Dim] = []
    for axis, item in enumerate(extents):
        own = edge.shape[axis - missing] if axis >= missing else 1
        shape.append(own if (isinstance(item, int) and item == -1) or own != 1 else dim_of(item))
    if tuple(shape) == edge.shape and None not in shape:
        return edge
    wanted = [1 if isinstance(item, int) and item == -1 else item for item in extents]
    made = call.b.emit("Expand", [edge, ops.vector(call.b, wanted)], edge.dtype, shape)
    return Edge(made.name, edge.dtype, tuple(shape))


@aten("broadcast_to")
def broadcast_to(call: Call, x: Any, size: Any) -> Edge:
    """The tensor broadcast to a shape."""
    return expand(call, x, size)


@aten("expand_as")
def expand_as(call: Call, x: Any, other: Any) -> Edge:
    """The tensor broadcast to the shape of another."""
    edge, like = call.tensor(x), call.tensor(other)
    made = call.b.emit("Expand", [edge, ops.shape_of(call.b, like)], edge.dtype, like.shape)
    return Edge(made.name, edge.dtype, like.shape)


@aten("repeat")
def repeat(call: Call, x: Any, repeats: Any) -> Edge:
    """The whole tensor several times along each axis."""
    edge, times = call.tensor(x), call.extents(repeats)
    missing = len(times) - edge.rank
    edge = ops.unsqueeze(call.b, edge, *range(missing)) if missing else edge
    shape = [
        dim * count if isinstance(dim, int) and isinstance(count, int) else _same_if(dim, count)
        for dim, count in zip(edge.shape, times, strict=True)
    ]
    if all(isinstance(count, int) and count == 1 for count in times):
        return edge
    return call.b.emit("Tile", [edge, ops.vector(call.b, times)], edge.dtype, shape)


def _same_if(dim: Dim, count: ops.Extent) -> Dim:
    if isinstance(count, int):
        return dim if count == 1 else None
    return dim_of(count) if dim == 1 else None


@aten("tile")
def tile(call: Call, x: Any, dims: Any) -> Edge:
    """As ``repeat``; missing numbers count as 1."""
    edge, times = call.tensor(x), call.extents(dims)
    return repeat(call, edge, [1] * (edge.rank - len(times)) + times)


# Parts


@aten("select")
def select(call: Call, x: Any, dim: int, index: Any) -> Edge:
    """One entry along an axis, which goes."""
    edge = call.tensor(x)
    at = call.tensor(index) if isinstance(index, Edge) else call.b.constant(int(index), INT64)
    return ops.gather(call.b, edge, at, dim)


@aten("slice")
def slice_(
    call: Call, x: Any, dim: int = 0, start: Any = None, end: Any = None, step: Any = 1
) -> Edge:
    """Every ``step``-th entry from ``start`` up to ``end``."""
    edge = call.tensor(x)
    begin, stop = (_end(call, item) for item in (start, end))
    by = call.fixed(step, "the step of a slice")
    if begin in (None, 0) and by == 1 and (stop is None or stop == (1 << 63) - 1):
        return edge
    made = ops.slice_axis(call.b, edge, dim, begin, stop, by)
    if begin in (None, 0) and by == 1 and isinstance(stop, Edge):
        axis = dim % edge.rank
        made.shape = (*edge.shape[:axis], dim_of(stop), *edge.shape[axis + 1 :])
    return made


def _end(call: Call, item: Any) -> int | Edge | None:
    return None if item is None else call.extent(item)


@aten("narrow")
def narrow(call: Call, x: Any, dim: int, start: Any, length: Any) -> Edge:
    """``length`` entries from ``start`` on."""
    b, edge = call.b, call.tensor(x)
    axis = dim % edge.rank
    begin, count = call.extent(start), call.extent(length)
    known = edge.shape[axis]
    if isinstance(begin, int) and begin < 0 and isinstance(known, int):
        begin += known
    if isinstance(begin, int) and isinstance(count, int):
        stop: int | Edge = begin + count
    else:
        parts = [b.constant([item]) if isinstance(item, int) else item for item in (begin, count)]
        stop = ops.add(b, *parts)
    made = ops.slice_axis(b, edge, axis, begin, stop)
    made.shape = (*edge.shape[:axis], dim_of(count), *edge.shape[axis + 1 :])
    return made


@aten("unfold")
def unfold(call: Call, x: Any, dimension: int, size: int, step: int) -> Edge:
    """Windows along an axis, whose places become a new last axis."""
    b, edge = call.b, call.tensor(x)
    if edge.rank == 0:
        return ops.reshape(b, edge, [1])
    axis, extent = dimension % edge.rank, ops.extent(b, edge, dimension)
    if isinstance(extent, int):
        count: ops.Extent = (extent - size) // step + 1
    else:
        count = ops.add(b, ops.divide(b, ops.subtract(b, extent, size), step), 1)
    starts = ops.unsqueeze(b, ops.multiply(b, ops.arange(b, count), step), 1)
    places = ops.add(b, starts, ops.unsqueeze(b, ops.arange(b, size), 0))
    found = ops.gather(b, edge, places, axis)
    order = [i for i in range(found.rank) if i != axis + 1]
    return ops.transpose(b, found, [*order, axis + 1])


@aten("alias", "clone", "contiguous", "detach", "lift", "lift_fresh")
def same(call: Call, x: Any, memory_format: Any = None) -> Edge:
    """The same elements."""
    return call.tensor(x)


@aten("numel")
def count(call: Call, x: Any) -> Edge:
    """The number of elements."""
    edge = call.tensor(x)
    found = call.b.emit("Size", [edge], INT64, ())
    wide = ops.unsqueeze(call.b, found, 0)
    return Edge(wide.name, INT64, (1,), values=(None,))
