"""Core layers: dense, einsum, embedding, identity, and the dense layers of Keras 1."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from modelport.dialects.keras.layer import Layer, compute_dtype, lowers
from modelport.dialects.keras.layers.activations import activate
from modelport.dialects.onnx import layout, ops
from modelport.dialects.onnx.edge import Edge
from modelport.model.dtype import INT32
from modelport.model.graph import Dim


@lowers("Dense", mask="pass")
def dense(layer: Layer) -> Edge:
    """``activation(x @ kernel + bias)`` over the last axis."""
    b, x = layer.b, layer.x
    kernel = layer.expression("kernel")
    if x.prefers_twin and x.twin is not None and x.twin.flat:
        # The rows follow the order of the flattened channels-first value: no Transpose needed.
        kernel = layout.regroup_rows(kernel, x.twin)
        x = Edge(x.twin.name, x.dtype, x.shape)
    y = ops.matmul(b, x, layer.weight("kernel", kernel))
    if layer.config["use_bias"]:
        y = ops.add(b, y, layer.weight("bias"))
    return activate(layer, y, layer.config["activation"])


@lowers("EinsumDense")
def einsum_dense(layer: Layer) -> Edge:
    """An Einstein sum of the input and the kernel, plus a bias that broadcasts."""
    b, x = layer.b, layer.x
    equation = str(layer.config["equation"]).replace(" ", "")
    kernel = layer.weight("kernel")
    shape = _einsum_shape(layer, equation, x, kernel)
    y = b.emit("Einsum", [x, kernel], x.dtype, shape, equation=equation)
    if layer.has("bias"):
        y = ops.add(b, y, layer.weight("bias"))
    return activate(layer, y, layer.config["activation"])


def _einsum_shape(layer: Layer, equation: str, x: Edge, kernel: Edge) -> list[Dim]:
    terms, arrow, result = equation.partition("->")
    sides = terms.split(",")
    if not arrow or len(sides) != 2:
        raise layer.error(f"its equation {equation!r} has not the form ab,bc->ac")
    extents: dict[str, Dim] = {}
    elided: list[Dim] = []
    for term, edge in zip(sides, (x, kernel), strict=True):
        before, dots, after = term.partition("...")
        middle = edge.rank - len(before) - len(after)
        if middle < 0 or (middle and not dots):
            raise layer.error(f"its equation {equation!r} does not fit an input of rank {x.rank}")
        extents.update(zip(before, edge.shape, strict=False))
        extents.update(zip(after, edge.shape[edge.rank - len(after) :], strict=True))
        elided = list(edge.shape[len(before) : len(before) + middle]) if dots else elided
    head, _, tail = result.partition("...")
    spread = elided if "..." in result else []
    return [*(extents.get(c) for c in head), *spread, *(extents.get(c) for c in tail)]


@lowers("Embedding", mask="own", autocast=False)
def embedding(layer: Layer) -> Edge:
    """Rows of a table by index; index 0 is masked where ``mask_zero`` is set."""
    return _rows(layer)


def _rows(layer: Layer) -> Edge:
    b, x = layer.b, layer.x
    indices = x if x.dtype.name in ("int32", "int64") else ops.cast(b, x, INT32)
    rows = ops.gather(b, layer.variable("embeddings"), indices)
    rows = ops.cast(b, rows, layer.dtype)
    mask = None
    if layer.config.get("mask_zero"):
        mask = layout.unary(b, "Not", ops.binary(b, "Equal", x, 0))
    return replace(rows, mask=mask)


@lowers("ReversibleEmbedding", mask="own", autocast=False)
def reversible_embedding(layer: Layer) -> Edge:
    """An embedding, or, called with ``reverse=True``, the product with its table transposed."""
    b = layer.b
    reverse: Any = layer.kwargs.get("reverse", layer.args[1] if len(layer.args) > 1 else False)
    if not reverse:
        return _rows(layer)
    asked = layer.config.get("reverse_dtype")
    dtype = compute_dtype(asked) if asked else layer.dtype
    if layer.config["tie_weights"]:
        table = layer.variable("embeddings", layer.expression("embeddings").transpose(1, 0), "/T")
    else:
        table = layer.variable("reverse_embeddings")
    y = ops.matmul(b, ops.cast(b, layer.x, dtype), ops.cast(b, table, dtype))
    cap = layer.config.get("logit_soft_cap")
    if cap is not None:
        y = ops.multiply(b, layout.unary(b, "Tanh", ops.divide(b, y, cap)), cap)
    return y


@lowers("Identity", mask="pass")
def identity(layer: Layer) -> Edge:
    """The input."""
    return layer.x


@lowers("MaxoutDense")
def maxout_dense(layer: Layer) -> Edge:
    """The largest of several linear maps, kernel (maps, in, out) (Keras 1)."""
    b, x = layer.b, layer.x
    kernel = layer.weight("kernel")
    maps, _, units = kernel.shape
    y = b.emit("Einsum", [x, kernel], x.dtype, (x.shape[0], maps, units), equation="ni,mio->nmo")
    if layer.has("bias"):
        y = ops.add(b, y, layer.weight("bias"))
    return ops.reduce(b, "ReduceMax", y, [1])


@lowers("Highway")
def highway(layer: Layer) -> Edge:
    """A dense layer and its input, mixed by a learnt gate (Keras 1)."""
    b, x = layer.b, layer.x
    gate = ops.matmul(b, x, layer.weight("carry_kernel"))
    y = ops.matmul(b, x, layer.weight("kernel"))
    if layer.has("bias"):
        gate = ops.add(b, gate, layer.weight("carry_bias"))
        y = ops.add(b, y, layer.weight("bias"))
    gate = layout.unary(b, "Sigmoid", gate)
    y = activate(layer, y, layer.config.get("activation"))
    kept = ops.multiply(b, x, ops.subtract(b, b.constant(1, x.dtype), gate))
    return ops.add(b, ops.multiply(b, gate, y), kept)
