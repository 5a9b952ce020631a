"""Products of matrices and vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, Parameter, aten
from modelport.dialects.torch.operators.solve import inverted
from modelport.dialects.torch.promote import computed, in_dtype, roomy, together


@aten("linear")
def linear(call: Call, input: Any, weight: Any, bias: Any = None) -> Edge:
    """``input @ weight.T + bias``; the transposed weight is written, so that a MatMul takes it."""
    if isinstance(weight, Parameter) and weight.rank == 2:
        matrix = call.weight(weight, weight.expression.transpose(1, 0))
    else:
        edge = call.tensor(weight)
        matrix = ops.transpose(call.b, edge, (1, 0)) if edge.rank == 2 else edge
    made = product(call, call.tensor(input), matrix)
    return made if bias is None else ops.add(call.b, made, call.tensor(bias))


def product(call: Call, x: Edge, y: Edge) -> Edge:
    """The matrix product; a vector counts as a row on the left, as a column on the right."""
    b, dtype = call.b, x.dtype
    left, right = (ops.cast(b, edge, roomy(dtype)) for edge in (x, y))
    left = ops.unsqueeze(b, left, 0) if x.rank == 1 else left
    right = ops.unsqueeze(b, right, 1) if y.rank == 1 else right
    made = ops.matmul(b, left, right)
    if x.rank == 1:
        made = ops.squeeze(b, made, -2)
    if y.rank == 1:
        made = ops.squeeze(b, made, -1)
    return ops.cast(b, made, dtype)


@aten("matmul", "linalg_matmul", "vdot")
def matmul(call: Call, x: Any, other: Any) -> Edge:
    """The matrix product."""
    return product(call, call.tensor(x), call.tensor(other))


@aten("mm", "bmm")
def matrices(call: Call, x: Any, mat2: Any) -> Edge:
    """The product of matrices."""
    return matmul(call, x, mat2)


@aten("mv")
def matrix_vector(call: Call, x: Any, vec: Any) -> Edge:
    """The product of a matrix and a vector."""
    return matmul(call, x, vec)


@aten("dot")
def dot(call: Call, x: Any, tensor: Any) -> Edge:
    """The sum of the products of two vectors."""
    return matmul(call, x, tensor)


def _scaled(call: Call, x: Edge, by: Any) -> Edge:
    return x if by == 1 else ops.multiply(call.b, x, in_dtype(call, by, x.dtype))


def _plus(call: Call, x: Any, made: Edge, beta: Any, alpha: Any) -> Edge:
    """``beta x + alpha made``; x is not looked at where beta is 0."""
    made = _scaled(call, made, alpha)
    if beta == 0:
        return made
    return ops.add(call.b, _scaled(call, call.tensor(x), beta), made)


@aten("addmm")
def add_matrix_product(
    call: Call, x: Any, mat1: Any, mat2: Any, beta: Any = 1, alpha: Any = 1
) -> Edge:
    """``beta x + alpha mat1 @ mat2``."""
    return _plus(call, x, matmul(call, mat1, mat2), beta, alpha)


@aten("addmv")
def add_vector_product(
    call: Call, x: Any, mat: Any, vec: Any, beta: Any = 1, alpha: Any = 1
) -> Edge:
    """``beta x + alpha mat @ vec``."""
    return _plus(call, x, matmul(call, mat, vec), beta, alpha)


@aten("baddbmm")
def add_batch_product(
    call: Call, x: Any, batch1: Any, batch2: Any, beta: Any = 1, alpha: Any = 1
) -> Edge:
    """``beta x + alpha batch1 @ batch2``."""
    return _plus(call, x, matmul(call, batch1, batch2), beta, alpha)


@aten("addbmm")
def add_batch_sum(
    call: Call, x: Any, batch1: Any, batch2: Any, beta: Any = 1, alpha: Any = 1
) -> Edge:
    """``beta x`` plus alpha times the sum of the batch's products."""
    made = ops.reduce(call.b, "ReduceSum", matmul(call, batch1, batch2), [0])
    return _plus(call, x, made, beta, alpha)


@aten("addr")
def add_outer(call: Call, x: Any, vec1: Any, vec2: Any, beta: Any = 1, alpha: Any = 1) -> Edge:
    """``beta x`` plus alpha times the products of all pairs."""
    return _plus(call, x, outer(call, vec1, vec2), beta, alpha)


@aten("outer", "ger")
def outer(call: Call, x: Any, vec2: Any) -> Edge:
    """The products of all pairs of elements of two vectors."""
    b, (left, right) = call.b, together(call, x, vec2)
    return computed(call, "Mul", ops.unsqueeze(b, left, 1), ops.unsqueeze(b, right, 0))


@aten("inner")
def inner(call: Call, x: Any, other: Any) -> Edge:
    """The sums of products over the last axes."""
    left, right = call.tensor(x), call.tensor(other)
    if not left.rank or not right.rank:
        return ops.multiply(call.b, left, right)
    return contracted(call, left, right, [left.rank - 1], [right.rank - 1])


@aten("tensordot")
def tensordot(
    call: Call, x: Any, other: Any, dims_self: Sequence[int], dims_other: Sequence[int]
) -> Edge:
    """The sums of products over several axes."""
    return contracted(call, call.tensor(x), call.tensor(other), dims_self, dims_other)


