"""Attention that was written out as products and a softmax."""

from __future__ import annotations

import math

import numpy as np

from modelport.dialects.onnx.simplify.match import both, close, product
from modelport.dialects.onnx.simplify.nothing import order_of
from modelport.dialects.onnx.simplify.ranges import span
from modelport.dialects.onnx.simplify.rules import rule
from modelport.dialects.onnx.simplify.scene import Scene
from modelport.model.graph import Node

_SWAPPED = [0, 1, 3, 2]
_HIDDEN = -1e30
"""A score of which nothing is left beside any other after a softmax."""


@rule("MatMul")
def attended(scene: Scene, node: Node) -> bool:
    """``softmax(scale q k' + mask) v`` over values with axes for batch, head, place and feature.

    A row that sees no key at all is 0 to Attention, but NaN to a Softmax of minus infinities: with
    a mask it is only taken where that cannot be, or where the NaN is replaced.
    """
    output = node.outputs[0]
    dtype = scene.dtype(output)
    if scene.rank(output) != 4 or dtype is None or dtype.name not in ("float32", "float16"):
        return False
    name, guarded = _without_guard(scene, node.inputs[0])
    softmax = scene.producer(name, "Softmax")
    if softmax is None or not (guarded or scene.is_single(name)):
        return False
    if int(softmax.attributes.get("axis", -1)) not in (-1, 3):
        return False
    scores, mask = _without_mask(scene, softmax.inputs[0])
    if scores is None or (mask and not (guarded or _sees_something(scene, mask))):
        return False
    scale, factors = product(scene, scores)
    dot = scene.inner(factors[0], "MatMul") if len(factors) == 1 else None
    if dot is None and factors == [scores]:
        dot = scene.inner(scores, "MatMul")
    if dot is None:
        return False
    return _write(scene, node, dot, scale, mask)


def _write(scene: Scene, node: Node, dot: Node, scale: float, mask: str) -> bool:
    own, queries = product(scene, dot.inputs[0])
    other, turned = product(scene, dot.inputs[1])
    if len(queries) != 1 or len(turned) != 1:
        return False
    scale *= own * other
    found = _keys(scene, turned[0])
    if found is None or scale * found[2] <= 0:
        return False
    keys, order, further = found
    scale *= further
    shape = scene.known(keys).shape or ()
    given = [scene.known(name).shape for name in (queries[0], node.inputs[1])]
    seen = tuple(shape[axis] for axis in order)
    if any(item is None or len(item) != 4 or None in item for item in (*given, seen)):
        return False
    q, v = (tuple(item or ()) for item in given)
    if q[:2] != seen[:2] or v[:2] != seen[:2] or v[2] != seen[2] or q[3] != seen[3]:
        return False
    if mask and not _fits(scene, mask, (*q[:3], seen[2])):
        return False
    if order != [0, 1, 2, 3]:
        keys = scene.put(node, "Transpose", [keys], perm=order)
    features = q[3]
    usual = isinstance(features, int) and features > 0
    settings = {"scale": scale}
    if usual and close(scene, queries[0], scale, 1 / math.sqrt(int(str(features)))):
        settings = {}
    inputs = [queries[0], keys, node.inputs[1], *([mask] if mask else [])]
    return scene.become(node, "Attention", inputs, **settings)


def _keys(scene: Scene, name: str) -> tuple[str, list[int], float] | None:
    """Of keys that were turned: a value, its axes in their order, and what it is scaled by."""
    before = scene.producer(name, "Transpose")
    order = None if before is None else order_of(scene, before)
    if before is None or order is None or len(order) != 4:
        return (name, _SWAPPED, 1.0) if scene.rank(name) == 4 else None
    factor, factors = product(scene, before.inputs[0])
    keys = factors[0] if len(factors) == 1 else before.inputs[0]
    return keys, [order[axis] for axis in _SWAPPED], factor if len(factors) == 1 else 1.0


def _without_guard(scene: Scene, name: str) -> tuple[str, bool]:
    """What becomes 0 where it is not a number."""
    node = scene.inner(name, "Where")
    if node is None or scene.number(node.inputs[1]) != 0:
        return name, False
    test = scene.producer(node.inputs[0], "IsNaN")
    if test is None or test.inputs[0] != node.inputs[2]:
        return name, False
    return node.inputs[2], len(scene.users(node.inputs[2])) == 2


def _without_mask(scene: Scene, name: str) -> tuple[str | None, str]:
    """The products of queries and keys in what a Softmax takes, and what hides some of them.

    That is numbers that are added, or truth values: at false stands the lowest of numbers instead.
    """
    node = scene.inner(name, "Where")
    if node is not None:
        low = scene.number(node.inputs[2])
        same = scene.known(node.inputs[1]).shape == scene.known(name).shape
        hides = low is not None and (low <= _HIDDEN if _is_told(scene, node) else low == -math.inf)
        return (node.inputs[1], node.inputs[0]) if hides and same else (None, "")
    node = scene.inner(name, "Add")
    if node is None:
        return (name, "") if scene.is_single(name) else (None, "")
    for scores, mask in both(node):
        factor, factors = product(scene, scores)
        dot = scene.inner(factors[0], "MatMul") if len(factors) == 1 and factor else None
        if dot is not None and scene.known(scores).shape == scene.known(name).shape:
            return scores, mask
    return None, ""


def _is_told(scene: Scene, node: Node) -> bool:
    """Whether the file says what may be seen, and that some of each row may be."""
    return scene.array(node.inputs[0]) is not None and _sees_something(scene, node.inputs[0])


def _sees_something(scene: Scene, mask: str) -> bool:
    """Whether no row of a mask hides all there is."""
    array = scene.array(mask)
    dtype = scene.dtype(mask)
    if dtype is not None and dtype.kind == "bool":
        return array is not None and array.ndim > 0 and bool(array.any(-1).all())
    if array is not None and array.ndim:
        return bool(np.all(np.any(np.isfinite(array), axis=-1)))
    cut = scene.producer(mask, "Trilu")
    if cut is not None and cut.attributes.get("upper", 1):
        # Above the diagonal: the first column is 0.
        above = scene.number(cut.inputs[1]) if len(cut.inputs) > 1 and cut.inputs[1] else 0
        return above is not None and above >= 1
    low, _ = span(scene, mask)
    least = -65504.0 if dtype is not None and dtype.name == "float16" else -3.4028236e38
    return low >= least


def _fits(scene: Scene, mask: str, wanted: tuple[object, ...]) -> bool:
    """Whether a mask has an entry for each key, and otherwise spreads over the scores."""
    shape = scene.known(mask).shape
    if shape is None or not 2 <= len(shape) <= 4 or shape[-1] != wanted[-1]:
        return False
    pairs = zip(reversed(shape), reversed(wanted), strict=False)
    return all(a == 1 or (a is not None and a == b) for a, b in pairs)
