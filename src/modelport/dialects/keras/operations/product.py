"""Operations that multiply and sum: matrix products, Einstein sums, norms, attention."""

from __future__ import annotations

import math
from collections.abc import Sequence
from string import ascii_letters
from typing import Any

import numpy as np

from modelport.dialects.keras.layer import Layer
from modelport.dialects.keras.operations.operands import (
    Operand,
    axes_of,
    boolean,
    floating,
    tensor,
    together,
)
from modelport.dialects.keras.operations.reduce import reduced
from modelport.dialects.keras.operations.registry import operation
from modelport.dialects.keras.operations.unary import shape_extents
from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.onnx.types.dims import broadcast
from modelport.model.dtype import BOOL, FLOAT32, INT32
from modelport.model.graph import Dim


@operation("Matmul")
def matmul(layer: Layer, x1: Operand, x2: Operand) -> Edge:
    """The matrix product over the last two axes; a vector is a row or a column."""
    x, y = together(layer, x1, x2)
    if x.dtype == BOOL:
        x, y = ops.cast(layer.b, x, INT32), ops.cast(layer.b, y, INT32)
    if x.rank > 1 and y.rank > 1:
        return ops.matmul(layer.b, x, y)
    lead = x.shape[:-2] if x.rank > 2 else y.shape[:-2]
    rows = x.shape[-2:-1] if x.rank > 1 else ()
    columns = y.shape[-1:] if y.rank > 1 else ()
    return layer.b.emit("MatMul", [x, y], x.dtype, (*lead, *rows, *columns))


@operation("Dot")
def dot(layer: Layer, x1: Operand, x2: Operand) -> Edge:
    """Numpy's dot: the last axis of the first with the second last of the second."""
    x, y = together(layer, x1, x2)
    if x.rank == 0 or y.rank == 0:
        return ops.multiply(layer.b, x, y)
    if y.rank <= 2:
        return matmul(layer, x, y)
    return contracted(layer, x, y, [x.rank - 1], [y.rank - 2])


@operation("Inner")
def inner(layer: Layer, x1: Operand, x2: Operand) -> Edge:
    """The sum of products over the last axes."""
    x, y = together(layer, x1, x2)
    if x.rank == 0 or y.rank == 0:
        return ops.multiply(layer.b, x, y)
    return contracted(layer, x, y, [x.rank - 1], [y.rank - 1])


@operation("Vdot")
def vdot(layer: Layer, x1: Operand, x2: Operand) -> Edge:
    """The sum of products of all elements."""
    x, y = (ops.reshape(layer.b, edge, [-1]) for edge in together(layer, x1, x2))
    return contracted(layer, x, y, [0], [0])


@operation("Outer")
def outer(layer: Layer, x1: Operand, x2: Operand) -> Edge:
    """Every element of the first with every element of the second."""
    b = layer.b
    x, y = (ops.reshape(b, edge, [-1]) for edge in together(layer, x1, x2))
    return ops.multiply(b, ops.unsqueeze(b, x, 1), ops.unsqueeze(b, y, 0))


@operation("Tensordot")
def tensordot(layer: Layer, x1: Operand, x2: Operand, axes: Any = 2) -> Edge:
    """The sum of products over several axes of both."""
    x, y = together(layer, x1, x2)
    if isinstance(axes, int):
        first, second = list(range(x.rank - axes, x.rank)), list(range(axes))
    else:
        first, second = axes_of(axes[0], x.rank), axes_of(axes[1], y.rank)
    return contracted(layer, x, y, first, second)


def contracted(layer: Layer, x: Edge, y: Edge, first: Sequence[int], second: Sequence[int]) -> Edge:
    """The sum of products over axes of both; the other axes of the first come first."""
    left = list(ascii_letters[: x.rank])
    right = list(ascii_letters[x.rank : x.rank + y.rank])
    for i, j in zip(first, second, strict=True):
        right[j] = left[i]
    rest = [c for i, c in enumerate(left) if i not in first]
    rest += [c for j, c in enumerate(right) if j not in second]
    return einstein(layer, f"{''.join(left)},{''.join(right)}->{''.join(rest)}", [x, y])


@operation("Einsum")
def einsum(layer: Layer, *operands: Operand, subscripts: str) -> Edge:
    """An Einstein sum."""
    edges = together(layer, *operands)
    return einstein(layer, str(subscripts).replace(" ", ""), edges)


