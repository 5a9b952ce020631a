"""Attention over a list of tensors: Attention and AdditiveAttention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from modelport.dialects.keras.layer import Layer, lowers
from modelport.dialects.keras.layers.attention_masks import both, causal
from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.model.dtype import FLOAT16


@dataclass(frozen=True, slots=True)
class _Call:
    query: Edge
    value: Edge
    key: Edge
    query_mask: Edge | None
    value_mask: Edge | None


@lowers("Attention", "AdditiveAttention", mask="own")
def attention(layer: Layer) -> list[Edge]:
    """``softmax(scores) @ value``; zero where the query is masked."""
    b, given = layer.b, _arguments(layer)
    scores = _scores(layer, given)
    mask = _scores_mask(layer, scores, given.value_mask)
    if mask is not None:
        # A finite number, as in Keras: a row that is masked throughout keeps its weights.
        less = 65504.0 if scores.dtype == FLOAT16 else 1.0e9
        scores = replace(
            ops.where(b, mask, scores, ops.subtract(b, scores, less)), shape=scores.shape
        )
    weights = ops.softmax(b, scores)
    output = ops.matmul(b, weights, given.value)
    if given.query_mask is not None:
        kept = ops.unsqueeze(b, given.query_mask, -1)
        zeroed = ops.where(b, kept, output, b.constant(0, output.dtype))
        output = replace(zeroed, shape=output.shape)
    output = replace(output, mask=given.query_mask)
    wants_scores = layer.argument("return_attention_scores", 3)
    return [output, weights] if wants_scores else [output]


def _arguments(layer: Layer) -> _Call:
    listed = layer.args[0] if layer.args and isinstance(layer.args[0], list) else layer.inputs
    tensors: Sequence[Edge] = listed
    masks = layer.argument("mask", 1) if listed is not layer.inputs else layer.kwargs.get("mask")
    if not isinstance(masks, list):
        masks = [edge.mask for edge in tensors]
    key = tensors[2] if len(tensors) > 2 else tensors[1]
    return _Call(tensors[0], tensors[1], key, masks[0], masks[1])


def _scores(layer: Layer, given: _Call) -> Edge:
    b = layer.b
    scale = layer.weight("scale") if layer.config["use_scale"] else None
    if layer.op_type == "Attention" and layer.config["score_mode"] == "dot":
        order = [*range(given.key.rank - 2), given.key.rank - 1, given.key.rank - 2]
        scores = ops.matmul(b, given.query, ops.transpose(b, given.key, order))
        return scores if scale is None else _like(ops.multiply(b, scores, scale), scores)
    pairs = ops.add(b, ops.unsqueeze(b, given.query, -2), ops.unsqueeze(b, given.key, -3))
    if layer.op_type == "AdditiveAttention":
        mixed = ops.unary(b, "Tanh", pairs)
        weighted = mixed if scale is None else _like(ops.multiply(b, mixed, scale), mixed)
        return ops.reduce(b, "ReduceSum", weighted, [-1])
    if scale is not None:
        pairs = _like(ops.multiply(b, pairs, scale), pairs)
    total = ops.reduce(b, "ReduceSum", ops.unary(b, "Tanh", pairs), [-1])
    return _like(ops.multiply(b, total, layer.weight("concat_score_weight")), total)


def _like(edge: Edge, other: Edge) -> Edge:
    return replace(edge, shape=other.shape)


def _scores_mask(layer: Layer, scores: Edge, value_mask: Edge | None) -> Edge | None:
    """Which scores count: those of unmasked values and, where wanted, not of the future."""
    b = layer.b
    forward_only = layer.argument("use_causal_mask", 4)
    if value_mask is not None and (forward_only or value_mask.rank == 2):
        value_mask = ops.unsqueeze(b, value_mask, -2)
    if not forward_only:
        return value_mask
    return both(b, value_mask, causal(b, ops.extent(b, scores, -2), ops.extent(b, scores, -1)))
