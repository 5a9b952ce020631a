"""Systems of linear equations: inverses, solutions and triangular factors, in a Loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelport.dialects.onnx import arithmetic, ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten
from modelport.dialects.torch.promote import together
from modelport.model.dtype import BOOL, INT32, INT64

Step = Callable[[Call, Edge, Edge], Edge]


def _repeated(call: Call, count: ops.Extent, start: Edge, step: Step) -> Edge:
    """A state after so many steps; ``step`` is given the number of the step and the state."""
    b = call.b
    trips = ops.squeeze(b, ops.vector(b, [count]), 0)
    names = [b.name(trips), "", b.name(start)]
    body = b.subgraph("step")
    number = body.input("number", INT64, ())
    body.input("holds", BOOL, ())
    state = body.input("state", start.dtype, start.shape)
    after = step(Call(body, call.op_type, call.overload, call.name), number, state)
    body.output("again", body.constant(True, BOOL))
    body.output("after", Edge(body.name(after), start.dtype, start.shape))
    found = b.node("Loop", names, body=body.finish())[0]
    return Edge(found, start.dtype, start.shape)


def _batched(call: Call, x: Edge) -> tuple[Edge, list[ops.Extent]]:
    """Matrices along one axis, and the extents that this axis stands for."""
    b = call.b
    lead = [ops.extent(b, x, axis) for axis in range(x.rank - 2)]
    tail = [ops.extent(b, x, axis) for axis in (-2, -1)]
    flat = ops.reshape(b, x, [-1, *tail]) if x.rank != 3 else x
    return Edge(b.name(flat), x.dtype, (flat.shape[0], *x.shape[-2:])), lead


def solved(call: Call, a: Edge, y: Edge) -> Edge:
    """The x with ``a x = y``, for matrices (..., n, n) and (..., n, m) of one rank.

    Gauss-Jordan elimination, with the largest element of each column as its pivot.
    """
    b = call.b
    matrix, lead = _batched(call, a)
    right, _ = _batched(call, y)
    n = ops.extent(b, matrix, 1)
    rows = ops.unsqueeze(b, ops.arange(b, n), 0)
    both = ops.concat(b, [matrix, right], 2)

    def step(inner: Call, k: Edge, state: Edge) -> Edge:
        b = inner.b
        column = ops.unary(b, "Abs", ops.gather(b, state, k, 2))
        later = ops.binary(b, "GreaterOrEqual", rows, k)
        sizes = ops.where(b, later, column, b.constant(-1, state.dtype))
        at = b.emit("ArgMax", [sizes], INT64, (state.shape[0], 1), axis=1, keepdims=1)
        shape = (state.shape[0], state.shape[2])
        pivot = b.emit("GatherND", [state, at], state.dtype, shape, batch_dims=1)
        kept = ops.unsqueeze(b, ops.gather(b, state, k, 1), 1)
        here = ops.unsqueeze(b, ops.binary(b, "Equal", rows, k), 2)
        there = ops.unsqueeze(b, ops.binary(b, "Equal", rows, at), 2)
        moved = ops.where(b, there, kept, state)
        first = ops.unsqueeze(b, ops.gather(b, pivot, k, 1), 1)
        row = ops.unsqueeze(b, ops.divide(b, pivot, first), 1)
        factors = ops.unsqueeze(b, ops.gather(b, moved, k, 2), 2)
        cleared = ops.subtract(b, moved, ops.multiply(b, factors, row))
        return ops.where(b, here, row, cleared)

    found = _repeated(call, n, both, step)
    made = ops.slice_axis(b, found, 2, n, None)
    made = Edge(b.name(made), made.dtype, right.shape)
    tail = [ops.extent(b, y, axis) for axis in (-2, -1)]
    back = made if y.rank == 3 else ops.reshape(b, made, [*lead, *tail])
    return Edge(b.name(back), y.dtype, (*a.shape[:-2], *y.shape[-2:]))


def inverted(call: Call, a: Edge) -> Edge:
    """The inverse of matrices."""
    b = call.b
    blank = b.emit("Expand", [b.constant(0, a.dtype), ops.shape_of(b, a)], a.dtype, a.shape)
    places = ops.arange(b, ops.extent(b, a, -1))
    on = ops.binary(b, "Equal", ops.unsqueeze(b, places, 0), ops.unsqueeze(b, places, 1))
    unit = ops.where(b, on, b.constant(1, a.dtype), blank)
    return solved(call, a, Edge(b.name(unit), a.dtype, a.shape))


def _no_error(call: Call, x: Edge) -> Edge:
    """What torch's ``info`` is where nothing went wrong: one 0 for each matrix."""
    first = x
    for _ in range(2):
        first = ops.squeeze(call.b, ops.slice_axis(call.b, first, -1, 0, 1), -1)
    return ops.cast(call.b, ops.multiply(call.b, first, 0), INT32)


