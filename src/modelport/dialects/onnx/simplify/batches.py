"""Products whose batches were made one axis, and transposes between axes of 1."""

from __future__ import annotations

from modelport.dialects.onnx.simplify.arrangement import reshaped_tensor
from modelport.dialects.onnx.simplify.match import both
from modelport.dialects.onnx.simplify.nothing import order_of
from modelport.dialects.onnx.simplify.rules import rule
from modelport.dialects.onnx.simplify.scene import Scene
from modelport.dialects.onnx.simplify.shapes import target
from modelport.model.dtype import INT64
from modelport.model.graph import Dim, Node


def _known(scene: Scene, name: str) -> tuple[Dim, ...] | None:
    shape = scene.known(name).shape
    return None if shape is None or None in shape else tuple(shape)


def _put_reshape(scene: Scene, node: Node, source: str, wanted: tuple[Dim, ...]) -> str | None:
    shape = _known(scene, source)
    numbers = None if shape is None else target(shape, wanted, is_open=False)
    if numbers is None:
        return None
    where = node.name or node.outputs[0]
    return scene.put(node, "Reshape", [source, scene.constant(numbers, INT64, f"{where}/shape")])


@rule("Reshape")
def several_axes(scene: Scene, node: Node) -> bool:
    """A product of batches in one axis, which are several before and after."""
    product = scene.inner(node.inputs[0], "MatMul")
    result, flat = _known(scene, node.outputs[0]), _known(scene, node.inputs[0])
    if product is None or result is None or flat is None or len(flat) != 3 or len(result) < 4:
        return False
    if flat[1:] != result[-2:]:
        return False
    parts = []
    for name in product.inputs:
        shape = _known(scene, name)
        if shape is None or len(shape) != 3 or shape[0] != flat[0]:
            return False
        wanted = (*result[:-2], *shape[1:])
        if target(shape, wanted, is_open=False) is None:
            return False
        parts.append((name, wanted))
    given = [_put_reshape(scene, node, name, wanted) or name for name, wanted in parts]
    return scene.become(node, "MatMul", given)


@rule("Reshape")
def parted_first(scene: Scene, node: Node) -> bool:
    """An axis that is parted after a transpose of what was reshaped: parted before it."""
    turned = scene.inner(node.inputs[0], "Transpose")
    order = None if turned is None else order_of(scene, turned)
    if turned is None or order is None:
        return False
    if scene.producer(turned.inputs[0], "Reshape") is None:
        return False
    source, middle = _known(scene, turned.inputs[0]), _known(scene, node.inputs[0])
    result = _known(scene, node.outputs[0])
    if source is None or middle is None or result is None or len(result) <= len(middle):
        return False
    place = _parted(middle, result)
    if place is None:
        return False
    more = len(result) - len(middle)
    axis, parts = order[place], result[place : place + more + 1]
    parted = _put_reshape(
        scene, node, turned.inputs[0], (*source[:axis], *parts, *source[axis + 1 :])
    )
    if parted is None:
        return False
    whole: list[int] = []
    for item in order:
        first = item + (more if item > axis else 0)
        whole += range(first, first + more + 1) if item == axis else [first]
    return scene.become(node, "Transpose", [parted], perm=whole)


def _parted(middle: tuple[Dim, ...], result: tuple[Dim, ...]) -> int | None:
    """The one axis that became several."""
    more = len(result) - len(middle)
    for place in range(len(middle)):
        if middle[:place] == result[:place] and middle[place + 1 :] == result[place + more + 1 :]:
            return place
    return None


@rule("Reshape", "Squeeze", "Unsqueeze")
def without_ones(scene: Scene, node: Node) -> bool:
    """A transpose with axes of 1 that come before it and go after it: only the transpose."""
    turned = scene.inner(node.inputs[0], "Transpose")
    before = None if turned is None else scene.producer(turned.inputs[0], "Reshape", "Unsqueeze")
    order = None if turned is None else order_of(scene, turned)
    if turned is None or before is None or order is None:
        return False
    names = (before.outputs[0], turned.outputs[0], node.outputs[0])
    wide, middle, last = (_known(scene, name) for name in names)
    if wide is None or middle is None or last is None or _long(middle) != _long(last):
        return False
    left = last.count(1)
    if wide.count(1) <= left:
        return False
    kept = [axis for axis, extent in enumerate(wide) if extent != 1]
    kept = sorted([*kept, *[axis for axis, extent in enumerate(wide) if extent == 1][:left]])
    lean = tuple(wide[axis] for axis in kept)
    source = before.inputs[0]
    if _known(scene, source) != lean:
        source = _put_reshape(scene, node, source, lean) or ""
    if not source:
        return False
    ones = iter(place for place, axis in enumerate(kept) if wide[axis] == 1)
    moved = iter(kept.index(axis) for axis in order if wide[axis] != 1)
    whole = [next(ones) if extent == 1 else next(moved) for extent in last]
    return scene.become(node, "Transpose", [source], perm=whole)


def _long(shape: tuple[Dim, ...]) -> list[Dim]:
    return [extent for extent in shape if extent != 1]


@rule("Add")
def bias_of_parts(scene: Scene, node: Node) -> bool:
    """What is added to a product whose last axis was parted: a vector, added before that."""
    for name, bias in both(node):
        parted = scene.inner(name, "Reshape")
        product = None if parted is None else scene.inner(parted.inputs[0], "MatMul")
        if parted is None or product is None or scene.tensor(bias) is None:
            continue
        result, flat = _known(scene, name), _known(scene, parted.inputs[0])
        given = _known(scene, bias)
        if result is None or flat is None or given is None or not isinstance(flat[-1], int):
            continue
        lead = len(flat) - 1
        tail = [extent for extent in result[lead:] if isinstance(extent, int)]
        fits = result[:lead] == flat[:lead] and len(tail) == len(result) - lead > 1
        while len(given) > len(tail) and given[0] == 1:
            given = given[1:]
        if not fits or list(given) != tail or scene.known(node.outputs[0]).shape != result:
            continue
        vector = reshaped_tensor(scene, bias, (flat[-1],))
        if vector is None:
            continue
        added = scene.put(node, "Add", [product.outputs[0], vector])
        return scene.become(node, "Reshape", [added, parted.inputs[1]], **parted.attributes)
    return False
