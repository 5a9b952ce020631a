"""Attention: softmax of products of queries and keys, times values."""

from __future__ import annotations

import math
from typing import Any

from modelport.dialects.onnx import arithmetic, ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten
from modelport.dialects.torch.operators.join import repeat_each
from modelport.model.dtype import BOOL


@aten("scaled_dot_product_attention")
def attention(
    call: Call,
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Edge:
    """``softmax(query key.T scale + mask) value``; a row that is wholly masked gives zeros."""
    if dropout_p:
        raise ValueError("it drops weights at random, as in training")
    b, q, k, v = call.b, call.tensor(query), call.tensor(key), call.tensor(value)
    if enable_gqa:
        k, v = (_repeated_heads(call, item, q) for item in (k, v))
    scores = scaled_scores(call, q, k, scale)
    if is_causal:
        scores = _masked(call, scores, _causal(call, q, k))
    masked = attn_mask is not None
    if masked:
        scores = _masked(call, scores, call.tensor(attn_mask))
    weights = ops.softmax(b, scores, -1)
    if masked:
        most = ops.reduce(b, "ReduceMax", scores, [-1], True)
        nothing = arithmetic.is_infinite(b, most, plus=False)
        weights = ops.where(b, nothing, b.constant(0, weights.dtype), weights)
    return ops.matmul(b, weights, v)


def scaled_scores(call: Call, q: Edge, k: Edge, scale: float | None = None) -> Edge:
    """The products of queries and keys, by default divided by the root of their size."""
    b = call.b
    order = [*range(k.rank - 2), k.rank - 1, k.rank - 2]
    # Both sides are scaled by the root, as torch does, so that narrow floats do not overflow.
    root = _root(call, q, scale)
    return ops.matmul(
        b, ops.multiply(b, q, root), ops.multiply(b, ops.transpose(b, k, order), root)
    )


def _root(call: Call, q: Edge, scale: float | None) -> Edge:
    b, width = call.b, q.shape[-1]
    if scale is not None and not isinstance(scale, Edge):
        if scale < 0:
            raise ValueError("a negative scale")
        return b.constant(math.sqrt(scale), q.dtype)
    if scale is None and isinstance(width, int):
        return b.constant(math.sqrt(1 / math.sqrt(width)), q.dtype)
    if isinstance(scale, Edge):
        return ops.unary(b, "Sqrt", ops.cast(b, call.tensor(scale), q.dtype))
    wide = ops.cast(b, call.tensor(ops.vector(b, [ops.extent(b, q, -1)])), q.dtype)
    return ops.unary(b, "Sqrt", arithmetic.rsqrt(b, wide))


def _repeated_heads(call: Call, x: Edge, like: Edge) -> Edge:
    heads, wanted = x.shape[-3], like.shape[-3]
    if not isinstance(heads, int) or not isinstance(wanted, int):
        raise ValueError("a number of heads that is computed by the model")
    return repeat_each(call, x, wanted // heads, -3) if wanted != heads else x


def _causal(call: Call, q: Edge, k: Edge) -> Edge:
    """Whether a key does not come after its query."""
    b = call.b
    rows, columns = (ops.arange(b, ops.extent(b, item, -2)) for item in (q, k))
    return ops.binary(b, "GreaterOrEqual", ops.unsqueeze(b, rows, 1), ops.unsqueeze(b, columns, 0))


def _masked(call: Call, scores: Edge, mask: Edge) -> Edge:
    b = call.b
    if mask.dtype == BOOL:
        return ops.where(b, mask, scores, b.constant(-math.inf, scores.dtype))
    return ops.add(b, scores, ops.cast(b, mask, scores.dtype))


@aten("_scaled_dot_product_flash_attention_for_cpu")
def attention_on_cpu(
    call: Call,
    query: Any,
    key: Any,
    value: Any,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    attn_mask: Any = None,
    scale: float | None = None,
) -> Edge:
    """As ``scaled_dot_product_attention``."""
    return attention(call, query, key, value, attn_mask, dropout_p, is_causal, scale)


@aten("_scaled_dot_product_flash_attention")
def flash_attention(
    call: Call,
    query: Any,
    key: Any,
    value: Any,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    return_debug_mask: bool = False,
    scale: float | None = None,
) -> Edge:
    """As ``scaled_dot_product_attention``."""
    return attention(call, query, key, value, None, dropout_p, is_causal, scale)


@aten("_scaled_dot_product_efficient_attention")
def efficient_attention(
    call: Call,
    query: Any,
    key: Any,
    value: Any,
    attn_bias: Any,
    compute_log_sumexp: bool,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Edge:
    """As ``scaled_dot_product_attention``."""
    return attention(call, query, key, value, attn_bias, dropout_p, is_causal, scale)
