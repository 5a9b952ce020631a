"""The fused operators that ``torch.nn``'s transformer modules call in evaluation."""

from __future__ import annotations

from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten
from modelport.dialects.torch.operators.activation import gelu
from modelport.dialects.torch.operators.attention import scaled_scores
from modelport.dialects.torch.operators.linear import linear
from modelport.dialects.torch.operators.normalization import layer_norm
from modelport.model.dtype import BOOL


@aten("_native_multi_head_attention")
def native_attention(
    call: Call,
    query: Any,
    key: Any,
    value: Any,
    embed_dim: int,
    num_head: int,
    qkv_weight: Any,
    qkv_bias: Any,
    proj_weight: Any,
    proj_bias: Any,
    mask: Any = None,
    need_weights: bool = True,
    average_attn_weights: bool = True,
    mask_type: int | None = None,
) -> list[Any]:
    """Attention of a batch (batch, time, embedding) to itself, and the weights of it if asked.

    Source: ``aten/src/ATen/native/transformers/attention.cpp``.
    """
    b, x = call.b, call.tensor(query)
    wide = linear(call, x, qkv_weight, qkv_bias)
    parts = ops.split(b, wide, 2, 3)
    heads = [_heads(call, part, num_head) for part in parts]
    scores = scaled_scores(call, heads[0], heads[1])
    if mask is not None:
        scores = _hidden(call, scores, call.tensor(mask), mask_type)
    weights = ops.softmax(b, scores, -1)
    joined = ops.transpose(b, ops.matmul(b, weights, heads[2]), [0, 2, 1, 3])
    extents = [ops.extent(b, x, 0), ops.extent(b, x, 1), embed_dim]
    made = linear(call, ops.reshape(b, joined, extents), proj_weight, proj_bias)
    if not need_weights:
        return [made, None]
    told = ops.reduce(b, "ReduceMean", weights, [1], False) if average_attn_weights else weights
    return [made, told]


def _heads(call: Call, x: Edge, count: int) -> Edge:
    """(batch, time, embedding) as (batch, head, time, part)."""
    b, width = call.b, x.shape[-1]
    if not isinstance(width, int):
        raise ValueError("an embedding of unknown size")
    extents = [ops.extent(b, x, 0), ops.extent(b, x, 1), count, width // count]
    return ops.transpose(b, ops.reshape(b, x, extents), [0, 2, 1, 3])


def _hidden(call: Call, scores: Edge, mask: Edge, mask_type: int | None) -> Edge:
    """Scores without what a mask hides: 0 is (time, time), 1 (batch, time), 2 all axes."""
    b = call.b
    kind = mask_type if mask_type is not None else 2
    if kind == 1 and mask.rank == 2:
        mask = ops.unsqueeze(b, mask, 1, 2)
    if mask.dtype != BOOL:
        return ops.add(b, scores, ops.cast(b, mask, scores.dtype))
    return ops.where(b, mask, b.constant(float("-inf"), scores.dtype), scores)


@aten("_transformer_encoder_layer_fwd")
def encoder_layer(
    call: Call,
    src: Any,
    embed_dim: int,
    num_heads: int,
    qkv_weight: Any,
    qkv_bias: Any,
    proj_weight: Any,
    proj_bias: Any,
    use_gelu: bool,
    norm_first: bool,
    eps: float,
    norm_weight_1: Any,
    norm_bias_1: Any,
    norm_weight_2: Any,
    norm_bias_2: Any,
    ffn_weight_1: Any,
    ffn_bias_1: Any,
    ffn_weight_2: Any,
    ffn_bias_2: Any,
    mask: Any = None,
    mask_type: int | None = None,
) -> Edge:
    """A whole layer of an encoder over (batch, time, embedding).

    Source: ``aten/src/ATen/native/transformers/transformer.cpp``.
    """
    b, x = call.b, call.tensor(src)
    first, second = (norm_weight_1, norm_bias_1), (norm_weight_2, norm_bias_2)

    def normed(value: Edge, scale: tuple[Any, Any]) -> Edge:
        return layer_norm(call, value, [embed_dim], *scale, eps)

    def attended(value: Edge) -> Edge:
        weights = (qkv_weight, qkv_bias, proj_weight, proj_bias, mask, False, True, mask_type)
        found = native_attention(call, value, value, value, embed_dim, num_heads, *weights)[0]
        return call.tensor(found)

    def fed(value: Edge) -> Edge:
        inner = linear(call, value, ffn_weight_1, ffn_bias_1)
        inner = gelu(call, inner) if use_gelu else ops.unary(b, "Relu", inner)
        return linear(call, inner, ffn_weight_2, ffn_bias_2)

    if norm_first:
        x = ops.add(b, x, attended(normed(x, first)))
        return ops.add(b, x, fed(normed(x, second)))
    x = normed(ops.add(b, x, attended(x)), first)
    return normed(ops.add(b, x, fed(x)), second)
