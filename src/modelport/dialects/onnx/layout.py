"""Moving edges between a channels-last vocabulary and ONNX' channels-first operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelport.dialects.onnx.builder import Builder
from modelport.dialects.onnx.edge import Edge, Twin
from modelport.dialects.onnx.types.dims import broadcast
from modelport.dialects.onnx.types.known import ONNX_DTYPES
from modelport.model.dtype import FLOAT16, DType
from modelport.model.expression import Expression
from modelport.model.graph import Dim


def first(rank: int) -> tuple[int, ...]:
    """The permutation from channels-last to channels-first: ``(0, rank-1, 1, ..., rank-2)``."""
    return (0, rank - 1, *range(1, rank - 1))


def inverse(permutation: Sequence[int]) -> tuple[int, ...]:
    """The permutation that undoes ``permutation``."""
    return tuple(permutation.index(axis) for axis in range(len(permutation)))


def channels_first(b: Builder, edge: Edge) -> str:
    """The ONNX value that holds a channels-last edge channels-first; transposed only if need be."""
    order = first(edge.rank)
    twin = edge.twin
    if twin is not None and not twin.flat and twin.permutation == order:
        return twin.name
    if edge.rank <= 2:
        return b.name(edge)
    name = transposed(b, b.name(edge), edge.dtype, order)
    edge.twin = Twin(name, order, edge.shape)
    return name


def transposed(b: Builder, name: str, dtype: DType, order: Sequence[int]) -> str:
    """The ONNX value ``name`` with its axes in another order.

    16 bits take the way over 32: onnxruntime (up to 1.32 at least) ends its process while it loads
    a matrix product of a float16 Transpose that moves the first axis, unless its optimizer
    FuseFp16InitializerToFp32NodeTransformer is switched off. The values stay what they are.
    """
    if dtype != FLOAT16 or len(order) < 3:
        return b.node("Transpose", [name], perm=list(order))[0]
    wide = b.node("Cast", [name], to=ONNX_DTYPES["float32"])
    turned = b.node("Transpose", wide, perm=list(order))
    return b.node("Cast", turned, to=ONNX_DTYPES["float16"])[0]


def from_channels_first(name: str, dtype: DType, shape: Sequence[Dim]) -> Edge:
    """The channels-last edge of a value that is channels-first; ``shape`` is channels-last."""
    if len(shape) <= 2:
        return Edge(name, dtype, tuple(shape))
    return Edge(None, dtype, tuple(shape), Twin(name, first(len(shape)), tuple(shape)))


def own_layout(b: Builder, edge: Edge) -> str:
    """Emit what brings the twin of an edge into the edge's own layout (used by ``b.name``)."""
    twin = edge.twin
    if twin is None:
        raise ValueError("an edge needs a name or a twin")
    source = twin.name
    if twin.flat:
        order = [twin.dims[axis] for axis in twin.permutation]
        source = b.node("Reshape", [source, _extents(b, order)])[0]
    source = transposed(b, source, edge.dtype, inverse(twin.permutation))
    if twin.flat:
        source = b.node("Flatten", [source], axis=1)[0]
    return source


def _extents(b: Builder, dims: Sequence[Dim]) -> str:
    fixed = [extent if isinstance(extent, int) else -1 for extent in dims]
    # 0 copies the batch extent, which leaves -1 free for one more unknown.
    fixed[0] = 0
    return b.name(b.constant(fixed))


def flatten(b: Builder, edge: Edge) -> Edge:
    """All axes but the first in one; a twin is flattened in its own order and remembered."""
    flat: Dim = 1
    for extent in edge.shape[1:]:
        flat = flat * extent if isinstance(flat, int) and isinstance(extent, int) else None
    shape = (edge.shape[0], flat)
    known = all(isinstance(extent, int) for extent in edge.shape[1:])
    same = in_any_order(edge)
    twin = edge.twin
    # A twin that does not keep the batch first (time-major) cannot be flattened as it is.
    kept = twin is not None and edge.prefers_twin and not twin.flat and twin.permutation[0] == 0
    if same is None and twin is not None and kept and known:
        name = b.node("Flatten", [twin.name], axis=1)[0]
        return Edge(None, edge.dtype, shape, Twin(name, twin.permutation, edge.shape, True))
    return Edge(b.node("Flatten", [same or b.name(edge)], axis=1)[0], edge.dtype, shape)


def regroup_rows(kernel: Expression, twin: Twin) -> Expression:
    """Reorder the rows of a dense kernel ``(features, units)`` to a flat twin's order."""
    extents = [extent for extent in twin.dims[1:] if isinstance(extent, int)]
    units = kernel.shape[1:]
    order = [axis - 1 for axis in twin.permutation[1:]]
    spread = kernel.reshape(*extents, *units)
    moved = spread.transpose(*order, *range(len(order), len(order) + len(units)))
    return moved.reshape(*kernel.shape)