@aten("inverse")
def inverse(call: Call, x: Any) -> Edge:
    """The inverse of matrices."""
    return inverted(call, call.tensor(x))


@aten("linalg_inv")
def linalg_inverse(call: Call, A: Any) -> Edge:  # noqa: N803 - the schema's name
    """The inverse of matrices."""
    return inverted(call, call.tensor(A))


@aten("linalg_inv_ex")
def inverse_with_errors(call: Call, A: Any, check_errors: bool = False) -> list[Edge]:  # noqa: N803
    """The inverse of matrices, and no error."""
    edge = call.tensor(A)
    return [inverted(call, edge), _no_error(call, edge)]


def _spread(call: Call, a: Edge, y: Edge) -> list[Edge]:
    """Two stacks of matrices with the leading axes that they broadcast to."""
    b = call.b
    if a.rank == y.rank and a.shape[:-2] == y.shape[:-2] and None not in a.shape[:-2]:
        return [a, y]
    ones = []
    for edge in (a, y):
        corner = edge
        for axis in (-2, -1):
            corner = ops.slice_axis(b, corner, axis, 0, 1)
        ones.append(ops.multiply(b, corner, 0))
    return [ops.add(b, edge, other) for edge, other in zip((a, y), ones[::-1], strict=True)]


@aten("linalg_solve")
def solve(call: Call, A: Any, B: Any, left: bool = True) -> Edge:  # noqa: N803
    """The X with ``A X = B``, or ``X A = B``."""
    b = call.b
    a, y = together(call, A, B)
    vector = y.rank == 1 or (y.rank == a.rank - 1 and y.shape == a.shape[:-1])
    y = ops.unsqueeze(b, y, y.rank) if vector else y
    if not left:
        a, y = (_turned(call, edge) for edge in (a, y))
    found = solved(call, *_spread(call, a, y))
    found = found if left else _turned(call, found)
    return ops.squeeze(b, found, -1) if vector else found


@aten("linalg_solve_ex", "_linalg_solve_ex")
def solve_with_errors(
    call: Call,
    A: Any,  # noqa: N803
    B: Any,  # noqa: N803
    left: bool = True,
    check_errors: bool = False,
) -> list[Edge]:
    """The X with ``A X = B``; what else torch gives, nothing may use."""
    return [solve(call, A, B, left)]


def _turned(call: Call, x: Edge) -> Edge:
    order = [*range(x.rank - 2), x.rank - 1, x.rank - 2]
    return ops.transpose(call.b, x, order)


def _triangle(call: Call, a: Edge, upper: bool, ones: bool) -> Edge:
    """One triangle of matrices, with ones on the diagonal where asked for."""
    b = call.b
    if not ones:
        return arithmetic.triangle(b, a, 0, int(upper))
    rest = arithmetic.triangle(b, a, 1 if upper else -1, int(upper))
    places = ops.arange(b, ops.extent(b, a, -1))
    on = ops.binary(b, "Equal", ops.unsqueeze(b, places, 0), ops.unsqueeze(b, places, 1))
    return ops.where(b, on, b.constant(1, a.dtype), rest)