def contracted(call: Call, x: Edge, y: Edge, left: Sequence[int], right: Sequence[int]) -> Edge:
    """The sums of products over pairs of axes; what is left of the first comes first."""
    b = call.b
    gone = [[axis % edge.rank for axis in axes] for edge, axes in ((x, left), (y, right))]
    kept = [
        [axis for axis in range(edge.rank) if axis not in axes]
        for edge, axes in zip((x, y), gone, strict=True)
    ]
    extents = [
        [ops.extent(b, edge, axis) for axis in axes]
        for edge, axes in zip((x, y), kept, strict=True)
    ]
    dims = [edge.shape[axis] for edge, axes in zip((x, y), kept, strict=True) for axis in axes]
    inner: ops.Extent = 1
    for extent in (ops.extent(b, x, axis) for axis in gone[0]):
        if isinstance(extent, int) and isinstance(inner, int):
            inner *= extent
        else:
            inner = ops.multiply(b, ops.vector(b, [inner]), ops.vector(b, [extent]))
    first = ops.reshape(b, ops.transpose(b, x, [*kept[0], *gone[0]]), [-1, inner])
    second = ops.reshape(b, ops.transpose(b, y, [*gone[1], *kept[1]]), [inner, -1])
    made = ops.reshape(b, product(call, first, second), [*extents[0], *extents[1]])
    return Edge(b.name(made), x.dtype, tuple(dims))


@aten("chain_matmul")
def old_chain(call: Call, matrices: Sequence[Any]) -> Edge:
    """The product of several matrices."""
    return chain(call, matrices)


@aten("linalg_multi_dot")
def chain(call: Call, tensors: Sequence[Any]) -> Edge:
    """The product of several matrices."""
    made = call.tensor(tensors[0])
    for item in tensors[1:]:
        made = product(call, made, call.tensor(item))
    return made


@aten("kron")
def kronecker(call: Call, x: Any, other: Any) -> Edge:
    """Every element of one times the whole other."""
    b, edges = call.b, [call.tensor(x), call.tensor(other)]
    rank = max(edge.rank for edge in edges)
    edges = [
        ops.unsqueeze(b, edge, *range(rank - edge.rank)) if edge.rank < rank else edge
        for edge in edges
    ]
    left = ops.unsqueeze(b, edges[0], *range(1, 2 * rank, 2))
    right = ops.unsqueeze(b, edges[1], *range(0, 2 * rank, 2))
    sizes = ops.multiply(b, ops.shape_of(b, edges[0]), ops.shape_of(b, edges[1]))
    shape = tuple(
        p * q if isinstance(p, int) and isinstance(q, int) else None
        for p, q in zip(edges[0].shape, edges[1].shape, strict=True)
    )
    made = b.emit("Reshape", [ops.multiply(b, left, right), sizes], edges[0].dtype, shape)
    return Edge(made.name, edges[0].dtype, shape)


@aten("matrix_power", "linalg_matrix_power")
def matrix_power(call: Call, x: Any, n: int) -> Edge:
    """A matrix times itself n times."""
    b, edge = call.b, call.tensor(x)
    if n < 0:
        return matrix_power(call, inverted(call, edge), -n)
    if n == 0:
        size = ops.arange(b, ops.extent(b, edge, -1))
        same = ops.binary(b, "Equal", ops.unsqueeze(b, size, 1), ops.unsqueeze(b, size, 0))
        one = ops.cast(b, same, edge.dtype)
        made = b.emit("Expand", [one, ops.shape_of(b, edge)], edge.dtype, edge.shape)
        return Edge(made.name, edge.dtype, edge.shape)
    made = edge
    for bit in bin(n)[3:]:
        made = product(call, made, made)
        made = product(call, made, edge) if bit == "1" else made
    return made


@aten("bilinear")
def bilinear(call: Call, input1: Any, input2: Any, weight: Any, bias: Any = None) -> Edge:
    """``input1 weight[k] input2`` for every k."""
    b, left, right = call.b, call.tensor(input1), call.tensor(input2)
    matrix = call.tensor(weight)
    shape = (*left.shape[:-1], matrix.shape[0])
    given = [left, matrix, right]
    made = b.emit("Einsum", given, left.dtype, shape, equation="...i,kij,...j->...k")
    return made if bias is None else ops.add(b, made, call.tensor(bias))


@aten("_trilinear")
def trilinear(
    call: Call,
    i1: Any,
    i2: Any,
    i3: Any,
    expand1: Sequence[int],
    expand2: Sequence[int],
    expand3: Sequence[int],
    sumdim: Sequence[int],
    unroll_dim: int = 1,
) -> Edge:
    """The product of three tensors with new axes, summed over axes."""
    wide = [
        ops.unsqueeze(call.b, call.tensor(item), *axes) if axes else call.tensor(item)
        for item, axes in ((i1, expand1), (i2, expand2), (i3, expand3))
    ]
    product_ = ops.multiply(call.b, ops.multiply(call.b, wide[0], wide[1]), wide[2])
    return ops.reduce(call.b, "ReduceSum", product_, list(sumdim)) if sumdim else product_