def einstein(layer: Layer, equation: str, edges: Sequence[Edge]) -> Edge:
    """An Einstein sum of edges; ``...`` stands for axes that broadcast.

    Raises:
        ValueError: the equation does not fit the edges.
    """
    terms, arrow, result = equation.partition("->")
    sides = terms.split(",")
    extents: dict[str, Dim] = {}
    elided: list[Sequence[Dim]] = []
    for side, edge in zip(sides, edges, strict=True):
        before, dots, after = side.partition("...")
        middle = edge.rank - len(before) - len(after)
        if middle < 0 or (middle and not dots):
            raise ValueError(f"the equation {equation!r} with {edge.rank} axes")
        for c, extent in (
            *zip(before, edge.shape, strict=False),
            *zip(after, edge.shape[edge.rank - len(after) :], strict=True),
        ):
            if extents.get(c) in (None, 1):
                extents[c] = extent
        if dots:
            elided.append(edge.shape[len(before) : len(before) + middle])
    if not arrow:
        letters = terms.replace(",", "").replace(".", "")
        result = ("..." if elided else "") + "".join(
            sorted(c for c in set(letters) if letters.count(c) == 1)
        )
    head, dots, tail = result.partition("...")
    spread = broadcast(elided) if dots and elided else ()
    shape = [*(extents[c] for c in head), *spread, *(extents[c] for c in tail)]
    whole = f"{terms}->{result}"
    return layer.b.emit("Einsum", list(edges), edges[0].dtype, shape, equation=whole)


@operation("Cross")
def cross(
    layer: Layer,
    x1: Operand,
    x2: Operand,
    axisa: int = -1,
    axisb: int = -1,
    axisc: int = -1,
    axis: Any = None,
) -> Edge:
    """The cross product of vectors of three."""
    b = layer.b
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = together(layer, x1, x2)
    place, other = axes_of(axisa, x.rank)[0], axes_of(axisb, y.rank)[0]
    if x.shape[place] != 3 or y.shape[other] != 3:
        raise layer.error("only vectors of three have a cross product here")
    x, y = (_last(layer, edge, at) for edge, at in ((x, place), (y, other)))

    def turned(edge: Edge, order: list[int]) -> Edge:
        return ops.gather(b, edge, b.constant(order), -1)

    ahead = ops.multiply(b, turned(x, [1, 2, 0]), turned(y, [2, 0, 1]))
    behind = ops.multiply(b, turned(x, [2, 0, 1]), turned(y, [1, 2, 0]))
    made = ops.subtract(b, ahead, behind)
    target = axes_of(axisc, made.rank)[0]
    order = list(range(made.rank - 1))
    order.insert(target, made.rank - 1)
    return ops.transpose(b, made, order)


def _last(layer: Layer, x: Edge, axis: int) -> Edge:
    return ops.transpose(layer.b, x, [*(i for i in range(x.rank) if i != axis), axis])


@operation("Kron")
def kronecker(layer: Layer, x1: Operand, x2: Operand) -> Edge:
    """Every element of the first times the whole second, as one larger tensor."""
    b = layer.b
    x, y = together(layer, x1, x2)
    while x.rank < y.rank:
        x = ops.unsqueeze(b, x, 0)
    while y.rank < x.rank:
        y = ops.unsqueeze(b, y, 0)
    wide = ops.unsqueeze(b, x, *range(1, 2 * x.rank, 2))
    high = ops.unsqueeze(b, y, *range(0, 2 * y.rank, 2))
    sizes: list[int | Edge] = []
    for first, second in zip(shape_extents(layer, x), shape_extents(layer, y), strict=True):
        sizes.append(_times(layer, first, second))
    return ops.reshape(b, ops.multiply(b, wide, high), sizes)


def _times(layer: Layer, first: int | Edge, second: int | Edge) -> int | Edge:
    if isinstance(first, int) and isinstance(second, int):
        return first * second
    x, y = (second, first) if isinstance(first, int) else (first, second)
    return ops.multiply(layer.b, x if isinstance(x, Edge) else layer.b.constant([x]), y)


# Norms and matrices


@operation("Norm")
def norm(
    layer: Layer, x: Operand, ord: Any = None, axis: Any = None, keepdims: bool = False
) -> Edge:
    """The norm of vectors or matrices (those that need no singular values)."""
    edge = floating(layer, x)
    axes = axes_of(axis, edge.rank)
    if (
        ord in (None, "euclidean")
        or (ord == "fro" and len(axes) == 2)
        or (ord == 2 and len(axes) == 1)
    ):
        return reduced(layer, "ReduceL2", edge, axes, keepdims)
    if len(axes) == 1:
        return _vector_norm(layer, edge, ord, axes, keepdims)
    if len(axes) == 2 and ord in (1, -1, math.inf, -math.inf, "inf", "-inf"):
        return _matrix_norm(layer, edge, float(ord), axes, keepdims)
    raise layer.error(f"the norm {ord!r} over {len(axes)} axes has no ONNX form")


def _vector_norm(layer: Layer, x: Edge, ord: Any, axes: list[int], keepdims: bool) -> Edge:
    b, power = layer.b, float(ord)
    size = ops.unary(b, "Abs", x)
    if power == math.inf:
        return reduced(layer, "ReduceMax", size, axes, keepdims)
    if power == -math.inf:
        return reduced(layer, "ReduceMin", size, axes, keepdims)
    if power == 0:
        wide = ops.cast(b, ops.cast(b, x, BOOL), x.dtype)
        return reduced(layer, "ReduceSum", wide, axes, keepdims)
    if power == 1:
        return reduced(layer, "ReduceL1", x, axes, keepdims)
    total = reduced(layer, "ReduceSum", ops.binary(b, "Pow", size, power), axes, keepdims)
    return ops.binary(b, "Pow", total, 1 / power)


