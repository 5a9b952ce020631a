"""Tensors taken apart along an axis."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten, dim_of
from modelport.dialects.torch.operators.shape import narrow
from modelport.model.dtype import INT64


def parts_of(call: Call, x: Any, sizes: Sequence[ops.Extent], dim: int) -> list[Edge]:
    """Consecutive parts of given extents."""
    b, edge = call.b, call.tensor(x)
    axis = dim % edge.rank
    if all(isinstance(size, int) for size in sizes):
        shapes = [(*edge.shape[:axis], size, *edge.shape[axis + 1 :]) for size in sizes]
        if len(sizes) == 1:
            return [edge]
        given = [b.name(edge), b.name(b.constant(list(sizes), INT64))]
        names = b.node("Split", given, len(sizes), axis=axis)
        return [
            Edge(name, edge.dtype, tuple(dim_of(d) if isinstance(d, Edge) else d for d in shape))
            for name, shape in zip(names, shapes, strict=True)
        ]
    start: ops.Extent = 0
    parts = []
    for size in sizes:
        parts.append(narrow(call, edge, axis, start, size))
        ends = [b.constant([item]) if isinstance(item, int) else item for item in (start, size)]
        start = ops.add(b, *ends)
    return parts


@aten("split", "split.Tensor", "unsafe_split", "unsafe_split.Tensor")
def split(call: Call, x: Any, split_size: Any, dim: int = 0) -> list[Edge]:
    """Parts of one extent, the last as large as is left."""
    edge, size = call.tensor(x), call.extent(split_size)
    known = edge.shape[dim]
    if isinstance(known, int) and isinstance(size, int):
        rest = [size] * (known // size) + ([known % size] if known % size else [])
        return parts_of(call, edge, rest or [0], dim)
    if isinstance(size, int) and len(call.types):
        return _cut(call, edge, size, dim, len(call.types))
    raise ValueError("how many parts there are is computed by the model")


def _cut(call: Call, x: Edge, size: int, dim: int, count: int) -> list[Edge]:
    ends = [None if i == count - 1 else size * (i + 1) for i in range(count)]
    return [ops.slice_axis(call.b, x, dim, size * i, end) for i, end in enumerate(ends)]


@aten("split.sizes")
def split_in(call: Call, x: Any, split_size: Any, dim: int = 0) -> list[Edge]:
    """Parts of given extents."""
    return split_with_sizes(call, x, split_size, dim)


@aten("split_with_sizes", "unsafe_split_with_sizes")
def split_with_sizes(call: Call, x: Any, split_sizes: Any, dim: int = 0) -> list[Edge]:
    """Parts of given extents."""
    return parts_of(call, x, call.extents(split_sizes), dim)


@aten("chunk", "unsafe_chunk")
def chunk(call: Call, x: Any, chunks: int, dim: int = 0) -> list[Edge]:
    """So many parts, all but the last of one extent."""
    b, edge = call.b, call.tensor(x)
    known = edge.shape[dim]
    if isinstance(known, int):
        return split(call, edge, max(-(-known // chunks), 1), dim)
    # The extent of a part, rounded up, is computed as the tensor is.
    whole = ops.extent(b, edge, dim)
    size = ops.divide(b, ops.add(b, call.tensor(whole), chunks - 1), chunks)
    count = len(call.types) or chunks
    starts = [ops.multiply(b, size, i) for i in range(count + 1)]
    return [ops.slice_axis(b, edge, dim, starts[i], starts[i + 1]) for i in range(count)]


@aten("tensor_split.sections")
def tensor_split(call: Call, x: Any, sections: int, dim: int = 0) -> list[Edge]:
    """So many parts, the first ones larger by 1."""
    edge = call.tensor(x)
    known = edge.shape[dim]
    if not isinstance(known, int):
        return _uneven(call, edge, sections, dim)
    each, more = divmod(known, sections)
    return parts_of(call, edge, [each + (i < more) for i in range(sections)], dim)


def _uneven(call: Call, x: Edge, sections: int, dim: int) -> list[Edge]:
    """Parts of an unknown extent, the first ones larger by 1."""
    b, whole = call.b, ops.vector(call.b, [ops.extent(call.b, x, dim)])
    each = ops.divide(b, whole, sections)
    more = ops.subtract(b, whole, ops.multiply(b, each, sections))
    starts = [
        ops.add(b, ops.multiply(b, each, i), ops.binary(b, "Min", more, i))
        for i in range(sections + 1)
    ]
    return [ops.slice_axis(b, x, dim, start, stop) for start, stop in itertools.pairwise(starts)]


@aten("tensor_split.indices")
def split_at(call: Call, x: Any, indices: Sequence[Any], dim: int = 0) -> list[Edge]:
    """Parts up to given places."""
    edge = call.tensor(x)
    bounds = [0, *(call.fixed(item, "a place to split at") for item in indices), None]
    return [
        ops.slice_axis(call.b, edge, dim, start, stop) for start, stop in itertools.pairwise(bounds)
    ]


def _split_along(axis: int) -> tuple[Any, Any]:
    def place(x: Edge) -> int:
        return 0 if axis == 1 and x.rank == 1 else axis

    def in_parts(call: Call, x: Any, sections: int) -> list[Edge]:
        edge = call.tensor(x)
        return tensor_split(call, edge, sections, place(edge))

    def at_places(call: Call, x: Any, indices: Sequence[Any]) -> list[Edge]:
        edge = call.tensor(x)
        return split_at(call, edge, indices, place(edge))

    return in_parts, at_places


for _name, _axis in {"hsplit": 1, "vsplit": 0, "dsplit": 2}.items():
    _in_parts, _at_places = _split_along(_axis)
    aten(f"{_name}.int")(_in_parts)
    aten(f"{_name}.array")(_at_places)


@aten("unbind", "unbind.int")
def unbind(call: Call, x: Any, dim: int = 0) -> list[Edge]:
    """All entries along an axis."""
    edge = call.tensor(x)
    count = edge.shape[dim]
    if not isinstance(count, int):
        raise ValueError("how many parts there are is computed by the model")
    if count == 1:
        return [ops.squeeze(call.b, edge, dim)]
    return [ops.squeeze(call.b, part, dim) for part in parts_of(call, edge, [1] * count, dim)]
