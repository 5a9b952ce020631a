"""Rotary positions."""

from __future__ import annotations

from modelport.dialects.keras.raises.call import Call, raises
from modelport.dialects.keras.raises.value import Held, plain
from modelport.dialects.keras.stock.chain import slices


@raises("RotaryEmbedding")
def rotary_embedding(call: Call) -> Held:
    """Pairs of elements rotated by angles that positions give.

    x is (batch, heads, places, width), or (batch, places, heads and width).
    """
    flat, size = call.known(0).rank == 3, call.known(0).dim(-1)
    if not isinstance(size, int):
        raise call.refused("the width of its heads is open")
    x = call.plain(0)
    if flat:
        heads = int(call.attribute("num_heads"))
        size //= heads
        x = call.layer("Reshape", {"target_shape": [-1, heads, size]}, x, order=plain(4))
    width = int(call.attribute("rotary_embedding_dim", 0)) or size
    cos, sin = (_angles(call, place, 2 if flat else 1) for place in (1, 2))
    turned, spread = _part(call, x, 0, width), bool(call.attribute("interleaved", 0))
    if spread:
        a, b = (_part(call, turned, first, None, 2) for first in (0, 1))
    else:
        a, b = _part(call, turned, 0, width // 2), _part(call, turned, width // 2, None)
    real = call.op("Subtract", call.op("Multiply", a, cos), call.op("Multiply", b, sin))
    other = call.op("Add", call.op("Multiply", a, sin), call.op("Multiply", b, cos))
    if spread:
        pairs = call.op("Stack", [real, other], axis=-1, order=plain(5))
        rows = [extent if isinstance(extent, int) else -1 for extent in call.known(0).shape or ()]
        shape = [rows[1], -1, width] if flat or rows[1] != -1 else [-1, rows[2], width]
        found = call.layer("Reshape", {"target_shape": shape}, pairs, order=plain(4))
    else:
        found = call.op("Concatenate", [real, other], axis=3)
    if width < size:
        found = call.op("Concatenate", [found, _part(call, x, width, None)], axis=3)
    if not flat:
        return found
    return call.layer("Reshape", {"target_shape": [-1, size * heads]}, found, order=plain(3))


def _part(call: Call, x: Held, first: int, last: int | None, step: int = 1) -> Held:
    """Some of the last axis."""
    chosen = [*[slices()] * 3, slices(first or None, last, None if step == 1 else step)]
    return call.op("GetItem", x, chosen)


def _angles(call: Call, place: int, axis: int) -> Held:
    """The cosines or sines of each position, with an axis for the heads."""
    found = call.plain(place)
    if call.has(3):
        found = call.op("Take", found, call.plain(3), axis=0, order=plain(3))
    return call.op("ExpandDims", found, axis=axis, order=plain(4))


@raises("SwiGLU")
def swiglu(call: Call) -> Held:
    """Swish of one value times the other."""
    a, b = call.operands(0, 1)
    alpha = call.attribute("alpha", 1.0)
    gate = a if alpha == 1 else call.op("Multiply", a, alpha)
    return call.op("Multiply", call.op("Multiply", a, call.op("Sigmoid", gate)), b)
