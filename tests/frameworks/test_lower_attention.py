"""Attention layers against live Keras."""

from __future__ import annotations

from typing import Any

import live
import numpy as np
import pytest
from test_lower_recurrent import batch

QUERY = np.array([[1, 1, 1, 1, 0], [1, 0, 1, 1, 1], [0, 0, 0, 0, 0]], bool)
VALUE = np.array([[1, 1, 0, 1], [0, 0, 1, 1], [1, 0, 0, 0]], bool)


def zeroed(x: Any, keep: Any) -> Any:
    x[~keep] = 0
    return x


def flat(outputs: list[Any]) -> list[Any]:
    return [y for item in outputs for y in (item if isinstance(item, list | tuple) else [item])]


def test_attention_over_lists() -> None:
    import keras

    layers = keras.layers
    q, v, k = keras.Input((None, 4)), keras.Input((None, 4)), keras.Input((None, 4))
    p = keras.Input((None, 2, 4))
    outputs = [
        layers.Attention()([q, v]),
        layers.Attention(use_scale=True, dropout=0.3)([q, v, k]),
        layers.Attention(score_mode="concat")([q, v], return_attention_scores=True),
        layers.Attention(score_mode="concat", use_scale=True)([q, v, k], use_causal_mask=True),
        layers.Attention()([q, v], use_causal_mask=True, return_attention_scores=True),
        layers.AdditiveAttention()([q, v, k]),
        layers.AdditiveAttention(use_scale=False)([q, v], use_causal_mask=True),
        layers.Attention()([p, p]),
    ]
    model = keras.Model([q, v, k, p], flat(outputs))
    live.randomize(model)
    live.check(model, [batch(3, 5, 4), batch(3, 6, 4), batch(3, 6, 4), batch(3, 7, 2, 4)])


def test_masks_of_attention_over_lists() -> None:
    import keras

    layers = keras.layers
    x, y = keras.Input((None, 4)), keras.Input((None, 4))
    query_mask, value_mask = (keras.Input((None,), dtype="bool") for _ in range(2))
    q, v = layers.Masking()(x), layers.Masking()(y)
    first = layers.Attention()([q, v])
    outputs = [
        first,
        layers.GRU(2)(first, training=False),
        layers.Attention(score_mode="concat")([q, v], use_causal_mask=True),
        layers.AdditiveAttention()([x, v], return_attention_scores=True),
        layers.Attention()([x, y], mask=[query_mask, value_mask]),
    ]
    model = keras.Model([x, y, query_mask, value_mask], flat(outputs))
    live.randomize(model)
    live.check(model, [zeroed(batch(3, 5, 4), QUERY), zeroed(batch(3, 4, 4), VALUE), QUERY, VALUE])


def test_multi_head_attention() -> None:
    import keras

    layers = keras.layers
    q, v, k = keras.Input((None, 6)), keras.Input((None, 5)), keras.Input((None, 4))
    mask = keras.Input((None, None), dtype="bool")
    number = keras.Input((None, None), dtype="int32")
    make = layers.MultiHeadAttention
    outputs = [
        make(2, 3)(q, q),
        make(2, 3, value_dim=4, use_bias=False)(q, v, k),
        make(3, 2, dropout=0.2)(q, v, attention_mask=mask, use_causal_mask=True),
        make(2, 3, output_shape=7)(q, v, attention_mask=number),
        make(2, 3, output_shape=(2, 4))(q, v, return_attention_scores=True, attention_mask=mask),
        make(2, 3)(q, v, use_causal_mask=True),
        make(2, 3, sliding_window=2)(q, q, use_causal_mask=True),
        make(2, 3, use_gate=True, value_dim=5)(q, v),
        make(1, 3)(q, q, use_causal_mask=True, return_attention_scores=True),
    ]
    model = keras.Model([q, v, k, mask, number], flat(outputs))
    live.randomize(model)
    pairs = np.random.default_rng(1).random((3, 5, 4)) < 0.6
    pairs[0, 1] = False
    live.check(
        model, [batch(3, 5, 6), batch(3, 4, 5), batch(3, 4, 4), pairs, (~pairs).astype("int32")]
    )


def test_axes_of_multi_head_attention() -> None:
    import keras

    layers = keras.layers
    x, y = keras.Input((None, 4, 6)), keras.Input((None, 3, 6))
    make = layers.MultiHeadAttention
    outputs = [
        make(2, 3)(x, y),
        make(2, 3, attention_axes=(1, 2))(x, y, return_attention_scores=True),
        make(2, 3, attention_axes=1)(x, x),
        make(2, 3, attention_axes=-2)(x, y, return_attention_scores=True),
    ]
    model = keras.Model([x, y], flat(outputs))
    live.randomize(model)
    live.check(model, [batch(2, 5, 4, 6), batch(2, 5, 3, 6)])


# Keras' own projections inside GroupQueryAttention warn that they drop the mask.
@pytest.mark.filterwarnings("ignore:.*was passed an input with a mask")
def test_masked_multi_head_attention() -> None:
    import keras

    layers = keras.layers
    x, y = keras.Input((None, 4)), keras.Input((None, 4))
    make = layers.MultiHeadAttention

    def masked(tensor: Any) -> Any:
        return layers.Masking()(tensor)

    q, v = masked(x), masked(y)
    first = make(2, 3)(q, v)
    outputs = [
        first,
        layers.GRU(2)(first, training=False),
        make(2, 3)(q, v, training=False),
        layers.GRU(2)(v, training=False),
        make(2, 3, dropout=0.1)(masked(x), masked(y)),
        make(2, 3)(masked(x), masked(y), return_attention_scores=True, use_causal_mask=True),
        make(2, 3)(masked(x), y, masked(y)),
        layers.GroupQueryAttention(3, 4, 2)(masked(x), masked(y)),
        layers.Attention()([masked(x), first]),
    ]
    model = keras.Model([x, y], flat(outputs))
    live.randomize(model)
    live.check(model, [zeroed(batch(3, 5, 4), QUERY), zeroed(batch(3, 4, 4), VALUE)])


def test_group_query_attention() -> None:
    import keras

    layers = keras.layers
    q, v = keras.Input((None, 6)), keras.Input((None, 6))
    mask = keras.Input((None, None), dtype="bool")
    make = layers.GroupQueryAttention
    outputs = [
        make(3, 4, 2)(q, v),
        make(3, 4, 1, use_bias=False)(q, v, v),
        make(3, 2, 2, dropout=0.1, sliding_window=2)(q, q, use_causal_mask=True),
        make(3, 4, 2, use_gate=True)(q, v, attention_mask=mask),
        make(3, 4, 2)(q, v, return_attention_scores=True, use_causal_mask=True),
    ]
    model = keras.Model([q, v, mask], flat(outputs))
    live.randomize(model)
    pairs = np.random.default_rng(1).random((3, 5, 4)) < 0.6
    live.check(model, [batch(3, 5, 6), batch(3, 4, 6), pairs])


def test_half_precision() -> None:
    import keras

    layers = keras.layers
    x = keras.Input((None, 4))
    m = layers.Masking()(x)
    outputs = [
        layers.MultiHeadAttention(2, 3, dtype="mixed_float16")(m, m),
        layers.MultiHeadAttention(2, 3, dropout=0.5, dtype="mixed_float16")(m, m),
        layers.Attention(dtype="mixed_float16")([m, m]),
    ]
    model = keras.Model(x, outputs)
    live.randomize(model)
    live.check(model, [zeroed(batch(3, 5, 4), QUERY)], 5e-3)
