"""Attention with projections: MultiHeadAttention and GroupQueryAttention, of Keras 2 and 3."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from modelport.dialects.keras.history.era import Era
from modelport.dialects.keras.layer import Layer, lowers
from modelport.dialects.keras.layers.attention_masks import both, causal, window
from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.model.dtype import BOOL, FLOAT16, FLOAT32, FLOAT64, INT64
from modelport.model.graph import Dim

GROUPED = ("GroupQueryAttention", "GroupedQueryAttention")


@dataclass(frozen=True, slots=True)
class _Masks:
    """The masks of the three tensors, and the one of pairs of query and key."""

    query: Edge | None
    value: Edge | None
    key: Edge | None
    pairs: Edge | None


@dataclass(frozen=True, slots=True)
class _Call:
    query: Edge
    value: Edge
    key: Edge
    masks: _Masks
    causal: bool
    scores: bool


@lowers("MultiHeadAttention", *GROUPED, mask="own")
def multi_head_attention(layer: Layer) -> list[Edge]:
    """Project query, key and value to heads, attend, project back."""
    b, given = layer.b, _arguments(layer)
    mask = _mask(layer, given)
    query, key, value = (
        _heads(layer, f"{name}_dense", edge)
        for name, edge in (("query", given.query), ("key", given.key), ("value", given.value))
    )
    if layer.op_type in GROUPED:
        key, value = (_repeated(layer, edge, query.shape[2]) for edge in (key, value))
    axes = _axes(layer, given.value.rank)
    mixed, scores = _attend(layer, (query, key, value), mask, axes, given.scores)
    flat = _flat_heads(layer, mixed)
    if layer.config.get("use_gate"):
        gate = ops.unary(b, "Sigmoid", _project(layer, "gate_dense", given.query))
        flat = replace(ops.multiply(b, flat, gate), shape=flat.shape)
    output = replace(_output(layer, flat), mask=given.query.mask)
    if layer.era >= Era.KERAS3 and layer.op_type not in GROUPED:
        # Keras 3 takes the masks off the tensors it was called on: layers after it see none.
        for edge in (given.query, given.value, given.key):
            edge.mask = None
    return [output, scores] if given.scores else [output]


def _arguments(layer: Layer) -> _Call:
    query, value = layer.argument("query", 0), layer.argument("value", 1)
    given_key = layer.argument("key", 2)
    key = given_key if isinstance(given_key, Edge) else value
    late = 3 if layer.era < Era.KERAS3 else 6
    pairs = layer.argument("attention_mask", late)
    scores = layer.argument("return_attention_scores", late + 1, False)
    looks_back = layer.argument("use_causal_mask", late + 3, False)
    masks: list[Edge | None] = [edge.mask for edge in (query, value, key)]
    if layer.era >= Era.KERAS3:
        explicit = [layer.argument(f"{k}_mask", 3 + i) for i, k in enumerate(_TENSORS)]
        masks = [e if isinstance(e, Edge) else m for e, m in zip(explicit, masks, strict=True)]
        if not isinstance(given_key, Edge):
            masks[2] = explicit[2] if isinstance(explicit[2], Edge) else None
        if layer.op_type not in GROUPED:
            masks[0] = query.mask
    found = _Masks(masks[0], masks[1], masks[2], pairs if isinstance(pairs, Edge) else None)
    return _Call(query, value, key, found, bool(looks_back), bool(scores))


_TENSORS = ("query", "value", "key")


def _mask(layer: Layer, given: _Call) -> Edge | None:
    """All masks in one, of rank (batch, queries, keys) or as given for the pairs."""
    b = layer.b
    mask = None
    if given.masks.query is not None:
        mask = ops.unsqueeze(b, ops.cast(b, given.masks.query, BOOL), -1)
    for tensor_mask in (given.masks.value, given.masks.key):
        if tensor_mask is not None:
            mask = both(b, mask, ops.unsqueeze(b, ops.cast(b, tensor_mask, BOOL), -2))
    extents = ops.extent(b, given.query, 1), ops.extent(b, given.value, 1)
    if given.causal:
        mask = both(b, mask, causal(b, *extents))
    if layer.config.get("sliding_window") is not None:
        mask = both(b, mask, window(b, *extents, layer.config["sliding_window"]))
    if given.masks.pairs is not None:
        mask = both(b, ops.cast(b, given.masks.pairs, BOOL), mask)
    return mask


def _axes(layer: Layer, rank: int) -> list[int]:
    """The axes attended over, without the batch and the features."""
    axes = layer.config.get("attention_axes")
    if axes is None or layer.op_type in GROUPED:
        return list(range(1, rank - 1))
    return [axis % rank for axis in ([axes] if isinstance(axes, int) else axes)]


# Projections


def _project(layer: Layer, dense: str, x: Edge) -> Edge:
    """(..., features) to (..., heads * size)."""
    kernel = layer.expression(f"{dense}/kernel")
    columns = kernel.reshape(kernel.shape[0], -1)
    y = ops.matmul(layer.b, x, layer.weight(f"{dense}/kernel", columns))
    if layer.config["use_bias"]:
        bias = layer.expression(f"{dense}/bias").reshape(-1)
        y = ops.add(layer.b, y, layer.weight(f"{dense}/bias", bias))
    return y


def _heads(layer: Layer, dense: str, x: Edge) -> Edge:
    """(..., features) to (..., heads, size)."""
    heads, size = layer.expression(f"{dense}/kernel").shape[1:]
    return ops.reshape(layer.b, _project(layer, dense, x), [*x.shape[:-1], heads, size])


def _repeated(layer: Layer, x: Edge, queries: Dim) -> Edge:
    """Every head as often as query heads share it."""
    heads = x.shape[2]
    if heads == queries or not isinstance(heads, int) or not isinstance(queries, int):
        return x
    chosen = [head for head in range(heads) for _ in range(queries // heads)]
    return ops.gather(layer.b, x, layer.b.constant(chosen, INT64), 2)


def _flat_heads(layer: Layer, x: Edge) -> Edge:
    heads, size = layer.expression("output_dense/kernel").shape[:2]
    return ops.reshape(layer.b, x, [*x.shape[:-2], heads * size])


def _output(layer: Layer, x: Edge) -> Edge:
    kernel = layer.expression("output_dense/kernel")
    heads, size, *wanted = kernel.shape
    rows = kernel.reshape(heads * size, -1)
    y = ops.matmul(layer.b, x, layer.weight("output_dense/kernel", rows))
    if layer.config["use_bias"]:
        bias = layer.expression("output_dense/bias").reshape(-1)
        y = ops.add(layer.b, y, layer.weight("output_dense/bias", bias))
    return y if len(wanted) == 1 else ops.reshape(layer.b, y, [*x.shape[:-1], *wanted])


# Attention itself


def _attend(
    layer: Layer,
    tensors: Sequence[Edge],
    mask: Edge | None,
    axes: Sequence[int],
    returns_scores: bool,
) -> tuple[Edge, Edge]:
    """The mixed values (..., heads, size) and the weights, over query and key axes."""
    b, (query, key, value) = layer.b, tensors
    size = layer.config.get("key_dim", layer.config.get("head_dim"))
    scale = 1.0 / math.sqrt(float(size))
    at_once = _computes_at_once(layer, query, returns_scores)
    if not at_once:
        query = ops.multiply(b, query, scale)
    rows = _grouped(layer, query, axes)
    scores = ops.matmul(b, rows, _grouped(layer, key, axes, turned=True))
    if at_once:
        wide = FLOAT64 if scores.dtype == FLOAT64 else FLOAT32
        scores = ops.multiply(b, ops.cast(b, scores, wide), scale)
    lead = scores.shape[:-2]
    if len(axes) > 1:
        apart = [ops.extent(b, edge, axis) for edge in (query, key) for axis in axes]
        scores = ops.reshape(b, scores, [*lead, *apart])
    weights = ops.cast(b, _softmax(layer, scores, mask, axes, at_once), value.dtype)
    joined = weights
    if len(axes) > 1:
        joined = ops.reshape(b, weights, [*lead, ops.extent(b, rows, -2), -1])
    mixed = ops.matmul(b, joined, _grouped(layer, value, axes))
    return _ungrouped(layer, mixed, query, axes), weights


def _computes_at_once(layer: Layer, query: Edge, returns_scores: bool) -> bool:
    """Whether Keras 3 takes its single function, which masks in another way."""
    dropout = layer.config.get("dropout") or 0.0
    return layer.era >= Era.KERAS3 and not (dropout > 0 or returns_scores or query.rank != 4)


def _grouped(layer: Layer, x: Edge, axes: Sequence[int], turned: bool = False) -> Edge:
    """(..., heads, attended, size), all attended axes in one; ``turned``: size before them."""
    lead, last = [axis for axis in range(x.rank - 1) if axis not in axes], x.rank - 1
    order = [*lead, last, *axes] if turned else [*lead, *axes, last]
    moved = ops.transpose(layer.b, x, order)
    if len(axes) == 1:
        return moved
    ahead = moved.shape[: len(lead)]
    size = x.shape[-1]
    return ops.reshape(layer.b, moved, [*ahead, size, -1] if turned else [*ahead, -1, size])


def _ungrouped(layer: Layer, mixed: Edge, query: Edge, axes: Sequence[int]) -> Edge:
    """Back to the axes of the query, whose last one may have another extent."""
    b = layer.b
    lead = [axis for axis in range(query.rank - 1) if axis not in axes]
    if len(axes) > 1:
        apart = [ops.extent(b, query, axis) for axis in axes]
        mixed = ops.reshape(b, mixed, [*mixed.shape[: len(lead)], *apart, mixed.shape[-1]])
    order = [*lead, *axes, query.rank - 1]
    back = ops.transpose(b, mixed, [order.index(axis) for axis in range(query.rank)])
    return replace(back, shape=(*query.shape[:-1], mixed.shape[-1]))


# Softmax under a mask: three ways that differ where a row is masked throughout


def _softmax(
    layer: Layer, scores: Edge, mask: Edge | None, axes: Sequence[int], at_once: bool
) -> Edge:
    b = layer.b
    if mask is None:
        return _joint_softmax(layer, scores, axes)
    if mask.rank < scores.rank:
        place = scores.rank - 2 * len(axes) - (scores.rank - mask.rank)
        if place < 0:
            raise layer.error("its mask has fewer axes than those it attends over")
        mask = ops.unsqueeze(b, mask, *range(place, place + scores.rank - mask.rank))
    half = scores.dtype == FLOAT16
    if layer.era < Era.KERAS3:
        low = -65504.0 if half else -1.0e9
        lifted = ops.subtract(b, b.constant(1, scores.dtype), ops.cast(b, mask, scores.dtype))
        masked = ops.add(b, scores, ops.multiply(b, lifted, low))
        return _joint_softmax(layer, replace(masked, shape=scores.shape), axes)
    low = -0.7 * 3.38953e38 if at_once else (-3e4 if half else -1.0e9)
    masked = ops.where(b, mask, scores, b.constant(low, scores.dtype))
    weights = _joint_softmax(layer, replace(masked, shape=scores.shape), axes)
    if at_once:
        return weights
    kept = ops.where(b, mask, weights, b.constant(0, weights.dtype))
    return replace(kept, shape=weights.shape)


def _joint_softmax(layer: Layer, scores: Edge, axes: Sequence[int]) -> Edge:
    """Softmax over all key axes together."""
    if len(axes) == 1:
        return ops.softmax(layer.b, scores)
    b, over = layer.b, list(range(scores.rank - len(axes), scores.rank))
    highest = ops.reduce(b, "ReduceMax", scores, over, keepdims=True)
    powers = ops.unary(b, "Exp", ops.subtract(b, scores, highest))
    total = ops.reduce(b, "ReduceSum", powers, over, keepdims=True)
    return replace(ops.divide(b, powers, total), shape=scores.shape)
