"""Scaled dot-product attention, written out in operations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from modelport.dialects.keras.raises.addition import added
from modelport.dialects.keras.raises.call import Call, raises
from modelport.dialects.keras.raises.heads import multi_head
from modelport.dialects.keras.raises.value import Held, plain
from modelport.dialects.onnx.types.dims import plus
from modelport.model.dtype import DTYPES
from modelport.model.expression import source
from modelport.model.graph import Dim
from modelport.model.tensor import InMemory, Tensor

_KNOWN = {
    *("is_causal", "kv_num_heads", "q_num_heads", "qk_matmul_output_mode", "scale", "softcap"),
    "softmax_precision",
}
"""The settings that are written out."""
_TURNED = (0, 1, 3, 2)
"""How the keys lie beside the queries."""


@raises("Attention")
def attention(call: Call) -> list[Held]:
    """softmax(q k' scale + mask) v for each head; of three axes the last holds the heads."""
    whole = multi_head(call)
    if whole is not None:
        return [whole]
    if not _KNOWN.issuperset(call.node.attributes):
        raise call.refused("windows or other settings that are not written for Keras yet")
    if call.has(6):
        raise call.refused("lengths of its own for each of the batch, not written for Keras yet")
    flat = call.known(0).rank == 3
    heads = int(call.attribute("q_num_heads", 0) or _extent(call, 0, 1))
    kv_heads = int(call.attribute("kv_num_heads", 0) or _extent(call, 1, 1))
    q, k, v = (
        _heads(call, i, count) if flat else call.held(i)
        for i, count in ((0, heads), (1, kv_heads), (2, kv_heads))
    )
    if call.has(4) and call.has(5):
        k = call.op("Concatenate", [call.placed(4, k.order), k], axis=k.axis(2))
        v = call.op("Concatenate", [call.placed(5, v.order), v], axis=v.axis(2))
    present = [k, v]
    if heads != kv_heads:
        times = heads // kv_heads
        k, v = (call.op("Repeat", x, repeats=times, axis=x.axis(1)) for x in (k, v))
    width = _extent(call, 0, -1) // (heads if flat else 1)
    scale = call.attribute("scale", None) or 1 / math.sqrt(width)
    q, k, v = (
        call.writer.ordered(x, order) for x, order in ((q, plain(4)), (k, _TURNED), (v, plain(4)))
    )
    stages = [call.op("Multiply", call.op("Matmul", q, k), float(scale))]
    cap = call.attribute("softcap", 0.0)
    part = call.op("Divide", stages[0], cap) if cap else None
    stages.append(call.op("Multiply", call.op("Tanh", part), cap) if part else stages[0])
    stages.append(_masked(call, stages[1]))
    stages.append(_shares(call, stages[2]))
    found = call.op("Matmul", stages[3], v)
    if flat:
        found = call.op("Transpose", found, axes=[0, 2, 1, 3])
        size = heads * (_extent(call, 2, -1) // kv_heads)
        found = call.layer("Reshape", {"target_shape": [-1, size]}, found, order=plain(3))
    asked = stages[int(call.attribute("qk_matmul_output_mode", 0))]
    return [found, *present, asked]


def _shares(call: Call, scores: Held) -> Held:
    """The softmax of the scores; 0 where nothing may be seen."""
    shares = call.op("Softmax", scores, axis=-1)
    if not call.has(3):
        return shares
    best = call.op("Max", scores, axis=[3], keepdims=True)
    blind = call.op("Equal", best, -math.inf)
    dtype = call.known(0).dtype or DTYPES["float32"]
    return call.op("Where", blind, np.zeros(1, dtype.numpy), shares, order=plain(4))


def _extent(call: Call, place: int, axis: int) -> int:
    extent = call.known(place).dim(axis)
    if not isinstance(extent, int):
        raise call.refused("the number or the width of its heads is open")
    return extent


def _heads(call: Call, place: int, count: int) -> Held:
    """(batch, time, heads and width) as (batch, heads, time, width)."""
    width = _extent(call, place, -1) // count
    shape = {"target_shape": [-1, count, width]}
    return call.layer("Reshape", shape, call.plain(place), order=(0, 2, 1, 3))


def _masked(call: Call, scores: Held) -> Held:
    """The scores with what may not be seen at minus infinity."""
    total = call.known(1).dim(-2)
    if call.has(4):
        total = plus([total, call.known(4).dim(2)])
    if call.attribute("is_causal", 0):
        scores = _causal(call, scores, total)
    if not call.has(3):
        return scores
    shape = call.known(3).shape
    if shape is None or not shape or (shape[-1] != total and shape[-1] != 1):
        raise call.refused("a mask of another length than the keys")
    mask = call.arranged(3, plain(4))
    dtype = call.known(3).dtype
    if dtype is not None and dtype.name == "bool":
        return call.op("Where", mask, scores, _lowest(call), order=plain(4))
    over = (call.known(0).dim(0), None, call.known(0).dim(-2), total)
    return added(call, scores, mask, [over, shape])


def _causal(call: Call, scores: Held, total: Dim) -> Held:
    length = call.known(0).dim(-2)
    past = call.known(4).dim(2) if call.has(4) else 0
    if not isinstance(past, int):
        raise call.refused("how many keys came before is open")
    if not isinstance(length, int) or not isinstance(total, int):
        raise call.refused("how many queries or keys there are is open")
    seen = np.tril(np.ones((length, total), bool), past)
    mask = call.writer.constants.spelt(source(Tensor("seen", InMemory(seen))), plain(2))
    return call.op("Where", mask, scores, _lowest(call), order=plain(4))


def _lowest(call: Call) -> np.ndarray[Any, Any]:
    """Minus infinity in the data type of the scores."""
    dtype = call.known(0).dtype or DTYPES["float32"]
    return np.full(1, -np.inf, dtype.numpy)
