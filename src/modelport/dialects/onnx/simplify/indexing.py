"""Parts of values: one element, or several slices at once."""

from __future__ import annotations

from collections.abc import Sequence

from modelport.dialects.onnx.simplify.rules import rule
from modelport.dialects.onnx.simplify.scene import Scene
from modelport.model.dtype import INT64
from modelport.model.graph import Node

_END = 2**31 - 1
_ROLES = ("starts", "ends", "axes", "steps")


def _lists(scene: Scene, node: Node) -> list[list[int]] | None:
    """Starts, ends, axes and steps of a Slice, where all are known."""
    rank = scene.rank(node.inputs[0])
    starts, ends = scene.whole(node.inputs[1]), scene.whole(node.inputs[2])
    if rank is None or starts is None or ends is None:
        return None
    axes, steps = list(range(len(starts))), [1] * len(starts)
    for index, name in enumerate(node.inputs[3:5]):
        found = scene.whole(name) if name else (axes, steps)[index]
        if found is None:
            return None
        axes, steps = (found, steps) if index == 0 else (axes, found)
    return [starts, ends, [axis % rank for axis in axes], steps]


@rule("Squeeze")
def one_element(scene: Scene, node: Node) -> bool:
    """A slice of one element whose axis goes: the element."""
    cut = scene.inner(node.inputs[0], "Slice")
    lists = None if cut is None else _lists(scene, cut)
    gone = scene.whole(node.inputs[1]) if len(node.inputs) > 1 and node.inputs[1] else None
    rank = scene.rank(node.inputs[0])
    if cut is None or lists is None or gone is None or rank is None or len(lists[0]) != 1:
        return False
    (start,), (end,), (axis,), (step,) = lists
    single = end >= _END if start == -1 else end == start + 1
    if step != 1 or not single or [item % rank for item in gone] != [axis]:
        return False
    where = node.name or node.outputs[0]
    index = scene.constant(start, INT64, f"{where}/index")
    return scene.become(node, "Gather", [cut.inputs[0], index], axis=axis)


@rule("Slice")
def at_once(scene: Scene, node: Node) -> bool:
    """Slices along different axes, one after the other: one."""
    before = scene.inner(node.inputs[0], "Slice")
    if before is None:
        return False
    first, second = _lists(scene, before), _lists(scene, node)
    if first is None or second is None or set(first[2]) & set(second[2]):
        return False
    merged = [a + b for a, b in zip(first, second, strict=True)]
    return _slice(scene, node, before.inputs[0], merged)


def _slice(scene: Scene, node: Node, source: str, lists: Sequence[list[int]]) -> bool:
    where = node.name or node.outputs[0]
    count = 3 if all(step == 1 for step in lists[3]) else 4
    names = [
        scene.constant(numbers, INT64, f"{where}/{role}")
        for role, numbers in zip(_ROLES[:count], lists[:count], strict=True)
    ]
    return scene.become(node, "Slice", [source, *names])