def _matrix_norm(layer: Layer, x: Edge, ord: float, axes: list[int], keepdims: bool) -> Edge:
    """The largest (smallest) sum of absolute values of a column (a row, for infinity)."""
    summed, kept = (axes[0], axes[1]) if abs(ord) == 1 else (axes[1], axes[0])
    sums = ops.reduce(layer.b, "ReduceL1", x, [summed], True)
    op_type = "ReduceMax" if ord > 0 else "ReduceMin"
    found = ops.reduce(layer.b, op_type, sums, [kept], True)
    return found if keepdims else ops.squeeze(layer.b, found, *axes)


@operation("Det")
def determinant(layer: Layer, x: Operand) -> Edge:
    """The determinant of the last two axes."""
    edge = floating(layer, x)
    return layer.b.emit("Det", [edge], edge.dtype, edge.shape[:-2])


@operation("Slogdet")
def sign_and_logarithm(layer: Layer, x: Operand) -> list[Edge]:
    """The sign of the determinant and the logarithm of its size."""
    b, found = layer.b, determinant(layer, x)
    return [ops.unary(b, "Sign", found), ops.unary(b, "Log", ops.unary(b, "Abs", found))]


@operation("Logdet")
def log_determinant(layer: Layer, x: Operand) -> Edge:
    """The logarithm of the determinant."""
    return ops.unary(layer.b, "Log", determinant(layer, x))


@operation("CDist")
def distances(layer: Layer, x: Operand, y: Operand) -> Edge:
    """The Euclidean distance of every vector of the first to every one of the second."""
    b = layer.b
    first, second = together(layer, x, y, least=float)
    apart = ops.subtract(b, ops.unsqueeze(b, first, -2), ops.unsqueeze(b, second, -3))
    return ops.reduce(b, "ReduceL2", apart, [-1])


@operation("Normalize")
def normalize(
    layer: Layer, x: Operand, axis: Any = -1, order: Any = 2, epsilon: float | None = None
) -> Edge:
    """The tensor over its norm, which counts as epsilon where it is smaller."""
    b, edge = layer.b, floating(layer, x)
    least = 1e-7 if epsilon is None else epsilon
    axes = axes_of(axis, edge.rank)
    if order == 2:
        square = reduced(layer, "ReduceSumSquare", edge, axes, True)
        root = ops.unary(b, "Sqrt", ops.binary(b, "Max", square, least**2))
        return ops.divide(b, edge, root)
    size = norm(layer, edge, order, axes, True)
    return ops.divide(b, edge, ops.binary(b, "Max", size, least))


# Attention


@operation("DotProductAttention")
def attention(
    layer: Layer,
    query: Operand,
    key: Operand,
    value: Operand,
    bias: Operand = None,
    mask: Operand = None,
    scale: Any = None,
    is_causal: bool = False,
    flash_attention: Any = None,
    attn_logits_soft_cap: Any = None,
) -> Edge:
    """softmax(query · key) · value a head; (batch, time, heads, width)."""
    b = layer.b
    q, k, v = together(layer, query, key, value, least=float)
    heads, shared = q.shape[2], k.shape[2]
    if heads != shared:
        if not isinstance(heads, int) or not isinstance(shared, int) or heads % shared:
            raise layer.error("its numbers of heads do not fit")
        rows = b.constant(np.repeat(np.arange(shared), heads // shared))
        k, v = ops.gather(b, k, rows, 2), ops.gather(b, v, rows, 2)
    scores = _scores(layer, q, k, scale, attn_logits_soft_cap)
    if bias is not None:
        scores = ops.add(b, scores, tensor(layer, bias, scores.dtype))
    keep = None if mask is None else boolean(layer, mask)
    if is_causal:
        rows_, columns = ops.extent(b, scores, -2), ops.extent(b, scores, -1)
        ahead = ops.unsqueeze(b, ops.arange(b, rows_), 1)
        past = ops.binary(b, "GreaterOrEqual", ahead, ops.arange(b, columns))
        keep = past if keep is None else ops.binary(b, "And", keep, past)
    if keep is not None:
        least = -0.7 * float(np.finfo(scores.dtype.numpy).max)
        held = ops.where(b, keep, scores, b.constant(least, scores.dtype))
        scores = Edge(b.name(held), scores.dtype, scores.shape)
    weights = ops.cast(b, ops.softmax(b, ops.cast(b, scores, FLOAT32)), v.dtype)
    return einstein(layer, "bnts,bsnh->btnh", [weights, v])


def _scores(layer: Layer, q: Edge, k: Edge, scale: Any, cap: Any) -> Edge:
    b, width = layer.b, q.shape[-1]
    if scale is None:
        if not isinstance(width, int):
            raise layer.error("the width of its heads is unknown")
        scale = 1 / math.sqrt(width)
    factor = tensor(layer, scale, q.dtype)
    scores = ops.multiply(b, einstein(layer, "btnh,bsnh->bnts", [q, k]), factor)
    if cap is not None:
        scores = ops.multiply(b, ops.unary(b, "Tanh", ops.divide(b, scores, cap)), cap)
    return scores
