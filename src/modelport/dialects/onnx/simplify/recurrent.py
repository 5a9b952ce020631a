"""Recurrent layers that begin with nothing, or go both ways."""

from __future__ import annotations

from modelport.dialects.onnx.simplify.match import is_all
from modelport.dialects.onnx.simplify.rules import rule
from modelport.dialects.onnx.simplify.scene import Scene
from modelport.model.dtype import INT64
from modelport.model.graph import Node

_KEEPS_ELEMENTS = (
    *("Cast", "Expand", "Flatten", "Gather", "Identity", "Reshape", "Slice", "Split"),
    *("Squeeze", "Tile", "Transpose", "Unsqueeze"),
)
_MOST = 64


@rule("LSTM", "GRU", "RNN")
def from_nothing(scene: Scene, node: Node) -> bool:
    """States of zeros at the beginning need not be given."""
    inputs = list(node.inputs)
    for index in (5, 6):
        if index < len(inputs) and inputs[index] and is_zero(scene, inputs[index]):
            inputs[index] = ""
    if inputs == node.inputs:
        return False
    while not inputs[-1]:
        inputs.pop()
    return scene.rewire(node, inputs)


@rule("Concat")
def beside(scene: Scene, node: Node) -> bool:
    """All items along an axis put side by side: the axis moves, and becomes one with another.

    So both directions of a recurrent layer are joined.
    """
    parts = [scene.producer(name, "Squeeze") for name in node.inputs]
    splits = [part and scene.producer(part.inputs[0], "Split") for part in parts]
    split, rank = splits[0], scene.rank(node.outputs[0])
    if split is None or rank is None or any(other is not split for other in splits):
        return False
    if [part.inputs[0] for part in parts if part is not None] != split.outputs:
        return False
    shape = scene.known(split.inputs[0]).shape
    if shape is None or shape[_axis(split, rank + 1)] != len(parts):
        return False
    item = _axis(split, rank + 1)
    axes = [scene.whole(part.inputs[1]) if len(part.inputs) > 1 else None for part in parts if part]
    if any(own is None or [axis % (rank + 1) for axis in own] != [item] for own in axes):
        return False
    at = _axis(node, rank)
    order = [axis for axis in range(rank + 1) if axis != item]
    order.insert(at, item)
    extent, after = shape[order[at + 1]], [shape[axis] for axis in order[at + 2 :]]
    sizes = [extent * len(parts) if isinstance(extent, int) else -1, *after]
    if not all(isinstance(size, int) for size in after):
        return False
    turned = scene.put(node, "Transpose", [split.inputs[0]], perm=order)
    wanted = scene.constant([*[0] * at, *sizes], INT64, f"{node.outputs[0]}/shape")
    return scene.become(node, "Reshape", [turned, wanted])


def _axis(node: Node, rank: int) -> int:
    return int(node.attributes.get("axis", 0)) % rank


def is_zero(scene: Scene, name: str) -> bool:
    """Whether a value is 0 throughout, whatever its shape."""
    waiting, seen = [name], {name}
    while waiting:
        item = waiting.pop()
        given = [] if is_all(scene, item, 0.0) else _made_of(scene, item)
        if given is None or len(seen) > _MOST:
            return False
        waiting += [other for other in given if other not in seen]
        seen.update(given)
    return True


def _made_of(scene: Scene, name: str) -> list[str] | None:
    """The values whose elements a value has; none where it is zeros, None where it is not known."""
    node = scene.producer(name)
    if node is None:
        return None
    if node.op_type == "ConstantOfShape":
        value = node.attributes.get("value")
        zero = value is None or (value.size == 1 and not value.numpy().any())
        return [] if zero else None
    if node.op_type == "Concat":
        return node.inputs
    return node.inputs[:1] if node.op_type in _KEEPS_ELEMENTS else None