@aten("linalg_solve_triangular")
def solve_triangular(
    call: Call,
    x: Any,
    B: Any,  # noqa: N803
    upper: bool,
    left: bool = True,
    unitriangular: bool = False,
) -> Edge:
    """The X with ``A X = B`` of a triangle of A."""
    return solve(call, _triangle(call, call.tensor(x), upper, unitriangular), B, left)


@aten("triangular_solve")
def triangular_solve(
    call: Call,
    x: Any,
    A: Any,  # noqa: N803
    upper: bool = True,
    transpose: bool = False,
    unitriangular: bool = False,
) -> list[Edge]:
    """The X with ``A X = B`` of a triangle of A, and A."""
    edge = call.tensor(A)
    part = _triangle(call, edge, upper, unitriangular)
    return [solve(call, _turned(call, part) if transpose else part, x), edge]


# Cholesky's factor


def _factor(call: Call, a: Edge, upper: bool) -> Edge:
    """The lower triangle L with ``L L.T = a``, column by column."""
    b = call.b
    matrix, lead = _batched(call, _turned(call, a) if upper else a)
    n = ops.extent(b, matrix, 1)
    rows = ops.unsqueeze(b, ops.arange(b, n), 0)
    start = ops.multiply(b, matrix, 0)

    def step(inner: Call, k: Edge, state: Edge) -> Edge:
        b = inner.b
        own = ops.unsqueeze(b, ops.gather(b, state, k, 1), 2)
        before = ops.squeeze(b, ops.matmul(b, state, own), 2)
        column = ops.subtract(b, ops.gather(b, matrix, k, 2), before)
        root = ops.unary(b, "Sqrt", ops.unsqueeze(b, ops.gather(b, column, k, 1), 1))
        later = ops.binary(b, "GreaterOrEqual", rows, k)
        column = ops.where(b, later, ops.divide(b, column, root), b.constant(0, state.dtype))
        here = ops.unsqueeze(b, ops.binary(b, "Equal", rows, k), 1)
        return ops.where(b, here, ops.unsqueeze(b, column, 2), state)

    made = _repeated(call, n, start, step)
    tail = [ops.extent(b, a, axis) for axis in (-2, -1)]
    back = made if a.rank == 3 else ops.reshape(b, made, [*lead, *tail])
    found = Edge(b.name(back), a.dtype, a.shape)
    return _turned(call, found) if upper else found


@aten("cholesky", "linalg_cholesky")
def cholesky(call: Call, x: Any, upper: bool = False) -> Edge:
    """The triangular factor of matrices that are positive definite."""
    return _factor(call, call.tensor(x), upper)


@aten("linalg_cholesky_ex")
def cholesky_with_errors(
    call: Call, x: Any, upper: bool = False, check_errors: bool = False
) -> list[Edge]:
    """The triangular factor, and no error."""
    edge = call.tensor(x)
    return [_factor(call, edge, upper), _no_error(call, edge)]


def _square(call: Call, x: Any, upper: bool) -> Edge:
    """The matrix whose factor is given."""
    factor = arithmetic.triangle(call.b, call.tensor(x), 0, int(upper))
    pair = (_turned(call, factor), factor) if upper else (factor, _turned(call, factor))
    return ops.matmul(call.b, *pair)


@aten("cholesky_solve")
def cholesky_solve(call: Call, x: Any, input2: Any, upper: bool = False) -> Edge:
    """The X with ``A X = x``, A given by its factor."""
    return solve(call, _square(call, input2, upper), x)


@aten("cholesky_inverse")
def cholesky_inverse(call: Call, x: Any, upper: bool = False) -> Edge:
    """The inverse of the matrix whose factor is given."""
    return inverted(call, _square(call, x, upper))