def unary(
    b: Builder,
    op_type: str,
    edge: Edge,
    dtype: DType | None = None,
    extra: Sequence[Edge | None] = (),
    **given: Any,
) -> Edge:
    """An elementwise operator of one tensor (and attributes), in whichever layout there is.

    ``extra`` are further inputs that know no layout, such as the ends of a Clip.
    """
    wanted = dtype or edge.dtype
    more = [b.name(item) if item is not None else "" for item in extra]
    if edge.prefers_twin and edge.twin is not None:
        twin = edge.twin
        name = b.node(op_type, [twin.name, *more], **given)[0]
        moved = Twin(name, twin.permutation, twin.dims, twin.flat)
        return Edge(None, wanted, edge.shape, moved, edge.mask)
    name = b.node(op_type, [b.name(edge), *more], **given)[0]
    return Edge(name, wanted, edge.shape, None, edge.mask)


def carried(b: Builder, edge: Edge) -> tuple[str, tuple[int, ...]]:
    """The ONNX value that stands for an edge at no cost, and the edge's axis that each axis is.

    For operators that name their axes: they can work in any layout (see ``moved``).
    """
    twin = edge.twin
    if edge.prefers_twin and twin is not None and not twin.flat:
        return twin.name, twin.permutation
    return b.name(edge), tuple(range(edge.rank))


def moved(name: str, permutation: Sequence[int], dtype: DType, shape: Sequence[Dim]) -> Edge:
    """The edge of that shape whose ONNX value has its axes in the order ``permutation``."""
    order, dims = tuple(permutation), tuple(shape)
    if order == tuple(range(len(dims))):
        return Edge(name, dtype, dims)
    return Edge(None, dtype, dims, Twin(name, order, dims))


def in_any_order(edge: Edge) -> str | None:
    """The twin's value where it holds the same sequence of elements and is there already."""
    twin = edge.twin
    if edge.prefers_twin and twin is not None and not twin.flat:
        wide = [axis for axis in twin.permutation if edge.shape[axis] != 1]
        # The batch has to stay in its place: operators that flatten or copy extents rely on it.
        if wide == sorted(wide) and twin.permutation[0] == 0:
            return twin.name
    return None


def elementwise(
    b: Builder, op_type: str, edges: Sequence[Edge], dtype: DType | None = None, **given: Any
) -> Edge:
    """A broadcasting operator of several tensors, channels-first where one input already is.

    Inputs of lower rank are aligned at the last axis of the edges' own layout, as numpy does.
    """
    wanted = dtype or edges[0].dtype
    shape = broadcast([edge.shape for edge in edges])
    lead = next((e for e in edges if e.prefers_twin and e.rank == len(shape) and e.twin), None)
    if lead is None or lead.twin is None:
        name = b.node(op_type, [b.name(edge) for edge in edges], **given)[0]
        return Edge(name, wanted, shape)
    twin = lead.twin
    if twin.flat:
        names = [_in_flat_layout(b, edge, twin) for edge in edges]
        if any(name is None for name in names):
            name = b.node(op_type, [b.name(edge) for edge in edges], **given)[0]
            return Edge(name, wanted, shape)
    else:
        names = [in_layout(b, edge, twin.permutation) for edge in edges]
    dims = twin.dims if twin.flat else shape
    name = b.node(op_type, [name for name in names if name is not None], **given)[0]
    return Edge(None, wanted, shape, Twin(name, twin.permutation, dims, twin.flat))


def _in_flat_layout(b: Builder, edge: Edge, twin: Twin) -> str | None:
    other = edge.twin
    if edge.rank == 0 or all(extent == 1 for extent in edge.shape):
        return b.name(edge)
    if other is None or not other.flat or other.permutation != twin.permutation:
        return None
    return other.name if other.dims == twin.dims else None


def in_layout(b: Builder, edge: Edge, permutation: tuple[int, ...]) -> str:
    """The ONNX value of an edge for broadcasting with one whose axes are so permuted."""
    rank = len(permutation)
    own = edge.twin
    if own is not None and not own.flat and own.permutation == permutation:
        return own.name
    if edge.rank == 0 or all(extent == 1 for extent in edge.shape):
        return b.name(edge)
    if edge.rank == rank:
        name = transposed(b, b.name(edge), edge.dtype, permutation)
        edge.twin = Twin(name, permutation, edge.shape)
        return name
    missing = rank - edge.rank
    if edge.rank == 1 and permutation == first(rank):
        return b.node("Reshape", [b.name(edge), b.name(b.constant([-1] + [1] * (rank - 2)))])[0]
    wide = b.node("Unsqueeze", [b.name(edge), b.name(b.constant(list(range(missing))))])[0]
    return transposed(b, wide, edge.dtype, permutation)
